"""Entity files in JSON.

The standard library reads them, for its speed. It gives no positions, so that a scanner finds those of the faults, once
there are any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from pdp import patterns
from pdp.classes import dataclass, field
from pdp.conform.mismatch import clip
from pdp.conform.reading import MAX_DEPTH, too_deep
from pdp.entities.document import Fault, Place, Range, Ranges, Report, Wanted, doubled_key
from pdp.schema import Schema
from pdp.source import Source
from pdp.values import INT_MAX

_STRING, _OPEN, _CLOSE, _MARK = 1, 2, 3, 4
_TOKEN: Final = patterns.compile(
    r'[ \t\r\n]*+(?:("[^"\\]*+(?:\\.[^"\\]*+)*+")|([\[{])|([\]}])|([,:])|([^ \t\r\n"\[\]{},:]++))', re.DOTALL
)
_WORD: Final = patterns.compile(r"[^\s,:\[\]{}\"]+|.|$", re.DOTALL)
_SPACE: Final = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Advice:
    """What would help that depends on what a file is for: where it is empty, and where it holds a comment.

    `kind` is what the whole file is.
    """

    empty: str
    comment: str
    kind: str = "object"


_ENTITIES: Final = Advice(empty='write `{"entities": []}` for no entities', comment="remove it, or use YAML")


def read(text: str, source: Source, schema: Schema, report: Report) -> Any:
    """Return what the file says, or None where it is no JSON."""
    return decode(text, report, _ENTITIES)


def decode(text: str, report: Report, advice: Advice) -> Any:
    """Return what a text in JSON says, whatever it is for; None where it is none."""
    doubled = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        found = dict(items)
        doubled = doubled or len(found) != len(items)
        return found

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=_integer, parse_float=_float)
    try:
        data = decoder.decode(text)
    except json.JSONDecodeError as error:
        report.add(_syntax(text, error, advice))
    except RecursionError:
        at = _too_deep_at(text)
        report.add(Fault(code="data_too_deep", message=too_deep().message, place=(at, at + 1)))
    else:
        if doubled:
            _report_doubled(text, report)
        return data
    report.broken = True
    return None


def _integer(digits: str) -> int:
    # Python refuses to read thousands of digits, and takes long for hundreds: what is out of range need not be read.
    return int(digits) if len(digits) <= 20 else INT_MAX + 1


def _float(_: str) -> float:
    # No float is a value, so that it does not matter which one this is.
    return 0.5


@dataclass(slots=True)
class _Frame:
    """An object or a list that the scanner is in; `child` is what is wanted of the value that comes next."""

    start: int
    wanted: Wanted | None
    child: Wanted | None = None
    index: int = 0
    keys: bool = False
    key_next: bool = False
    names: dict[str, Range] = field(default_factory=dict)


def locate(text: str, source: Source, places: Collection[Place]) -> Ranges:
    """Find places in a file that is JSON."""
    root = Wanted.of(places)
    frame = _Frame(0, None, child=root)
    stack: list[_Frame] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastindex or 0
        start, end = token.span(kind)
        if kind == _MARK:
            if text[start] == ",":
                _next(frame)
        elif kind == _OPEN:
            stack.append(frame)
            frame = _open(frame.child, text[start] == "{", start)
        elif kind == _CLOSE:
            if frame.wanted is not None:
                frame.wanted.value = (frame.start, end)
            frame = stack.pop()
        elif frame.key_next:
            frame.key_next = False
            if frame.wanted is not None and (child := frame.wanted.steps.get(json.loads(token[_STRING]))):
                frame.child, child.key = child, (start, end)
        elif frame.child is not None:
            frame.child.value = (start, end)
    return root.ranges(places)


def _open(wanted: Wanted | None, keys: bool, start: int) -> _Frame:
    first = wanted.steps.get(0) if wanted is not None and not keys else None
    return _Frame(start, wanted, first, keys=keys, key_next=keys)


def _next(frame: _Frame) -> None:
    frame.index += 1
    frame.key_next = frame.keys
    frame.child = None if frame.keys or frame.wanted is None else frame.wanted.steps.get(frame.index)


def _report_doubled(text: str, report: Report) -> None:
    frame = _Frame(0, None)
    stack: list[_Frame] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastindex or 0
        start, end = token.span(kind)
        if kind == _OPEN:
            stack.append(frame)
            frame = _open(None, text[start] == "{", start)
        elif kind == _CLOSE:
            frame = stack.pop()
        elif kind == _MARK:
            frame.key_next = frame.keys and text[start] == ","
        elif frame.key_next:
            frame.key_next = False
            name = json.loads(token[_STRING])
            if (first := frame.names.setdefault(name, (start, end))) != (start, end):
                report.add(doubled_key(name, first, (start, end)))
        if report.full:
            break


def _too_deep_at(text: str) -> int:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastindex == _OPEN) - (token.lastindex == _CLOSE)
        if depth > MAX_DEPTH:
            return token.start(_OPEN)
    return 0


# ----------------------------------------------------------------------------------------------------- syntax errors


def _syntax(text: str, error: json.JSONDecodeError, advice: Advice) -> Fault:
    """Say what is wrong in other words than the standard library, whose own differ between versions."""
    at = error.pos
    if "Unterminated string" in error.msg:
        return _fault("this string has no closing quote", (at, at + 1))
    if "control character" in error.msg:
        return _control(text, at)
    if "escape" in error.msg:
        return _escape(text, text.rfind("\\", 0, at + 1))
    before = len(text[:at].rstrip(_SPACE))
    after = at + len(text[at:]) - len(text[at:].lstrip(_SPACE))
    for comma in (at, before - 1):
        closer = text[comma + 1 :].lstrip(_SPACE)[:1] if text[comma : comma + 1] == "," else ""
        if closer and closer in "]}":
            return _fault(f"there is a comma before `{closer}`", (comma, comma + 1), "remove the comma")
    if after >= len(text):
        message = "the file ends too early" if before else "the file is empty"
        help_ = "a bracket is not closed" if before else advice.empty
        return _fault(message, (before, before), help_)
    return _unexpected(text, after, error.msg, advice)


def _unexpected(text: str, at: int, said: str, advice: Advice) -> Fault:
    match = _WORD.match(text, at)
    word = match[0] if match else ""
    where = (at, at + len(word))
    if word.startswith("'"):
        return _fault("a string stands in double quotes", (at, at + 1), "write `\"` for `'`")
    if word.startswith(("//", "/*", "#")):
        return _fault("there are no comments in JSON", where, advice.comment)
    if word.lower() in ("true", "false", "null", "none"):
        meant = word.lower().replace("none", "null")
        return _fault(f"`{word}` is no JSON", where, f"write `{meant}`")
    if "Extra data" in said:
        return _fault("there is something after the end", where, f"a file holds one {advice.kind}")
    if "property name" in said:
        return _fault(f"expected a key in double quotes, found `{clip(word)}`", where)
    if "':'" in said:
        return _fault(f"expected `:` after the key, found `{clip(word)}`", where)
    if "','" in said:
        return _fault(f"expected `,` or a closing bracket, found `{clip(word)}`", where)
    return _fault(f"expected a value, found `{clip(word)}`", where)


def _control(text: str, at: int) -> Fault:
    if text[at : at + 1] in "\r\n":
        start = text.rfind('"', 0, at)
        return _fault("a string ends on the line on which it starts", (start, at), "write a line break as `\\n`")
    code = ord(text[at])
    return _fault(f"a string cannot hold the character U+{code:04X}", (at, at + 1), f"write `\\u{code:04x}`")


def _escape(text: str, at: int) -> Fault:
    if text[at + 1 : at + 2] == "u":
        return _fault("`\\u` needs four hexadecimal digits", (at, at + 2))
    found = text[at + 1 : at + 2]
    shown = f"`\\{found}`" if found.isprintable() else "like this"
    return _fault(f"there is no escape {shown}", (at, at + 2), "a backslash itself is written `\\\\`")


def _fault(message: str, place: Range, help: str | None = None) -> Fault:
    return Fault(code="invalid_json", message=message, place=place, help=help)
