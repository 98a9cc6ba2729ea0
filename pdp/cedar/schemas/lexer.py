"""From the text of a schema to its tokens."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pdp import patterns
from pdp.checker.report import Report
from pdp.source import Source, Span
from pdp.syntax.characters import find_forbidden, lookalike, show
from pdp.syntax.limits import MAX_ERRORS, MAX_FILE_BYTES, MAX_TOKENS

# What Unicode calls white space: Python's own `\s` takes four control characters more.
_SPACE: Final = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

_TOKEN: Final = patterns.compile(
    rf"(?:[{_SPACE}]++|//[^\r\n]*+)*+(?:"
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*+)|(?P<sign>::|[@(){}\[\]<>,;:=?])"
    r'|(?P<string>"(?:[^"\\]++|\\[^\n])*+")|(?P<end>\Z)|(?P<open>"[^\r\n]*+)|(?P<bad>[0-9]++|/\*(?:.*?\*/)?|.))',
    re.DOTALL,
)

_ESCAPE: Final = patterns.compile(
    r"\\(?:([nrt0'\"\\])|x([0-7][0-9A-Fa-f])|u\{([0-9A-Fa-f](?:_*[0-9A-Fa-f]){0,5}_*)\}|(.))", re.DOTALL
)
_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "'": "'", '"': '"', "\\": "\\"}
_ESCAPES: Final = r"""there are `\n`, `\r`, `\t`, `\0`, `\\`, `\'`, `\"`, `\x41` and `\u{41}`"""


class Token(NamedTuple):
    """A word, a sign or a string of the text; `kind` is `name`, `sign`, `string` or `end`."""

    kind: str
    text: str
    start: int
    end: int


def tokens(source: Source, report: Report) -> tuple[list[Token], list[int]]:
    """Return the tokens of a text, the last of which is its end; and where there is what is none, which is reported."""
    found: list[Token] = []
    faults: list[int] = []
    for match in _TOKEN.finditer(source.text):
        kind = match.lastgroup or ""
        token = Token(kind, match[kind], *match.span(kind))
        if kind in ("bad", "open"):
            _report_bad(token, source, report)
            faults.append(token.start)
        else:
            found.append(token)
        if kind == "end" or len(faults) > MAX_ERRORS:
            break
        if len(found) > MAX_TOKENS:
            message = f"the file holds more than {MAX_TOKENS} words and signs"
            report.error(
                "too_many_tokens", message, Span(source, token.start, token.end), "split it into several files"
            )
            # Nothing of it is looked at: what is wrong on the way here is of no interest.
            found.clear()
            break
    if not found or found[-1].kind != "end":
        found.append(Token("end", "", len(source.text), len(source.text)))
    return found, faults


def _report_bad(token: Token, source: Source, report: Report) -> None:
    span = Span(source, token.start, token.end)
    if token.kind == "open":
        where = Span(source, token.start, token.start + 1)
        report.error("unterminated_string", "this string has no closing quote", where, 'close it with `"`')
        return
    help_ = None
    if token.text.startswith(("/", "#")):
        help_ = "a comment starts with `//`"
    elif token.text == "'":
        help_ = 'a string stands in double quotes: `"…"`'
    elif not token.text.isascii() and (plain := lookalike(token.text)) is not None:
        help_ = f"did you mean `{plain}`?"
    report.error("unexpected_character", f"`{show(token.text)}` means nothing in a schema", span, help_)


def check_text(source: Source, report: Report) -> bool:
    """Tell whether a text is one, and no larger than is read; report where it is not.

    Characters that change the order in which text is shown are warned of: Cedar takes them.
    """
    text = source.text
    if len(text) > MAX_FILE_BYTES or (not text.isascii() and len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES):
        message, help_ = f"the file is larger than {MAX_FILE_BYTES} bytes", "split it into several files"
        report.error("file_too_large", message, Span(source, 0, 0), help_)
        return False
    if text.isascii():
        return True
    whole, faults = True, 0
    for each in find_forbidden(text):
        span = Span(source, each.at, each.at + 1)
        if each.code == "lone_surrogate":
            report.error(each.code, each.message, span, each.help)
            whole = False
        elif each.code == "bidi_character":
            report.warn(each.code, each.message, span, each.help)
        faults += each.code in ("lone_surrogate", "bidi_character")
        if faults > MAX_ERRORS:
            break
    return whole


def unescape(token: Token, source: Source, report: Report) -> str:
    """Return what a string says; report what is no escape."""
    text = token.text[1:-1]
    if "\r" in text:
        _check_returns(token, source, report)
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        simple, byte, code, _ = match.groups()
        if simple:
            return _SIMPLE[simple]
        number = int((byte or code or "d800").replace("_", ""), 16)
        if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
            return chr(number)
        at = token.start + 1 + match.start()
        span = Span(source, at, at + len(match[0]))
        report.error("invalid_escape", f"there is no escape `{show(match[0])}`", span, _ESCAPES)
        return ""

    return _ESCAPE.sub(one, text)


def _check_returns(token: Token, source: Source, report: Report) -> None:
    at = token.start + token.text.index("\r")
    message = "a string cannot hold a carriage return"
    report.error(
        "invalid_escape", message, Span(source, at, at + 1), "write `\\r`, or end lines with a line feed alone"
    )
