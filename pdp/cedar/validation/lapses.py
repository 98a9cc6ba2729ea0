"""Forbids that can be skipped: Cedar passes over a policy whose conditions cannot be evaluated, and so nothing forbids.

This looks for every expression that may err for a request, and for entity data, that conform to the schema. It is exact
in one direction: where it finds nothing, the forbid is never skipped; what it finds may still be kept from happening by
something that it does not see, such as a comparison of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pdp.cedar import tree
from pdp.cedar.validation.evaluability import Evaluability, Facts
from pdp.cedar.validation.findings import Findings
from pdp.cedar.validation.kinds import EntityKind
from pdp.cedar.validation.shapes import Shapes, reads
from pdp.cedar.validation.views import Views
from pdp.cedar.validation.world import World
from pdp.errors import Diagnostic
from pdp.model import Effect
from pdp.schema import Schema

MAX_STEPS: Final = 5_000_000
"""How many expressions are looked at for all policies."""


def skipping(policies: Sequence[tree.Policy], schema: Schema | None) -> list[Diagnostic]:
    """Return a warning for each expression of a forbid that may err, with an input that makes it.

    Without a schema, or with one that nobody wrote, values may be of any type.
    """
    world = None if schema is None or schema.open else World(schema)
    findings = Findings()
    steps = 0
    for policy in policies:
        if policy.effect is not Effect.FORBID or not policy.conditions:
            continue
        steps = _check(policy, world, findings, steps)
    return findings.report.diagnostics()


def _check(policy: tree.Policy, world: World | None, findings: Findings, steps: int) -> int:
    shapes = Shapes()
    bodies = [shapes(condition.body) for condition in policy.conditions]
    size = sum(body.size for body in bodies)
    views = None if world is None else Views(policy, world)
    environments = (None,) if views is None else views.environments(reads(bodies), MAX_STEPS - steps)
    for environment in environments:
        steps += size
        if steps > MAX_STEPS:
            break
        checker = Evaluability(world, environment, shapes, findings)
        known = _from_scope(policy, checker)
        for condition in policy.conditions:
            found = checker.condition(condition.body, known)
            holds = found.when_true if condition.kind is tree.ConditionKind.WHEN else found.when_false
            if holds is None:
                break
            known |= holds
    steps += 0 if views is None else views.looked
    if steps > MAX_STEPS:
        # What was not looked at may be skipped, for all that is known.
        message = f"the policies can be evaluated in too many combinations of types: more than {MAX_STEPS} steps"
        findings.warn("too_many_combinations", message, policy, "name actions and types in the scopes of policies")
    return steps


def _from_scope(policy: tree.Policy, checker: Evaluability) -> Facts:
    """Return what a scope makes sure of: what is in an entity of another type is in the data."""
    known = 0
    for constraint, name in (
        (policy.principal, tree.VariableName.PRINCIPAL),
        (policy.resource, tree.VariableName.RESOURCE),
    ):
        target = constraint.target
        kind = checker.variable(name)
        mine = (kind.name if isinstance(kind, EntityKind) else "") or constraint.type
        by = target.ref.type if constraint.relation is tree.Relation.IN and isinstance(target, tree.Entity) else mine
        if mine is not None and mine != by:
            known |= checker.exists(checker.shapes.key("variable", name))
    return known
