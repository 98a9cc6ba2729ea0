"""What the names and values of a table mean, by the policy that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pdp import patterns, terms
from pdp.cedar.asked import action_of, name_of
from pdp.cedar.reading import read_value
from pdp.conform import Mismatch, conform
from pdp.conform.mismatch import clip, listed, near
from pdp.conform.references import resolve_type, spelled
from pdp.entities import Store
from pdp.entities.yamlfile import Node, data
from pdp.lowering import Setting, type_of
from pdp.schema import Schema
from pdp.testing.tables.sheets import plain
from pdp.types import Type
from pdp.values import EntityRef, Value

_COLONS: Final = patterns.compile(r'([A-Za-z_][A-Za-z0-9_.]*+)::"([^"]*+)"')


_NO_VALUE: Final = "remove it: rules ask for `approvals of …`"


class Vocabulary:
    """What a policy declares, as tables name it. `store` has the entities of its folder."""

    def __init__(self, policy: terms.Policy, store: Store) -> None:
        self.policy = policy
        self.schema: Schema = policy.schema
        self.store = store
        self.conditions = frozenset(rule.id for rule in policy.rules if rule.role is None)
        self.rules = self.conditions | self.schema.roles.keys()
        self._refs: dict[str, EntityRef] = {}

    # ---------------------------------------------------------------------------------------------------------- names

    def ref(self, text: str) -> EntityRef:
        """Return the entity that a text names; raise Mismatch where it names none of a declared type."""
        found = self._refs.get(text)
        if found is None:
            found = self._refs[text] = self._ref(text)
        return found

    def _ref(self, text: str) -> EntityRef:
        if self.schema.is_cedar:
            return name_of(text, self.schema)
        colons = _COLONS.fullmatch(text)
        if colons is not None:
            help_ = f"write `{clip(colons[1])}:{clip(colons[2])}`"
            raise Mismatch("invalid_reference", f"`{clip(text)}` is how Cedar names entities", help_)
        found = spelled(text)
        if found is None:
            help_ = 'write `Type:id` or `Type "id"`'
            raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity", help_)
        return EntityRef(resolve_type(found.type, self.schema), found.id)

    def actions(self, text: str) -> tuple[str, ...]:
        """Return the actions that a word names: one, or those of a group or a role; none where it names none."""
        name = text
        if self.schema.is_cedar:
            try:
                name = action_of(text, self.schema)
            except Mismatch:
                return ()
        name = self.schema.resolve_action(name)
        if name in self.schema.actions:
            return (name,)
        role = self.schema.roles.get(name)
        return tuple(sorted(self.schema.groups.get(name, ()) if role is None else role.actions))

    def action_words(self) -> Iterator[str]:
        """Yield all words that name actions."""
        yield from self.schema.actions
        yield from self.schema.groups
        yield from self.schema.roles

    # ---------------------------------------------------------------------------------------------------------- types

    def applies(self, action: str, principal: str, resource: str) -> bool:
        """Tell whether entities of such types can ask for an action."""
        declared = self.schema.actions[action]
        return self.schema.open or (principal in declared.principals and resource in declared.resources)

    def principals(self, action: str) -> frozenset[str]:
        """Return the types by which an action is."""
        return self._all if self.schema.open else self.schema.actions[action].principals

    def resources(self, action: str) -> frozenset[str]:
        """Return the types on which an action is."""
        return self._all if self.schema.open else self.schema.actions[action].resources

    @property
    def _all(self) -> frozenset[str]:
        return frozenset(self.schema.entities)

    # --------------------------------------------------------------------------------------------------------- values

    def value(self, node: Node, kind: Type | None) -> Value:
        """Return the value of a type that a node states, of any type for None; raise Mismatch where it states none."""
        if self.schema.is_cedar:
            return read_value(plain(node) if kind is None else data(node, kind), kind, self.schema)
        assert kind is not None
        return conform(data(node, kind), kind, self.schema)

    def approved(self, action: str, principal: EntityRef, resource: EntityRef, node: Node) -> Value:
        """Return the value that an approval is for; raise Mismatch where no rule asks for approvals of such a value."""
        kinds = self._bound(
            Setting(schema=self.schema, action=action, principal=principal.type, resource=resource.type)
        )
        odd = Mismatch("unknown_key", f"no rule asks for approvals of `{action}` of a value", _NO_VALUE)
        for number, kind in enumerate(kinds):
            try:
                return self.value(node, kind)
            except Mismatch as wrong:
                odd = wrong if number == 0 else odd
        raise odd

    def _bound(self, setting: Setting) -> list[Type]:
        found: list[Type] = []
        for rule in self.policy.by_action.get(setting.action, ()):
            for clause in rule.clauses:
                for term in terms.walk(clause.condition):
                    if isinstance(term, terms.Approvals) and term.of is not None:
                        kind = type_of(term.of, setting, {})
                        found += [kind] if kind is not None and kind not in found else []
        return found


def unknown(kind: str, code: str, word: str, known: Iterator[str] | frozenset[str]) -> Mismatch:
    """Say that nothing declares a name."""
    names = frozenset(known)
    return Mismatch(code, f"{kind} `{clip(word)}` is not declared", near(word, names) or listed(names))
