"""One row of the corpus beside pdp: every request by compiled rules and by the interpreter, and the validator."""

from collections import Counter
from collections.abc import Iterator

from conformance.corpus import Asked, Row

from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schemas
from pdp.cedar.text import show_ref
from pdp.cedar.validation import validate
from pdp.engine import Engine
from pdp.errors import DiagnosticError, Severity
from pdp.model import Decision
from pdp.source import Source


class Tally(Counter[str]):
    """How many of each thing were looked at."""


def judged(row: Row, tally: Tally) -> Iterator[str]:
    """Yield what pdp says otherwise than Cedar, and count what it says."""
    try:
        compiled = Engine.load_cedar(row.policies, row.schema, row.entities, compiled=True)
    except DiagnosticError as error:
        yield f"{row.name}: pdp does not load it: {error}"
        return
    interpreted = Engine.load_cedar(row.policies, row.schema, row.entities, compiled=False)
    places = _places(row.policies)
    for number, asked in enumerate(row.requests):
        answers = {"compiled": _decide(compiled, asked), "interpreter": _decide(interpreted, asked)}
        wrong = [
            f"{row.name}, request {number}, {how}: {told}, and Cedar says {_expected(asked)}"
            for how, decision in answers.items()
            if (told := _told(decision, places)) != _expected(asked)
        ]
        tally["decisions"] += not wrong
        tally[asked.decision] += 1
        tally["erring"] += bool(asked.errors)
        tally["by compiled rules"] += _by_compiled_rules(compiled, asked)
        yield from wrong


def _places(policies: str) -> dict[str, str]:
    """Return for the name of each policy the one that it has by its place: what the corpus goes by."""
    found, _ = parse_policies(Source("policies.cedar", policies))
    return {policy.id: f"policy{number}" for number, policy in enumerate(found)}


def _decide(engine: Engine, asked: Asked) -> Decision:
    return engine.decide(asked.principal, show_ref(asked.action), asked.resource, asked.context)


def _by_compiled_rules(engine: Engine, asked: Asked) -> bool:
    """Tell whether a question that was asked before is answered without the interpreter."""
    held = engine._world.held
    try:
        p, r = held[asked.principal], held[asked.resource]
        action = engine.policy.schema.resolve_action(show_ref(asked.action))
        cell = p.doors[action][r.kind]
        return cell.run(p, r, asked.context, None, None, engine._world) in cell.leaves
    except Exception:
        return False


Told = tuple[str, str, tuple[str, ...], tuple[str, ...]]


def _told(decision: Decision, places: dict[str, str]) -> Told:
    reason = sorted(places[each] for each in decision.determining_rules)
    erring = sorted(places[each] for each in decision.erring_rules)
    # What no rule was asked about is no answer of Cedar's.
    ruled = "ruled" if decision.reason in ("permitted", "forbidden", "default") else str(decision.detail)
    return str(decision.outcome), ruled, tuple(reason), tuple(erring)


def _expected(asked: Asked) -> Told:
    return asked.decision, "ruled", tuple(sorted(asked.reason)), tuple(sorted(asked.errors))


def verdict(row: Row, tally: Tally) -> Iterator[str]:
    """Yield where the validator comes to another verdict than Cedar's."""
    policies, wrong = parse_policies(Source("policies.cedar", row.policies))
    schema, unread = load_schemas([Source("schema.cedarschema", row.schema)])
    if schema is None or wrong:
        yield f"{row.name}: pdp does not read it: {[*map(str, [*wrong, *unread])]}"
        return
    errors = [each for each in validate(policies, schema) if each.severity is Severity.ERROR]
    tally["verdicts"] += (not errors) is row.validates
    if (not errors) is not row.validates:
        yield f"{row.name}: pdp validates {not errors}, and Cedar {row.validates}: {[*map(str, errors)]}"
