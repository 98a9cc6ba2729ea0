"""Traces of a kind of question that very many rules are about."""

from __future__ import annotations

import statistics
import time

REPEATS = 9


def policy(count: int) -> str:
    """Return permits of one action, forbids of another, and permits of a third that nobody is in the scope of."""
    when = [f'when resource.code == "c{n}" and principal.level >= {n % 7}' for n in range(count)]
    rules = [
        *(f"rule p{n}:\n  permit User to read on Page\n  {each}\n  needs session.mfa" for n, each in enumerate(when)),
        *(f'rule f{n}:\n  forbid User to edit on Page\n  {each}\n  because "no"' for n, each in enumerate(when)),
        "rule anybody:\n  permit User to edit on Page",
        *(f'rule t{n}:\n  permit User in Team "t{n}" to see on Page\n  {each}' for n, each in enumerate(when)),
    ]
    world = ["type Team", "type User in Team { level: Int }", "type Page { code: String }"]
    return "\n".join([*world, "action read, edit, see on Page by User", *rules])


def traces(count: str) -> dict[str, float]:
    """Time a trace with what would flip the decision, for each action; the median, in ms."""
    import pdp

    teams = [pdp.Entity("Team", f"t{n}") for n in range(int(count))]
    entities = [pdp.Entity("User", "u", {"level": 3}), pdp.Entity("Page", "p", {"code": "none"}), *teams]
    engine = pdp.Engine.from_text(policy(int(count)), entities=entities)
    found = {}
    for action in ("read", "edit", "see"):
        request = pdp.Request(pdp.ref("User", "u"), action, pdp.ref("Page", "p"))
        times = []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            trace = engine.explain(request)
            times.append((time.perf_counter() - begun) * 1e3)
            if trace.flips is None or trace.flips.smallest is None:
                raise AssertionError("nothing was found that would flip the decision")
        found[action] = statistics.median(times)
    return found
