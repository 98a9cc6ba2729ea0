"""`make flips`: three thousand cases, or N=… of SEED=…, and what came of them."""

from __future__ import annotations

import os
import sys
import time

from tests.flips.running import run


def main() -> int:
    """Run, and show what is wrong."""
    count, seed = int(os.environ.get("N") or 3000), os.environ.get("SEED") or "flips"
    start = time.monotonic()
    tally = run(seed, range(count))
    print(f"{count} cases of seed {seed} in {time.monotonic() - start:.0f} s\n{tally}")
    for text in tally.wrong[:5]:
        print("\n" + text)
    print(f"{len(tally.wrong)} wrong")
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
