"""Entity references, from data and from text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pdp import patterns
from pdp.conform.mismatch import Mismatch, clip, found, listed, mismatch, misplaced, near
from pdp.ids import ANY_ID, wrong_id
from pdp.model import Entity
from pdp.schema import EntityType, Schema
from pdp.types import EntityTypes
from pdp.values import INT_MAX, EntityRef, quote

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*+"
_TYPE: Final = rf"{_NAME}(?:\.{_NAME})*+"
REFERENCE: Final = patterns.compile(rf'({_TYPE})[ \t]*+"([^"\\\n]*+(?:\\.[^"\\\n]*+)*+)"')
_SHELL: Final = patterns.compile(rf"({_TYPE}):(.*)", re.DOTALL)
_ESCAPE: Final = patterns.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|(.))", re.DOTALL)
_ESCAPED: Final = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


def read_ref(text: str, schema: Schema | None = None) -> EntityRef:
    """Read `Type "id"` as policies write it, or `Type:id`, which needs no quotes in a shell; else raise ValueError.

    With a schema, the type has to be declared there, and comes back under the name that is used everywhere.

    >>> read_ref("Service:api:v2")
    EntityRef(type='Service', id='api:v2')
    >>> read_ref('checkout.Service "api"')
    EntityRef(type='checkout.Service', id='api')
    """
    try:
        found = spelled(text)
        if found is not None:
            return found if schema is None else EntityRef(resolve_type(found.type, schema), found.id)
    except Mismatch as wrong:
        raise ValueError(f"`{clip(text)}`: {wrong}") from None
    raise ValueError(f'`{clip(text)}` names no entity: write `Type "id"` or `Type:id`')


def spelled(text: str) -> EntityRef | None:
    """Return the entity that `Type "id"` or `Type:id` names, None for other text; raise Mismatch for an odd id."""
    written = REFERENCE.fullmatch(text)
    if written is not None:
        return EntityRef(written[1], check_id(unescape(written[2])))
    shell = _SHELL.fullmatch(text)
    return None if shell is None else EntityRef(shell[1], check_id(shell[2]))


def reference(value: Any, schema: Schema) -> EntityRef:
    """Read a reference to an entity of any declared type; raise Mismatch for what is none."""
    match value:
        case EntityRef() | Entity():
            kind, id_ = value.type, value.id
        case str():
            return _from_text(value, schema)
        case Mapping():
            kind, id_ = _from_mapping(value)
        case _:
            raise misplaced("an entity reference", value, _spelling("Type"))
    try:
        kind = resolve_type(kind, schema)
    except Mismatch as wrong:
        raise wrong.under("type") from None
    try:
        return EntityRef(kind, check_id(id_))
    except Mismatch as wrong:
        raise wrong.under("id") from None


def reference_of(value: Any, kind: EntityTypes, schema: Schema) -> EntityRef:
    """Read a reference to an entity of one of some types; raise Mismatch for what is none."""
    if not isinstance(value, EntityRef | Entity | str | Mapping):
        raise mismatch(kind, value, _spelling(min(kind.names, default="Type")))
    if isinstance(value, str) and REFERENCE.fullmatch(value) is None:
        raise Mismatch("invalid_reference", f"`{clip(value)}` names no entity", _meant(value, kind))
    ref = reference(value, schema)
    if ref.type not in kind.names:
        raise Mismatch("wrong_type", f"expected `{kind}`, found {found(ref)}")
    return ref


def check_parent(declared: EntityType, parent: EntityRef) -> None:
    """Raise Mismatch where no entity of a type can be in the parent directly."""
    if parent.type in declared.parents:
        return
    allowed = ", ".join(f"`{name}`" for name in sorted(declared.parents))
    help_ = f"they can be in {allowed}" if allowed else f"`{declared.name}` is declared without `in`"
    message = f"entities of type `{declared.name}` cannot be in `{parent.type}`"
    raise Mismatch("parent_of_other_type", message, help_)


def resolve_type(name: Any, schema: Schema) -> str:
    """Return the name under which a declared entity type is known; raise Mismatch where there is none."""
    if not isinstance(name, str):
        raise misplaced("the name of an entity type", name)
    known = schema.resolve(str.__str__(name))
    if known not in schema.entities:
        help_ = near(name, [*schema.entities, *schema.aliases]) or listed(schema.entities)
        raise Mismatch("undeclared_type", f"there is no entity type `{clip(name)}`", help_)
    return known


def check_id(id_: Any) -> str:
    """Return an id as it is: no folding, no normalisation; raise Mismatch for one that misleads readers."""
    if not isinstance(id_, str):
        help_ = f'write `"{id_}"`' if type(id_) is int and abs(id_) <= INT_MAX else ANY_ID
        raise misplaced("an id in quotes", id_, help_)
    text = str.__str__(id_)
    wrong = wrong_id(text)
    if wrong is not None:
        raise Mismatch(*wrong)
    return text


def unescape(text: str) -> str:
    """Return what stands between the quotes of a string of the language; raise Mismatch for an unknown escape."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    digits, char = match.groups()
    if digits is not None:
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise Mismatch("invalid_reference", f"`{match[0]}` is not a character")
        return chr(code)
    if char not in _ESCAPED:
        raise Mismatch("invalid_reference", f"there is no escape `{clip(match[0])}`", _ESCAPES)
    return _ESCAPED[char]


_ESCAPES: Final = r"the escapes are `\"`, `\\`, `\n`, `\r`, `\t` and `\u{…}`"


def _from_text(text: str, schema: Schema) -> EntityRef:
    match = REFERENCE.fullmatch(text)
    if match is None:
        raise Mismatch("invalid_reference", f"`{clip(text)}` names no entity", _spelling("Type"))
    return EntityRef(resolve_type(match[1], schema), check_id(unescape(match[2])))


def _from_mapping(value: Mapping[Any, Any]) -> tuple[Any, Any]:
    for key in value:
        if key not in ("type", "id"):
            message = f"an entity reference has no `{clip(str(key))}`"
            raise Mismatch("unknown_key", message, "it has `type` and `id`", (str(key),))
    for key in ("type", "id"):
        if key not in value:
            raise Mismatch("missing_key", f"an entity reference needs `{key}`", _spelling("Type"))
    return value["type"], value["id"]


def _spelling(kind: str) -> str:
    return f'write `{kind} "id"` as text, or `{{"type": "{kind}", "id": "id"}}`'


def _meant(text: str, kind: EntityTypes) -> str:
    """Return how to write the entity that a text most likely means."""
    name, short = min(kind.names, default="Type"), len(text) <= 60
    if short and (shell := _SHELL.fullmatch(text)) and shell[1] in kind.names:
        return f"write `{shell[1]} {quote(shell[2])}`"
    if short and text and '"' not in text and len(kind.names) == 1:
        return f"write `{name} {quote(text)}`"
    return _spelling(name)
