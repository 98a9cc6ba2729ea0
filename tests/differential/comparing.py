"""Two ways to answer the same case, and everything in which they differ."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from pdp import interpreter
from pdp.engine import Engine
from pdp.model import Decision, Reason, Request
from tests.differential.cases import Case

COMPILES = "compiled" in inspect.signature(Engine.__init__).parameters
"""Whether there are two ways to answer. Where there is one, it is compared with itself."""

FIELDS = (
    "outcome",
    "reason",
    "detail",
    "determining_rules",
    "erring_rules",
    "obligations",
    "remedies",
    "valid_until",
    "unhandled",
    "revision",
    "facts_revision",
)
Seen = tuple[Any, ...]


def exactly(decision: Decision) -> Seen:
    """Return everything that a decision carries, with kinds told apart that Python takes for equal."""
    duties, remedies = decision.obligations, decision.remedies
    return (
        decision.outcome,
        decision.reason,
        decision.detail,
        decision.determining_rules,
        decision.erring_rules,
        repr(duties) if duties else "()",
        repr(remedies) if remedies else "()",
        decision.valid_until,
        decision.unhandled,
        decision.revision,
        decision.facts_revision,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """That one way of asking got another answer: `parts` holds what was expected and what was found, by name."""

    index: int
    way: str
    parts: Mapping[str, tuple[Any, Any]]

    def __str__(self) -> str:
        lines = [
            f"{name}: expected {expected}\n    {'':{len(name)}} found {found}"
            for name, (expected, found) in self.parts.items()
        ]
        return "\n    ".join([f"request {self.index}, asked by {self.way}:", *lines])


def differing(index: int, way: str, expected: Seen, found: Decision) -> Difference | None:
    """Return in what a decision differs from what is expected."""
    seen = exactly(found)
    if seen == expected and bool(found) is (expected[0] == "allow" and not expected[8]):
        return None
    parts = {name: (mine, theirs) for name, mine, theirs in zip(FIELDS, expected, seen, strict=True) if mine != theirs}
    return Difference(index, way, parts or {"bool": (not bool(found), bool(found))})


def judge_of(case: Case) -> Engine:
    """Return the engine that says what is right."""
    return case.engine(**{"compiled": False} if COMPILES else {})


def subject_of(case: Case) -> Engine:
    """Return the engine that is held to it."""
    return case.engine(**{"compiled": True} if COMPILES else {})


@contextmanager
def interpreted() -> Iterator[list[Any]]:
    """Note each question that the interpreter judges meanwhile, wherever the engine calls it from."""
    asked: list[Any] = []
    judge = interpreter.judge

    def noted(policy: Any, question: Any, facts: Any) -> Any:
        asked.append(question)
        return judge(policy, question, facts)

    homes = [
        module
        for name, module in sys.modules.items()
        if name.startswith("pdp.") and module is not interpreter and vars(module).get("judge") is judge
    ]
    assert homes, "nothing calls the interpreter any more: this watches the wrong place"
    for each in homes:
        each.judge = noted  # type: ignore[attr-defined]
    try:
        yield asked
    finally:
        for each in homes:
            each.judge = judge  # type: ignore[attr-defined]


def by_compiled_rules(engine: Engine, request: Request) -> bool:
    """Ask, and tell whether compiled rules answered: rules decided, and the interpreter was not asked for all."""
    with interpreted() as asked:
        found = engine.answer(request)
    return not asked and found.reason in (Reason.PERMITTED, Reason.FORBIDDEN, Reason.DEFAULT)


Ways = Mapping[str, Callable[[Engine, Request], Decision]]


def decide(engine: Engine, request: Request, **changed: Any) -> Decision:
    """Ask by `decide`, as callers do."""
    arguments = {
        "context": request.context,
        "session": request.session,
        "now": request.now,
        "entities": request.entities,
        **changed,
    }
    return engine.decide(request.principal, request.action, request.resource, **arguments)


def allows(engine: Engine, request: Request) -> bool:
    """Ask by `allows`, as callers do."""
    return engine.allows(
        request.principal,
        request.action,
        request.resource,
        request.context,
        request.session,
        request.now,
        entities=request.entities,
    )


def differences(
    case: Case,
    expected: list[Seen],
    subject: Engine,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[Difference]:
    """Yield what an engine answers otherwise than expected, asked in each way that there is.

    Each request is asked more than once: what the engine remembers of the first time has to give the same again.
    """
    with around():
        for index, (request, seen) in enumerate(zip(case.requests, expected, strict=True)):
            yield from _each_way(index, request, seen, subject)
        if hasattr(subject, "decide_many"):
            for index, found in enumerate(subject.decide_many(case.requests)):
                yield from _some(differing(index, "decide_many", expected[index], found))


def _each_way(index: int, request: Request, seen: Seen, subject: Engine) -> Iterator[Difference]:
    worth = seen[0] == "allow" and not seen[8]
    # The bare yes or no comes first in turn, so that it too meets an engine that remembers nothing.
    if index % 2:
        yield from _worth(index, request, worth, subject)
    yield from _some(differing(index, "decide", seen, decide(subject, request)))
    if not index % 2:
        yield from _worth(index, request, worth, subject)
    match index % 8:
        case 1 if hasattr(subject, "session") and isinstance(request.session, Mapping):
            known = subject.session(request.session)
            for way in ("session", "session again"):
                yield from _some(differing(index, way, seen, decide(subject, request, session=known)))
        case 3 | 7:
            yield from _some(differing(index, "answer", seen, subject.answer(request)))
        case 5:
            yield from _some(differing(index, "explain", seen, subject.explain(request).decision))
        case _:
            pass


def _worth(index: int, request: Request, worth: bool, subject: Engine) -> Iterator[Difference]:
    if allows(subject, request) is not worth:
        yield Difference(index, "allows", {"bool": (worth, not worth)})


def _some(found: Difference | None) -> Iterator[Difference]:
    if found is not None:
        yield found
