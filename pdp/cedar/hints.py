"""What to say about text that belongs to other languages than Cedar."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pdp.syntax.characters import lookalike, name_of, show


class Hint(NamedTuple):
    """What is wrong with a token, wherever it stands; `start` and `end` are what to underline, by default the token."""

    code: str
    message: str
    end: int
    help: str | None
    start: int = -1


_SIGNS: Final = {
    "===": "write `==`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "=~": 'write `like "…"`, where `*` stands for any text',
    "=>": "write `>=`",
    "=<": "write `<=`",
    ":=": "Cedar has no names for values; to compare, write `==`",
    "?": "write `if test then value else other`",
    "?.": "ask with `has` first: `x has y && x.y`",
    "??": "ask with `has` first: `if x has y then x.y else other`",
    "&": "write `&&`",
    "|": "write `||`",
}

_WORDS: Final = {
    **dict.fromkeys(("and", "AND", "And"), "write `&&`"),
    **dict.fromkeys(("or", "OR", "Or"), "write `||`"),
    **dict.fromkeys(("equals", "eq"), "write `==`"),
    "IN": "write `in`",
    "ne": "write `!=`",
    "gt": "write `>`",
    "lt": "write `<`",
    "ge": "write `>=`",
    "le": "write `<=`",
    "instanceof": "write `is`",
    "contains": "write `set.contains(element)`",
    "containsAll": "write `set.containsAll(other)`",
    "containsAny": "write `set.containsAny(other)`",
    "between": "write two comparisons joined by `&&`",
    **dict.fromkeys(("matches", "regex"), 'write `like "…"`, where `*` stands for any text'),
    "startsWith": 'write `like "start*"`',
    "endsWith": 'write `like "*end"`',
    "not": "`!` stands before what it negates: `!(x in y)`",
    "with": "write `when`",
}

NULLS: Final = frozenset({"null", "None", "nil", "undefined"})

_QUOTED: Final = re.compile(r"'([^'\r\n]*)'")
_REGEX: Final = re.compile(r"/[^/\r\n]+/[a-z]*")
_SIGN: Final = re.compile(r"===|!==|<>|=~|=>|=<|:=|\?[.?]?|&|\|")
_FRACTION: Final = re.compile(r"\.([0-9]+)")
_DIGITS_BEFORE: Final = re.compile(r"(?<![A-Za-z0-9_.])[0-9]{1,20}\Z")


def explain(content: str, kind: str, text: str, start: int, after_operand: bool) -> Hint | None:
    """Say what is wrong with a token that no Cedar text can have here; None where nothing special is."""
    end = start + len(text)
    if text == "'":
        quoted = _QUOTED.match(content, start)
        end, help_ = (quoted.end(), f'write `"{show(quoted[1])}"`') if quoted else (end, 'write `"`')
        return Hint("single_quotes", "strings stand in double quotes", end, help_)
    if text == "#" or content.startswith("/*", start):
        help_ = "a comment starts with `//` and ends with its line"
        sign = content[start : start + (1 if text == "#" else 2)]
        return Hint("foreign_comment", f"`{sign}` starts no comment", start + len(sign), help_)
    if after_operand:
        return _after_operand(content, kind, text, start)
    return _before_operand(content, kind, text, start)


def _before_operand(content: str, kind: str, text: str, start: int) -> Hint | None:
    end = start + len(text)
    # The first part of such a sign was read as an operator of its own: `=` after `==`, say.
    for width in (1, 2):
        sign = _SIGN.match(content, start - width)
        if start >= width and sign is not None and sign.end() > start:
            message = f"`{sign[0]}` is no operator of Cedar"
            return Hint("foreign_operator", message, sign.end(), _SIGNS[sign[0]], start - width)
    if text == "/":
        regex = _REGEX.match(content, start)
        help_ = 'write `like "…"`, where `*` stands for any text'
        return Hint("foreign_regex", "Cedar has no regular expressions", regex.end() if regex else end, help_)
    if kind == "bad":
        return _bad(content, text, start)
    return None


def _after_operand(content: str, kind: str, text: str, start: int) -> Hint | None:
    end = start + len(text)
    sign = _SIGN.match(content, start)
    if sign is not None and kind != "slot":
        return Hint("foreign_operator", f"`{sign[0]}` is no operator of Cedar", sign.end(), _SIGNS[sign[0]])
    if text == "=":
        return Hint("single_equals", "`=` compares nothing", end, "write `==`")
    if text in ("/", "%"):
        what = "division" if text == "/" else "remainder"
        return Hint("no_division", f"Cedar has no {what}", end, "`+`, `-` and `*` are all the arithmetic")
    if kind == "word" and text in _WORDS:
        return Hint("foreign_operator", f"`{text}` is no operator of Cedar", end, _WORDS[text])
    return _bad(content, text, start) if kind == "bad" else None


def float_after(content: str, point: int, sign: str) -> Hint | None:
    """Say that a number with a fraction is none, where a point follows a number."""
    fraction = _FRACTION.match(content, point)
    whole = _DIGITS_BEFORE.search(content, max(0, point - 21), point)
    if fraction is None or whole is None:
        return None
    number = show(sign + whole[0] + fraction[0])
    help_ = f'write `decimal("{number}")`, and compare with `.lessThan(…)` and its like'
    return Hint("foreign_number", f"`{number}` is no number of Cedar: it has whole ones", fraction.end(), help_)


def _bad(content: str, text: str, start: int) -> Hint:
    end = start + len(text)
    sign = _SIGN.match(content, start)
    if sign is not None:
        return Hint("foreign_operator", f"`{sign[0]}` is no operator of Cedar", sign.end(), _SIGNS[sign[0]])
    if text == "\ufeff":
        help_ = "save the file as UTF-8 without a byte order mark"
        return Hint("byte_order_mark", "the file holds a byte order mark", end, help_)
    return Hint("unexpected_character", f"unexpected character `{show(text)}`", end, _character_help(text))


def _character_help(char: str) -> str | None:
    if char.isascii():
        return None
    twin = lookalike(char)
    if twin is None:
        return f"it is {name_of(char)}; outside strings and comments all is ASCII"
    return f"it is {name_of(char)}, which looks like " + ("a space" if twin == " " else f"`{twin}`")
