"""Reading literals: what has the shape of one and is none is reported, and a value of its kind stands in for it."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from typing import Final

from pdp.syntax import limits
from pdp.syntax.characters import show
from pdp.syntax.cursor import Cursor
from pdp.values import INT_MAX, INT_MIN, Datetime, Decimal, Duration, Ip

_ESCAPE: Final = re.compile(r"\\(u\{([0-9A-Fa-f]{1,6})\}|u\{?[0-9A-Fa-f]*\}?|.)", re.DOTALL)
_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}
_INT_DIGITS: Final = len(str(INT_MAX))

LiteralValue = int | str | Decimal | Datetime | Duration | Ip


class Literals(Cursor):
    """Reads the literal in hand."""

    def string(self, expected: str) -> str:
        """Consume a string and return its value."""
        if self.kind != "string":
            raise self.fail(expected, code="expected_string", help="write it in double quotes")
        value = self._written()
        if "\\" in value:
            value = "".join(self._pieces(value, pattern=False)[0])
        self.advance()
        return value

    def pattern(self) -> tuple[str, ...]:
        """Consume a string after `like` and return the pieces between its stars."""
        if self.kind != "string":
            help_ = "a pattern is a string in which `*` stands for any text"
            raise self.fail("a pattern after `like`", code="expected_string", help=help_)
        value = self._written()
        if "\\" in value:
            parts = tuple("".join(piece) for piece in self._pieces(value, pattern=True))
        else:
            parts = tuple(value.split("*"))
        self.advance()
        return parts

    def _written(self) -> str:
        """Return what stands between the quotes of the string in hand; nothing where it is too long."""
        value = self.text[1:-1]
        if len(value) * 4 > limits.MAX_STRING_BYTES:
            size = len(value.encode("utf-8", "surrogatepass"))
            if size > limits.MAX_STRING_BYTES:
                message = f"the string is longer than {limits.MAX_STRING_BYTES} bytes"
                help_ = "a policy holds rules, not texts: compare an id instead"
                self.report("string_too_long", message, self.start, self.end, help_)
                return ""
        return value

    def _pieces(self, value: str, *, pattern: bool) -> list[list[str]]:
        """Resolve the escapes of a string; split it at its stars if it is a pattern."""
        pieces: list[list[str]] = [[]]
        at = 0
        while at < len(value):
            char = value[at]
            width = 1
            if char == "*" and pattern:
                pieces.append([])
            elif char != "\\":
                stop = at + 1
                while stop < len(value) and value[stop] != "\\" and value[stop] != "*":
                    stop += 1
                pieces[-1].append(value[at:stop])
                width = stop - at
            else:
                text, width = self._escape(value, at, pattern=pattern)
                pieces[-1].append(text)
            at += width
        return pieces

    def _escape(self, value: str, at: int, *, pattern: bool) -> tuple[str, int]:
        match = _ESCAPE.match(value, at)
        assert match is not None  # the lexer takes a backslash only with what follows it
        body, digits = match[1], match[2]
        if body in _SIMPLE:
            return _SIMPLE[body], 2
        if body == "*" and pattern:
            return "*", 2
        if digits is not None:
            number = int(digits, 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                return chr(number), len(match[0])
        self._refuse_escape(match[0], self.start + 1 + at, number=digits, pattern=pattern)
        return "", len(match[0])

    def _refuse_escape(self, text: str, start: int, *, number: str | None, pattern: bool) -> None:
        known = '`\\n`, `\\r`, `\\t`, `\\\\`, `\\"`, `\\u{…}`' + (", `\\*`" if pattern else "")
        help_ = f"the escapes are {known}"
        if number is not None:
            help_ = "the number of a character is at most `10ffff`, without `d800` to `dfff`"
        elif text.startswith("\\u"):
            help_ = "write one to six hexadecimal digits in braces: `\\u{e9}`"
        elif text == "\\*":
            help_ = "outside a pattern after `like`, `*` stands for itself"
        self.report("invalid_escape", f"`{show(text)}` is not an escape", start, start + len(text), help_)

    def datetime(self, after: str) -> Datetime:
        """Consume a datetime."""
        if self.kind != "datetime":
            help_ = "write it like `2026-11-23` or `2026-11-23T09:00:00Z`"
            raise self.fail(f"a datetime {after}", code="expected_datetime", help=help_)
        value = self._datetime_value()
        self.advance()
        return value

    def duration(self, after: str) -> Duration:
        """Consume a duration."""
        if self.kind != "duration":
            help_ = "write it like `15m`, `1h30m` or `90d`"
            raise self.fail(f"a duration {after}", code="expected_duration", help=help_)
        value = self._duration_value()
        self.advance()
        return value

    def _datetime_value(self) -> Datetime:
        try:
            return Datetime.parse(self.text)
        except ValueError:
            message = f"`{self.text}` is no date or time"
            self.report("invalid_datetime", message, self.start, self.end, _why_not(self.text))
            return Datetime(0)

    def _duration_value(self) -> Duration:
        try:
            return Duration.parse(self.text)
        except ValueError as error:
            out_of_range = "out of range" in str(error)
            message = f"`{show(self.text)}` is " + ("too long a time" if out_of_range else "no duration")
            help_ = (
                "durations are at most 106751991d"
                if out_of_range
                else "name each unit once, the largest first: `1d12h`"
            )
            self.report("invalid_duration", message, self.start, self.end, help_)
            return Duration(1)

    def _decimal_value(self, sign: str = "", start: int = -1) -> Decimal:
        try:
            return Decimal.parse(sign + self.text)
        except ValueError as error:
            if "out of range" in str(error):
                message, help_ = (
                    f"`{show(sign + self.text)}` is out of range",
                    f"decimals go up to {Decimal(INT_MAX)}",
                )
            else:
                message, help_ = (
                    f"`{show(sign + self.text)}` has more than four places",
                    "a decimal has one to four places",
                )
            self.report("invalid_decimal", message, start if sign else self.start, self.end, help_)
            return Decimal(0)

    def _int_value(self, sign: str = "", start: int = -1) -> int:
        digits = self.text.lstrip("0")
        # Python refuses to read numbers of some thousand digits, and takes long over shorter ones.
        value = int(sign + (digits or "0")) if len(digits) <= _INT_DIGITS else INT_MAX + 1
        if INT_MIN <= value <= INT_MAX:
            return value
        help_ = f"integers go from {INT_MIN} to {INT_MAX}"
        self.report(
            "int_out_of_range",
            f"`{show(sign + self.text)}` is out of range",
            start if sign else self.start,
            self.end,
            help_,
        )
        return 0

    def _ip_value(self) -> Ip:
        text = self.text
        try:
            return Ip.parse(text)
        except ValueError as error:
            message, code = str(error), "invalid_ip"
        help_ = None
        if "host bits" in message:
            code, message = "host_bits", f"`{show(text)}` has bits set after its prefix"
            help_ = f"write the range `{_network(text)}`, or the address `{text.partition('/')[0]}`"
        elif "prefix" in message:
            help_, message = message, f"`{show(text)}` has a prefix that is too long"
        else:
            help_ = (
                "four numbers from 0 to 255, without leading zeros"
                if ":" not in text
                else "eight groups, or fewer with one `::`"
            )
            message = f"`{show(text)}` is no address"
        self.report(code, message, self.start, self.end, help_)
        return Ip(4, 0, 0)

    _READERS: Final[dict[str, Callable[[Literals], LiteralValue]]] = {
        "int": _int_value,
        "decimal": _decimal_value,
        "datetime": _datetime_value,
        "duration": _duration_value,
        "ip": _ip_value,
    }

    def literal(self) -> LiteralValue | None:
        """Return the value of the literal in hand without consuming it; None where it is not a literal."""
        reader = self._READERS.get(self.kind)
        return None if reader is None else reader(self)

    def negative_literal(self, minus: int) -> int | Decimal | None:
        """Return the value of the number in hand, to which a minus belongs; None where it is not a number."""
        if self.kind == "int":
            return self._int_value("-", minus)
        return self._decimal_value("-", minus) if self.kind == "decimal" else None


def _why_not(datetime: str) -> str:
    """Say why a text of the shape of a datetime is none."""
    year, month, day = int(datetime[:4]), int(datetime[5:7]), int(datetime[8:10])
    if year == 0:
        return "years start at 0001"
    if not 1 <= month <= 12:
        return f"there is no month {month:02}"
    days = monthrange(year, month)[1]
    if not 1 <= day <= days:
        return f"the days of {datetime[:7]} are 01 to {days}"
    if int(datetime[11:13] or 0) > 23:
        return "the hours of a day are 00 to 23"
    if int(datetime[14:16] or 0) > 59 or (datetime[16:17] == ":" and int(datetime[17:19]) > 59):
        return "minutes and seconds are 00 to 59"
    return "the offset from UTC is at most 23:59, and years end at 9999"


def _network(text: str) -> Ip:
    """Return the range that has the prefix of a text and no bits after it."""
    address, _, prefix = text.partition("/")
    host = Ip.parse(address)
    # A prefix counts from the start of the address as it is written, also where that is read as version 4.
    mapped = host.version == 4 and ":" in address
    width = (128 if mapped or host.version == 6 else 32) - int(prefix)
    first = (host.first | (0xFFFF << 32 if mapped else 0)) >> width << width
    last = first | (1 << width) - 1
    if mapped and width <= 32:
        return Ip(4, first & 0xFFFFFFFF, last & 0xFFFFFFFF)
    return Ip(6 if mapped else host.version, first, last)
