"""From characters to tokens: one compiled pattern, asked for one token at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# Repetitions of more than one part are possessive: to step back into them costs memory, and finds nothing.
_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_STRING: Final = r'"[^"\\\r\n]*+(?:\\[^\r\n][^"\\\r\n]*+)*+"'

_H: Final = r"[0-9A-Fa-f]{1,4}"
_V4: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_V6: Final = (
    rf"(?:{_H}:){{7}}{_H}|(?:{_H}:){{6}}{_V4}"
    rf"|(?:{_H}(?::{_H}){{0,6}})?::(?:(?:{_H}:){{0,5}}{_V4}|{_H}(?::{_H}){{0,6}})?"
)
_IP: Final = rf"(?:{_V4}|{_V6})(?:/[0-9]{{1,3}})?(?![A-Za-z0-9_.:/])"
_DATETIME: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?(?![A-Za-z0-9_-])"
)
_DURATION: Final = r"(?:[0-9]++(?:ms|[smhdw]))++(?![A-Za-z0-9_])"
_DECIMAL: Final = r"[0-9]+\.[0-9]+(?![A-Za-z0-9_.])"
_INT: Final = r"[0-9]+(?![A-Za-z0-9_.]|-[0-9])"

# The name of a group is the kind of the token. `malformed` and `bad` hold what is no token: whoever parses trips over
# them, and `hints` says what is wrong with them.
_TOKEN: Final = re.compile(
    r"[ \t\r\n]*+(?:"
    rf"(?P<word>{_WORD})"
    r"|(?P<sign>[{}()\[\],:.+*?-]|==(?!=)|!=(?!=)|<=|<(?!>)|>=?|=(?![=>])|\|(?!\|))"
    rf"|(?P<string>{_STRING})"
    rf"|(?=[0-9])(?:(?P<ip>{_IP})|(?P<datetime>{_DATETIME})|(?P<duration>{_DURATION})|(?P<decimal>{_DECIMAL})"
    rf"|(?P<int>{_INT})|(?P<malformed>[0-9][A-Za-z0-9_.:/+-]*))"
    r"|(?P<doc>##(?=[ \t\r\n]|\Z)[^\n]*)|(?P<comment>\#[^\n]*)"
    r"|(?P<end>\Z)"
    r"|(?P<bad>===|!==|&&|\|\||=>|<>|//|/\*|[^\r\n]|.))",
    re.DOTALL,
)

match_ip: Final = re.compile(_IP).match
"""Match an IP address. One that starts with a letter or a colon is only looked for where a value stands."""

approvals_ahead: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*+)*+approvals?(?![A-Za-z0-9_])").match
"""Match what may follow a number that counts approvals."""

string_ahead: Final = re.compile(r'[ \t\r\n]*+"').match
"""Match what follows a type that names an entity, where no comment stands between them."""

DECLARATION_START: Final = re.compile(
    r"^([ \t]*)(?:(?:context|session)[ \t]*\{|(?:namespace|import|type|enum|actions?|role|grant|define|obligation|rule)"
    r'[ \t]+[A-Za-z_]|test[ \t]+")',
    re.MULTILINE,
)
"""A line that looks like the start of a declaration. Strings end with their line, so a match is never inside one."""


def tokens(text: str, start: int) -> Callable[[], re.Match[str]]:
    """Return a function that matches one token after the other, whitespace before it included, from an offset on.

    It matches until the end of the text has been matched, which the parser never consumes.
    """
    return _TOKEN.scanner(text, start).match  # type: ignore[attr-defined, no-any-return]  # typeshed leaves it out
