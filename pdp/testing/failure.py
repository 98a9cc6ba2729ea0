"""A case that did not come out as expected, in words: the place, the difference, and the trace of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pdp import trace
from pdp.answers import leaf_of
from pdp.cli.explanation import lines
from pdp.cli.terminal import Terminal, plain
from pdp.errors import Diagnostic
from pdp.model import Decision, Request
from pdp.syntax.messages import render
from pdp.testing.runner import Result, Runner, question_of


def trace_of(result: Result, runner: Runner) -> trace.Trace:
    """Return the trace of the answer that a case got."""
    case, judgement = result.case, result.judgement
    policy, facts = runner.world(case)
    asked = case.expectation
    handled = {duty.name for duty in judgement.duties}
    decision = Decision.made(leaf_of(judgement, policy.revision, handled), "", judgement.valid_until)
    request = Request(asked.principal, asked.action, asked.resource)
    return trace.build(request, decision, judgement, question_of(case, policy.schema), facts)


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


def failure_text(result: Result, runner: Runner) -> str:
    """Return a failure as text without colours, for reports and for pytest."""
    return "\n".join(failure_lines(result, runner, Terminal(unicode=True)))


def failure_json(result: Result, runner: Runner) -> dict[str, Any]:
    """Return a failure as plain data."""
    return {
        "place": str(result.case.expectation.span),
        "differences": list(result.differences),
        "trace": trace_of(result, runner).to_json(),
    }
