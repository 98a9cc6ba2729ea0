"""What to say about text that belongs to other languages, and how to name what was found."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pdp.syntax.characters import lookalike, name_of, show
from pdp.syntax.words import NULLS


class Hint(NamedTuple):
    """What is wrong with a token, wherever it stands; `end` is where to stop underlining."""

    code: str
    message: str
    end: int
    help: str | None


_OPERATORS: Final = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "&": "and",
    "|": "or",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=~": "like",
    "=>": ">=",
    "=<": "<=",
}

_FOREIGN_WORDS: Final = {
    "AND": "write `and`",
    "OR": "write `or`",
    "NOT": "write `not`",
    "And": "write `and`",
    "Or": "write `or`",
    "IN": "write `in`",
    "equals": "write `==`",
    "eq": "write `==`",
    "ne": "write `!=`",
    "gt": "write `>`",
    "lt": "write `<`",
    "ge": "write `>=`",
    "le": "write `<=`",
    "contains": "write `element in set`",
    "matches": 'write `like "…"`, where `*` stands for any text',
    "startsWith": 'write `like "start*"`',
    "endsWith": 'write `like "*end"`',
    "between": "write two comparisons joined by `and`",
    "instanceof": "write `is`",
    "mod": "there is no remainder in the language",
    "div": "there is no division in the language",
}

_QUOTED: Final = re.compile(r"'([^'\r\n]*)'")
_LINE: Final = re.compile(r"[^\r\n]*")
_GROUPS: Final = re.compile(r":[0-9A-Fa-f]{1,4}(?![A-Za-z0-9_])")
_GROUP: Final = re.compile(r"(?<![A-Za-z0-9_])[0-9][0-9A-Fa-f]{0,3}\Z")
_DIGIT: Final = re.compile(r"\.[0-9]+")


def explain(content: str, kind: str, text: str, start: int, after_operand: bool) -> Hint | None:
    """Say what is wrong with a token that fits nowhere, or not after a value; None where it is well-formed."""
    if kind == "doc":
        return misplaced_doc(start)
    if kind == "malformed":
        return _malformed(text, start)
    if kind == "bad":
        return _bad(content, text, start)
    if text == ":" and content.startswith("::", start):
        message = "names are not qualified with `::`"
        return Hint(
            "double_colon",
            message,
            start + 2,
            'an entity is written `Type "id"`, an enum member `Enum.member`',
        )
    if kind == "word" and text in NULLS and not after_operand:
        return Hint("null_literal", f"there is no `{text}`", start + len(text), "ask for presence with `has`")
    return _after_operand(content, kind, text, start) if after_operand else _before_operand(content, text, start)


def misplaced_doc(start: int) -> Hint:
    """Say that a `##` line documents nothing."""
    help_ = "a comment that documents no declaration starts with a single `#`"
    return Hint("misplaced_doc", "`##` stands right before a declaration, and nowhere else", start + 2, help_)


def _before_operand(content: str, text: str, start: int) -> Hint | None:
    if text == "." and (digits := _DIGIT.match(content, start)):
        message = f"`{show(digits[0])}` is not a number of the language"
        return Hint("malformed_literal", message, digits.end(), f"write `0{show(digits[0])}`")
    return None


def _after_operand(content: str, kind: str, text: str, start: int) -> Hint | None:
    end = start + len(text)
    if text == "=" or text == "|":
        sign = content[start : start + 2] if content[start : start + 2] in _OPERATORS else text
        help_ = "write `==`" if sign == "=" else f"write `{_OPERATORS[sign]}`"
        message = "`=` compares nothing" if sign == "=" else f"`{sign}` is not an operator"
        return Hint("single_equals" if sign == "=" else "foreign_operator", message, start + len(sign), help_)
    if text == ":" and _GROUPS.match(content, start) and _GROUP.search(content, max(0, start - 5), start):
        return Hint("malformed_literal", "this is not an address", end, _IP_HELP)
    if text == "not":
        return Hint("not_in", "`not` stands before what it negates", end, "write `not x in y`")
    if text == "?":
        message = "`?` is not an operator"
        return Hint("foreign_operator", message, end, "write `if test then value else other`")
    if text == "(":
        message = "a value is not called: there are no methods"
        help_ = "use `in`, `like`, `containsAll`, `containsAny`, `is empty` or a `define`"
        return Hint("method_call", message, end, help_)
    if kind == "word" and text in _FOREIGN_WORDS:
        return Hint("foreign_operator", f"`{text}` is not an operator", end, _FOREIGN_WORDS[text])
    return None


def _bad(content: str, text: str, start: int) -> Hint:
    end = start + len(text)
    line_end = _LINE.match(content, start).end()  # type: ignore[union-attr]  # matches anywhere
    if text == '"':
        stripped = start + len(content[start:line_end].rstrip())
        message = "the string is not closed on its line"
        return Hint("unterminated_string", message, stripped, 'close it with `"`; a line break in a string is `\\n`')
    if text == "'":
        quoted = _QUOTED.match(content, start)
        end, help_ = (quoted.end(), f'write `"{show(quoted[1])}"`') if quoted else (end, 'write `"`')
        return Hint("single_quotes", "strings stand in double quotes", end, help_)
    if text in ("//", "/*"):
        return Hint(
            "foreign_comment",
            f"`{text}` starts no comment",
            end,
            "a comment starts with `#` and ends with its line",
        )
    if text in _OPERATORS:
        return Hint("foreign_operator", f"`{text}` is not an operator", end, f"write `{_OPERATORS[text]}`")
    if text == ";":
        return Hint("semicolon", "nothing ends with `;`", end, "delete it")
    if text in ("/", "%"):
        what = "division" if text == "/" else "remainder"
        return Hint(
            "no_division",
            f"there is no {what} in the language",
            end,
            "`+`, `-` and `*` are all the arithmetic",
        )
    return Hint("unexpected_character", f"unexpected character `{show(text)}`", end, _character_help(text))


def _character_help(char: str) -> str | None:
    if char.isascii():
        return None
    twin = lookalike(char)
    if twin is None:
        return f"it is {name_of(char)}; outside strings and comments all is ASCII"
    return f"it is {name_of(char)}, which looks like " + ("a space" if twin == " " else f"`{twin}`")


_IP_HELP: Final = "an address is written `10.0.0.1` or `2001:db8::1`, a range `10.0.0.0/8`"
_SHAPES: Final = (
    (re.compile(r"[0-9]+-[0-9]+-[0-9]+T[0-9:.]+"), "a time of day needs its zone: `2026-11-23T09:00:00Z`"),
    (re.compile(r"[0-9]+-[0-9]+-[0-9]+.*"), "a datetime is written `2026-11-23` or `2026-11-23T09:00:00Z`"),
    (re.compile(r"[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]+"), "write all the digits: there are no exponents"),
    (re.compile(r"0[xXoObB][0-9A-Fa-f]+"), "numbers are decimal"),
    (re.compile(r"[0-9]+(_[0-9]+)+(\.[0-9]+)?"), "write the digits without `_`"),
    (re.compile(r"[0-9]+\."), "a decimal has digits after the point: `1.0`"),
    (re.compile(r"[0-9]+-[0-9]+"), "put spaces around `-` to subtract"),
    (re.compile(r"[0-9]+(\.[0-9]+)+(/.*)?"), _IP_HELP),
    (
        re.compile(r"[0-9a-fA-F]*:.*"),
        _IP_HELP,
    ),
    (
        re.compile(r"([0-9]+(\.[0-9]+)?[a-z]+)+"),
        "a duration is whole numbers with `w d h m s ms`: `90d`, `1h30m`",
    ),
)


def _malformed(text: str, start: int) -> Hint:
    word = text.rstrip(":+-")
    help_ = next((help_ for shape, help_ in _SHAPES if len(word) < 200 and shape.fullmatch(word)), None)
    message = f"`{show(word)}` is not a number, a time or an address"
    return Hint("malformed_literal", message, start + len(word), help_)


def describe(kind: str, text: str) -> str:
    """Name a token as a message does."""
    if kind == "end":
        return "the end of the file"
    return f"`{show(text)}`"


def word_before(content: str, end: int) -> str:
    """Return the last word or sign before an offset, comments left aside, for a message."""
    for line in reversed(content[max(0, end - 2000) : end].split("\n")):
        words = re.sub(r'#[^"]*$', "", line).split()
        if words:
            return show(words[-1])
    return ""
