"""Names of entities and actions as people give them: on a command line, in tables of tests, in requests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pdp import patterns
from pdp.cedar.escapes import entity as entity_ref
from pdp.cedar.text import is_type, read_ref
from pdp.conform.mismatch import Mismatch, clip, listed, near
from pdp.ids import is_action
from pdp.schema import Schema
from pdp.values import EntityRef, quote

_TYPE: Final = r"[A-Za-z_][A-Za-z0-9_]*+(?:::[A-Za-z_][A-Za-z0-9_]*+)*+"
_SHELL: Final = patterns.compile(rf"({_TYPE}):(?!:)(.*)", re.DOTALL)
_NATIVE: Final = patterns.compile(rf'({_TYPE})[ \t]*+("[^"]*+")')


def name_of(text: str, schema: Schema) -> EntityRef:
    """Read `Type::"id"`, or `Type:id`, which needs no quotes in a shell; raise Mismatch for anything else.

    With a schema that somebody wrote, the type has to be declared there.
    """
    return declared(_spelled(text), schema)


def _spelled(text: str) -> EntityRef:
    shell = _SHELL.fullmatch(text)
    if shell is not None:
        return entity_ref(shell[1], shell[2])
    if '::"' in text:
        try:
            return read_ref(text)
        except ValueError as error:
            message, _, help_ = str(error).partition(": ")
            raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity: {message}", help_ or None) from None
    raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity", _meant(text))


def _meant(text: str) -> str:
    found = _NATIVE.fullmatch(text)
    if found is not None:
        return f"write `{clip(found[1])}::{clip(found[2])}`"
    name, _, id_ = text.rpartition("::")
    if is_type(name) and id_ and '"' not in id_:
        return f'write `{clip(name)}::"{clip(id_)}"` or `{clip(name)}:{clip(id_)}`'
    return 'write `Type::"id"` or `Type:id`'


def declared(ref: EntityRef, schema: Schema) -> EntityRef:
    """Return an entity whose type is declared; raise Mismatch for another."""
    if schema.open or ref.type in schema.entities:
        return ref
    return EntityRef(type_of(ref.type, schema), ref.id)


def type_of(name: str, schema: Schema) -> str:
    """Return a type that is declared; raise Mismatch for another, and say which one may be meant."""
    if name in schema.entities:
        return name
    last = name.rpartition("::")[2]
    same = [each for each in sorted(schema.entities) if each.rpartition("::")[2] == last]
    help_ = f"did you mean `{clip(same[0])}`?" if len(same) == 1 else None
    if len(same) > 1:
        help_ = f"it is one of {any_of(same)}"
    help_ = help_ or near(name, schema.entities) or listed(schema.entities)
    raise Mismatch("undeclared_type", f"there is no entity type `{clip(name)}`", help_)


def full_name(ref: EntityRef) -> str:
    """Return the full name of an action, as schemas know it; to import what reads schemas would take long."""
    return f"{ref.type}::{quote(ref.id)}"


def any_of(names: Sequence[str]) -> str:
    """List the first of some names, for a message."""
    return ", ".join(f"`{clip(name)}`" for name in names[:8])


def action_of(text: str, schema: Schema) -> str:
    """Return the name of an action as an engine takes it: by its id, or in full, be it as `Type:id`."""
    if text in schema.actions or text in schema.action_aliases:
        return text
    found = _SHELL.fullmatch(text)
    if found is not None and is_action(found[1]):
        return full_name(EntityRef(found[1], found[2]))
    if '::"' in text:
        try:
            return full_name(read_ref(text))
        except ValueError as error:
            message, _, help_ = str(error).partition(": ")
            raise Mismatch("invalid_reference", f"`{clip(text)}` names no action: {message}", help_ or None) from None
    return text
