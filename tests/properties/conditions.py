"""Random conditions over every operator and every type, most of them well-typed, and facts that conform to the schema.

Attributes are reached along every path that the schema has. Where a step of one may be absent, or is there for some
types only, the test for it is put somewhere near, mostly where it guards the use and sometimes where it does not: the
checker has to tell the two apart.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

import pdp
from pdp.conform import conform_entity
from pdp.entities import Store
from pdp.schema import Schema
from pdp.terms import Policy

T = TypeVar("T")
NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)

# For each type its attributes; a question mark ends the name of an optional one.
RECORDS: Mapping[str, Mapping[str, str]] = {
    "Home": {"country": "String", "city?": "String", "geo?": "Geo"},
    "Geo": {"x": "Int", "alt?": "Int"},
    "Box": {"size": "Int", "made?": "Datetime"},
}
ENTITIES: Mapping[str, Mapping[str, str]] = {
    "Cat": {"name": "String", "lives": "Int", "chip?": "String"},
    "Dog": {"name": "String", "chip": "String", "owner?": "User"},
    "User": {
        "level": "Int",
        "active": "Bool",
        "badge": "String",
        "hired?": "Datetime",
        "manager?": "User",
        "pet?": "Cat | Dog",
        "friends": "[User]",
        "pets": "[Cat | Dog]",
        "tags": "[String]",
        "grid": "[[Int]]",
        "home": "Home",
        "boxes": "[Box]",
        "budget": "Decimal",
    },
    "Robot": {"level": "Int", "active?": "Bool", "badge": "Int", "hired": "Datetime", "boss": "User | Robot"},
    "Doc": {"owner": "User", "kind": "Kind", "score?": "Int", "opened": "Datetime", "editor?": "User | Robot"},
    "Folder": {"open": "Bool", "kind?": "Kind", "owner": "User | Robot", "nets": "[Ip]"},
}
CONTEXTS: Mapping[str, Mapping[str, str]] = {
    "read": {"ip": "Ip", "size": "Int", "took": "Duration", "note?": "String", "box?": "Box", "who?": "User | Robot"},
    "write": {"ip?": "Ip", "size": "Int", "took": "Duration", "note": "String", "cost": "Decimal", "kinds": "[Kind]"},
}
SESSION = {
    "mfa": "Bool",
    "methods": "[String]",
    "authenticated_at": "Datetime",
    "acr?": "String",
    "bound?": "Bool",
    "expires_at?": "Datetime",
    "dept?": "String",
    "actor?": "Robot",
}
LITERALS: Mapping[str, Sequence[str]] = {
    "Bool": ["true", "false"],
    "Int": ["0", "1", "3", "-7"],
    "String": ['"a"', '"ab"', '""'],
    "Decimal": ["1.5", "-0.25"],
    "Datetime": ["2026-11-23T08:00:00Z", "2027-01-01"],
    "Duration": ["15m", "2h", "1d"],
    "Ip": ["10.0.0.0/8", "10.1.2.3", "::1"],
    "Kind": ["note", "Kind.plan"],
    "User": ['User "u1"', 'User "u2"'],
    "Robot": ['Robot "r1"'],
    "Cat | Dog": ['Cat "c1"', 'Dog "d1"'],
    "User | Robot": ['User "u1"', 'Robot "r1"'],
    "Folder": ['Folder "top"'],
    "[String]": ["[]"],
    "[User]": ['[User "u2"]', "[]"],
    "[Cat | Dog]": ['[Cat "c1", Dog "d1"]'],
    "[[Int]]": ["[[1, 2], []]", "[]"],
    "[Ip]": ["[10.0.0.0/8, ::1]"],
    "[Kind]": ["[note, bill]"],
    "Box": ["{ size: 3 }", "{ size: 3, made: 2026-01-01 }"],
    "[Box]": ["[{ size: 3 }]", "[{ size: 1, made: 2026-01-01 }, { size: 2, made: 2026-01-01 }]"],
    "Home": ['{ country: "a" }'],
    "Geo": ["{ x: 1 }"],
}
DEFINES = """
define big(x: Int) = x > 3 and x != 7
define senior(u: User) = u.level > 2 and u.active
define tenured(u: User) = u has hired and u.hired < 2026-01-01
define either(b: Bool, c: Bool) = (b and c) or not c
define named(p: Cat | Dog) = p.name like "a*"
define far(s: [[Int]], x: Int) = any row in s: x in row
define lent(x: Int) = if principal has hired then x + 1 else x
"""
OBLIGED = {"text": "String", "count": "Int", "who": "User | Robot", "at": "Datetime", "boxes": "[Box]"}
CALLS = {
    "big": ["Int"],
    "senior": ["User"],
    "tenured": ["User"],
    "either": ["Bool", "Bool"],
    "named": ["Cat | Dog"],
    "far": ["[[Int]]", "Int"],
}


def _written(fields: Mapping[str, str]) -> str:
    written = ", ".join(f"{name}: {kind}" for name, kind in fields.items())
    while found := re.search("|".join(rf"\b{name}\b" for name in RECORDS), written):
        written = written.replace(found[0], f"{{ {_plain(RECORDS[found[0]])} }}")
    return written


def _plain(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in fields.items())


SCHEMA = "\n".join(
    [
        "enum Kind { note, plan, bill }",
        "type Group in Group",
        *(
            f"type {name} in {'Folder' if name in ('Doc', 'Folder') else 'Group'} {{ {_written(fields)} }}"
            for name, fields in ENTITIES.items()
        ),
        "session { actor?: Robot, dept?: String }",
        f"action read on Doc, Folder by User, Robot with {{ {_written(CONTEXTS['read'])} }}",
        f"action write on Doc by User with {{ {_written(CONTEXTS['write'])} }}",
        f"obligation log {{ {_written({f'{name}?': kind for name, kind in OBLIGED.items()})} }}",
        DEFINES,
    ]
)


# How often each kind of condition is written, beside the others.
ATOMS = [
    *["bool", "equal", "equal", "order", "in", "in", "has", "has", "like", "is", "empty", "contains"],
    *["any", "any", "time", "calendar", "call", "call"],
]
MEMBERSHIPS = [
    *[("User", "User"), ("User | Robot", "User"), ("User", "[User]"), ("Cat | Dog", "[Cat | Dog]")],
    *[("Ip", "Ip"), ("Ip", "[Ip]"), ("Kind", "[Kind]"), ("String", "[String]"), ("Box", "[Box]")],
    *[("User", "Group"), ("Robot", "Group"), ("Int", "[Int]")],
]


@dataclass(frozen=True)
class Path:
    """A way to a value of some type, and the tests that have to hold for it to be there."""

    text: str
    guards: tuple[str, ...]
    optional: str = ""
    """The test for its own last step, where that is an attribute that may be absent."""


def _fields(kind: str) -> Mapping[str, str]:
    return RECORDS.get(kind) or ENTITIES.get(kind) or {}


def _walk(path: Path, kind: str, depth: int) -> Iterator[tuple[str, Path]]:
    yield kind, path
    if depth == 0:
        return
    kinds = [_fields(each) for each in kind.split(" | ")]
    for name, of in kinds[0].items():
        # Of a union, what all of its types have, be it absent in some; but now and then what only one has.
        if all(name.rstrip("?") in each or f"{name.rstrip('?')}?" in each for each in kinds) or name == "lives":
            optional = any(f"{name.rstrip('?')}?" in each for each in kinds)
            way = Path(path.text, (*path.guards, f"{path.text} is Cat")) if name == "lives" and len(kinds) > 1 else path
            yield from _step(way, f"{name.rstrip('?')}{'?' * optional}", of, depth)


def _step(path: Path, name: str, kind: str, depth: int) -> Iterator[tuple[str, Path]]:
    plain, optional = name.rstrip("?"), name.endswith("?")
    test = f"{path.text} has {plain}"
    guards = (*path.guards, *([test] if optional else []))
    yield from _walk(Path(f"{path.text}.{plain}", guards, test if optional else ""), kind, depth - 1)


def paths_of(root: str, kind: str, depth: int = 3) -> dict[str, list[Path]]:
    """Return every way from a value of some type, by the type that it leads to."""
    found: dict[str, list[Path]] = defaultdict(list)
    for reached, path in _walk(Path(root, ()), kind, depth):
        found[reached].append(path)
    return found


def _roots(principal: str, resource: str, action: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for root, kind in (("principal", principal), ("resource", resource)):
        for reached, paths in paths_of(root, kind).items():
            found[reached] += paths
    for root, fields in (("context", CONTEXTS[action]), ("session", SESSION)):
        for name, kind in fields.items():
            for reached, path in _step(Path(root, ()), name, kind, 3):
                found[reached].append(path)
    return found


VALUES = list(LITERALS)
SETS = [kind for kind in VALUES if kind.startswith("[")]


@dataclass
class Writer:
    """Writes one rule's conditions. `owed` are the tests that what was written last still needs around it."""

    draw: st.DrawFn
    roots: Mapping[str, Sequence[Path]]
    owed: list[str] = field(default_factory=list)
    variables: list[dict[str, list[Path]]] = field(default_factory=list)
    count: int = 0

    def pick(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) < percent

    # ------------------------------------------------------------------------------------------------------ values

    def value(self, kind: str, depth: int) -> str:
        """Write a value of a type, at times of another."""
        if self.chance(1):
            kind = self.pick(VALUES)
        if depth < 0:
            # What a condition is about; a literal there would be the same for every request.
            return self.path(kind) or self.value(kind, 0)
        ways = ["path", "path", "path", "path", "literal", "other"]
        way = self.pick(ways if depth else ways[:5])
        if way == "other":
            return self.other(kind, depth - 1)
        path = self.path(kind) if way == "path" else None
        return path or (self.pick(LITERALS[kind]) if kind in LITERALS else 'User "u1"')

    def path(self, kind: str) -> str | None:
        near = [path for paths in self.variables for path in paths.get(kind, ())]
        options = near if near and self.chance(60) else self.roots.get(kind, [])
        if not options:
            return None
        path = self.pick(options)
        self.owed += path.guards
        return path.text

    def other(self, kind: str, depth: int) -> str:
        """Write a value of a type that is computed."""
        options = [f"(if {self.condition(depth)} then {self.value(kind, depth)} else {self.value(kind, depth)})"]
        match kind:
            case "Int":
                options.append(f"({self.value(kind, depth)} {self.pick('+-*')} {self.value(kind, depth)})")
                options.append(f"lent({self.value(kind, depth)})")
            case "Decimal":
                options.append(f"({self.value(kind, depth)} {self.pick('+-')} {self.value(kind, depth)})")
            case "Duration":
                options.append(f"({self.value(kind, depth)} * {self.value('Int', 0)})")
                options.append(f"({self.value('Datetime', depth)} - {self.value('Datetime', depth)})")
            case "Datetime":
                options.append(f"({self.value(kind, depth)} {self.pick('+-')} {self.value('Duration', depth)})")
            case "[Box]":
                options.append(f"[{self.value('Box', depth)}, {{ size: {self.value('Int', depth)} }}]")
            case _ if kind.startswith("["):
                items = [self.value(kind[1:-1], depth) for _ in range(self.pick([1, 2]))]
                options.append(f"[{', '.join(items)}]")
            case _:
                pass
        return self.pick(options[-1:] + options)

    # -------------------------------------------------------------------------------------------------- conditions

    def condition(self, depth: int) -> str:
        """Write a condition; what it needs is put around it, or handed on to what it stands in."""
        ways = ["atom", "atom", "and", "or", "not", "if"]
        match self.pick(ways if depth else ways[:2]):
            case "not":
                written = f"(not {self.condition(depth - 1)})"
            case "and":
                written = f"({self.condition(depth - 1)} and {self.condition(depth - 1)})"
            case "or":
                written = f"({self.condition(depth - 1)} or {self.condition(depth - 1)})"
            case "if":
                parts = [self.condition(depth - 1) for _ in range(3)]
                written = f"(if {parts[0]} then {parts[1]} else {parts[2]})"
            case _:
                written = self.atom(depth)
        return self.guarded(written)

    def guarded(self, written: str) -> str:
        # A guard that stands twice is refused in no way, but is easier to read once.
        owed, self.owed = list(dict.fromkeys(self.owed)), []
        if not owed:
            return written
        match self.pick(["and", "and", "and", "before", "or", "if", "later", "later", "some", "wrong"]):
            case "and":
                return f"({' and '.join([written, *owed])})"
            case "before":
                return f"({' and '.join([*owed, written])})"
            case "or":
                return f"({' or '.join([*(f'not ({each})' for each in owed), written])})"
            case "if":
                return f"(if {' and '.join(owed)} then {written} else {self.pick(['session.mfa', 'not session.mfa'])})"
            case "some":
                return f"({' and '.join([written, *owed[:-1]])})"
            case "wrong":
                return f"({' or '.join([written, *owed])})"
            case _:
                self.owed = owed
                return written

    def atom(self, depth: int) -> str:
        below = max(depth - 1, 0)
        about = below if self.chance(20) else -1
        match self.pick(ATOMS):
            case "equal":
                kind = self.pick(VALUES)
                return f"({self.value(kind, about)} {self.pick(['==', '!='])} {self.value(kind, below)})"
            case "order":
                kind = self.pick(["Int", "Decimal", "Datetime", "Duration"])
                return f"({self.value(kind, about)} {self.pick(['<', '<=', '>', '>='])} {self.value(kind, below)})"
            case "in":
                return self.membership(below)
            case "has":
                return self.presence()
            case "like":
                return f'({self.value("String", about)} like "{self.pick(["a*", "*b*", "a"])}")'
            case "is":
                kind = self.pick(["User | Robot", "Cat | Dog"])
                return f"({self.value(kind, about)} is {self.pick(kind.split(' | '))})"
            case "empty":
                return f"({self.value(self.pick(SETS), about)} is empty)"
            case "contains":
                kind = self.pick(SETS)
                op = self.pick(["containsAll", "containsAny"])
                return f"({self.value(kind, about)} {op} {self.value(kind, below)})"
            case "any":
                return self.quantifier(below)
            case "time":
                return self.time(below)
            case "calendar":
                return self.pick(["(now.hour < 12)", '(now["Europe/Berlin"].weekday in [mon, tue])'])
            case "call":
                name = self.pick(list(CALLS))
                return f"{name}({', '.join(self.value(kind, below) for kind in CALLS[name])})"
            case _:
                return self.value("Bool", below)

    def membership(self, depth: int) -> str:
        left, right = self.pick(MEMBERSHIPS)
        if right == "Group":
            inside = self.pick(['Group "a"', '[Group "a", Group "b"]'])
            return f"({self.value(left, -1)} in {inside})"
        if right == "[Int]":
            return f"({self.value(left, -1)} in [{self.value('Int', depth)}, 3])"
        return f"({self.value(left, -1)} in {self.value(right, depth)})"

    def presence(self) -> str:
        options = [path for paths in (*self.variables, self.roots) for each in paths.values() for path in each]
        path = self.pick([path for path in options if path.optional])
        self.owed += path.guards[:-1]
        return f"({path.optional})"

    def quantifier(self, depth: int) -> str:
        kind = self.pick(SETS)
        domain = self.value(kind, -1)
        owed, self.owed = self.owed, []
        self.count += 1
        name = f"x{self.count}"
        self.variables.append(paths_of(name, kind[1:-1], depth=2))
        body = self.condition(depth)
        self.variables.pop()
        inner = [guard for guard in self.owed if guard.split(" ", 1)[0].split(".")[0] == name]
        self.owed = owed + [guard for guard in self.owed if guard not in inner]
        if inner:
            body = f"({' and '.join([body, *inner])})"
        return f"({self.pick(['any', 'all'])} {name} in {domain}: {body})"

    def time(self, depth: int) -> str:
        at = self.value("Datetime", -1)
        return self.pick([f"(now < {at})", f"({at} <= now)", f"(now - {at} < {self.value('Duration', depth)})"])


# ---------------------------------------------------------------------------------------------------------- policies

SCOPES = {
    "User": ["User", 'User in Group "a"'],
    "Robot": ["Robot", "Robot"],
    "User | Robot": ["anyone", 'Group "a"', "User, Robot"],
    "Doc": ["Doc", 'Doc in Folder "top"'],
    "Folder": ["Folder"],
    "Doc | Folder": ["anything", 'Folder "top"'],
}


@st.composite
def rules(draw: st.DrawFn, effect: str, *kinds: str) -> str:
    """Write a rule whose conditions may be of any shape, in clauses of these kinds."""
    action = draw(st.sampled_from(["read", "read", "write"]))
    principal = draw(st.sampled_from(["User", "User", "Robot", "User | Robot"])) if action == "read" else "User"
    resource = draw(st.sampled_from(["Doc", "Folder", "Doc | Folder"])) if action == "read" else "Doc"
    writer = Writer(draw, _roots(principal, resource, action))
    clauses = [
        f"{writer.pick(kinds)} {writer.condition(writer.pick([1, 2, 3]))}" for _ in range(writer.pick([1, 1, 2]))
    ]
    if writer.chance(30):
        name = writer.pick(list(OBLIGED))
        clauses.append(f"oblige log {{ {name}: {writer.value(OBLIGED[name], 1)} }}")
    if effect == "permit":
        clauses += [f"when {guard}" for guard in dict.fromkeys(writer.owed)]
    tail = 'standing because "x"' if effect == "permit" else 'because "x"'
    scope = f"{writer.pick(SCOPES[principal])} to {action} on {writer.pick(SCOPES[resource])}"
    return "\n  ".join([f"rule r:\n  {effect} {scope}", *clauses, tail]) + "\n"


# ------------------------------------------------------------------------------------------------------------- facts


def _value(kind: str, full: bool, turn: int) -> Any:
    if kind.startswith("["):
        return [_value(kind[1:-1], full, turn + each) for each in range(turn % 3)]
    if kind in RECORDS:
        return _attributes(RECORDS[kind], full, turn)
    options: Mapping[str, Sequence[Any]] = {
        "Bool": [True, False],
        "Int": [0, 4, -7],
        "String": ["a", "ab", ""],
        "Decimal": ["1.5", "0.25"],
        "Datetime": ["2026-11-23T08:00:00Z", "2026-01-31"],
        "Duration": ["10m", "2h"],
        "Ip": ["10.1.2.3", "192.0.2.0/24"],
        "Kind": ["note", "plan", "bill"],
        "User": [pdp.ref("User", "u1"), pdp.ref("User", "u2")],
        "Robot": [pdp.ref("Robot", "r1")],
        "Cat | Dog": [pdp.ref("Cat", "c1"), pdp.ref("Dog", "d1")],
        "User | Robot": [pdp.ref("Robot", "r1"), pdp.ref("User", "u2")],
    }
    return options[kind][turn % len(options[kind])]


def _attributes(fields: Mapping[str, str], full: bool, turn: int) -> dict[str, Any]:
    found = {}
    for place, (name, kind) in enumerate(fields.items()):
        # Each optional attribute is there in some worlds and not in others.
        if full or not name.endswith("?") or (turn * 7 + place * 3) % 5 < 2:
            found[name.rstrip("?")] = _value(kind, full, turn + place)
    return found


HELD = {"Cat": ["c1"], "Dog": ["d1"], "User": ["u1", "u2"], "Robot": ["r1"], "Doc": ["o1"], "Folder": ["top"]}


STORES: dict[Facts, Store] = {}


def _store(facts: Facts, schema: Schema) -> Store:
    """Return the entities of a world, which are the same for every policy: all have one schema."""
    if facts not in STORES:
        entities = [pdp.Entity("Group", name, {}, []) for name in "ab"]
        for at, (kind, name) in enumerate((kind, name) for kind, names in HELD.items() for name in names):
            inside = {"Folder": [], "Doc": [pdp.ref("Folder", "top")]}
            parents = inside.get(kind, [pdp.ref("Group", "a")])
            entities.append(pdp.Entity(kind, name, _attributes(ENTITIES[kind], facts.full, facts.turn + at), parents))
        STORES[facts] = Store.of([conform_entity(entity, schema) for entity in entities])
    return STORES[facts]


@dataclass(frozen=True)
class Facts:
    """One world that conforms to the schema: with every optional attribute there, or with only some."""

    full: bool
    turn: int

    def engine(self, policy: Policy) -> pdp.Engine:
        # The checker is held against the interpreter; to compile each of these worlds would take most of the time.
        return pdp.Engine(policy, _store(self, policy.schema), handles=["log"], compiled=False)

    def session(self, acted_for: bool) -> dict[str, Any]:
        found = _attributes(SESSION, self.full, self.turn) | {"authenticated_at": "2026-11-23T08:50:00Z"}
        found.pop("expires_at", None)
        found.pop("actor", None)
        if self.full:
            found["expires_at"] = "2026-11-24"
        return found | ({"actor": pdp.ref("Robot", "r1")} if acted_for else {})

    def ask(self, policy: Policy, acted_for: bool) -> Iterator[pdp.Decision]:
        """Ask everything that can be asked."""
        engine, session = self.engine(policy), self.session(acted_for)
        for action in policy.schema.actions.values():
            context = _attributes(CONTEXTS[action.name], self.full, self.turn)
            for principal in sorted(action.principals):
                for resource in sorted(action.resources):
                    who, what = pdp.ref(principal, HELD[principal][0]), pdp.ref(resource, HELD[resource][0])
                    yield engine.decide(who, action.name, what, context, session, NOW)


FULL = [Facts(True, turn) for turn in range(3)]
SPARSE = [Facts(False, turn) for turn in range(5)]
