"""What rules could look at, by their text alone: whatever they do look at is among it.

A mark stands for all facts of one kind and name, so that most rules are told apart from a change, and from those who
could make one, without being evaluated.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from pdp import terms
from pdp.classes import dataclass
from pdp.flips.changes import ApprovedBy, Fact, InContext, InSession, Lifted, OfEntity, OnRecord, Time, Within
from pdp.flips.reading import Approvals, Parents, Place
from pdp.terms import RootName
from pdp.values import EntityRef

CONTEXT, SESSION, APPROVER, ADMINISTRATOR, NOBODY = range(5)
"""Who could change a fact, as a place in a quota."""

RANKS: Final[dict[type, int]] = {
    InContext: CONTEXT,
    InSession: SESSION,
    ApprovedBy: APPROVER,
    OfEntity: ADMINISTRATOR,
    Within: ADMINISTRATOR,
    OnRecord: ADMINISTRATOR,
    Lifted: ADMINISTRATOR,
    Time: NOBODY,
}

_PLACES: Final[dict[type, int]] = {**RANKS, Approvals: APPROVER, Parents: ADMINISTRATOR}


def rank_of(place: Fact | Place, brought: AbstractSet[EntityRef]) -> int:
    """Return who could change what stands at a place; what is `brought` with the request is the caller's to say."""
    if brought and isinstance(place, OfEntity | Within | Parents) and place.entity in brought:
        return CONTEXT
    return _PLACES[type(place)]


_ALL: Final = "*"
_IN: Final = "in"
_NOW: Final = "now"
_RECORD: Final = "on record"
_APPROVALS: Final = "approvals"
_ACTOR: Final = "session.actor"
_WHOLE: Final = "session"

ACTING: Final = frozenset({_ACTOR, _WHOLE})
"""The marks of who acts for the principal."""

MEMBERSHIP: Final = frozenset({_IN, _RECORD})
"""The marks of what somebody is in."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The marks of a rule: of each clause, of its scope, of its obligations; `sizes` is how many terms a clause has."""

    clauses: tuple[frozenset[str], ...]
    scope: frozenset[str]
    duties: frozenset[str]
    whole: frozenset[str]
    sizes: tuple[int, ...]


def marks_of(fact: Fact, *, absent: bool) -> Iterator[str]:
    """Yield the marks of all that a fact may make a difference to; `absent` says that there was no session."""
    if absent and isinstance(fact, InSession):
        yield _WHOLE
    match fact:
        case InContext(name=name):
            yield f"context.{name}"
        case InSession(name=name):
            yield f"session.{name}"
        case OfEntity(name=name):
            yield f".{name}"
        case Within():
            yield _IN
        case OnRecord():
            yield _ALL
        case ApprovedBy() | Lifted():
            yield _APPROVALS
        case Time():
            yield from (_NOW, _IN)


def touches(changed: frozenset[str], marks: frozenset[str]) -> bool:
    """Tell whether changes may make a difference to what bears some marks."""
    return _ALL in changed or not changed.isdisjoint(marks)


@lru_cache(maxsize=1024)
def ranks_of(marks: frozenset[str], *, brought: bool = False) -> int:
    """Return as bits who could change anything of what bears some marks; `brought`, where a request brings entities."""
    found = 0
    for mark in marks:
        found |= _ranks_of(mark)
    # A mark does not tell whose attribute it is.
    return found | 1 << CONTEXT if brought and found & 1 << ADMINISTRATOR else found


def _ranks_of(mark: str) -> int:
    if mark.startswith("context."):
        return 1 << CONTEXT
    if mark.startswith("session"):
        return 1 << SESSION
    if mark == _APPROVALS:
        return 1 << APPROVER | 1 << ADMINISTRATOR
    if mark == _NOW:
        return 1 << NOBODY
    # A membership may have an end, which is nobody's.
    return 1 << ADMINISTRATOR | (1 << NOBODY if mark == _IN else 0)


def apart(found: Iterable[frozenset[str]], *, absent: bool) -> int:
    """Return how many changes it takes at the least to make a difference to all of some marks."""
    used: set[str] = set()
    count = 0
    for marks in found:
        mine = together(marks, absent=absent)
        if used.isdisjoint(mine):
            count += 1
            used |= mine
    return count


def together(marks: frozenset[str], *, absent: bool) -> frozenset[str]:
    """Return marks as facts that change together have them: of a session that is `absent`, all come at once."""
    return marks if absent else marks - {_WHOLE}


class Profiles:
    """The profiles of the rules of one policy, each made when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Profile] = {}

    @classmethod
    def of(cls, policy: terms.Policy) -> Profiles:
        """Return the profiles of a policy, which are kept as long as that is there."""
        key = id(policy)
        found = _KEPT.get(key)
        if found is None:
            found = _KEPT[key] = cls()
            weakref.finalize(policy, _KEPT.pop, key, None).atexit = False
        return found

    def __getitem__(self, rule: terms.Rule) -> Profile:
        found = self._found.get(rule.id)
        if found is None:
            found = self._found[rule.id] = _profile(rule)
        return found


_KEPT: Final[dict[int, Profiles]] = {}


def _profile(rule: terms.Rule) -> Profile:
    clauses = tuple(frozenset(_marks(clause.condition)) for clause in rule.clauses)
    duties = frozenset(
        mark for obligation in rule.obligations for _, term in obligation.arguments for mark in _marks(term)
    )
    scopes = (*rule.principals, *rule.resources, *(rule.via or ()))
    # Who acts for somebody else is in the scope of every rule, or of none.
    scope = ACTING | MEMBERSHIP if any(each.within is not None for each in scopes) else ACTING
    sizes = tuple(sum(1 for _ in terms.walk(clause.condition)) for clause in rule.clauses)
    return Profile(clauses, scope, duties, scope.union(duties, *clauses), sizes)


def _marks(term: terms.Term) -> Iterator[str]:
    for each in terms.walk(term):
        match each:
            case terms.Attribute() | terms.Has():
                yield from _attribute_marks(each)
            case terms.In() | terms.Is():
                yield from (_IN, _RECORD)
            case terms.TimeTest() | terms.CalendarTest():
                yield _NOW
            case terms.Approvals():
                yield from (_APPROVALS, _IN, _NOW, _RECORD)
            case _:
                pass


def _attribute_marks(term: terms.Attribute | terms.Has) -> Iterator[str]:
    base = term.base
    if not isinstance(base, terms.Root):
        # What it leads to may be a record, or an entity, which may not be there.
        yield from (f".{term.name}", _RECORD)
    elif base.name is RootName.CONTEXT:
        yield f"context.{term.name}"
    elif base.name is RootName.SESSION:
        # Of a session that is not there, nobody can even tell what it lacks.
        yield from (f"session.{term.name}", _WHOLE)
    else:
        yield f".{term.name}"


def session_names(found: Iterable[terms.Term]) -> Iterator[str]:
    """Yield the attributes of the session that terms name."""
    for term in found:
        for each in terms.walk(term):
            if isinstance(each, terms.Attribute | terms.Has):
                base = each.base
                if isinstance(base, terms.Root) and base.name is RootName.SESSION:
                    yield each.name
