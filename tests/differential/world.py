"""The declared world of all cases, and the names, values and instants that everything in it is drawn from."""

from __future__ import annotations

import datetime
from typing import Final

from pdp.folder import load_sources
from pdp.source import Source
from pdp.values import SECOND, Datetime, Decimal, Duration, EntityRef, EnumMember, Ip, Record, Value, ValueSet

_OWNED = """level: Int, active: Bool, name: String, tags: [String], mode: Mode, team: Group, friends: [User],
  ends?: Datetime, budget?: Decimal, home?: { city: String, floor: Int }, boss?: User, net?: Ip, marks?: [Int]"""

SCHEMA: Final = f"""context {{ ip: Ip, size: Int, mode: Mode, ticket?: String, since?: Datetime, wait?: Duration,
  cost?: Decimal, labels?: [String], place?: {{ city: String, floor?: Int }}, peer?: User, groups?: [Group] }}
enum Mode {{ fast, slow, odd }}
enum Kind {{ note, plan, bill }}
type Group in Group
type User in Group {{ {_OWNED} }}
type Bot in Group {{ {_OWNED} }}
type Agent in Group {{ trusted: Bool }}
type Robot
type Site
type Folder in Folder {{ owner: User, holder: User | Bot, secret: Bool, opened: Datetime, kind: Kind, code: String,
  rank: Int, keepers: [Group], kinds: [Kind], parts: [{{ name: String, size: Int }}], score?: Int, price?: Decimal,
  zone?: Ip, span?: Duration, up?: Folder }}
type Doc in Folder {{ owner: User, holder: User | Bot, secret: Bool, opened: Datetime, kind: Kind, code: String,
  rank: Int, keepers: [Group], kinds: [Kind], parts: [{{ name: String, size: Int }}], score?: Int, price?: Decimal,
  zone?: Ip, span?: Duration, up?: Folder }}
session {{ actor?: Agent }}
action read, write on Doc, Folder by User, Bot
action ship on Doc by User, Bot with {{ change: String, count?: Int }}
action ping on Site by Robot
obligation log {{ size: Int, secret: Bool }}
obligation tell {{ who: String }}
obligation keep {{ days: Int }}
role reader on Doc, Folder: read
role editor on Doc, Folder: reader, write
"""
EMPTY: Final = load_sources([Source("world.pdp", SCHEMA)]).require()[0]
WORLD: Final = EMPTY.schema

PRINCIPALS: Final = ("User", "Bot")
RESOURCES: Final = ("Doc", "Folder")
ACTIONS: Final = ("read", "write", "ship")

IDS: Final[dict[str, tuple[str, ...]]] = {
    "User": ("u1", "u2", "u3", "u4"),
    "Bot": ("u1", "b2"),
    "Agent": ("a1", "a2"),
    "Group": ("ga", "gb", "gc", "gd", "ge"),
    "Folder": ("fa", "fb", "fc", "fd"),
    "Doc": ("d1", "d2", "fa"),
}
REFS: Final = {kind: tuple(EntityRef(kind, each) for each in ids) for kind, ids in IDS.items()}

# Every instant is a few steps away from the time of a request, so that edges, ends and requests meet.
STEP: Final = 300 * SECOND
NOW: Final = Datetime.parse("2026-11-23T09:00:00Z").micros
NOWS: Final = tuple(
    Datetime.parse(text).micros
    for text in (
        "2026-10-25T00:55:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-29T00:59:59.999999Z",
        "2026-03-29T01:00:00Z",
        "2026-11-01T05:55:00Z",
        "2026-04-04T15:00:00Z",
        "2026-12-31T23:59:59.999999Z",
        "2028-02-29T23:00:00Z",
    )
)
ENDS_OF_TIME: Final = tuple(Datetime.parse(text).micros for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")

INTS: Final = (0, 1, 2, 3, 5, 7, -1, 2**63 - 1, -(2**63), 2**62)
TEXTS: Final = ("x", "y", "xy", "INC-1", "INC-22", "main", "refs/heads/main", "", "1", "true")
CODES: Final = tuple(f"c{number}" for number in range(40))
DECIMALS: Final = tuple(Decimal(units) for units in (0, 1, 10_000, -10_000, 105_000, 2**63 - 1, -(2**63)))
DURATIONS: Final = (Duration(1000), *(Duration(count * STEP) for count in (0, 1, 2, 3, 12, 288)))
IPS: Final = tuple(map(Ip.parse, ("10.1.2.3", "10.0.0.9", "192.0.2.7", "::1", "2001:db8::1", "::ffff:10.1.2.3")))
RANGES: Final = tuple(map(Ip.parse, ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "0.0.0.0/0")))
MODES: Final = tuple(EnumMember("Mode", name) for name in ("fast", "slow", "odd"))
KINDS: Final = tuple(EnumMember("Kind", name) for name in ("note", "plan", "bill"))
HOMES: Final = tuple(Record({"city": city, "floor": floor}) for city in ("x", "y") for floor in (0, 1))
PARTS: Final = tuple(Record({"name": name, "size": size}) for name in ("x", "y", "INC-1") for size in (0, 1, 5))

POOLS: Final[dict[str, tuple[Value, ...]]] = {
    "Bool": (True, False),
    "Int": INTS,
    "String": TEXTS,
    "Decimal": DECIMALS,
    "Duration": DURATIONS,
    "Ip": IPS,
    "Mode": MODES,
    "Kind": KINDS,
    "home": HOMES,
    "part": PARTS,
    **REFS,
}


def moment(micros: int) -> datetime.datetime:
    """Return an instant as callers give it."""
    return Datetime(micros).to_datetime()


def sets(pool: tuple[Value, ...]) -> tuple[ValueSet, ...]:
    """Return a few sets of values, the empty one too."""
    return (ValueSet(()), ValueSet(pool[:1]), ValueSet(pool[1:3]), ValueSet(reversed(pool[:3])))


SETS: Final = {name: sets(pool) for name, pool in POOLS.items()}
