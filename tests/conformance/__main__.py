"""`make conformance`: Cedar's published decisions and verdicts, by compiled rules and by the interpreter.

It fails where one differs, where the data is missing, and where there is less of it than was published.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from conformance.corpus import Row, rows
from conformance.judging import Tally, judged, verdict

from peers import PEER_DATA

LEAST = {
    "corpus-sample.jsonl.gz": {"decisions": 12_016, "verdicts": 1_502},
    "handwritten.jsonl": {"decisions": 74},
}
SHOWN = 20


def main() -> int:
    """Go through all data; 0 where everything agrees and all of it is there."""
    sound = [_file(name, least) for name, least in LEAST.items()]
    return 0 if all(sound) else 1


def _file(name: str, least: dict[str, int]) -> bool:
    path = PEER_DATA / "cedar" / name
    if not path.is_file():
        print(f"{name}: there is no such file in the peer data; PDP_PEER_DATA names its folder")
        return False
    tally, wrong = Tally(), []
    looks: list[Callable[[Row, Tally], Iterator[str]]] = [judged, verdict]
    for row in rows(path):
        tally["rows"] += 1
        tally["requests"] += len(row.requests)
        for look in looks:
            try:
                wrong += look(row, tally)
            except Exception as error:
                wrong.append(f"{row.name}: {type(error).__name__}: {error}")
    print(*wrong[:SHOWN], sep="\n", end="\n" if wrong else "")
    sound = not wrong and all(tally[what] >= count for what, count in least.items())
    print(
        f"{name}: {tally['decisions']} of {max(tally['requests'], least['decisions'])} decisions (interpreter and "
        f"compiled), {tally['verdicts']} of {max(tally['rows'], least.get('verdicts', 0))} verdicts; "
        f"{tally['allow']} allow, {tally['deny']} deny, {tally['erring']} with a policy that fails, "
        f"{tally['by compiled rules']} by compiled rules alone"
    )
    return sound


if __name__ == "__main__":
    sys.exit(main())
