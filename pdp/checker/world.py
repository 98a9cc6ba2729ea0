"""From declarations to the schema: entity types, enums, actions and their groups, roles, obligations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pdp.checker.names import Kind, Names, Symbol, World
from pdp.checker.report import Report
from pdp.ids import wrong_id
from pdp.schema import Action, EntityType, ObligationType, Role, Schema
from pdp.syntax import tree
from pdp.types import PRIMITIVES, WEEKDAY, WRONG, EntityTypes, EnumType, FieldType, Primitive, RecordType, SetType, Type
from pdp.values import EntityRef

SESSION: Final[Mapping[str, FieldType]] = {
    "mfa": FieldType(Primitive.BOOL),
    "methods": FieldType(SetType(Primitive.STRING)),
    "authenticated_at": FieldType(Primitive.DATETIME),
    "acr": FieldType(Primitive.STRING, optional=True),
    "issuer": FieldType(Primitive.STRING, optional=True),
    "session_id": FieldType(Primitive.STRING, optional=True),
    "token_id": FieldType(Primitive.STRING, optional=True),
    "key_id": FieldType(Primitive.STRING, optional=True),
    "device_id": FieldType(Primitive.STRING, optional=True),
    "issued_at": FieldType(Primitive.DATETIME, optional=True),
    "expires_at": FieldType(Primitive.DATETIME, optional=True),
    "bound": FieldType(Primitive.BOOL, optional=True),
}


def read_type(expr: tree.TypeExpr, names: Names, report: Report) -> Type:
    """Return the type that was written."""
    match expr:
        case tree.SetTypeExpr():
            return SetType(read_type(expr.element, names, report))
        case tree.RecordTypeExpr():
            return RecordType(read_fields(expr.fields, names, report))
        case tree.TypeName():
            found = [_named_type(ident, names, report) for ident in expr.names]
            if len(found) == 1:
                return found[0]
            members: set[str] = set()
            for kind, ident in zip(found, expr.names, strict=True):
                if isinstance(kind, EntityTypes):
                    members |= kind.names
                elif kind is not WRONG:
                    report.error(
                        "union_of_values",
                        f"`{ident.text}` is not an entity type",
                        ident.span,
                        "only entity types stand on both sides of `|`",
                    )
            return EntityTypes(frozenset(members)) if members else WRONG


def _named_type(ident: tree.Ident, names: Names, report: Report) -> Type:
    if ident.text in PRIMITIVES:
        return PRIMITIVES[ident.text]
    if ident.text == WEEKDAY.name:
        return WEEKDAY
    symbol = names.find(Kind.TYPE, ident.text)
    if symbol is None:
        known = [*names.words(Kind.TYPE), *PRIMITIVES, WEEKDAY.name]
        report.unknown("unknown_type", "type", ident.text, ident.span, known)
        return WRONG
    return symbol_type(symbol)


def symbol_type(symbol: Symbol) -> Type:
    """Return the type that a declared type or enum stands for."""
    if isinstance(symbol.decl, tree.EnumDecl):
        return EnumType(symbol.name, tuple(member.text for member in symbol.decl.members))
    return EntityTypes(frozenset({symbol.name}))


def read_fields(fields: Iterable[tree.Field], names: Names, report: Report) -> dict[str, FieldType]:
    """Return declared attributes by name."""
    found: dict[str, FieldType] = {}
    first: dict[str, tree.Field] = {}
    for each in fields:
        name = each.name.text
        if name in found:
            report.error(
                "duplicate_attribute",
                f"attribute `{name}` is declared twice",
                each.name.span,
                "remove one of them",
                (("the first is here", first[name].name.span),),
            )
            continue
        first[name] = each
        found[name] = FieldType(read_type(each.type, names, report), each.optional)
    return found


def entity_name(ident: tree.Ident, names: Names, report: Report) -> str | None:
    """Return the name of the entity type that a word stands for, or None after an error."""
    symbol = names.find(Kind.TYPE, ident.text)
    if symbol is None and ident.text not in PRIMITIVES and ident.text != WEEKDAY.name:
        known = [word for word in names.words(Kind.TYPE) if _is_entity(names.tables[Kind.TYPE][word])]
        report.unknown("unknown_type", "type", ident.text, ident.span, known)
        return None
    if symbol is None or not _is_entity(symbol):
        report.error(
            "not_an_entity_type",
            f"`{ident.text}` is not an entity type",
            ident.span,
            f"an entity type is declared with `type {ident.text}`",
        )
        return None
    return symbol.name


def entity_ref(written: tree.EntityLiteral, names: Names, report: Report) -> EntityRef | None:
    """Return the entity that is named, or None after an error: no data could ever hold one of that id."""
    name, wrong = entity_name(written.type, names, report), wrong_id(written.id)
    if wrong is not None:
        report.error(wrong.code, wrong.message, written.span, wrong.help)
    return None if name is None or wrong is not None else EntityRef(name, written.id)


def _is_entity(symbol: Symbol) -> bool:
    return isinstance(symbol.decl, tree.TypeDecl)


@dataclass(slots=True)
class Builder:
    """Builds the schema of a world, reporting what does not hold together."""

    world: World
    report: Report
    actions: dict[str, Action] = field(default_factory=dict)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    joined: dict[str, set[str]] = field(default_factory=dict)
    expanded: dict[str, set[str]] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)

    def build(self) -> Schema:
        """Return the schema; what is in error is left out or stands with what is known of it."""
        entities = {
            symbol.name: self._entity(symbol, symbol.decl)
            for symbol in self.world.of(Kind.TYPE)
            if isinstance(symbol.decl, tree.TypeDecl)
        }
        self._build_actions(frozenset(entities))
        self._build_groups()
        self._build_roles()
        return Schema(
            entities=entities,
            enums=self._enums(),
            actions=self.actions,
            groups=self.groups,
            roles=self.roles,
            obligations=self._obligations(),
            aliases=_aliases(self.world.of(Kind.TYPE)),
            action_aliases=_aliases(self.world.of(Kind.ACTION)),
        )

    # ------------------------------------------------------------------------------------------------------- types

    def _entity(self, symbol: Symbol, decl: tree.TypeDecl) -> EntityType:
        names = self.world.names(symbol.file)
        parents = (entity_name(ident, names, self.report) for ident in decl.parents)
        return EntityType(
            name=symbol.name,
            parents=frozenset(name for name in parents if name is not None),
            attributes=RecordType(read_fields(decl.fields, names, self.report)),
            docs=docs(decl),
            span=symbol.span,
        )

    def _enums(self) -> dict[str, EnumType]:
        found = {WEEKDAY.name: WEEKDAY}
        for symbol in self.world.of(Kind.TYPE):
            if not isinstance(symbol.decl, tree.EnumDecl):
                continue
            seen: dict[str, tree.Ident] = {}
            for member in symbol.decl.members:
                if member.text in seen:
                    self.report.error(
                        "duplicate_member",
                        f"`{member.text}` is in the enum twice",
                        member.span,
                        "remove one of them",
                        (("the first is here", seen[member.text].span),),
                    )
                seen.setdefault(member.text, member)
            found[symbol.name] = EnumType(symbol.name, tuple(seen))
        return found

    def _obligations(self) -> dict[str, ObligationType]:
        return {
            symbol.name: ObligationType(
                name=symbol.name,
                fields=RecordType(read_fields(symbol.decl.fields, self.world.names(symbol.file), self.report)),
                docs=docs(symbol.decl),
                span=symbol.span,
            )
            for symbol in self.world.of(Kind.OBLIGATION)
            if isinstance(symbol.decl, tree.ObligationDecl)
        }

    # ----------------------------------------------------------------------------------------------------- actions

    def _build_actions(self, every: frozenset[str]) -> None:
        sessions = {namespace: self._session(namespace, every) for namespace in _namespaces(self.world)}
        for symbol in self.world.of(Kind.ACTION):
            decl, names = symbol.decl, self.world.names(symbol.file)
            if not isinstance(decl, tree.ActionDecl):
                continue
            self.actions[symbol.name] = Action(
                name=symbol.name,
                principals=self._principals(decl, names),
                resources=self._entity_names(decl.resources, names),
                context=self._context(symbol.namespace, decl, names),
                session=sessions[symbol.namespace],
                docs=docs(decl),
                span=symbol.span,
            )

    def _principals(self, decl: tree.ActionDecl, names: Names) -> frozenset[str]:
        if decl.principals is not None:
            return self._entity_names(decl.principals, names)
        table = names.tables[Kind.TYPE]
        words = [word for word, symbol in table.items() if _is_entity(symbol)]
        # What is imported may ask, too: it is used.
        names.used.update(words)
        return frozenset(table[word].name for word in words)

    def _entity_names(self, idents: Iterable[tree.Ident], names: Names) -> frozenset[str]:
        found = (entity_name(ident, names, self.report) for ident in idents)
        return frozenset(name for name in found if name is not None)

    def _context(self, namespace: str, decl: tree.ActionDecl, names: Names) -> RecordType:
        shared = self.world.contexts.get(namespace, ())
        return RecordType(read_fields([*shared, *decl.fields], names, self.report))

    def _session(self, namespace: str, every: frozenset[str]) -> RecordType:
        fields: dict[str, FieldType] = dict(SESSION)
        names = next(view for view in self.world.views.values() if view.namespace == namespace)
        for each in self.world.sessions.get(namespace, ()):
            if each.name.text in SESSION:
                self.report.error(
                    "builtin_session_attribute",
                    f"every session has `{each.name.text}`",
                    each.name.span,
                    "remove the declaration: only `actor` and attributes of your own are declared",
                )
        declared = read_fields(self.world.sessions.get(namespace, ()), names, self.report)
        actor = declared.get("actor")
        if actor is not None and not isinstance(actor.type, EntityTypes) and actor.type is not WRONG:
            span = next(each.type.span for each in self.world.sessions[namespace] if each.name.text == "actor")
            self.report.error(
                "actor_type", "`actor` is an entity", span, "give it an entity type, such as `actor?: Agent`"
            )
        fields |= {name: kind for name, kind in declared.items() if name not in SESSION}
        fields.setdefault("actor", FieldType(EntityTypes(every), optional=True))
        return RecordType(fields)

    # ------------------------------------------------------------------------------------------- groups and roles

    def _build_groups(self) -> None:
        for symbol in self.world.of(Kind.ACTION):
            if isinstance(symbol.decl, tree.ActionDecl):
                for ident in symbol.decl.groups:
                    group = self.world.names(symbol.file).find(Kind.ACTION, ident.text)
                    if group is None or not isinstance(group.decl, tree.GroupDecl):
                        self._not_a_group(ident, symbol)
                    else:
                        self.joined.setdefault(group.name, set()).add(symbol.name)
        for symbol in self.world.of(Kind.ACTION):
            if isinstance(symbol.decl, tree.GroupDecl):
                self.groups[symbol.name] = frozenset(self._expand(symbol, []))

    def _not_a_group(self, ident: tree.Ident, symbol: Symbol) -> None:
        known = [
            word
            for word, each in self.world.names(symbol.file).tables[Kind.ACTION].items()
            if isinstance(each.decl, tree.GroupDecl)
        ]
        self.report.error(
            "unknown_group",
            f"action group `{ident.text}` is not declared",
            ident.span,
            self.report.suggest(ident.text, known) or f"declare it with `actions {ident.text} = …`",
        )

    def _build_roles(self) -> None:
        for symbol in self.world.of(Kind.ACTION):
            decl = symbol.decl
            if not isinstance(decl, tree.RoleDecl):
                continue
            types = self._entity_names(decl.types, self.world.names(symbol.file))
            actions = self._expand(symbol, [])
            for ident in decl.members:
                self._check_role_member(symbol, ident, types)
            self.roles[symbol.name] = Role(
                name=symbol.name,
                types=types,
                actions=frozenset(actions),
                docs=docs(decl),
                span=symbol.span,
            )

    def _check_role_member(self, symbol: Symbol, ident: tree.Ident, types: frozenset[str]) -> None:
        member = self.world.names(symbol.file).find(Kind.ACTION, ident.text)
        action = None if member is None else self.actions.get(member.name)
        if action is not None and types and action.resources and not action.resources & types:
            self.report.error(
                "action_does_not_apply",
                f"action `{ident.text}` is not on {_list(types)}",
                ident.span,
                f"it is on {_list(action.resources)}",
            )

    def _expand(self, symbol: Symbol, path: list[Symbol]) -> set[str]:
        """Return the actions of a group or a role, those of its groups and roles included."""
        if symbol.name in self.expanded:
            return self.expanded[symbol.name]
        found, depth = set(self.joined.get(symbol.name, ())), 0
        self.report.repeated([(ident.text, ident.span) for ident in _members(symbol)])
        names = self.world.names(symbol.file)
        for ident in _members(symbol):
            member = names.find(Kind.ACTION, ident.text)
            if member is None:
                known = names.words(Kind.ACTION) if isinstance(symbol.decl, tree.RoleDecl) else names.doable()
                self.report.unknown("unknown_action", "action", ident.text, ident.span, known)
            elif isinstance(member.decl, tree.ActionDecl):
                found.add(member.name)
            elif self._may_contain(symbol, member, ident, path):
                inside = self._expand(member, [*path, symbol])
                # What is expanded already counts with its depth, so that no order of declarations changes an answer.
                if self._is_shallow(self.depths[member.name], ident):
                    found |= inside
                    depth = max(depth, self.depths[member.name] + 1)
        self.expanded[symbol.name], self.depths[symbol.name] = found, depth
        return found

    def _may_contain(self, symbol: Symbol, member: Symbol, ident: tree.Ident, path: list[Symbol]) -> bool:
        if member is symbol or member in path:
            around = " → ".join(each.short for each in [*path, symbol, member])
            self.report.error(
                "cyclic_actions",
                f"`{ident.text}` contains itself",
                ident.span,
                f"the way around is {around}",
            )
            return False
        if isinstance(member.decl, tree.RoleDecl) and isinstance(symbol.decl, tree.GroupDecl):
            self.report.error(
                "role_in_group",
                f"`{ident.text}` is a role",
                ident.span,
                "a group of actions holds actions and groups",
            )
            return False
        return self._is_shallow(len(path), ident)

    def _is_shallow(self, depth: int, ident: tree.Ident) -> bool:
        if depth < _MAX_NESTING:
            return True
        self.report.error(
            "nested_too_deep",
            f"groups and roles contain each other more than {_MAX_NESTING} deep",
            ident.span,
            "name the actions directly",
        )
        return False


_MAX_NESTING: Final = 64


def _members(symbol: Symbol) -> Sequence[tree.Ident]:
    match symbol.decl:
        case tree.GroupDecl():
            return symbol.decl.actions
        case tree.RoleDecl():
            return symbol.decl.members
        case _:
            return ()


def _namespaces(world: World) -> set[str]:
    return {view.namespace for view in world.views.values()}


def _aliases(symbols: Iterable[Symbol]) -> dict[str, str]:
    return {f"{symbol.namespace}.{symbol.short}": symbol.name for symbol in symbols if symbol.namespace}


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def docs(decl: tree.Declaration) -> str:
    """Return a declaration's documentation as one text."""
    return "\n".join(decl.docs)
