"""What processes of one run tell one another: numbers in a file that all of them map, each written by one of them."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

HEAD = ("turn", "over")
CLIENT = ("ready", "allowed", "allowed_at", "denied", "denied_at", "returned", "asked")
"""Of a client: the last turn in which its question was allowed, and when that one was asked; the last turn in which it
was denied, and when that was first heard; how often one came back who had been denied."""

MOST_CLIENTS = 16
_NUMBER = struct.Struct("d")


class Board:
    """A number is eight bytes at a place that is a multiple of eight, which nobody reads half of."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(_NUMBER.size * (len(HEAD) + MOST_CLIENTS * len(CLIENT))))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._numbers = memoryview(self._map).cast("d")

    def get(self, name: str, place: int | None = None) -> float:
        """Return a number of a client, or of the run."""
        return self._numbers[_index(name, place)]

    def put(self, value: float, name: str, place: int | None = None) -> None:
        """Write a number."""
        self._numbers[_index(name, place)] = value


def _index(name: str, place: int | None) -> int:
    return HEAD.index(name) if place is None else len(HEAD) + place * len(CLIENT) + CLIENT.index(name)
