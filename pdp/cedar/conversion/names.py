"""What things of Cedar are called in pdp.

A type keeps its name without the namespaces, an action its id, a policy its id or its `@id`. Where that is no name in
pdp, each character that no name has becomes `_`, and a type starts upper-case. What several namespaces declare has the
namespace before its name, and where a name is taken all the same, it gets a number. So two things never share a name;
what has another one than in Cedar is told beside its declaration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from pdp.schema import Action, Schema
from pdp.syntax.words import NOT_ACTIONS, NOT_DECLARED, NOT_RULES, NULLS
from pdp.types import PRIMITIVES, EntityTypes, RecordType, SetType, Type
from pdp.values import EntityRef

_BUILTIN = frozenset(PRIMITIVES) | NULLS | {"Weekday"}


class Names:
    """The names of the types, the actions and the groups of a schema."""

    def __init__(self, schema: Schema, ids: Mapping[str, frozenset[str]]) -> None:
        """Take names for all that is declared; `ids` are the entity types that become enums."""
        self.schema = schema
        self.enums = ids
        # Names that several namespaces have are told apart by these.
        shared = Counter(_type_name(name) for name in schema.entities)
        self.types = _distinct(
            sorted(schema.entities),
            lambda name: _type_name(name if shared[_type_name(name)] < 2 else name.replace("::", "_")),
            _BUILTIN,
        )
        every = [action for action in schema.actions.values() if action.ref is not None]
        inside = {parent for action in every for parent in action.parents}
        named = {action.ref: action for action in every if action.ref is not None}
        self.members = _members(every)
        actions = [ref for ref, action in named.items() if action.principals and action.resources]
        alike = Counter(ref.id for ref in named)
        found = _distinct(
            [_key(ref) for ref in sorted(actions)],
            lambda key: (
                _action_name(key) if alike[_id(key)] < 2 else _word(key.replace("Action::", "").replace("::", "_"))
            ),
            NOT_ACTIONS,
        )
        self.actions: dict[EntityRef, str] = {ref: found[_key(ref)] for ref in actions}
        groups = sorted(ref for ref in named if ref in inside)
        taken = NOT_ACTIONS | set(self.actions.values())
        names = _distinct([_key(ref) for ref in groups], _action_name, taken)
        self.groups: dict[EntityRef, str] = {ref: names[_key(ref)] for ref in groups}
        members = {member for ids_ in self.enums.values() for member in ids_}
        self.variable = free("each", {*NOT_DECLARED, *members})

    def askable(self, ref: EntityRef) -> frozenset[EntityRef]:
        """Return the actions in a group, or the action itself, of which anybody can ask."""
        return frozenset(each for each in self.members.get(ref, frozenset([ref])) if each in self.actions)


def rule_names(ids: Iterable[str]) -> dict[str, str]:
    """Return what each of some policies is called, by its id."""
    return _distinct(list(ids), _word, NOT_RULES)


def fitting_enums(schema: Schema) -> dict[str, frozenset[str]]:
    """Return the entity types that are enums to pdp: of named members, and never who asks, on what, or in another."""
    used = {name for action in schema.actions.values() for name in (*action.principals, *action.resources)}
    used |= set(schema.containers)
    mixed = {name for kind in _kinds(schema) for name in _mixed(kind)}
    return {
        name: each.ids
        for name, each in schema.entities.items()
        if each.ids and name not in used and name not in mixed and all(map(_is_word, each.ids))
    }


def _kinds(schema: Schema) -> Iterable[Type]:
    for entity in schema.entities.values():
        yield entity.attributes
    for action in schema.actions.values():
        yield action.context


def _mixed(kind: Type) -> Iterable[str]:
    match kind:
        case EntityTypes():
            return kind.names if len(kind.names) > 1 else ()
        case SetType():
            return () if kind.element is None else _mixed(kind.element)
        case RecordType():
            return [name for each in kind.fields.values() for name in _mixed(each.type)]
        case _:
            return ()


def _members(actions: Iterable[Action]) -> dict[EntityRef, frozenset[EntityRef]]:
    """Return for each group all that is in it, itself too."""
    parents = {action.ref: action.parents for action in actions if action.ref is not None}
    found: dict[EntityRef, set[EntityRef]] = {}
    for ref in parents:
        above, work = {ref}, [ref]
        while work:
            new = [each for each in parents.get(work.pop(), ()) if each not in above]
            above.update(new)
            work += new
        for each in above:
            found.setdefault(each, set()).add(ref)
    return {ref: frozenset(inside) for ref, inside in found.items()}


def _key(ref: EntityRef) -> str:
    return f"{ref.type}::{ref.id}"


def _id(key: str) -> str:
    return key.partition("Action::")[2]


def _action_name(key: str) -> str:
    return _word(_id(key))


def _type_name(name: str) -> str:
    word = _word(name.rpartition("::")[2])
    return word if word[0].isupper() else word[0].upper() + word[1:] if word[0].isalpha() else f"T{word}"


def _is_word(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def _word(text: str) -> str:
    """Return a name as near to a text as can be."""
    found = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "_" for char in text[:80])
    return found if found and not found[0].isdigit() else f"_{found}"


def _distinct(keys: Iterable[str], name: Callable[[str], str], taken: Iterable[str]) -> dict[str, str]:
    """Return a name for each key, no two alike; a key whose own name is a name has the first claim to it."""
    found: dict[str, str] = {}
    used = set(taken)
    for key in sorted(keys, key=lambda key: name(key) != key):
        found[key] = free(name(key), used)
        used.add(found[key])
    return found


def free(name: str, used: Iterable[str]) -> str:
    """Return a name, with a number where it is taken."""
    taken, number, found = set(used), 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
