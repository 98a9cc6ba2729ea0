"""What the three formats have in common: faults, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from pdp.classes import dataclass, field
from pdp.conform.mismatch import Mismatch, clip

MAX_FAULTS: Final = 100

# Stands in data where a fault is reported already.
REPORTED: Final = object()

Path: TypeAlias = tuple[str | int, ...]
Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a file by the way that leads to it, or the key that it stands under."""

    path: Path
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something wrong in a file: a diagnostic whose position is not worked out yet.

    `note` says more about a place in a file, which is given by its number; None is the same file.
    """

    code: str
    message: str
    place: Place | Range
    help: str | None = None
    note: tuple[str, int | None, Place | Range] | None = None


@dataclass(slots=True)
class Report:
    """The faults of one file, as many as a person would read.

    `broken` tells that entities of the file may be missing from what was read.
    """

    faults: list[Fault] = field(default_factory=list)
    broken: bool = False

    @property
    def full(self) -> bool:
        """Whether reading on is of no use."""
        return len(self.faults) > MAX_FAULTS

    def add(self, fault: Fault) -> None:
        """Take a fault, unless there are too many; the last of them only says that there are more."""
        if not self.full:
            self.faults.append(fault)
        self.broken = self.broken or self.full

    def wrong(self, mismatch: Mismatch, path: Path) -> None:
        """Take what does not conform; `path` leads to the data that was read."""
        place = Place(path + mismatch.path, key=mismatch.code in _OF_KEYS)
        self.add(Fault(code=mismatch.code, message=mismatch.message, place=place, help=mismatch.help))


_OF_KEYS: Final = frozenset({"undeclared_attribute", "unknown_key"})


def doubled_key(name: str, first: Range, second: Range) -> Fault:
    """Say that a key stands twice."""
    message = f"the key `{clip(name)}` stands twice"
    note = ("first here", None, first)
    return Fault(code="duplicate_key", message=message, place=second, help="keep one of them", note=note)


class Wanted:
    """The places that are looked for, as a tree of steps; the scanners of the formats put the ranges in."""

    __slots__ = ("key", "steps", "value")

    def __init__(self) -> None:
        self.steps: dict[str | int, Wanted] = {}
        self.key: Range | None = None
        self.value: Range | None = None

    @classmethod
    def of(cls, places: Iterable[Place]) -> Wanted:
        """Return the tree of these places and of all on the way to them."""
        root = cls()
        for place in places:
            here = root
            for step in place.path:
                here = here.steps.setdefault(step, cls())
        return root

    def ranges(self, places: Iterable[Place]) -> dict[Place, Range]:
        """Return the range of each place, or where it is not there, of what it would be in."""
        return {place: self._range(place) for place in places}

    def _range(self, place: Place) -> Range:
        here, found = self, self.value or (0, 0)
        for step in place.path:
            here = here.steps[step]
            if here.value is None:
                return found
            found = here.value
        return here.key if place.key and here.key is not None else found


Ranges: TypeAlias = Mapping[Place, Range]
