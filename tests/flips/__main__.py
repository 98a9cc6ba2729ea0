"""`python -m tests.flips 5000 [SEED]`: so many cases, and what came of them."""

from __future__ import annotations

import sys
import time

from tests.flips.running import run


def main() -> int:
    """Run, and show what is wrong."""
    count, seed = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "flips"
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    start = time.monotonic()
    tally = run(seed, range(first, first + count))
    print(f"{count} cases of seed {seed} in {time.monotonic() - start:.0f} s\n{tally}")
    for text in tally.wrong[:5]:
        print("\n" + text)
    print(f"{len(tally.wrong)} wrong")
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
