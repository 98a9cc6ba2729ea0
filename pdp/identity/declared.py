"""Whether policies declare what a configuration of issuers names, and so that a token can fill it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from pdp.configuration.places import Path
from pdp.errors import listed, suggest
from pdp.identity.options import ActorOptions, Options, PrincipalOptions
from pdp.schema import EntityType, Schema
from pdp.types import EntityTypes, RecordType, SetType, Type

Finding: TypeAlias = tuple[Path, str, str | None]


class Declared:
    """What policies declare, as options are held to it. Where nobody declared anything, there is nothing to hold to."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def problems(self, options: Options) -> Iterator[Finding]:
        """Yield what the policies do not declare: where, what is wrong, what would help."""
        if self._schema.open:
            return
        for number, issuer in enumerate(options.issuers):
            at: Path = ("issuers", number)
            yield from self._principal(issuer.principal, (*at, "principal"))
            if issuer.actor is not None:
                yield from self._actor(issuer.actor, (*at, "actor", "type"))
        for number, workload in enumerate(options.workloads):
            at = ("workloads", number)
            yield from self._type(workload.type, (*at, "type"))
            yield from self._groups(workload.type, workload.groups, (*at, "groups"))
        if options.scim is not None:
            yield from self._type(options.scim.type, ("scim", "type"))

    def _declared(self, name: str) -> EntityType | None:
        return self._schema.entities.get(self._schema.resolve(name))

    def _type(self, name: str, at: Path) -> Iterator[Finding]:
        if self._declared(name) is None:
            yield at, f"the policies declare no type `{name}`", _hint(name, self._schema.entities)

    def _principal(self, principal: PrincipalOptions, at: Path) -> Iterator[Finding]:
        yield from self._type(principal.type, (*at, "type"))
        declared = self._declared(principal.type)
        if declared is not None:
            yield from self._attributes(principal, declared, (*at, "attributes"))
        yield from self._groups(principal.type, principal.groups, (*at, "groups"))

    def _attributes(self, principal: PrincipalOptions, declared: EntityType, at: Path) -> Iterator[Finding]:
        fields = declared.attributes.fields
        for name in principal.attributes:
            if name not in fields:
                yield (*at, name), f"`{principal.type}` has no attribute `{name}`", _hint(name, fields)
            elif _names_entities(fields[name].type):
                message = f"`{name}` is {fields[name].type}: a claim is a text, and names no entity"
                yield (*at, name), message, "what the principal is in, `groups` tells"

    def _groups(self, type_: str, groups: Mapping[str, object], at: Path) -> Iterator[Finding]:
        declared = self._declared(type_)
        for name in groups:
            if self._declared(name) is None:
                yield from self._type(name, (*at, name))
            elif declared is not None and self._schema.resolve(name) not in declared.parents:
                message = f"`{type_}` is not declared to be in `{name}`"
                yield (*at, name), message, _hint(name, declared.parents) or "it is declared to be in nothing"

    def _actor(self, actor: ActorOptions, at: Path) -> Iterator[Finding]:
        if self._declared(actor.type) is None:
            yield from self._type(actor.type, at)
            return
        kinds = [field.type for each in self._schema.actions.values() if (field := each.session.fields.get("actor"))]
        allowed = frozenset().union(*(kind.names for kind in kinds if isinstance(kind, EntityTypes)))
        if kinds and self._schema.resolve(actor.type) not in allowed:
            message = f"`session` declares no actor that is of type `{actor.type}`"
            yield at, message, _hint(actor.type, allowed)


def _names_entities(kind: Type) -> bool:
    match kind:
        case EntityTypes():
            return True
        case SetType():
            return kind.element is not None and _names_entities(kind.element)
        case RecordType():
            return any(_names_entities(each.type) for each in kind.fields.values() if not each.optional)
        case _:
            return False


def _hint(word: str, known: Iterable[str]) -> str | None:
    names = sorted(known)
    return suggest(word, names) or (f"there are {listed((f'`{name}`' for name in names), '')}" if names else None)
