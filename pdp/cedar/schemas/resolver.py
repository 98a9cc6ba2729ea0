"""From declarations to the schema: every name to what it leads to, every common type to what it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pdp.cedar.schemas.cycles import in_order
from pdp.cedar.schemas.declarations import (
    ActionDecl,
    AppliesTo,
    Builtin,
    EntityDecl,
    Named,
    Namespace,
    RecordOf,
    SetOf,
    TypeExpr,
    Wanted,
)
from pdp.cedar.schemas.names import CommonPath, EntityPath, Names, action_text, collect
from pdp.checker.report import Report
from pdp.checker.world import SESSION
from pdp.classes import dataclass, replace
from pdp.schema import Action, EntityType, Schema
from pdp.source import Span
from pdp.symbols import Semantics
from pdp.syntax.characters import show
from pdp.syntax.limits import MAX_DEPTH, MAX_ERRORS
from pdp.types import WRONG, EntityTypes, FieldType, RecordType, SetType, Type
from pdp.values import EntityRef

MAX_NODES: Final = 1_000_000
"""The types that a schema may come to, with its common types written out wherever they are used."""

_NOTHING: Final = RecordType({})


@dataclass(frozen=True, slots=True)
class _Sized:
    """A type with all names resolved, its depth, and how many types it is made of."""

    type: Type
    depth: int = 0
    nodes: int = 1


_WRONG: Final = _Sized(WRONG)


def resolve(namespaces: Iterable[Namespace], report: Report, *, partial: bool = False) -> Schema:
    """Return the schema that declarations come to; what is wrong with them is reported.

    Where the declarations are only a part, since a text could not be read, a name that leads nowhere may stand in the
    rest of it: it is not reported.
    """
    names = collect(namespaces, report)
    return _Resolver(names, report, partial=partial).schema()


class _Resolver:
    def __init__(self, names: Names, report: Report, *, partial: bool) -> None:
        self.names = names
        self.report = report
        self.partial = partial
        self.common: dict[str, _Sized] = {}
        self.nodes = 0
        self.unknown = 0

    def schema(self) -> Schema:
        self._resolve_common()
        entities = {path: self._entity(path, *each) for path, each in self.names.entities.items()}
        return assemble(entities, self._actions())

    # ------------------------------------------------------------------------------------------------- common types

    def _resolve_common(self) -> None:
        """Resolve the common types, each after those that it is made of."""
        edges = {
            path: [
                target.name
                for named in _names_in(declared.type)
                if isinstance(target := self.names.find(named, namespace), CommonPath)
            ]
            for path, (namespace, declared) in self.names.types.items()
        }
        order, cycles = in_order(edges)
        for cycle in cycles:
            span = self.names.types[cycle[0]][1].name.span
            way = " → ".join(f"`{path}`" for path in (*cycle[:10], cycle[0]))
            message = f"common type `{cycle[0]}` contains itself: {way}"
            self.report.error("cyclic_types", message, span, "only entity types can be about one another")
        # What leads to a cycle comes last: the names in it are reported all the same.
        for path in dict.fromkeys((*order, *self.names.types)):
            namespace, declared = self.names.types[path]
            self.common[path] = self._sized(declared.type, namespace)

    # -------------------------------------------------------------------------------------------------------- types

    def _type(self, written: TypeExpr, namespace: str) -> Type:
        found = self._sized(written, namespace)
        self.nodes += found.nodes
        if self.nodes > MAX_NODES:
            message = f"with common types written out, the schema has more than {MAX_NODES} types"
            self._too_large(message, written.span)
            return WRONG
        return found.type

    def _sized(self, written: TypeExpr, namespace: str) -> _Sized:
        match written:
            case Builtin():
                return _Sized(written.type)
            case Named():
                return self._named(written, namespace)
            case SetOf():
                element = self._sized(written.element, namespace)
                return self._bounded(SetType(element.type), [element], written.span)
            case RecordOf():
                return self._record(written, namespace)

    def _record(self, written: RecordOf, namespace: str) -> _Sized:
        parts: list[_Sized] = []
        fields: dict[str, FieldType] = {}
        for each in written.attributes:
            parts.append(self._sized(each.type, namespace))
            fields[each.name] = FieldType(parts[-1].type, optional=each.optional)
        return self._bounded(RecordType(fields), parts, written.span)

    def _bounded(self, found: Type, parts: Sequence[_Sized], span: Span) -> _Sized:
        depth = 1 + max((each.depth for each in parts), default=0)
        nodes = 1 + sum(each.nodes for each in parts)
        if depth > MAX_DEPTH:
            message = f"with common types written out, types are nested at most {MAX_DEPTH} levels deep"
            self.report.error("nested_too_deep", message, span)
            return _WRONG
        if nodes > MAX_NODES:
            self._too_large(f"with common types written out, this is made of more than {MAX_NODES} types", span)
            return _WRONG
        return _Sized(found, depth, nodes)

    def _too_large(self, message: str, span: Span) -> None:
        self.report.error("schema_too_large", message, span, "use entity types for what is used in many places")

    def _named(self, named: Named, namespace: str) -> _Sized:
        match self.names.find(named, namespace):
            case None:
                self._unknown(named, namespace)
                return _WRONG
            case EntityPath(name=name):
                return _Sized(EntityTypes(frozenset({name})))
            case CommonPath(name=name):
                # One that leads back to itself is reported.
                return self.common.get(name, _WRONG)
            case primitive:
                return _Sized(primitive)

    def _unknown(self, named: Named, namespace: str) -> None:
        if self._worth_telling():
            known = self.names.known(named.wanted, namespace)
            help_ = None
            if named.wanted is Wanted.ENTITY and self.names.find(Named(named.path, Wanted.ANY, named.span), namespace):
                help_ = f"`{named.path}` is no entity type"
            self.report.unknown("unknown_type", str(named.wanted), named.path, named.span, known, help_)

    def _worth_telling(self) -> bool:
        """Tell whether a name that leads nowhere is reported: to look for what it may mean takes long."""
        self.unknown += 1
        return not self.partial and self.unknown <= MAX_ERRORS + 1

    # ----------------------------------------------------------------------------------------------------- entities

    def _entity(self, path: str, namespace: str, declared: EntityDecl) -> EntityType:
        return EntityType(
            name=path,
            parents=frozenset(self._entity_names(declared.parents, namespace)),
            attributes=self._shape(declared.shape, namespace, f"the shape of entity type `{path}`"),
            tags=None if declared.tags is None else self._type(declared.tags, namespace),
            ids=declared.ids,
            docs=declared.docs,
            span=declared.name.span,
        )

    def _entity_names(self, written: Iterable[Named], namespace: str) -> Iterator[str]:
        for named in written:
            target = self.names.find(named, namespace)
            if not isinstance(target, EntityPath):
                self._unknown(named, namespace)
            elif target.name in self.names.entities:
                yield target.name
            else:
                message, help_ = f"`{target.name}` is the type of actions", "name a declared entity type"
                self.report.error("unknown_type", message, named.span, help_)

    def _shape(self, written: TypeExpr | None, namespace: str, what: str) -> RecordType:
        if written is None:
            return _NOTHING
        found = self._type(written, namespace)
        if isinstance(found, RecordType):
            return found
        if found is not WRONG:
            self.report.error("not_a_record", f"{what} is no record", written.span, "write `{ … }` around attributes")
        return _NOTHING

    # ------------------------------------------------------------------------------------------------------ actions

    def _actions(self) -> list[Action]:
        # The actor of a session can be of any type; a session is no part of Cedar, but ends here as everywhere.
        every = EntityTypes(frozenset(self.names.entities))
        session = session_of(every)
        parents = {ref: self._parents(ref, *each) for ref, each in self.names.actions.items()}
        for cycle in in_order(parents)[1]:
            span = self.names.actions[cycle[0]][1].name.span
            way = " → ".join(f"`{show(action_text(ref))}`" for ref in (*cycle[:10], cycle[0]))
            message = f"action `{show(action_text(cycle[0]))}` is in itself: {way}"
            self.report.error("cyclic_actions", message, span, "take one of them out of its group")
        return [
            self._action(ref, namespace, declared, parents[ref], session)
            for ref, (namespace, declared) in self.names.actions.items()
        ]

    def _parents(self, ref: EntityRef, namespace: str, declared: ActionDecl) -> tuple[EntityRef, ...]:
        found: dict[EntityRef, None] = {}
        for each in declared.parents:
            group = self.names.find_action(each, namespace)
            if group is not None:
                found[group] = None
            elif self._worth_telling():
                written = each.id if each.type is None else action_text(EntityRef(each.type, each.id))
                known = [other.id if each.type is None else action_text(other) for other in self.names.actions]
                self.report.unknown("unknown_action", "action", show(written), each.span, known)
        return tuple(found)

    def _action(
        self, ref: EntityRef, namespace: str, declared: ActionDecl, parents: tuple[EntityRef, ...], session: RecordType
    ) -> Action:
        applies = declared.applies_to or AppliesTo((), ())
        return Action(
            name=ref.id,
            principals=frozenset(self._entity_names(applies.principals, namespace)),
            resources=frozenset(self._entity_names(applies.resources, namespace)),
            context=self._shape(applies.context, namespace, f"the context of action `{show(ref.id)}`"),
            session=session,
            ref=ref,
            parents=parents,
            docs=declared.docs,
            span=declared.name.span,
        )


def _names_in(written: TypeExpr) -> Iterator[Named]:
    waiting = [written]
    while waiting:
        match waiting.pop():
            case Named() as named:
                yield named
            case SetOf(element=element):
                waiting.append(element)
            case RecordOf(attributes=attributes):
                waiting += [each.type for each in attributes]
            case Builtin():
                pass


# --------------------------------------------------------------------------------------------------------- assembly


def session_of(every: EntityTypes) -> RecordType:
    """Return what every session has, where the actor may be of any of the types."""
    return RecordType({**SESSION, "actor": FieldType(every, optional=True)})


def assemble(entities: dict[str, EntityType], actions: Iterable[Action], *, open: bool = False) -> Schema:
    """Return the schema of these, with the actions under the shortest names that are theirs alone.

    That is the id of an action, or where another action has the same one, its full name; so it is where the id reads
    like a full name, be it that of an action that nobody declares.
    """
    refs = {action.ref: action for action in actions if action.ref is not None}
    texts = {ref: action_text(ref) for ref in refs}
    taken = set(texts.values())
    count: dict[str, int] = {}
    for ref in refs:
        count[ref.id] = count.get(ref.id, 0) + 1
    named: dict[str, Action] = {}
    aliases: dict[str, str] = {}
    for ref, action in refs.items():
        alone = count[ref.id] == 1 and ref.id not in taken and '::"' not in ref.id
        name = ref.id if alone else texts[ref]
        named[name] = _renamed(action, name)
        if alone:
            aliases[texts[ref]] = name
    return Schema(
        entities=entities,
        enums={},
        actions=named,
        groups={},
        roles={},
        obligations={},
        action_aliases=aliases,
        semantics=Semantics.CEDAR,
        open=open,
    )


def _renamed(action: Action, name: str) -> Action:
    return action if action.name == name else replace(action, name=name)
