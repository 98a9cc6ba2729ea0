"""A case that did not come out as expected, in words: the place, the difference, and the trace of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pdp.answers import leaf_of
from pdp.cli.explanation import lines
from pdp.cli.terminal import Terminal, plain
from pdp.errors import Diagnostic
from pdp.model import Decision, Request
from pdp.syntax.messages import render
from pdp.testing.runner import Result, Runner, question_of
from pdp.trace import Trace
from pdp.trace.building import build


def trace_of(result: Result, runner: Runner) -> Trace:
    """Return the trace of the answer that a case got."""
    case, judgement = result.case, result.judgement
    policy, facts = runner.world(case)
    asked = case.expectation
    handled = {duty.name for duty in judgement.duties}
    decision = Decision.made(leaf_of(judgement, policy.revision, handled), "", judgement.valid_until)
    request = Request(asked.principal, asked.action, asked.resource)
    question = question_of(case, policy.schema)
    return build(policy, runner.store(case), request, decision, judgement, question, facts)


def failure_lines(result: Result, runner: Runner, terminal: Terminal) -> Iterator[str]:
    """Yield a failure, line by line."""
    first, *others = result.differences
    found = Diagnostic(code="test_failed", message=first, span=result.case.expectation.span)
    head, *excerpt = render(found, color=terminal.color).splitlines()
    yield head
    yield from (f"  and {plain(other)}" for other in others)
    yield from excerpt
    yield ""
    policy, _ = runner.world(result.case)
    yield from (f"  {line}" if line else "" for line in lines(trace_of(result, runner), policy, terminal))


class Failures:
    """Tells failures of one run, the first of them with the trace: to find out what it would take needs its time."""

    TRACED: ClassVar = 100

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._told: set[int] = set()

    def text(self, result: Result) -> str:
        """Return a failure as text without colours, for reports and for pytest."""
        if not self._traced(result):
            return str(result)
        return "\n".join(failure_lines(result, self._runner, Terminal(unicode=True)))

    def to_json(self, result: Result) -> dict[str, Any]:
        """Return a failure as plain data; the trace is None where there are too many."""
        return {
            "place": str(result.case.expectation.span),
            "differences": list(result.differences),
            "trace": trace_of(result, self._runner).to_json() if self._traced(result) else None,
        }

    def _traced(self, result: Result) -> bool:
        if len(self._told) < self.TRACED:
            self._told.add(id(result))
        return id(result) in self._told
