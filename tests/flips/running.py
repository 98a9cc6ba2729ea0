"""Draws cases, searches, and holds what is found to brute force."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from pdp.flips.answer import Flips, find
from pdp.flips.changes import Change, Who, who
from pdp.flips.search import Flip
from tests.differential import writing
from tests.flips.brute import Brute
from tests.flips.cases import Case, draw
from tests.flips.reality import decide

TRIED = 1500
"""So many sets of two or three changes are tried for a case, where there are more."""


@dataclass(slots=True)
class Tally:
    """What came of many cases."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"  {name:40} {count:8}" for name, count in sorted(self.counts.items()))


def run(seed: str, numbers: range, tried: int = TRIED) -> Tally:
    """Hold so many cases to brute force."""
    tally = Tally()
    for number in numbers:
        check(draw(seed, number), tally, tried)
    return tally


def check(case: Case, tally: Tally, tried: int = TRIED) -> Flips | None:
    """Hold one case to brute force."""
    engine = case.engine()
    _, judgement, question, facts = engine.judged(case.request)
    if judgement is None or question is None or facts is None:
        tally.counts["no question"] += 1
        return None
    found = find(case.policy, question, facts, judgement, case.store)
    brute = Brute(case, question, facts, random.Random(f"{case.seed}:{case.number}:brute"))
    everything = brute.changes
    tally.counts[f"{judgement.outcome}"] += 1
    tally.counts[f"reason {judgement.reason}"] += 1
    for flip, name in ((found.smallest, "smallest"), (found.alone, "alone")):
        if flip is not None:
            tally.counts[f"{name} of {flip.size}"] += 1
            if not (brute.flips(flip.changes) and brute.holds(flip.changes)):
                tally.wrong.append(told(case, flip, "does not hold", flip.changes))
            if decide(case, flip.changes).outcome is judgement.outcome:
                tally.wrong.append(told(case, flip, "an engine sees no flip in", flip.changes))
    if found.alone is not None:
        brute.changes = [each for each in everything if who(each.fact) is not Who.ADMINISTRATOR]
        less = brute.smaller(found.alone.size, tried)
        brute.changes = everything
        if less is not None:
            tally.wrong.append(told(case, found.alone, "takes no administrator, and is less", less))
    if not found.complete:
        tally.counts[f"incomplete: {found.reason[:24]}"] += 1
        return found
    if found.smallest is None:
        tally.counts["none"] += 1
    most = 4 if found.smallest is None else found.smallest.size
    less = brute.smaller(most, tried)
    if less is not None:
        tally.wrong.append(told(case, found.smallest, "is less", less))
    return found


def told(case: Case, flip: Flip | None, what: str, changes: tuple[Change, ...]) -> str:
    """Return what is wrong, as text."""
    lines = [f"SEED={case.seed} CASE={case.number}", *(writing.write_rule(rule) for rule in case.policy.rules)]
    lines += [
        f"{node.ref} {dict(node.attributes)} in {[*map(str, (s.parent for s in node.parents))]}" for node in case.nodes
    ]
    lines += [f"approvals {case.approvals}", f"revoked {case.revoked} {case.revoked_sessions}", f"{case.request}"]
    lines += [f"found {None if flip is None else flip.changes}", f"{what}: {changes}"]
    return "\n".join(lines)
