"""Values that say of themselves what is not so, as a caller's process may hold them."""

from __future__ import annotations

import datetime
import decimal
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any
from unittest import mock

from pdp.model import Entity
from pdp.values import Datetime, EntityRef


class LyingText(str):
    """Text that equals all other text, and goes by the hash of one."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash("secret")

    def __contains__(self, other: object) -> bool:
        return True

    def startswith(self, *_: Any) -> bool:
        return True

    def endswith(self, *_: Any) -> bool:
        return True

    def isascii(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "secret"


class LyingNumber(int):
    """A number that is as large as one likes."""

    def __eq__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return True

    __le__ = __gt__ = __ge__ = __lt__

    def __hash__(self) -> int:
        return hash(7)

    def __add__(self, other: Any) -> int:
        return 7

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __add__


class LyingTuple(tuple[Any, ...]):
    """A tuple that holds everything."""

    def __contains__(self, other: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0


class LyingList(list[Any]):
    """A list that shows other elements than it holds."""

    def __iter__(self) -> Iterator[Any]:
        return iter(["secret"])

    def __len__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        return False


class LyingDict(dict[str, Any]):
    """A dict that has every key."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        return {"text": "secret", "number": 7, "truth": True}.get(key, "secret")

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]

    def __bool__(self) -> bool:
        return False


class RaisingDict(dict[str, Any]):
    """A dict that cannot be asked."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        raise RuntimeError("not today")


class AnyDict(UserDict[str, Any]):
    """A mapping that is no dict."""


class Passing:
    """What passes for a value of a class, and is none."""

    def __init__(self, kind: type, value: Any) -> None:
        self._kind, self._value = kind, value

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return self._kind

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(self._value)

    def __lt__(self, other: object) -> bool:
        return True

    __le__ = __gt__ = __ge__ = __lt__

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return 1

    def __contains__(self, key: object) -> bool:
        return False

    def __getitem__(self, key: Any) -> Any:
        return {"text": "secret", "number": 7, "truth": True}.get(key, self._value)

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def keys(self) -> list[str]:
        return []

    def isascii(self) -> bool:
        return True

    def startswith(self, *_: Any) -> bool:
        return True

    @property
    def type(self) -> str:
        return "User"

    @property
    def id(self) -> str:
        return "nobody"


class Posing:
    """What equals a text and has its hash, and is no text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(self._text)


class LyingRef(EntityRef):
    """A reference that passes for another."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(EntityRef("User", "secret"))


class OddDatetime(datetime.datetime):
    """A datetime of a class of its own, as tests of other projects have it."""


class OddZone(datetime.tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, _: Any) -> None:
        return None


class Boom:
    """What raises whatever one does with it."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def _raise(self, *_: Any) -> Any:
        raise self._error("boom")

    __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __lt__ = __getitem__ = __contains__ = _raise  # type: ignore[assignment]
    __str__ = __repr__ = _raise  # type: ignore[assignment]


UTC = datetime.UTC
NOW = datetime.datetime(2026, 11, 23, 9, tzinfo=UTC)

TEXTS: dict[str, Any] = {
    "it": "secret",
    "other": "other",
    "empty": "",
    "lying": LyingText("other"),
    "passing": Passing(str, "secret"),
    "mock": mock.Mock(spec=str),
    "posing": Posing("secret"),
    "bytes": b"secret",
    "list": ["secret"],
    "none": None,
    "half": "\ud800",
    "long": "s" * 1_048_577,
    "boom": Boom(ValueError),
    "generator": (each for each in "secret"),
    "class": str,
}
NUMBERS: dict[str, Any] = {
    "it": 7,
    "true": True,
    "one": 1,
    "float": 7.0,
    "text": "7",
    "decimal": decimal.Decimal(7),
    "lying": LyingNumber(3),
    "passing": Passing(int, 7),
    "nan": float("nan"),
    "infinite": float("inf"),
    "largest": 2**63 - 1,
    "too large": 2**63,
    "huge": 10**400,
    "too small": -(2**63) - 1,
    "complex": 7 + 0j,
    "none": None,
    "posing": Posing("7"),
    "boom": Boom(RecursionError),
}
TRUTHS: dict[str, Any] = {
    "it": True,
    "false": False,
    "one": 1,
    "zero": 0,
    "text": "true",
    "passing": Passing(bool, True),
    "none": None,
    "list": [True],
    "boom": Boom(MemoryError),
    "float": 1.0,
}
SETS: dict[str, Any] = {
    "it": ["secret"],
    "tuple": ("secret",),
    "set": {"secret"},
    "frozen": frozenset({"secret"}),
    "twice": ["secret", "secret"],
    "empty": [],
    "order": ["x", "secret"],
    "nested": [["secret"]],
    "lying": LyingList(["x"]),
    "lying tuple": LyingTuple(("x",)),
    "lying text in it": [LyingText("other")],
    "text": "secret",
    "dict": {"secret": 1},
    "generator": (each for each in ("secret",)),
    "range": range(3),
    "mixed": ["secret", 1],
    "reference": EntityRef("User", "secret"),
    "passing": Passing(list, "secret"),
    "none": None,
}
WHOS: dict[str, Any] = {
    "it": EntityRef("User", "secret"),
    "data": {"type": "User", "id": "secret"},
    "text": 'User "secret"',
    "other type": EntityRef("Robot", "secret"),
    "other": EntityRef("User", "ada"),
    "tuple": ("User", "secret"),
    "lying": LyingRef("User", "ada"),
    "passing": Passing(EntityRef, "secret"),
    "entity": Entity("User", "secret"),
    "lying id": EntityRef("User", LyingText("ada")),
    "posing id": EntityRef("User", Posing("secret")),  # type: ignore[arg-type]
}
DECIMALS: dict[str, Any] = {
    "it": "1.5",
    "zeros": "1.5000",
    "decimal": decimal.Decimal("1.5"),
    "nan": decimal.Decimal("NaN"),
    "float": 1.5,
    "int": 1,
    "lying": LyingText("2.5"),
    "passing": Passing(str, "1.5"),
    "long": "1." + "5" * 70_000,
}
TIMES: dict[str, Any] = {
    "it": NOW,
    "text": "2026-11-23T09:00:00Z",
    "another zone": NOW.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    "naive": NOW.replace(tzinfo=None),
    "odd": OddDatetime(2026, 11, 23, 9, tzinfo=UTC),
    "odd zone": NOW.replace(tzinfo=OddZone()),
    "date": NOW.date(),
    "number": NOW.timestamp(),
    "pdp": Datetime.of(NOW),
    "out of range": Datetime(2**62),
    "first": datetime.datetime.min.replace(tzinfo=UTC),
    "last": datetime.datetime.max.replace(tzinfo=UTC),
    "passing": Passing(datetime.datetime, NOW),
    "none": None,
    "boom": Boom(ValueError),
}
VALUES: dict[str, dict[str, Any]] = {
    "text": TEXTS,
    "number": NUMBERS,
    "truth": TRUTHS,
    "set": SETS,
    "who": WHOS,
    "half": DECIMALS,
    "when": TIMES,
}
RIGHT: dict[str, Any] = {name: family["it"] for name, family in VALUES.items()}

Wrapped = Callable[[dict[str, Any]], Any]
MAPPINGS: dict[str, Wrapped] = {
    "dict": lambda given: given,
    "ordered": OrderedDict,
    "default": lambda given: defaultdict(lambda: "secret", given),
    "proxy": MappingProxyType,
    "user": AnyDict,
    "lying": LyingDict,
    "raising": RaisingDict,
    "passing": lambda given: Passing(dict, "secret"),
    "pairs": lambda given: list(given.items()),
    "text": lambda given: "secret",
    "boom": lambda given: Boom(ValueError),
    "generator": lambda given: (each for each in given),
    "lying keys": lambda given: {LyingText(f"x{name}"): value for name, value in given.items()},
    "plain keys": lambda given: {type("Key", (str,), {})(name): value for name, value in given.items()},
    "other keys": lambda given: {None: 1, 3: 4, ("a",): 5, **given},
    "empty": lambda given: {},
}
