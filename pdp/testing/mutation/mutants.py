"""The mutants of a policy: each is the policy with one thing in it changed, as somebody might by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pdp import terms
from pdp.classes import dataclass, field, replace
from pdp.lowering import Key
from pdp.schema import Role, Schema
from pdp.source import Span
from pdp.testing.mutation.algebra import meaning
from pdp.testing.mutation.operators import Operator
from pdp.testing.mutation.reach import cells_of, matters
from pdp.testing.mutation.rules import Change, changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A policy in which one rule, or one role, is another one. `rule` is its name, and `text` says what it is now.

    `actions` are those for which it may answer otherwise.
    """

    operator: Operator
    rule: str
    text: str
    span: Span | None
    actions: frozenset[str]
    before: terms.Rule | None = None
    after: terms.Rule | None = None
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.span}: {self.rule}: {self.text}"

    def changed(self, rule: terms.Rule) -> terms.Rule:
        """Return a rule, or a grant, as it is in the mutant."""
        if rule is self.before and self.after is not None:
            return self.after
        if rule.role is not None and rule.role in self.roles:
            return replace(rule, actions=self.roles[rule.role])
        return rule

    def of(self, policy: terms.Policy) -> terms.Policy:
        """Return the policy as it is in the mutant. What is granted in its tests is changed by `test`."""
        schema = policy.schema
        if self.roles:
            roles = {
                name: replace(role, actions=self.roles.get(name, role.actions)) for name, role in schema.roles.items()
            }
            schema = replace(schema, roles=roles)
        return replace(policy, schema=schema, rules=tuple(map(self.changed, policy.rules)))

    def test(self, test: terms.Test) -> terms.Test:
        """Return a test whose grants are as in the mutant."""
        stages = tuple(replace(stage, grants=tuple(map(self.changed, stage.grants))) for stage in test.stages)
        return replace(test, stages=stages) if self.roles else test


def mutants(policy: terms.Policy) -> Iterator[Mutant]:
    """Yield the mutants of a policy in a fixed order: of its rules by their ids, then of its roles.

    Grants are facts, and tests have their own: they are no part of it. What could not mean anything else is left out.
    """
    for rule in sorted(policy.rules, key=lambda rule: rule.id):
        if rule.role is None:
            yield from _of_rule(rule, policy.schema)
    for role in sorted(policy.schema.roles.values(), key=lambda role: role.name):
        yield from _of_role(role, policy.schema)


def _of_rule(rule: terms.Rule, schema: Schema) -> Iterator[Mutant]:
    seen: set[Key] = {meaning(rule)}
    for change in changes(rule, schema):
        found = meaning(change.rule)
        if found in seen or _idle(rule, change, schema):
            continue
        seen.add(found)
        yield Mutant(
            operator=change.operator,
            rule=rule.id,
            text=change.text,
            span=change.span,
            actions=rule.actions | change.rule.actions,
            before=rule,
            after=change.rule,
        )


def _idle(rule: terms.Rule, change: Change, schema: Schema) -> bool:
    """Tell whether a rule with another scope is of no consequence where it holds more, or less."""
    if schema.open:
        return False
    if change.operator is Operator.ACTION_DROPPED:
        # A group of Cedar's is an action as well, if one that nothing is asked of.
        return not matters(rule, cells_of(rule, schema) - cells_of(change.rule, schema), schema)
    if change.operator not in (Operator.SCOPE, Operator.ACTION_ADDED):
        return False
    if rule.clauses != change.rule.clauses or rule.via != change.rule.via:
        return False
    before = cells_of(rule, schema)
    more = cells_of(change.rule, schema) - before
    # Within a cell that it covered already, a wider scope may hold more entities.
    if change.operator is Operator.SCOPE and any(scope.within is not None for scope in _dropped(rule, change.rule)):
        more |= before
    return not matters(change.rule, more, schema)


def _dropped(before: terms.Rule, after: terms.Rule) -> set[terms.Scope]:
    return {*before.principals, *before.resources} - {*after.principals, *after.resources}


# -------------------------------------------------------------------------------------------------------------- roles


def _of_role(role: Role, schema: Schema) -> Iterator[Mutant]:
    """Yield a role without each of its own actions, and with each one more; what builds on it has the same change."""
    below = [each for each in schema.roles.values() if each.actions < role.actions]
    own = role.actions - frozenset().union(*(each.actions for each in below))
    above = [each for each in schema.roles.values() if each.actions >= role.actions]
    for name in sorted(own):
        roles = {each.name: each.actions - {name} for each in above}
        yield _role(Operator.ACTION_DROPPED, role, name, "dropped from", roles)
    for name in sorted(schema.actions.keys() - role.actions):
        if schema.actions[name].resources & role.types:
            roles = {each.name: each.actions | {name} for each in above if name not in each.actions}
            yield _role(Operator.ACTION_ADDED, role, name, "added to", roles)


def _role(operator: Operator, role: Role, name: str, done: str, roles: Mapping[str, frozenset[str]]) -> Mutant:
    return Mutant(
        operator=operator,
        rule=role.name,
        text=f"`{name}` is {done} the role",
        span=role.span,
        actions=frozenset({name}),
        roles=roles,
    )
