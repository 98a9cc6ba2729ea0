"""Draws cases, asks both, counts, and tells a difference so that a person can read it."""

from __future__ import annotations

import itertools
import json
import os
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext

from tests.beside import comparing
from tests.beside.cases import REQUESTS, Case, draw
from tests.beside.comparing import Around, Difference, differences
from tests.beside.oracle import Crashed, Oracle
from tests.beside.shrinking import shrink
from tests.beside.tally import Tally


def compare(case: Case, oracle: Oracle, around: Around = nullcontext, tally: Tally | None = None) -> Difference | None:
    """Return the first thing that pdp answers otherwise than Cedar's engine."""
    try:
        answer = oracle.ask(case.message())
    except Crashed as error:
        return Difference(None, "Cedar's engine", str(error), "nothing to compare with")
    try:
        found = next(differences(case, answer, around), None)
    except Exception:
        # Whatever is raised is no answer.
        found = Difference(None, "an exception", "an answer", traceback.format_exc(limit=-4))
    if tally is not None:
        right = comparing.expected(case, answer) if "answers" in answer else []
        tally.add(case, answer, right)
        if right and found is None:
            engine = comparing.load(case, compiled=True)
            for asked in case.requests:
                engine.decide(*comparing.question(asked))
                tally.counts["by compiled rules"] += comparing.by_compiled_rules(engine, asked)
    return found


def told(case: Case, found: Difference, oracle: Oracle, around: Around = nullcontext, seconds: float = 60.0) -> str:
    """Return the least that shows a difference, as text."""

    def alike(each: Case) -> bool:
        other = compare(each, oracle, around)
        # Otherwise a crash of one kind would shrink to one of another.
        return other is not None and (other.index is None) is (found.index is None) and other.way[:5] == found.way[:5]

    small = shrink(case, found.index, alike, seconds)
    least = compare(small, oracle, around) or found
    lines = [
        f"SEED={case.seed} CASE={case.number}: {found}",
        f"The least that shows it: {least}",
        small.text,
        *([] if small.schema is None else ["schema:", small.schema]),
        *(json.dumps(each) for each in small.entities),
        *(f"ask {each}" for each in small.requests),
        f"replay: make differential PART=cedar SEED={case.seed} CASE={case.number}",
    ]
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------------- many cases


def run(
    seed: str, numbers: Iterable[int], oracle: Oracle, around: Around = nullcontext, *, stop: int = 1
) -> tuple[Tally, list[tuple[Case, Difference]]]:
    """Compare cases, up to so many that differ."""
    tally, found = Tally(), []
    for number in numbers:
        case = draw(seed, number)
        difference = compare(case, oracle, around, tally)
        if difference is not None:
            found.append((case, difference))
            if len(found) >= stop:
                break
    return tally, found


def _chunk(python: str, seed: str, numbers: range) -> tuple[Tally, list[str]]:
    oracle = Oracle(python)
    try:
        tally, found = run(seed, numbers, oracle)
        return tally, [told(case, difference, oracle) for case, difference in found]
    finally:
        oracle.close()


def run_all(
    python: str, seed: str, decisions: int, *, processes: int | None = None, show: Callable[[str], None] = print
) -> bool:
    """Compare at least so many decisions on all cores, and show what came of it. Returns whether all is well."""
    # Some sets, about seven of a hundred, are refused by both, and decide nothing.
    sets = -(-decisions * 110 // (REQUESTS * 100))
    chunks = [range(at, min(at + 50, sets)) for at in range(0, sets, 50)]
    tally, failed, start = Tally(), 0, time.monotonic()
    processes = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(processes) as pool:
        for number, (counted, found) in enumerate(
            pool.map(_chunk, itertools.repeat(python), itertools.repeat(seed), chunks), 1
        ):
            tally.merge(counted)
            for text in found:
                show(text + "\n")
            failed += len(found)
            if failed >= 5:
                pool.shutdown(wait=False, cancel_futures=True)
                break
            if number % 20 == 0:
                show(f"… {tally.decisions} decisions, {time.monotonic() - start:.0f} s")
    show(f"{tally}\n  seed {seed}, {processes} processes, {time.monotonic() - start:.1f} s")
    lacking = tally.lacking() if not failed else []
    if not failed and tally.decisions < decisions:
        lacking.append(f"{tally.decisions} decisions were compared, and not {decisions}")
    for each in lacking:
        show(each)
    return not failed and not lacking
