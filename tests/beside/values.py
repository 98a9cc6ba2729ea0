"""Values of each kind, out of small pools so that they meet: as Cedar's JSON, and as texts that constructors take."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pdp.extensions import parse_datetime, parse_duration
from tests.beside.world import Kind, World

LEAST, MOST = -(2**63), 2**63 - 1
LONGS = (0, 1, -1, 2, 3, 7, 10, MOST, LEAST, 2**62, 3_037_000_500, -3_037_000_500, MOST - 1, LEAST + 1)
STRINGS = (
    *("", "a", "ab", "a*b", "ada", "x y", "ü", "😀", "é", "e\u0301", "line\nbreak", "*", "\\", "A", "\0", "'\"", "a/b"),
    *("10.0.0.1", "1.5", "2024-01-01", "1h"),
)
TEXTS = {
    "decimal": (
        *("0.0", "1.0", "1.00", "-1.5", "1.2345", "-0.0", "1.5", "00012.30"),
        *("922337203685477.5807", "-922337203685477.5808", "922337203685477.5806"),
    ),
    "ip": (
        *("10.0.0.1", "10.0.0.1/32", "10.0.0.0/8", "10.1.2.3/8", "127.0.0.1", "127.0.0.0/7", "127.255.255.255/9"),
        *("0.0.0.0/0", "224.0.0.1", "239.255.255.255", "224.0.0.0/3", "::1", "::1/127", "::", "::/0", "ff00::/8"),
        *("ff02::1", "fe80::1", "::ffff:a00:1", "2001:db8::/32", "2001:DB8::1", "1:2:3:4:5:6:7:8", "::1/128"),
    ),
    "datetime": (
        *("2024-01-01", "1970-01-01", "1969-12-31T23:59:59.999Z", "2024-02-29T12:30:00Z", "0000-01-01", "1900-03-01"),
        *("9999-12-31T23:59:59.999Z", "2024-01-01T00:00:00+0130", "2024-01-01T00:00:00.001-2359"),
        *("1969-12-31", "0000-01-01T00:00:00+2359", "2024-01-01T00:00:00Z"),
    ),
    "duration": (
        *("0ms", "1h", "60m", "1d", "-1h30m", "1500ms", "-1500ms", "-1ms", "1d2h3m4s5ms", "0d", "25h", "-1d"),
        *("-1s999ms", "-59m59s", "-1d1ms", "-90s", "-1500ms", "1999ms"),
        *("9223372036854775807ms", "-9223372036854775808ms", "106751991167d", "2440588d", "730485d"),
    ),
}
WRONG = {
    "decimal": (
        "1.",
        "1",
        ".5",
        "1.23456",
        "922337203685477.5808",
        "+1.0",
        "1_0.0",
        "١.0",
        " 1.0",
        "1.0\n",
        "--1.0",
        "a",
    ),
    "ip": (
        *("10.0.0.256", "10.0.0.1/33", "010.0.0.1", "10.0.0.1/08", "::1%eth0", "::ffff:10.0.0.1", "10.0.0.0/255.0.0.0"),
        *("1::2::3", "", "::/129", "10.0.0.1/", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8:9", "10.0.0", "0:0:0:0:0:0:0:0:0"),
        *("::/00", ":1", "10.0.0.1 ", "00000::", ":::", "10.0.0.1\n"),
    ),
    "datetime": (
        *(
            "2023-02-29",
            "2024-1-1",
            "2024-01-01T00:00:00",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "1900-02-29",
        ),
        *("2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00+2400", "2024-01-01t00:00:00z", "2024-01-01T00:00:00.1Z"),
        *(
            "10000-01-01",
            "2024-00-01",
            "2024-01-00",
            "2024-13-01",
            "",
            "2024-01-01Z",
            "-001-01-01",
            "2024-01-01T00:00Z",
        ),
    ),
    "duration": (
        *("", "-", "1", "1h1d", "1.5h", "9223372036854775808ms", "1H", "+1h", "--1h", "106751991168d", "1h1h", "1ms1s"),
        *("d", "1 h", "-9223372036854775809ms", "1m1h", "١h", "1w"),
    ),
}
_SIGNS = "0123456789.:/-+TZdhms "


def text(rng: random.Random, kind: str, odd: float = 0.0) -> str:
    """Return what a constructor takes; `odd` is how often it is malformed, or nearly well-formed."""
    draw = rng.random()
    if draw < odd / 2:
        return rng.choice(WRONG[kind])
    found = rng.choice(TEXTS[kind])
    return found if draw >= odd else _mistyped(rng, found)


_LENGTHS = {
    "toMilliseconds": 1,
    "toSeconds": 1000,
    "toMinutes": 60_000,
    "toHours": 3_600_000,
    "toDays": 86_400_000,
}


def units(given: str, name: str) -> int:
    """Return about what a function gives for a duration, so that tests of it stand at the edge."""
    try:
        return parse_duration(given).micros // (1000 * _LENGTHS[name])
    except ValueError:
        return 0


def day(given: str, after: int) -> str:
    """Return a day that is about the one of a datetime."""
    try:
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(after, microseconds=parse_datetime(given).micros))
    except (ValueError, OverflowError):
        return "1969-12-31"


def _mistyped(rng: random.Random, found: str) -> str:
    at = rng.randrange(len(found) + 1)
    kept = at + rng.randint(0, 1)
    return found[:at] + rng.choice(("", *_SIGNS)) + found[kept:]


@dataclass(slots=True)
class Drawer:
    """Draws values as Cedar's JSON; `short` says that a schema tells what is written without its escape."""

    rng: random.Random
    world: World
    short: bool = False
    odd: float = 0.0

    def of(self, kind: Kind) -> Any:
        """Return a value of a kind, or now and then of another."""
        if self.odd and self.rng.random() < self.odd:
            return self.any()
        return self._exactly(kind)

    def any(self) -> Any:
        """Return a value of any kind."""
        rng = self.rng
        kind: Kind = rng.choice(("bool", "long", "string", "decimal", "ip", "datetime", "duration", "entity", "set"))
        if kind == "entity":
            return self.entity(rng.choice([*self.world.types]))
        if kind == "set":
            return [self.any() for _ in range(rng.randint(0, 3))]
        return self._exactly(kind)

    def _exactly(self, kind: Kind) -> Any:
        match kind:
            case str():
                return self._plain(kind)
            case ("entity", str(name)):
                return self.entity(name)
            case ("set", element):
                return [self.of(element) for _ in range(self.rng.choice((0, 1, 1, 2, 3)))]  # type: ignore[arg-type]
            case ("record", fields):
                return self.record(fields)  # type: ignore[arg-type]
        raise AssertionError(kind)

    def _plain(self, kind: str) -> Any:
        rng = self.rng
        match kind:
            case "bool":
                return rng.random() < 0.6
            case "long":
                return rng.choice(LONGS if rng.random() < 0.3 else LONGS[:7])
            case "string":
                return rng.choice(STRINGS)
        arg = text(rng, kind, 0.01 if self.odd else 0.0)
        return arg if self.short and rng.random() < 0.5 else {"__extn": {"fn": kind, "arg": arg}}

    def record(self, fields: Any) -> dict[str, Any]:
        """Return what a record of such fields is."""
        found = {}
        for field in fields:
            if self.rng.random() < (1 - self.odd if field.required else 0.6):
                found[field.name] = self.of(field.kind)
        return found

    def entity(self, name: str, *, plain: bool = False) -> dict[str, Any]:
        """Return a reference to an entity of a type."""
        known = self.world.types.get(name)
        ids = ("a", "gone") if known is None else known.ids if known.closed else (*known.ids, *known.ids, "gone")
        inner = {"type": name, "id": self.rng.choice(ids)}
        return inner if plain or (self.short and self.rng.random() < 0.5) else {"__entity": inner}


Spoil = Callable[[random.Random], Any]
UNREADABLE: tuple[Any, ...] = (
    *(None, 1.0, 1.5, 2**63, -(2**63) - 1, 10**30, {"__extn": {"fn": "ip", "arg": "300.0.0.1"}}),
    *({"__extn": {"fn": "decimal", "arg": "1"}}, {"__entity": {"type": "1x", "id": "a"}}, {"__expr": "1"}),
    *({"__extn": {"fn": "none", "arg": "1"}}, {"__extn": {"fn": "ip", "arg": 1}}, [None], {"deep": [1.5]}),
)
"""What is no value, whatever stands around it.

An escape that is not whole, such as an entity without an id, is not among it: for Cedar that is a record, and pdp
refuses it (docs/cedar-differences-found.md).
"""
