"""A world of a case: entity types, attributes and actions, drawn at random, and the schema that says so."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tests.beside.text import is_word, quoted

Kind: TypeAlias = "str | tuple[str, object]"
"""A type: a name of `PLAIN`, ("entity", type), ("set", kind) or ("record", fields)."""

PLAIN = ("bool", "long", "string", "decimal", "ip", "datetime", "duration")
_SPELLED = {
    "bool": "Bool",
    "long": "Long",
    "string": "String",
    "ip": "ipaddr",
    "decimal": "decimal",
    "datetime": "datetime",
    "duration": "duration",
}
NAMES = ("a", "b", "level", "name", "if", "two words", "owner", "äöü", "", "kind", "principal", "x1", "*", 'q"')
IDS = ("a", "b", "ada", "x y", 'q"', "ü", "😀", "", "a*b", "back\\slash", "line\nbreak", "principal")
USERS, GROUPS, DOCS, FOLDERS, COLORS, BARE = "User", "Group", "Doc", "Folder", "Color", "Bare"


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute."""

    name: str
    kind: Kind
    required: bool = True


@dataclass(frozen=True, slots=True)
class Type:
    """An entity type; `ids` are those that its entities may have, `members` says that nothing else may be."""

    name: str
    fields: tuple[Field, ...] = ()
    parents: tuple[str, ...] = ()
    tags: Kind | None = None
    ids: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """An action, or a group of actions where it applies to nothing."""

    id: str
    parents: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    context: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """All of it. Types are by their whole names, actions by their ids."""

    namespace: str
    types: Mapping[str, Type]
    acts: Mapping[str, Act]

    @property
    def action_type(self) -> str:
        """The entity type of actions."""
        return _within("Action", self.namespace)

    def asked(self) -> list[Act]:
        """Return the actions that something can ask for."""
        return [act for act in self.acts.values() if act.principals]


def _within(name: str, namespace: str) -> str:
    return f"{namespace}::{name}" if namespace else name


def draw(rng: random.Random) -> World:
    """Return a world."""
    space = rng.choice(("", "", "", "N", "N::Deep"))

    def full(*names: str) -> tuple[str, ...]:
        return tuple(_within(name, space) for name in names)

    every = full(USERS, GROUPS, DOCS, FOLDERS)
    above = {
        USERS: full(GROUPS),
        GROUPS: full(GROUPS),
        DOCS: full(FOLDERS) + (full(DOCS) if rng.random() < 0.2 else ()),
        FOLDERS: full(FOLDERS),
    }
    entities = [*every, *full(COLORS)]
    types = {}
    for name in (USERS, GROUPS, DOCS, FOLDERS):
        tags = _kind(rng, entities, 1) if rng.random() < (0.6 if name in (USERS, DOCS) else 0.2) else None
        ids = tuple(rng.sample(IDS, rng.randint(2, 5)))
        fields = _fields(rng, entities, rng.randint(2, 6) if name in (USERS, DOCS) else rng.randint(0, 2))
        types[full(name)[0]] = Type(full(name)[0], fields, above[name], tags, ids)
    types[full(COLORS)[0]] = Type(full(COLORS)[0], ids=tuple(rng.sample(IDS, 3)), closed=True)
    types[full(BARE)[0]] = Type(full(BARE)[0], ids=("x", "y"))
    return World(space, types, _acts(rng, full, entities))


def _acts(rng: random.Random, full: object, entities: list[str]) -> dict[str, Act]:
    assert callable(full)
    groups = [Act("all"), Act("ops", ("all",) if rng.random() < 0.6 else ())]
    found = {act.id: act for act in groups}
    pairs = (((USERS,), (DOCS,)), ((USERS, BARE), (DOCS, FOLDERS)), ((USERS, GROUPS), (FOLDERS, DOCS)))
    for id in ("read", rng.choice(("write", 'del"ete', "ärger"))):
        principals, resources = rng.choice(pairs)
        parents = tuple(sorted(group for group in found if group in ("all", "ops") and rng.random() < 0.4))
        context = _fields(rng, entities, rng.randint(0, 4))
        found[id] = Act(id, parents, full(*principals), full(*resources), context)
    return found


def _fields(rng: random.Random, entities: list[str], count: int, deep: int = 2) -> tuple[Field, ...]:
    names = rng.sample(NAMES, count)
    return tuple(Field(name, _kind(rng, entities, deep), rng.random() < 0.7) for name in names)


def _kind(rng: random.Random, entities: list[str], deep: int) -> Kind:
    draw = rng.random()
    if draw < 0.62 or not deep:
        return rng.choice((*PLAIN, "bool", "long", "string"))
    if draw < 0.75:
        return ("entity", rng.choice(entities))
    if draw < 0.9:
        return ("set", _kind(rng, entities, deep - 1))
    return ("record", _fields(rng, entities, rng.randint(0, 3), deep - 1))


# -------------------------------------------------------------------------------------------------------- the schema


def schema(world: World) -> str:
    """Return a world as a schema."""
    lines = []
    for each in world.types.values():
        lines.append(_type(each))
    for act in world.acts.values():
        lines.append(_act(act))
    body = "\n".join(lines)
    return f"namespace {world.namespace} {{\n{body}\n}}\n" if world.namespace else body + "\n"


def _type(each: Type) -> str:
    name = each.name.rpartition("::")[2]
    if each.closed:
        return f"entity {name} enum [{', '.join(map(quoted, each.ids))}];"
    parents = f" in [{', '.join(each.parents)}]" if each.parents else ""
    tags = "" if each.tags is None else f" tags {spelled(each.tags)}"
    return f"entity {name}{parents} {{{fields(each.fields)}}}{tags};"


def _act(act: Act) -> str:
    parents = f" in [{', '.join(map(quoted, act.parents))}]" if act.parents else ""
    if not act.principals:
        return f"action {quoted(act.id)}{parents};"
    applies = f"principal: [{', '.join(act.principals)}], resource: [{', '.join(act.resources)}]"
    return f"action {quoted(act.id)}{parents} appliesTo {{ {applies}, context: {{{fields(act.context)}}} }};"


def fields(found: Iterable[Field]) -> str:
    """Return the fields of a record."""
    each = (
        f"{field.name if is_word(field.name) else quoted(field.name)}{'' if field.required else '?'}: "
        f"{spelled(field.kind)}"
        for field in found
    )
    return ", ".join(each)


def spelled(kind: Kind) -> str:
    """Return a type as a schema writes it."""
    match kind:
        case str():
            return _SPELLED[kind]
        case ("entity", str(name)):
            return name
        case ("set", element):
            return f"Set<{spelled(element)}>"  # type: ignore[arg-type]
        case ("record", given):
            return f"{{{fields(given)}}}"  # type: ignore[arg-type]
    raise AssertionError(kind)
