"""What somebody asks to be revoked, as a revocation; refused where it could not do what is meant."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from pdp.errors import RequestError, article, suggest
from pdp.evaluation import of_issuer
from pdp.ids import wrong_id, wrong_text
from pdp.model import Revocation, RevocationKind
from pdp.revocation.index import full_name
from pdp.schema import Schema
from pdp.values import DATETIME_MAX, DATETIME_MIN, Datetime, EntityRef, show

MAX_WHY: Final = 4096

_ENTITIES: Final = (RevocationKind.PRINCIPAL, RevocationKind.GROUP, RevocationKind.WORKLOAD)
# Whoever holds one of these may claim of it whatever time they like.
_FOR_GOOD: Final = (RevocationKind.SESSION, RevocationKind.TOKEN, RevocationKind.KEY)


def revocation_of(
    named: Mapping[str, object],
    not_before: _datetime.datetime | None,
    why: str,
    schema: Schema,
    now: Callable[[], _datetime.datetime],
    issuer: str | None = None,
) -> Revocation:
    """Return the revocation of what is named, one thing of those that are not None; raise RequestError otherwise.

    With an issuer, a session, a token or a key is that of this issuer alone.
    """
    given = [(RevocationKind(kind), value) for kind, value in named.items() if value is not None]
    if len(given) != 1:
        raise RequestError("one thing is revoked at a time: name a principal, a session, or another")
    kind, value = given[0]
    type_, text = _entity(kind, value, schema) if kind in _ENTITIES else ("", _name(kind, value))
    if issuer is not None:
        if kind not in _FOR_GOOD:
            raise RequestError(f"an issuer names sessions, tokens and keys, and no {kind}")
        text = of_issuer(_name("issuer", issuer), text)
    return Revocation(kind, text, type_, _instant(kind, not_before, now), _why(why))


def for_good(principals: Iterable[EntityRef], sessions: Iterable[str]) -> Iterator[Revocation]:
    """Yield the revocation of each of these, from which nothing comes back."""
    if isinstance(sessions, str):
        # It would go through as its letters, each of them a session.
        raise RequestError("the revoked sessions are one text, not several")
    for ref in principals:
        if not isinstance(ref, EntityRef):
            raise RequestError("what is revoked is no entity reference")
        yield Revocation(RevocationKind.PRINCIPAL, ref.id, ref.type)
    for session in sessions:
        yield Revocation(RevocationKind.SESSION, _name(RevocationKind.SESSION, session))


def _entity(kind: RevocationKind, given: object, schema: Schema) -> tuple[str, str]:
    if not isinstance(given, EntityRef) or type(given.type) is not str or type(given.id) is not str:
        raise RequestError(f"the {kind} is no entity reference")
    type_ = schema.resolve(given.type)
    if type_ not in schema.entities and not schema.open:
        help_ = suggest(given.type, schema.entities)
        raise RequestError(f"the type `{given.type}` is not declared" + (f" (help: {help_})" if help_ else ""))
    wrong = (
        wrong_text(given.id) if schema.is_cedar else None if (found := wrong_id(given.id)) is None else found.message
    )
    if kind is RevocationKind.WORKLOAD and not given.id:
        # An empty beginning would be that of everybody. To be called nothing is something else: Cedar lets one be.
        wrong = "the id is empty"
    if wrong is not None:
        raise RequestError(f"the {kind}'s id is none: {wrong}")
    declared = schema.entities.get(type_)
    if kind is RevocationKind.PRINCIPAL and declared is not None and declared.ids and given.id not in declared.ids:
        raise RequestError(f"{show(given)} is not one of the entities that `{type_}` lists")
    if kind is RevocationKind.GROUP and not schema.open and type_ not in schema.containers:
        raise RequestError(f"nothing can be in {article(type_)}")
    return full_name(type_, schema), given.id


def _name(kind: str, given: object) -> str:
    if type(given) is not str or not given:
        raise RequestError(f"the {kind} is no text, or an empty one")
    wrong = wrong_text(given)
    if wrong is not None:
        raise RequestError(f"the {kind} is no text: {wrong}")
    return given


def _instant(kind: RevocationKind, given: object, now: Callable[[], _datetime.datetime]) -> Datetime | None:
    if given is None and kind in _FOR_GOOD:
        return None
    moment: object = now() if given is None else given
    if not isinstance(moment, _datetime.datetime):
        raise RequestError("`not_before` is not a datetime with a time zone")
    try:
        micros = Datetime.of(moment).micros
    except Exception as error:
        # A time zone is code of somebody else's.
        raise RequestError("`not_before` is not a datetime with a time zone") from error
    # West of Greenwich, the last instant that can be written is none of UTC: no record could be read that held it.
    return Datetime(min(max(micros, DATETIME_MIN), DATETIME_MAX))


def _why(given: object) -> str:
    if type(given) is not str or len(given) > MAX_WHY or wrong_text(given) is not None:
        raise RequestError(f"`why` is a text of at most {MAX_WHY} characters")
    return given
