"""`make differential` and `make torture`.

The first compares N triples (a million), SEED=… of another seed, CASE=… one case of it alone, and PAIRS pairs of
requests that are nearly one (as many as triples). The second swaps policy and entities 10 000 times under threads that
ask, then revokes 1 000 times against a million decisions while some hundreds of leases are watched, and kills 200
writers of the record; with `--sabotage` it breaks that in each way that it knows, has to notice, and fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.differential import collisions, comparing, running, torture
from tests.differential.cases import draw
from tests.differential.tally import Tally
from tests.revocation import torture as revoking
from tests.revocation import watching

RELOADS = 10_000
BLOCK = 50_000


def main() -> int:
    """Run what the environment asks for; 0 where nothing differs."""
    seed, number = os.environ.get("SEED") or "1", os.environ.get("CASE")
    if sys.argv[1:] == ["torture"]:
        return _torture() | _revoke()
    if sys.argv[1:] == ["torture", "--sabotage"]:
        return _sabotage()
    if not comparing.COMPILES:
        print("nothing is compiled here: the interpreter is compared with itself")
    if number:
        case, tally = draw(seed, int(number)), Tally()
        found = running.compare(case, tally=tally)
        print(case.text or "", running.told(case, found) if found else "no difference", tally, sep="\n")
        return 1 if found else 0
    count = int(os.environ.get("N") or 1_000_000)
    same = running.run_all(seed, count)
    return 0 if _pairs(seed, int(os.environ.get("PAIRS") or count)) and same else 1


def _pairs(seed: str, count: int) -> bool:
    """Compare pairs of requests that are nearly one, and say what is wrong."""
    wrong: list[str] = []
    for start in range(0, count, BLOCK):
        wrong += collisions.wrong_pairs(f"{seed} {start}", min(BLOCK, count - start))
        if wrong:
            break
    print(*wrong, f"{count} pairs of requests that are nearly one: {'wrong' if wrong else 'all right'}", sep="\n")
    return not wrong


def _torture() -> int:
    arena = torture.reload(RELOADS)
    print(*arena.wrong[:5], sep="\n", end="")
    print(f"{RELOADS} changes, {arena.asked} answers of {len(arena.worlds)} worlds: {len(arena.wrong)} wrong")
    return 1 if arena.wrong else 0


def _revoke() -> int:
    with tempfile.TemporaryDirectory() as folder:
        wrong = revoking.wrongs(Path(folder), count=1_000, decisions=1_000_000, kills=200)
    print(*wrong[:5], sep="\n", end="")
    print(f"1000 revocations, 1000000 answers, 334 leases watched, 200 writers killed: {len(wrong)} wrong")
    return 1 if wrong else 0


def _sabotage() -> int:
    """Break the mechanism in each way: 1, a failure, where each was noticed."""
    missed = 0
    for name in revoking.BREACHES:
        with tempfile.TemporaryDirectory() as folder, revoking.broken(name):
            count, decisions = (20, 1_000) if name == watching.LASTING else (100, 50_000)
            wrong = revoking.wrongs(Path(folder), count=count, decisions=decisions, kills=20)
        print(f"{name}: {f'noticed, {wrong[0]}' if wrong else 'NOT NOTICED'}")
        missed += not wrong
    return 0 if missed else 1


if __name__ == "__main__":
    sys.exit(main())
