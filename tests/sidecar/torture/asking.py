"""A client in a process of its own: `python -m tests.sidecar.torture.asking SPEC`, where SPEC is the JSON of a `Spec`.

It asks the same question at a pace, again and again, and writes on the board what it hears.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pdp
from pdp.clocks import passing
from pdp.values import EntityRef
from tests.sidecar.torture import serving, world
from tests.sidecar.torture.board import Board

NOBODY = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Whom a client asks, how it keeps answers, and how it is broken."""

    target: str
    board: str
    place: int
    pace: float = 0.001
    timed: bool = False
    breach: str = ""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def asking(specs: Sequence[Spec], board: Board) -> Iterator[None]:
    """Start clients; go on once each of them has asked; end them at the end."""
    with contextlib.ExitStack() as started:
        for spec in specs:
            command = [sys.executable, "-m", "tests.sidecar.torture.asking", json.dumps(dataclasses.asdict(spec))]
            process = subprocess.Popen(command, cwd=serving.ROOT, env=serving.environment())
            started.callback(process.wait, serving.PATIENCE)
            started.callback(process.kill)
        until = time.monotonic() + serving.PATIENCE
        while not all(board.get("ready", spec.place) for spec in specs):
            if time.monotonic() > until:
                raise RuntimeError("a client does not come up")
            time.sleep(0.01)
        yield


# ----------------------------------------------------------------------------------------------------- in the process


def main(text: str) -> None:
    """Ask until all is over."""
    spec = Spec(**json.loads(text))
    board = Board(Path(spec.board))
    with serving.broken(spec.breach), pdp.connect(spec.target, **spec.options) as client:
        ask_on(client, board, spec)


def ask_on(client: Any, board: Board, spec: Spec) -> None:
    """Ask about whoever has the turn; each eighth time, about somebody who had it before."""
    place, chance, number = spec.place, random.Random(spec.place), 0
    while not board.get("over"):
        number += 1
        turn = board.get("turn")
        if number % 8 == 0 and turn > 0 and not spec.timed:
            if client.allows(world.subject(chance.randrange(int(turn))), "write", world.PAGE):
                board.put(board.get("returned", place) + 1, "returned", place)
        else:
            _ask(client, board, spec, turn, world.TIMED if spec.timed else world.subject(int(turn)))
        board.put(number, "asked", place)
        board.put(1, "ready", place)
        time.sleep(spec.pace)


def _ask(client: Any, board: Board, spec: Spec, turn: float, who: EntityRef) -> None:
    begun = passing()
    allowed = client.allows(who, "write", world.PAGE)
    ended = passing()
    if allowed:
        board.put(begun, "allowed_at", spec.place)
        board.put(turn + 1, "allowed", spec.place)
    elif board.get("allowed", spec.place) == turn + 1 and board.get("denied", spec.place) != turn + 1:
        board.put(ended, "denied_at", spec.place)
        board.put(turn + 1, "denied", spec.place)


if __name__ == "__main__":
    main(sys.argv[1])
