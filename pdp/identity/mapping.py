"""From the claims of a verified token to whom it speaks for, and who acts for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from pdp.classes import dataclass
from pdp.errors import TokenError
from pdp.identity.options import ActorOptions, PrincipalOptions
from pdp.identity.paths import ABSENT, Path, Template, at, has_controls, path_of, shown
from pdp.identity.who import Actor
from pdp.ids import wrong_id
from pdp.model import Entity
from pdp.values import EntityRef

MOST_GROUPS: Final = 1000
"""Groups that one claim names: a token has room for no more."""

_ELSEWHERE: Final = "_claim_names"


def _refuse(message: str, code: str = "no_principal") -> NoReturn:
    raise TokenError(message, code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """Makes a principal of claims: a reference where nothing but its name is taken of them, otherwise an entity."""

    type: str
    id: Template
    attributes: tuple[tuple[str, Path], ...] = ()
    groups: tuple[tuple[str, Path], ...] = ()

    @classmethod
    def of(cls, options: PrincipalOptions) -> Principals:
        """Read the options; raise ValueError."""
        return cls(
            type=options.type,
            id=Template.of(options.id),
            attributes=tuple((name, path_of(path)) for name, path in options.attributes.items()),
            groups=tuple((type_, path_of(path)) for type_, path in options.groups.items()),
        )

    def principal(self, claims: Mapping[str, Any]) -> Entity | EntityRef:
        """Return the principal; raise TokenError where the claims name none, or its groups in a way that is none."""
        ref = named(self.type, self.id, claims)
        if not self.attributes and not self.groups:
            return ref
        _check_elsewhere(claims, (*self.attributes, *self.groups))
        attributes = {name: value for name, path in self.attributes if (value := at(claims, path)) is not ABSENT}
        parents = tuple(parent for type_, path in self.groups for parent in _groups(type_, path, claims))
        return Entity(ref.type, ref.id, attributes, parents)


def named(type_: str, template: Template, claims: Mapping[str, Any]) -> EntityRef:
    """Return the entity of a type that claims name; raise TokenError."""
    try:
        id_ = template.fill(claims)
    except ValueError as error:
        _refuse(str(error))
    wrong = wrong_id(id_)
    if wrong is not None:
        _refuse(f"the claims make no id: {wrong.message}")
    return EntityRef(type_, id_)


def _check_elsewhere(claims: Mapping[str, Any], wanted: tuple[tuple[str, Path], ...]) -> None:
    # INVARIANT: groups that are told elsewhere are never taken for none: a rule may forbid what one of them does.
    # Directories leave the claim out for people with very many groups, and say so here (OpenID Connect Core 5.6.2).
    elsewhere = claims.get(_ELSEWHERE)
    for _, path in wanted:
        if elsewhere is not None and (not isinstance(elsewhere, Mapping) or path[0] in elsewhere):
            _refuse(f"the token does not hold the claim {shown(path)}, and says that it is to be had elsewhere")


def _groups(type_: str, path: Path, claims: Mapping[str, Any]) -> Iterator[EntityRef]:
    value = at(claims, path)
    if value is ABSENT:
        return
    given = [value] if isinstance(value, str) else value
    # INVARIANT: groups that cannot be read are never taken for none.
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        _refuse(f"the claim {shown(path)} is no list of texts", "invalid_claims")
    if len(given) > MOST_GROUPS:
        _refuse(f"the claim {shown(path)} names more than {MOST_GROUPS} groups", "invalid_claims")
    for each in dict.fromkeys(given):
        if wrong_id(each) is not None or has_controls(each):
            _refuse(f"the claim {shown(path)} holds a text that is no id", "invalid_claims")
        yield EntityRef(type_, each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actors:
    """Reads who acts for the principal, from the claim `act` (RFC 8693, 4.1)."""

    type: str
    id: Template
    most: int

    @classmethod
    def of(cls, options: ActorOptions) -> Actors:
        """Read the options; raise ValueError."""
        return cls(type=options.type, id=Template.of(options.id), most=options.most)

    def actors(self, act: Any, issuer: str) -> tuple[Actor, ...]:
        """Return who acts, from the one who acts now to the first; raise TokenError."""
        found: list[Actor] = []
        while act is not ABSENT:
            if len(found) == self.most:
                _refuse(f"more than {self.most} act for each other", "invalid_claims")
            if not isinstance(act, Mapping):
                _refuse("the claim `act` is no object", "invalid_claims")
            found.append(self._actor(act, issuer, first=not found))
            act = at(act, ("act",))
        return tuple(found)

    def _actor(self, act: Mapping[str, Any], issuer: str, *, first: bool) -> Actor:
        subject, named_by = _text(act, "sub"), _text(act, "iss", issuer)
        if not first:
            # They are for the record alone.
            return Actor(subject=subject, issuer=named_by)
        if named_by != issuer:
            # The names of one issuer mean nothing to another.
            _refuse("whoever acts is named by another issuer", "invalid_claims")
        return Actor(subject=subject, issuer=issuer, ref=named(self.type, self.id, act))


def actors(claims: Mapping[str, Any], issuer: str, reader: Actors | None) -> tuple[Actor, ...]:
    """Return who acts for the principal, from the one who acts now to the first; raise TokenError."""
    act = at(claims, ("act",))
    if act is ABSENT:
        return ()
    # INVARIANT: whoever acts for another is never taken for the other.
    if reader is None:
        _refuse("somebody acts for the principal, and nobody may for principals of this issuer", "invalid_claims")
    return reader.actors(act, issuer)


def _text(act: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = act.get(name, default)
    if not isinstance(value, str) or not value or has_controls(value) or wrong_id(value) is not None:
        _refuse(f"the claim `act` has no `{name}` that is a text", "invalid_claims")
    return value
