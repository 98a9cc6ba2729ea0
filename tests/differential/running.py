"""Draws cases, compares, counts, and tells a difference so that a person can read it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tests.differential import writing
from tests.differential.cases import REQUESTS, Case, draw
from tests.differential.comparing import Difference, by_compiled_rules, differences, exactly, judge_of, subject_of
from tests.differential.shrinking import shrink
from tests.differential.tally import Tally

Around = Callable[[], AbstractContextManager[Any]]


def compare(case: Case, around: Around = nullcontext, tally: Tally | None = None) -> Difference | None:
    """Return the first thing in which the two ways differ on a case."""
    judge = judge_of(case)
    expected = [exactly(judge.answer(request)) for request in case.requests]
    subject = subject_of(case)
    found = next(differences(case, expected, subject, around), None)
    if tally is not None:
        tally.add_case(case, expected)
        tally.counts["by compiled rules"] += sum(by_compiled_rules(subject, request) for request in case.requests)
    return found


def told(case: Case, found: Difference, around: Around = nullcontext, seconds: float = 60.0) -> str:
    """Return the least that shows a difference, as text."""
    small = shrink(case, found.index, lambda each: compare(each, around) is not None, seconds)
    least = compare(small, around) or found
    policy = "".join(writing.write_rule(rule) for rule in small.policy.rules)
    lines = [
        f"SEED={case.seed} CASE={case.number}: {found}",
        f"The least that shows it ({least}):" if least is not found else "Nothing less shows it.",
        policy,
        *_facts(small),
        *(f"ask {_request(request)}" for request in small.requests),
        f"replay: make differential SEED={case.seed} CASE={case.number}",
    ]
    return "\n".join(lines)


def _facts(case: Case) -> Iterator[str]:
    facts = case.facts
    for node in facts.nodes:
        parents = [f"{each.parent}" + (f" until {each.until}" if each.until else "") for each in node.parents]
        attributes = ", ".join(f"{name}: {_value(value)}" for name, value in node.attributes.items())
        yield f"{node.ref}" + (f" in {', '.join(parents)}" if parents else "") + f" {{ {attributes} }}"
    for name in ("provided", "failing", "approvals", "revoked", "revoked_sessions", "handles", "clock"):
        if getattr(facts, name) or (name == "approvals" and facts.approvals is None):
            yield f"{name}: {getattr(facts, name)}"


def _value(value: Any) -> str:
    return writing.show(value)


def _request(request: Any) -> str:
    brought = f" bringing {request.entities}" if request.entities else ""
    session = "" if request.session is None else f" as {request.session}"
    asked = f"{request.principal} to {request.action} on {request.resource}"
    return f"{asked} with {request.context}{session} at {request.now}{brought}"


# --------------------------------------------------------------------------------------------------------- many cases


def run(
    seed: str, numbers: Iterable[int], around: Around = nullcontext, *, stop: int = 1
) -> tuple[Tally, list[tuple[Case, Difference]]]:
    """Compare cases, up to so many that differ."""
    tally, found = Tally(), []
    for number in numbers:
        case = draw(seed, number)
        difference = compare(case, around, tally)
        if difference is not None:
            found.append((case, difference))
            if len(found) >= stop:
                break
    return tally, found


def _chunk(seed: str, numbers: range) -> tuple[Tally, list[str]]:
    tally, found = run(seed, numbers)
    return tally, [told(case, difference) for case, difference in found]


def run_all(seed: str, triples: int, *, processes: int | None = None, show: Callable[[str], None] = print) -> bool:
    """Compare so many triples on all cores, and show what came of it. Returns whether all is well."""
    cases = -(-triples // REQUESTS)
    chunks = [range(at, min(at + 25, cases)) for at in range(0, cases, 25)]
    tally, failed, start = Tally(), 0, time.monotonic()
    processes = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(processes) as pool:
        for number, (counted, found) in enumerate(pool.map(_chunk, itertools.repeat(seed), chunks), 1):
            tally.merge(counted)
            for text in found:
                show(text + "\n")
            failed += len(found)
            if failed >= 5:
                pool.shutdown(wait=False, cancel_futures=True)
                break
            if number % 200 == 0:
                show(f"… {tally.triples} triples, {time.monotonic() - start:.0f} s")
    show(f"{tally}\n  seed {seed}, {processes} processes, {time.monotonic() - start:.1f} s")
    lacking = tally.lacking() if not failed else []
    for each in lacking:
        show(each)
    return not failed and not lacking
