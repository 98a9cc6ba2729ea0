"""From a revocation that is acknowledged to the first deny at each client, and what clients do that are cut off."""

from __future__ import annotations

import datetime
import random
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pdp
from pdp.clocks import passing
from tests.sidecar.torture import asking, serving, several, world
from tests.sidecar.torture.board import Board
from tests.sidecar.torture.serving import Sidecar

CLIENTS = 4
KINDS = ("frames", "grpc")
BOUND_MS = 50.0
"""What 999 of 1000 revocations take at most until a client denies."""

LONGEST_MS = 1_000.0
"""After that, no client allows any more, whatever happens."""

LEASE = 12.0
"""Seconds that a lease has from before anything is started: enough of them are left when all clients are up."""

STALENESS = 1.0
SLACK = 0.05
"""What a beat may have been on its way, in seconds."""


@dataclass(slots=True)
class Heard:
    """How long each client took to deny, in ms from the acknowledgement, and what went wrong."""

    times: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return what a share of them took at most."""
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * share))] if self.times else 0.0

    def to_json(self) -> dict[str, float]:
        """Return the figures."""
        return {"median": self.at(0.5), "p999": self.at(0.999), "worst": self.at(1.0)}


def measure(folder: Path, count: int, *, server: str = "", client: str = "", kinds: Sequence[str] = KINDS) -> Heard:
    """Revoke so many subjects, one after the other, while each client asks about the one whose turn it is.

    `server` and `client` say how the processes are broken, the clients all but the first; `kinds` are the protocols
    that clients ask by, in turns.
    """
    spec = serving.Spec(folder=str(folder), breach=server, parts=kinds)
    targets = {"frames": spec.frames, "grpc": f"grpc:{spec.grpc}"}
    with serving.serving(spec):
        return _heard(folder, count, [targets[kinds[place % len(kinds)]] for place in range(CLIENTS)], client=client)


def measure_workers(folder: Path, count: int, *, server: str = "") -> Heard:
    """Do the same with `pdp serve` and two workers, whose clients do not know which of them they ask."""
    with several.running(folder, 2, server) as address:
        revoker = {"insecure": True, "token": several.TOKEN}
        return _heard(folder, count, [address] * CLIENTS, options={"insecure": True}, revoker=revoker)


def _heard(
    folder: Path,
    count: int,
    targets: Sequence[str],
    *,
    client: str = "",
    options: Mapping[str, Any] | None = None,
    revoker: Mapping[str, Any] | None = None,
) -> Heard:
    board = Board(folder / "board", create=True)
    specs = [
        asking.Spec(
            target=target,
            board=str(folder / "board"),
            place=place,
            breach=client if place else "",
            options=dict(options or {}),
        )
        for place, target in enumerate(targets)
    ]
    heard, chance = Heard(), random.Random(1)
    with asking.asking(specs, board), pdp.connect(targets[0], timeout=10.0, **(revoker or {})) as revoking:
        for number in range(count):
            board.put(number, "turn")
            if not _all(board, "allowed", number + 1):
                heard.wrong.append(f"turn {number}: not every client is allowed before anything is revoked")
                break
            # At any time between two beats, and between two questions.
            time.sleep(chance.random() * 0.003)
            heard.wrong += _revoke(board, heard, revoking, number)
            if len(heard.wrong) > 5:
                break
        board.put(1, "over")
    back = sum(board.get("returned", place) for place in range(CLIENTS))
    if back:
        heard.wrong.append(f"{back:.0f} times one was allowed who had been denied")
    return heard


def _revoke(board: Board, heard: Heard, revoker: Any, number: int) -> list[str]:
    revoker.revoke(principal=world.subject(number))
    acknowledged = passing()
    if not _all(board, "denied", number + 1, patience=2 * LONGEST_MS / 1e3):
        return [f"turn {number}: a client still allows {2 * LONGEST_MS:.0f} ms after the revocation is acknowledged"]
    wrong = []
    for place in range(CLIENTS):
        heard.times.append(max(0.0, (board.get("denied_at", place) - acknowledged) * 1e3))
        late = (board.get("allowed_at", place) - acknowledged) * 1e3
        if late > LONGEST_MS:
            wrong.append(f"turn {number}: client {place} allows what is asked {late:.0f} ms after the acknowledgement")
    return wrong


def _all(board: Board, name: str, value: float, patience: float = 10.0) -> bool:
    until = time.monotonic() + patience
    while any(board.get(name, place) != value for place in range(CLIENTS)):
        if time.monotonic() > until:
            return False
        time.sleep(0.0005)
    return True


def wrongs(folder: Path, count: int, *, server: str = "", client: str = "") -> list[str]:
    """Revoke so many subjects, and tell what went wrong."""
    return _judged(measure(folder, count, server=server, client=client), count)


def wrongs_of_workers(folder: Path, count: int, *, server: str = "", runs: int = 1) -> list[str]:
    """Revoke so many subjects in one of two workers, and tell what went wrong.

    All clients may happen to ask one worker, which shows nothing of the other: so this may be done a few times.
    """
    found: list[str] = []
    for number in range(runs):
        here = folder / str(number)
        here.mkdir()
        found += _judged(measure_workers(here, count, server=server), count)
        if found:
            break
    return found


def _judged(heard: Heard, count: int) -> list[str]:
    print(
        f"{len(heard.times)} denials after {count} revocations: median {heard.at(0.5):.1f} ms, "
        f"99.9 % {heard.at(0.999):.1f} ms, worst {heard.at(1.0):.1f} ms",
        flush=True,
    )
    if heard.at(0.999) > BOUND_MS:
        heard.wrong.append(f"99.9 % of the denials take {heard.at(0.999):.0f} ms after the acknowledgement")
    return heard.wrong


# ---------------------------------------------------------------------------------------------------------- cut off


def cut(folder: Path, how: str, *, client: str = "") -> list[str]:
    """Cut clients off a sidecar, which is `stopped`, or `killed`; they allow no longer than they may."""
    bound = STALENESS + SLACK
    with _cut_off(folder, how, client, timed=False) as (board, at):
        time.sleep(STALENESS + 1.0)
        found = _too_late(board, at + bound, f"cut off by a sidecar that is {how}")
    print(f"cut off, {how}: {'wrong' if found else f'nothing is allowed {bound:.2f} s later'}", flush=True)
    return found


class _cut_off:  # noqa: N801  # It is used as a function.
    def __init__(self, folder: Path, how: str, client: str, *, timed: bool, until: str = world.FAR) -> None:
        self._folder, self._how, self._timed, self._client, self._until = folder, how, timed, client, until

    def _spec(self) -> serving.Spec:
        # Where a lease is to end by itself, clients must not think before that that nobody is there any more.
        beat = 30.0 if self._timed else 0.5
        return serving.Spec(folder=str(self._folder), until=self._until, beat=beat, parts=("frames",))

    def __enter__(self) -> tuple[Board, float]:
        folder = self._folder
        board = self._board = Board(folder / "board", create=True)
        self._serving = serving.serving(self._spec())
        self._sidecar: Sidecar = self._serving.__enter__()
        options = {"max_staleness": STALENESS if not self._timed else 30.0, "timeout": 0.2}
        specs = [
            asking.Spec(
                target=f"unix:{folder}/frames",
                board=str(folder / "board"),
                place=place,
                timed=self._timed,
                breach=self._client if place else "",
                options=options,
            )
            for place in range(CLIENTS)
        ]
        self._asking = asking.asking(specs, board)
        self._asking.__enter__()
        if not _all(board, "allowed", 1):
            raise RuntimeError("not every client is allowed")
        # Until all have heard a beat, and answer from what they keep.
        time.sleep(0.3)
        self._sidecar.signal(signal.SIGSTOP if self._how == "stopped" else signal.SIGKILL)
        return board, passing()

    def __exit__(self, *_: object) -> None:
        self._board.put(1, "over")
        self._asking.__exit__(None, None, None)
        self._serving.__exit__(None, None, None)


def lease(folder: Path, *, client: str = "") -> list[str]:
    """Cut clients off a sidecar that gave them leases which end soon, and let them deny when these do."""
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=LEASE)
    begun, wall = passing(), datetime.datetime.now(datetime.UTC)
    with _cut_off(folder, "stopped", client, timed=True, until=until.isoformat(timespec="milliseconds")[:-6] + "Z") as (
        board,
        _,
    ):
        end = begun + (until - wall).total_seconds()
        time.sleep(max(0.0, end - passing()) + 0.3)
        found = _too_late(board, end + SLACK, "whose lease has ended")
        if any(board.get("allowed_at", place) < end - 1.0 for place in range(CLIENTS)):
            found.append("a client that is cut off does not answer from its lease until that ends")
    print(f"a lease that ends while cut off: {'wrong' if found else 'denied at its end'}", flush=True)
    return found


def _too_late(board: Board, end: float, what: str) -> list[str]:
    late = [(board.get("allowed_at", place) - end) * 1e3 for place in range(CLIENTS)]
    return [f"client {place}, {what}, allows {ms:.0f} ms too late" for place, ms in enumerate(late) if ms > 0]
