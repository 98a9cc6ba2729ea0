"""From plain data to the structs of a configuration, with everything that is wrong at once.

`msgspec.convert` stops at the first error. So structs, lists and tables are gone through here, and only what stands in
them, one value each, is left to it.
"""

from __future__ import annotations

import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, Union

import msgspec

from pdp.configuration.places import Path
from pdp.configuration.report import Report
from pdp.configuration.secret import Secret
from pdp.errors import article, suggest
from pdp.values import Duration

FAILED: Final = object()
"""Stands for a value that is wrong; that it is stands in the report."""

_NONE: Final = type(None)


def read(kind: Any, value: Any, path: Path, report: Report) -> Any:
    """Return a value as an instance of a type, FAILED where it is none."""
    kinds = members(kind)
    fitting = [each for each in kinds if _fits(each, value)] if len(kinds) > 1 else kinds
    if len(fitting) != 1:
        return _leaf(kind, value, path, report)
    only = fitting[0]
    if is_struct(only):
        return _struct(only, value, path, report)
    origin, arguments = typing.get_origin(only), typing.get_args(only)
    if origin is list or (origin is tuple and arguments[1:] == (...,)):
        return _list(only, arguments[0], value, path, report)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _table(arguments[1], value, path, report)
    return _leaf(kind, value, path, report)


def members(kind: Any) -> tuple[Any, ...]:
    """Return the types that a type is one of, without their bounds, and without None: nothing in TOML is None."""
    if typing.get_origin(kind) is typing.Annotated:
        return members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (Union, types.UnionType):
        return tuple(one for each in typing.get_args(kind) if each is not _NONE for one in members(each))
    return (kind,)


def is_struct(kind: Any) -> bool:
    """Tell whether a type is a struct."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@functools.cache
def fields(kind: type[msgspec.Struct]) -> dict[str, tuple[msgspec.structs.FieldInfo, Any]]:
    """Return the fields of a struct by their names in a configuration, with their types."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {each.encode_name: (each, hints[each.name]) for each in msgspec.structs.fields(kind)}


def _fits(kind: Any, value: Any) -> bool:
    """Tell whether a value has the shape of a type."""
    if is_struct(kind):
        return isinstance(value, dict)
    origin = typing.get_origin(kind)
    match value:
        case dict():
            return origin is dict
        case list():
            return origin in (list, tuple)
        case str():
            return kind is str or origin is Literal
        case _:
            return type(value) is kind or (kind is float and type(value) is int)


def _struct(kind: type[msgspec.Struct], value: Any, path: Path, report: Report) -> Any:
    if kind is Secret and isinstance(value, str):
        report.mask(path)
        help_ = 'name where it stands: `{ file = "/path" }` or `{ env = "NAME" }`'
        report.add("literal_secret", path, "a secret is not written into a configuration", help_)
        return FAILED
    if not isinstance(value, dict):
        report.add("wrong_type", path, f"this is a table, and not {_found(value)}", _keys(kind))
        return FAILED
    known, found, ok = fields(kind), {}, True
    for name, each in value.items():
        if name not in known:
            report.unknown((*path, name), known, f"in {_owner(path)}")
            ok = False
            continue
        info, hint = known[name]
        found[info.name] = read(hint, each, (*path, name), report)
        ok = ok and found[info.name] is not FAILED
    for name, (info, _) in known.items():
        if info.required and name not in value:
            report.add("missing_key", path, f"{_owner(path)} needs {article(name)}", key=True)
            ok = False
    if not ok:
        return FAILED
    try:
        return kind(**found)
    except (TypeError, ValueError) as error:
        report.add("invalid_value", path, str(error))
        return FAILED


def _owner(path: Path) -> str:
    return f"`{shown(path)}`" if path else "the configuration"


def shown(path: Path) -> str:
    """Return a path as people write it.

    >>> shown(("callers", 0, "may"))
    'callers[0].may'
    """
    text = ""
    for each in path:
        text += f"[{each}]" if isinstance(each, int) else f".{each}" if text else each
    return text


def _keys(kind: type[msgspec.Struct]) -> str:
    return f"it has {', '.join(f'`{name}`' for name in fields(kind))}"


def _list(kind: Any, element: Any, value: Any, path: Path, report: Report) -> Any:
    if not isinstance(value, list):
        report.add("wrong_type", path, f"this is a list, and not {_found(value)}", "lists stand in brackets: `[…]`")
        return FAILED
    found = [read(element, each, (*path, number), report) for number, each in enumerate(value)]
    if any(each is FAILED for each in found):
        return FAILED
    return tuple(found) if typing.get_origin(kind) is tuple else found


def _table(element: Any, value: Any, path: Path, report: Report) -> Any:
    if not isinstance(value, dict):
        report.add("wrong_type", path, f"this is a table, and not {_found(value)}")
        return FAILED
    found = {name: read(element, each, (*path, name), report) for name, each in value.items()}
    return FAILED if any(each is FAILED for each in found.values()) else found


def _leaf(kind: Any, value: Any, path: Path, report: Report) -> Any:
    if isinstance(value, str) and float in members(kind) and str not in members(kind):
        # Lengths of time are seconds, or text as policies have it.
        try:
            value = Duration.parse(value).micros / 1e6
        except ValueError as error:
            report.add("invalid_value", path, str(error), "a number alone is one of seconds")
            return FAILED
    if isinstance(value, int | float) and not isinstance(value, bool) and not (math.isfinite(value) and value >= 0):
        report.add("invalid_value", path, "this is a number from nothing upwards")
        return FAILED
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        _refuse(kind, value, str(error), path, report)
        return FAILED


def _refuse(kind: Any, value: Any, error: str, path: Path, report: Report) -> None:
    words = [*_words(kind)]
    if words and isinstance(value, str):
        help_ = suggest(value, words) or f"it is one of {', '.join(f'`{each}`' for each in words)}"
        report.add("invalid_value", path, f"`{value}` is none of what this can be", help_)
        return
    expected = " or ".join(dict.fromkeys(_named(each) for each in members(kind)))
    if not any(_fits(each, value) for each in members(kind)):
        report.add("wrong_type", path, f"this is {expected}, and not {_found(value)}")
    else:
        # Such as a number beyond its bounds: the words are those of msgspec, but for the names of Python's types.
        for name, words_ in _WORDS:
            error = error.replace(name, words_)
        report.add("invalid_value", path, error[:1].lower() + error[1:])


def _words(kind: Any) -> Iterator[str]:
    """Yield the texts that a value can be, where it is one of some."""
    for each in members(kind):
        if typing.get_origin(each) is Literal:
            yield from (word for word in typing.get_args(each) if isinstance(word, str))
        elif isinstance(each, type) and issubclass(each, Enum):
            yield from (str(member.value) for member in each)


def _named(kind: Any) -> str:
    """Say what a type is in the words of a configuration."""
    if is_struct(kind) or typing.get_origin(kind) is dict:
        return "a table"
    if typing.get_origin(kind) in (list, tuple):
        return "a list"
    return _NAMES.get(kind, "a text")


_NAMES: Final = {bool: "`true` or `false`", int: "a whole number", float: "a number", str: "a text"}


_WORDS: Final = (("`int`", "a whole number"), ("`float`", "a number"), ("`str`", "a text"), ("`array`", "a list"))


def _found(value: Any) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
