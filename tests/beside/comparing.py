"""What pdp says of a case, asked in each way that there is, and where that is not what Cedar's engine says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pdp.cedar.parser import parse_policies
from pdp.cedar.schemas import load_schemas
from pdp.cedar.tree import Policy
from pdp.cedar.validation import validate
from pdp.engine import Engine
from pdp.errors import Diagnostic, DiagnosticError, Severity
from pdp.model import Decision, Reason
from pdp.source import Source
from pdp.syntax.limits import MAX_ERRORS
from pdp.values import EntityRef
from tests.beside import rules
from tests.beside.asking import Asked
from tests.beside.cases import Case

Told: TypeAlias = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A decision, the policies that it comes from, and those that failed; "none" where the request is not taken."""

Around: TypeAlias = Callable[[], AbstractContextManager[Any]]
REFUSED: Told = ("none", (), ())
RULED = (Reason.PERMITTED, Reason.FORBIDDEN, Reason.DEFAULT)
KEPT = 50
"""Of so many cases, one goes through a folder and the cache."""


@dataclass(frozen=True, slots=True)
class Difference:
    """That pdp answers something else: `index` is the request's number, None where it is about the whole case."""

    index: int | None
    way: str
    expected: object
    found: object

    def __str__(self) -> str:
        where = "the case" if self.index is None else f"request {self.index}"
        return f"{where}, by {self.way}:\n    Cedar says {self.expected}\n    pdp says   {self.found}"


def expected(case: Case, answer: Mapping[str, Any]) -> list[Told]:
    """Return what Cedar's engine says of each request, by the ids of the policies."""
    places = case.places
    found: list[Told] = []
    for decision, reasons, errors, _ in answer["answers"]:
        if decision == "NoDecision":
            found.append(REFUSED)
        else:
            named = (tuple(sorted(places.get(each, each) for each in ids)) for ids in (reasons, errors))
            found.append((decision.lower(), *named))  # type: ignore[arg-type]
    return found


def told(decision: Decision) -> Told:
    """Return what pdp says."""
    if decision.reason not in RULED:
        denied = not decision and decision.outcome == "deny"
        return (
            REFUSED if denied and decision.reason is Reason.INVALID_REQUEST else (f"no rule: {decision.reason}", (), ())
        )
    if bool(decision) is not (decision.outcome == "allow"):
        return ("neither", (), ())
    return str(decision.outcome), tuple(sorted(decision.determining_rules)), tuple(sorted(decision.erring_rules))


Question: TypeAlias = tuple[EntityRef, str, EntityRef, Any]


def question(asked: Asked) -> Question:
    """Return a request as pdp takes it."""
    return EntityRef(*asked.principal), rules.shown(*asked.action), EntityRef(*asked.resource), asked.context


def load(case: Case, **options: Any) -> Engine:
    """Return an engine for a case."""
    return Engine.load_cedar(case.text, case.schema, case.entities, links=case.links or None, **options)


def differences(case: Case, answer: Mapping[str, Any], around: Around = nullcontext) -> Iterator[Difference]:
    """Yield what pdp says otherwise than Cedar's engine did."""
    with around():
        if case.schema is not None and "valid" in answer:
            yield from _verdict(case, answer)
        try:
            compiled, interpreted = load(case, compiled=True), load(case, compiled=False)
        except DiagnosticError as error:
            files = {each.span.source.path for each in error.diagnostics if each.span is not None}
            refused = "entities" if files == {"entities.json"} else "policies"
            if answer.get("refused") != refused:
                yield Difference(None, "loading", answer.get("refused", "loaded"), f"{refused}: {error}")
            return
        if "refused" in answer:
            yield Difference(None, "loading", f"{answer['refused']}: {answer['detail']}", "loaded")
            return
        engines = {"compiled": compiled, "interpreter": interpreted}
        if case.number % KEPT == 0:
            with tempfile.TemporaryDirectory() as folder:
                engines["cache"] = _kept(case, Path(folder))
        yield from _answers(case, expected(case, answer), engines)


def _answers(case: Case, right: list[Told], engines: Mapping[str, Engine]) -> Iterator[Difference]:
    for index, (asked, one) in enumerate(zip(case.requests, right, strict=True)):
        put = question(asked)
        for way, engine in engines.items():
            # The bare yes or no comes first in turn, so that it too meets an engine that remembers nothing.
            if index % 2 and engine.allows(*put) is not (one[0] == "allow"):
                yield Difference(index, f"{way}, allows", one, "the opposite")
            if (found := told(engine.decide(*put))) != one:
                yield Difference(index, way, one, found)
            if way != "interpreter" and (found := told(engine.decide(*put))) != one:
                yield Difference(index, f"{way}, asked again", one, found)
            if not index % 2 and engine.allows(*put) is not (one[0] == "allow"):
                yield Difference(index, f"{way}, allows", one, "the opposite")


def _kept(case: Case, folder: Path) -> Engine:
    """Return an engine whose policies went through the cache."""
    policies, cache = folder / "policies", folder / "cache"
    policies.mkdir()
    (policies / "policies.cedar").write_text(case.text, encoding="utf-8", newline="")
    if case.schema is not None:
        (policies / "schema.cedarschema").write_text(case.schema, encoding="utf-8")
    message = case.message()
    (policies / "entities.json").write_text(message["entities"], encoding="utf-8")
    (policies / "links.json").write_text(json.dumps(case.links), encoding="utf-8")
    Engine.load(policies, cache=cache)
    return Engine.load(policies, cache=cache)


def _verdict(case: Case, answer: Mapping[str, Any]) -> Iterator[Difference]:
    policies, wrong = parse_policies(Source("policies.cedar", case.text))
    schema, unread = load_schemas([Source("schema.cedarschema", case.schema or "")])
    if schema is None or wrong:
        yield Difference(None, "the validator", "it is read", [*map(str, [*wrong, *unread])])
        return
    errors = [each for each in validate(policies, schema) if each.severity is Severity.ERROR]
    # Of a set in which much is wrong, one verdict says little: each policy has its own.
    right = {case.places.get(id, id) for id, _ in answer["findings"]}
    found = {_owner(each, policies) for each in errors}
    if len(errors) >= MAX_ERRORS:
        # More are not told: then each is looked at by itself.
        errors = [each for one in policies for each in validate([one], schema) if each.severity is Severity.ERROR]
        found = {_owner(each, policies) for each in errors}
    if found != right or (not errors) is not answer["valid"]:
        one = min(found ^ right, default="")
        said = [text for id, text in answer["findings"] if case.places.get(id, id) == one]
        ours = [str(each) for each in errors if _owner(each, policies) == one]
        yield Difference(None, "the validator", f"of {one}: {said or 'valid'}", ours or "valid")


def _owner(found: Diagnostic, policies: Sequence[Policy]) -> str:
    """Return the id of the policy that a diagnostic is about."""
    at = -1 if found.span is None else found.span.start
    return next((each.id for each in policies if each.span is not None and each.span.start <= at < each.span.end), "")


def by_compiled_rules(engine: Engine, asked: Asked) -> bool:
    """Tell whether a question that was asked before is answered without the interpreter."""
    principal, name, resource, context = question(asked)
    try:
        held = engine._world.held
        p, r = held[principal], held[resource]
        cell = p.doors[engine.policy.schema.resolve_action(name)][r.kind]
        return cell.run(p, r, context, None, None, engine._world) in cell.leaves
    except Exception:
        return False
