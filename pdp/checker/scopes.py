"""Scopes: what they can hold, and the cells that a rule covers with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pdp import terms
from pdp.checker.names import Kind, Names, Symbol
from pdp.checker.report import Report
from pdp.checker.world import entity_name, entity_ref
from pdp.errors import article
from pdp.schema import Schema
from pdp.syntax import tree
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One scope as it was written, what it is, and the types that it can hold."""

    written: tree.Node
    scope: terms.Scope
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the scopes of one file."""

    schema: Schema
    names: Names
    report: Report

    def scopes(self, written: tree.Scopes) -> list[Item]:
        """Read the scopes of a rule's principals or resources."""
        if written.everything:
            return [Item(written=written, scope=terms.Scope(), types=frozenset(self.schema.entities))]
        return self.items(written.items)

    def items(self, written: Sequence[tree.Scope]) -> list[Item]:
        """Read a list of scopes; what is in error is left out."""
        found = [item for scope in written if (item := self._item(scope)) is not None]
        self.report.repeated([(item.scope, item.written.span) for item in found])
        return found

    def ref(self, written: tree.EntityLiteral) -> EntityRef | None:
        """Read the name of an entity."""
        return entity_ref(written, self.names, self.report)

    def _item(self, written: tree.Scope) -> Item | None:
        if isinstance(written, tree.EntityScope):
            ref = self.ref(written.entity)
            if ref is None:
                return None
            scope = terms.Scope(within=(ref,))
            return Item(written=written, scope=scope, types=self.schema.members[ref.type])
        name = entity_name(written.type, self.names, self.report)
        refs = [self.ref(entity) for entity in written.within]
        if name is None or None in refs:
            return None
        within = tuple(ref for ref in refs if ref is not None)
        for ref, entity in zip(within, written.within, strict=True):
            if not self.schema.can_be_in(name, ref.type):
                self.report.error(
                    "impossible_scope",
                    f"{article(name)} is never in {article(ref.type)}",
                    entity.span,
                    f"declare it: `type {name} in {ref.type}`",
                )
        return Item(
            written=written,
            scope=terms.Scope(type=name, within=within or None),
            types=frozenset({name}),
        )

    def actions(self, written: tree.ActionScope) -> list[tuple[tree.Node, frozenset[str]]]:
        """Read the actions of a rule; `any` is every action that the file can name."""
        if written.every:
            return [(written, self._every_action())]
        found: list[tuple[tree.Node, frozenset[str]]] = []
        self.report.repeated([(ident.text, ident.span) for ident in written.names])
        for ident in written.names:
            symbol = self.names.find(Kind.ACTION, ident.text)
            actions = None if symbol is None else self._actions_of(symbol, ident)
            if symbol is None:
                self.report.unknown("unknown_action", "action", ident.text, ident.span, self.names.doable())
            if actions is not None:
                found.append((ident, actions))
        return found

    def _every_action(self) -> frozenset[str]:
        table = self.names.tables[Kind.ACTION]
        words = [word for word, each in table.items() if isinstance(each.decl, tree.ActionDecl)]
        # What is imported widens `any`: it is used, and to take it away would narrow a forbid.
        self.names.used.update(words)
        return frozenset(table[word].name for word in words)

    def _actions_of(self, symbol: Symbol, ident: tree.Ident) -> frozenset[str] | None:
        if isinstance(symbol.decl, tree.GroupDecl):
            return self.schema.groups[symbol.name]
        if isinstance(symbol.decl, tree.RoleDecl):
            self.report.error(
                "role_in_rule",
                f"`{ident.text}` is a role",
                ident.span,
                "a rule names actions and groups of actions; a role is given with `grant`",
            )
            return None
        return frozenset({symbol.name})


def named_alone(schema: Schema, items: Iterable[Item]) -> EntityRef | None:
    """Return the first person or machine that a scope names: an entity of a type that nothing else can be in."""
    for item in items:
        for ref in item.scope.within or ():
            if ref.type not in schema.containers:
                return ref
    return None


def people(schema: Schema, items: Sequence[Item]) -> int | None:
    """Return how many entities scopes hold at the most, or None where there may be any number."""
    found: set[EntityRef] = set()
    for item in items:
        if item.scope.within is None or any(ref.type in schema.containers for ref in item.scope.within):
            return None
        found.update(item.scope.within)
    return len(found) if items else None
