"""The second part of `make differential`: N decisions (a million), SEED=… of another seed, CASE=… one case of it."""

from __future__ import annotations

import os
import sys

from tests.beside import running
from tests.beside.cases import draw
from tests.beside.oracle import VARIABLE, Oracle, interpreter
from tests.beside.tally import Tally


def main() -> int:
    """Run what the environment asks for; 0 where nothing differs."""
    python = interpreter()
    if python is None:
        print(f"no cedarpy to compare with: {VARIABLE} names the interpreter of an environment that has it")
        return 1
    seed, number = os.environ.get("SEED") or "1", os.environ.get("CASE")
    if number:
        return _one(python, seed, int(number))
    return 0 if running.run_all(python, seed, int(os.environ.get("N") or 1_000_000)) else 1


def _one(python: str, seed: str, number: int) -> int:
    case, tally, oracle = draw(seed, number), Tally(), Oracle(python)
    try:
        found = running.compare(case, oracle, tally=tally)
        text = "no difference" if found is None else running.told(case, found, oracle)
    finally:
        oracle.close()
    print(case.text, text, tally, sep="\n")
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
