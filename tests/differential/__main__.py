"""`make differential`: compares N triples (a million), SEED=… of another seed, CASE=… one case of it alone."""

from __future__ import annotations

import os
import sys

from tests.differential import comparing, running
from tests.differential.cases import draw
from tests.differential.tally import Tally


def main() -> int:
    """Run what the environment asks for; 0 where nothing differs."""
    seed, number = os.environ.get("SEED") or "1", os.environ.get("CASE")
    if not comparing.COMPILES:
        print("nothing is compiled here: the interpreter is compared with itself")
    if number:
        case, tally = draw(seed, int(number)), Tally()
        found = running.compare(case, tally=tally)
        print(case.text or "", running.told(case, found) if found else "no difference", tally, sep="\n")
        return 1 if found else 0
    return 0 if running.run_all(seed, int(os.environ.get("N") or 1_000_000)) else 1


if __name__ == "__main__":
    sys.exit(main())
