"""Validation: what Cedar refuses of a set of policies, and what it warns of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

from pdp.cedar import tree
from pdp.cedar.validation import scopes
from pdp.cedar.validation.findings import Findings
from pdp.cedar.validation.kinds import Scalar
from pdp.cedar.validation.lookalikes import check_texts
from pdp.cedar.validation.shapes import Shapes, reads
from pdp.cedar.validation.typechecker import Answer, Typechecker, both
from pdp.cedar.validation.views import Views
from pdp.cedar.validation.world import Environment, World
from pdp.errors import Diagnostic
from pdp.schema import Schema

MAX_STEPS: Final = 5_000_000
"""How many expressions are looked at for all policies, each once in every environment that differs for it."""


def validate(policies: Sequence[tree.Policy], schema: Schema) -> list[Diagnostic]:
    """Return what strict validation finds; the policies validate where there is no error among it.

    A template is validated for every type that fits its slots.
    """
    world = World(schema)
    findings = Findings()
    steps = 0
    for policy in policies:
        fits = scopes.check_names(policy, world, findings) and scopes.check_fit(policy, world, findings)
        check_texts(policy, findings)
        impossible, taken = _check_conditions(policy, world, findings, MAX_STEPS - steps)
        if fits and impossible:
            findings.warn("impossible_policy", "the policy applies to no request", policy, _IMPOSSIBLE_HELP)
        steps += taken
        if steps > MAX_STEPS:
            break
    return findings.report.diagnostics()


def _check_conditions(policy: tree.Policy, world: World, findings: Findings, room: int) -> tuple[bool, int]:
    """Check the conditions in every environment; tell whether they hold in none, and how much was looked at."""
    shapes = Shapes()
    views = Views(policy, world)
    checker = Typechecker(world, shapes, views, findings)
    scopes.check_groups(policy, world, findings)
    bodies = [shapes(condition.body) for condition in policy.conditions]
    size = 1 + sum(body.size for body in bodies)
    environments = views.environments(reads(bodies), room)
    first = next(environments, None)
    second = next(environments, None)
    several = second is not None
    steps = 0
    impossible = True
    for environment in chain((each for each in (first, second) if each is not None), environments):
        steps += size
        if steps > room:
            _too_much(policy, findings)
            return False, steps
        findings.environment = environment if several else None
        impossible &= _check_in(environment, policy, checker)
    findings.environment = None
    if views.looked > room:
        _too_much(policy, findings)
    return impossible, steps + views.looked


_IMPOSSIBLE_HELP: Final = "its scope and its conditions never hold together: remove it, or mend them"


def _check_in(environment: Environment, policy: tree.Policy, checker: Typechecker) -> bool:
    """Check the conditions in one environment; tell whether they never hold there."""
    checker.enter(environment)
    found = Answer(Scalar.BOOL)
    for condition in policy.conditions:
        answer = checker.condition(condition.body, found.gained)
        if condition.kind is tree.ConditionKind.UNLESS:
            answer = Answer(_opposite(answer))
        found = both(found, answer)
        if found.kind is Scalar.FALSE:
            return True
    return False


def _opposite(answer: Answer) -> Scalar:
    return Scalar.FALSE if answer.kind is Scalar.TRUE else Scalar.TRUE if answer.kind is Scalar.FALSE else Scalar.BOOL


def _too_much(policy: tree.Policy, findings: Findings) -> None:
    message = f"the policies are to be looked at in too many combinations of types: more than {MAX_STEPS} steps"
    findings.error("too_many_combinations", message, policy, "name actions and types in the scopes of policies")
