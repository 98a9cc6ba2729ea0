import unicodedata
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pdp.codes import SYNTAX
from pdp.errors import Diagnostic, Severity
from pdp.source import Source
from pdp.syntax import limits, parse
from pdp.syntax.messages import render_all
from pdp.syntax.reader import read_source
from pdp.syntax.words import KEYWORDS

RULE = "rule r:\n  permit User to read on Doc\n  "


class Case(NamedTuple):
    """A text with one mistake, and all that is said about it."""

    text: str
    code: str
    message: str
    underlined: str
    help: str | None


CASES = {
    # ------------------------------------------------------------------------------------------------------ characters
    "a character that turns the text around": Case(
        "type A # \u202e",
        "bidi_character",
        "U+202E RIGHT-TO-LEFT OVERRIDE changes the order in which the text is shown",
        "\u202e",
        "delete it; in a string, write `\\u{202e}`",
    ),
    "an isolate that turns the text around": Case(
        'define a = "\u2066"',
        "bidi_character",
        "U+2066 LEFT-TO-RIGHT ISOLATE changes the order in which the text is shown",
        "\u2066",
        "delete it; in a string, write `\\u{2066}`",
    ),
    "a zero-width space": Case(
        'define a = "x\u200by"',
        "invisible_character",
        "U+200B ZERO WIDTH SPACE cannot be seen",
        "\u200b",
        "delete it; in a string, write `\\u{200b}`",
    ),
    "a soft hyphen in a name": Case(
        "type A\xadB",
        "invisible_character",
        "U+00AD SOFT HYPHEN cannot be seen",
        "\xad",
        "delete it; in a string, write `\\u{ad}`",
    ),
    "a tag character in a comment": Case(
        "# \U000e0041",
        "invisible_character",
        "U+E0041 TAG LATIN CAPITAL LETTER A cannot be seen",
        "\U000e0041",
        "delete it; in a string, write `\\u{e0041}`",
    ),
    "a NUL": Case(
        "type\x00A",
        "control_character",
        "U+0000 is a control character",
        "\x00",
        "delete it; in a string, write `\\u{0}`",
    ),
    "an escape sequence of a terminal": Case(
        "type A # \x1b[31m",
        "control_character",
        "U+001B is a control character",
        "\x1b",
        "delete it; in a string, write `\\u{1b}`",
    ),
    "a carriage return alone": Case(
        "type A # \rrule r: permit anyone to any on anything",
        "control_character",
        "U+000D is a control character",
        "\r",
        "end lines with a line feed, alone or after a carriage return",
    ),
    "a byte order mark at the start": Case(
        "\ufefftype A",
        "byte_order_mark",
        "the file holds a byte order mark",
        "\ufeff",
        "save the file as UTF-8 without a byte order mark",
    ),
    "half a surrogate pair": Case(
        'define a = "\ud800"',
        "lone_surrogate",
        "U+D800 is half a character",
        "\ud800",
        "delete it",
    ),
    "a Cyrillic letter in a name": Case(
        "rule r: permit Us\u0435r to read on Doc",
        "unexpected_character",
        "unexpected character `\u0435`",
        "\u0435",
        "it is U+0435 CYRILLIC SMALL LETTER IE, which looks like `e`",
    ),
    "a Greek letter that starts a name": Case(
        "type \u0391",
        "unexpected_character",
        "unexpected character `\u0391`",
        "\u0391",
        "it is U+0391 GREEK CAPITAL LETTER ALPHA, which looks like `A`",
    ),
    "a letter that looks like nothing else": Case(
        "define x = \xe9",
        "unexpected_character",
        "unexpected character `\xe9`",
        "\xe9",
        "it is U+00E9 LATIN SMALL LETTER E WITH ACUTE; outside strings and comments all is ASCII",
    ),
    "a typographic quotation mark": Case(
        "define x = \u201ca\u201d",
        "unexpected_character",
        "unexpected character `\u201c`",
        "\u201c",
        'it is U+201C LEFT DOUBLE QUOTATION MARK, which looks like `"`',
    ),
    "a mathematical sign": Case(
        "define x = a \u2264 b",
        "unexpected_character",
        "unexpected character `\u2264`",
        "\u2264",
        "it is U+2264 LESS-THAN OR EQUAL TO, which looks like `<=`",
    ),
    "a space that is none": Case(
        "type A\xa0",
        "unexpected_character",
        "unexpected character `\\u{a0}`",
        "\xa0",
        "it is U+00A0 NO-BREAK SPACE, which looks like a space",
    ),
    "a character that means nothing": Case(
        "define x = @",
        "unexpected_character",
        "unexpected character `@`",
        "@",
        None,
    ),
    # -------------------------------------------------------------------------------------------------------- literals
    "a string that is not closed": Case(
        RULE + 'when a == "x  ',
        "unterminated_string",
        "the string is not closed on its line",
        '"x',
        'close it with `"`; a line break in a string is `\\n`',
    ),
    "an escape that does not exist": Case(
        RULE + 'when a == "x\\q"',
        "invalid_escape",
        "`\\q` is not an escape",
        "\\q",
        'the escapes are `\\n`, `\\r`, `\\t`, `\\\\`, `\\"`, `\\u{…}`',
    ),
    "an escaped star outside a pattern": Case(
        RULE + 'when a == "\\*"',
        "invalid_escape",
        "`\\*` is not an escape",
        "\\*",
        "outside a pattern after `like`, `*` stands for itself",
    ),
    "an escape of half a surrogate pair": Case(
        RULE + 'when a == "\\u{d800}"',
        "invalid_escape",
        "`\\u{d800}` is not an escape",
        "\\u{d800}",
        "the number of a character is at most `10ffff`, without `d800` to `dfff`",
    ),
    "an escape beyond the last character": Case(
        RULE + 'when a == "\\u{110000}"',
        "invalid_escape",
        "`\\u{110000}` is not an escape",
        "\\u{110000}",
        "the number of a character is at most `10ffff`, without `d800` to `dfff`",
    ),
    "an escape without braces": Case(
        RULE + 'when a == "\\u0041"',
        "invalid_escape",
        "`\\u0041` is not an escape",
        "\\u0041",
        "write one to six hexadecimal digits in braces: `\\u{e9}`",
    ),
    "an unknown escape in a pattern": Case(
        RULE + 'when a like "\\x"',
        "invalid_escape",
        "`\\x` is not an escape",
        "\\x",
        'the escapes are `\\n`, `\\r`, `\\t`, `\\\\`, `\\"`, `\\u{…}`, `\\*`',
    ),
    "single quotes": Case(
        RULE + "when a == 'x'",
        "single_quotes",
        "strings stand in double quotes",
        "'x'",
        'write `"x"`',
    ),
    "a single quote that is not closed": Case(
        RULE + "when a == 'x",
        "single_quotes",
        "strings stand in double quotes",
        "'",
        'write `"`',
    ),
    "an integer above the largest": Case(
        RULE + "when a == 9223372036854775808",
        "int_out_of_range",
        "`9223372036854775808` is out of range",
        "9223372036854775808",
        "integers go from -9223372036854775808 to 9223372036854775807",
    ),
    "an integer below the smallest": Case(
        RULE + "when a == -9223372036854775809",
        "int_out_of_range",
        "`-9223372036854775809` is out of range",
        "-9223372036854775809",
        "integers go from -9223372036854775808 to 9223372036854775807",
    ),
    "five decimal places": Case(
        RULE + "when a == 1.23456",
        "invalid_decimal",
        "`1.23456` has more than four places",
        "1.23456",
        "a decimal has one to four places",
    ),
    "a decimal out of range": Case(
        RULE + "when a == -999999999999999999.0",
        "invalid_decimal",
        "`-999999999999999999.0` is out of range",
        "-999999999999999999.0",
        "decimals go up to 922337203685477.5807",
    ),
    "a thirteenth month": Case(
        RULE + "when a == 2026-13-01",
        "invalid_datetime",
        "`2026-13-01` is no date or time",
        "2026-13-01",
        "there is no month 13",
    ),
    "a day that a month does not have": Case(
        RULE + "when a == 2026-02-30",
        "invalid_datetime",
        "`2026-02-30` is no date or time",
        "2026-02-30",
        "the days of 2026-02 are 01 to 28",
    ),
    "a twenty-fifth hour": Case(
        RULE + "when a == 2026-02-28T24:00Z",
        "invalid_datetime",
        "`2026-02-28T24:00Z` is no date or time",
        "2026-02-28T24:00Z",
        "the hours of a day are 00 to 23",
    ),
    "a sixtieth second": Case(
        RULE + "when a == 2026-02-28T23:59:60Z",
        "invalid_datetime",
        "`2026-02-28T23:59:60Z` is no date or time",
        "2026-02-28T23:59:60Z",
        "minutes and seconds are 00 to 59",
    ),
    "an offset of a day": Case(
        RULE + "when a == 2026-02-28T23:00+24:00",
        "invalid_datetime",
        "`2026-02-28T23:00+24:00` is no date or time",
        "2026-02-28T23:00+24:00",
        "the offset from UTC is at most 23:59, and years end at 9999",
    ),
    "the year 0": Case(
        RULE + "when a == 0000-01-01",
        "invalid_datetime",
        "`0000-01-01` is no date or time",
        "0000-01-01",
        "years start at 0001",
    ),
    "units out of order": Case(
        RULE + "when a == 1m1h",
        "invalid_duration",
        "`1m1h` is no duration",
        "1m1h",
        "name each unit once, the largest first: `1d12h`",
    ),
    "a duration out of range": Case(
        RULE + "when a == 99999999999w",
        "invalid_duration",
        "`99999999999w` is too long a time",
        "99999999999w",
        "durations are at most 106751991d",
    ),
    "a part of an address out of range": Case(
        RULE + "when a == 300.1.1.1",
        "invalid_ip",
        "`300.1.1.1` is no address",
        "300.1.1.1",
        "four numbers from 0 to 255, without leading zeros",
    ),
    "a leading zero in an address": Case(
        RULE + "when a == 10.0.0.01",
        "invalid_ip",
        "`10.0.0.01` is no address",
        "10.0.0.01",
        "four numbers from 0 to 255, without leading zeros",
    ),
    "a prefix that is too long": Case(
        RULE + "when a == 10.0.0.0/33",
        "invalid_ip",
        "`10.0.0.0/33` has a prefix that is too long",
        "10.0.0.0/33",
        "a prefix is a number from 0 to 32",
    ),
    "bits after the prefix": Case(
        RULE + "when a == 10.1.2.3/8",
        "host_bits",
        "`10.1.2.3/8` has bits set after its prefix",
        "10.1.2.3/8",
        "write the range `10.0.0.0/8`, or the address `10.1.2.3`",
    ),
    "bits after the prefix of a long address": Case(
        RULE + "when a == 2001:db8::1/32",
        "host_bits",
        "`2001:db8::1/32` has bits set after its prefix",
        "2001:db8::1/32",
        "write the range `2001:db8::/32`, or the address `2001:db8::1`",
    ),
    "bits after the prefix of a mapped address": Case(
        RULE + "when a == ::ffff:10.1.2.3/104",
        "host_bits",
        "`::ffff:10.1.2.3/104` has bits set after its prefix",
        "::ffff:10.1.2.3/104",
        "write the range `10.0.0.0/8`, or the address `::ffff:10.1.2.3`",
    ),
    "an exponent": Case(
        RULE + "when a == 1e3",
        "malformed_literal",
        "`1e3` is not a number, a time or an address",
        "1e3",
        "write all the digits: there are no exponents",
    ),
    "a number that starts with its point": Case(
        RULE + "when a == .5",
        "malformed_literal",
        "`.5` is not a number of the language",
        ".5",
        "write `0.5`",
    ),
    "a number that ends with its point": Case(
        RULE + "when a == 1.",
        "malformed_literal",
        "`1.` is not a number, a time or an address",
        "1.",
        "a decimal has digits after the point: `1.0`",
    ),
    "a hexadecimal number": Case(
        RULE + "when a == 0x1F",
        "malformed_literal",
        "`0x1F` is not a number, a time or an address",
        "0x1F",
        "numbers are decimal",
    ),
    "digits in groups": Case(
        RULE + "when a == 1_000",
        "malformed_literal",
        "`1_000` is not a number, a time or an address",
        "1_000",
        "write the digits without `_`",
    ),
    "a unit that does not exist": Case(
        RULE + "when a == 5min",
        "malformed_literal",
        "`5min` is not a number, a time or an address",
        "5min",
        "a duration is whole numbers with `w d h m s ms`: `90d`, `1h30m`",
    ),
    "a date without leading zeros": Case(
        RULE + "when a == 2026-1-5",
        "malformed_literal",
        "`2026-1-5` is not a number, a time or an address",
        "2026-1-5",
        "a datetime is written `2026-11-23` or `2026-11-23T09:00:00Z`",
    ),
    "a time of day without a zone": Case(
        RULE + "when a == 2026-11-23T09:00:00",
        "malformed_literal",
        "`2026-11-23T09:00:00` is not a number, a time or an address",
        "2026-11-23T09:00:00",
        "a time of day needs its zone: `2026-11-23T09:00:00Z`",
    ),
    "a difference that looks like a date": Case(
        RULE + "when a == 1-2",
        "malformed_literal",
        "`1-2` is not a number, a time or an address",
        "1-2",
        "put spaces around `-` to subtract",
    ),
    "an address of three parts": Case(
        RULE + "when a == 10.0.0",
        "malformed_literal",
        "`10.0.0` is not a number, a time or an address",
        "10.0.0",
        "an address is written `10.0.0.1` or `2001:db8::1`, a range `10.0.0.0/8`",
    ),
    "a long address of three parts": Case(
        RULE + "when a == 2001:db8:1",
        "malformed_literal",
        "this is not an address",
        ":",
        "an address is written `10.0.0.1` or `2001:db8::1`, a range `10.0.0.0/8`",
    ),
    "no null": Case(
        RULE + "when a == null",
        "null_literal",
        "there is no `null`",
        "null",
        "ask for presence with `has`",
    ),
    "no None": Case(
        RULE + "when a != None",
        "null_literal",
        "there is no `None`",
        "None",
        "ask for presence with `has`",
    ),
    # ------------------------------------------------------------------------------------------------- other languages
    "two ampersands": Case(
        RULE + "when a && b",
        "foreign_operator",
        "`&&` is not an operator",
        "&&",
        "write `and`",
    ),
    "two bars": Case(
        RULE + "when a || b",
        "foreign_operator",
        "`||` is not an operator",
        "||",
        "write `or`",
    ),
    "an exclamation mark": Case(
        RULE + "when !a",
        "foreign_operator",
        "`!` is not an operator",
        "!",
        "write `not`",
    ),
    "three equals signs": Case(
        RULE + "when a === b",
        "foreign_operator",
        "`===` is not an operator",
        "===",
        "write `==`",
    ),
    "not equal as in SQL": Case(
        RULE + "when a <> b",
        "foreign_operator",
        "`<>` is not an operator",
        "<>",
        "write `!=`",
    ),
    "a question mark": Case(
        RULE + "when a ? b : c",
        "foreign_operator",
        "`?` is not an operator",
        "?",
        "write `if test then value else other`",
    ),
    "an operator in capitals": Case(
        RULE + "when a AND b",
        "foreign_operator",
        "`AND` is not an operator",
        "AND",
        "write `and`",
    ),
    "a word for like": Case(
        RULE + 'when a startsWith "x"',
        "foreign_operator",
        "`startsWith` is not an operator",
        "startsWith",
        'write `like "start*"`',
    ),
    "a single equals sign": Case(
        RULE + "when a = b",
        "single_equals",
        "`=` compares nothing",
        "=",
        "write `==`",
    ),
    "a division": Case(
        RULE + "when a / b",
        "no_division",
        "there is no division in the language",
        "/",
        "`+`, `-` and `*` are all the arithmetic",
    ),
    "a remainder": Case(
        RULE + "when a % b",
        "no_division",
        "there is no remainder in the language",
        "%",
        "`+`, `-` and `*` are all the arithmetic",
    ),
    "a method": Case(
        RULE + "when a.contains(b)",
        "method_call",
        "a value is not called: there are no methods",
        "(",
        "use `in`, `like`, `containsAll`, `containsAny`, `is empty` or a `define`",
    ),
    "a position": Case(
        RULE + "when a[0]",
        "expected_string",
        "expected the name of an attribute in quotes, found `0`",
        "0",
        'sets have no order and no positions; an attribute is taken with `.name` or `["name"]`',
    ),
    "a semicolon": Case(
        "type User;",
        "semicolon",
        "nothing ends with `;`",
        ";",
        "delete it",
    ),
    "a comment with slashes": Case(
        RULE + "when a // b",
        "foreign_comment",
        "`//` starts no comment",
        "//",
        "a comment starts with `#` and ends with its line",
    ),
    "a comment with a slash and a star": Case(
        "/* a */\ntype A",
        "foreign_comment",
        "`/*` starts no comment",
        "/*",
        "a comment starts with `#` and ends with its line",
    ),
    "an entity with colons": Case(
        RULE + 'when User::"ada" == principal',
        "double_colon",
        "names are not qualified with `::`",
        "::",
        'an entity is written `Type "id"`, an enum member `Enum.member`',
    ),
    "an entity with colons in a scope": Case(
        'rule r: permit Face::"ada" to read on Doc',
        "double_colon",
        "names are not qualified with `::`",
        "::",
        'an entity is written `Type "id"`, an enum member `Enum.member`',
    ),
    "allow for permit": Case(
        "rule r: allow User to read on Doc",
        "unknown_effect",
        "expected `permit` or `forbid` after the name of the rule, found `allow`",
        "allow",
        "write `permit`",
    ),
    "deny for forbid": Case(
        "rule r: deny User to read on Doc",
        "unknown_effect",
        "expected `permit` or `forbid` after the name of the rule, found `deny`",
        "deny",
        "write `forbid`",
    ),
    "a rule without a name": Case(
        "permit User to read on Doc",
        "unnamed_rule",
        "this `permit` belongs to no rule",
        "permit",
        "name the rule: `rule name:`",
    ),
    "a policy": Case(
        "policy p",
        "expected_declaration",
        "expected a declaration, found `policy`",
        "policy",
        "write `rule name: permit …`",
    ),
    "a comparison in a scope": Case(
        'rule r: permit principal == User "ada" to read on Doc',
        "scope_comparison",
        "`principal` is no scope: a scope names types and entities",
        "principal",
        'write `User` or `User "ada"`; what it compares belongs into `when`',
    ),
    "where for when": Case(
        RULE + "where a",
        "unknown_clause",
        "expected a clause or the next declaration, found `where`",
        "where",
        "write `when`",
    ),
    # ------------------------------------------------------------------------------------------------------- operators
    "and mixed with or": Case(
        RULE + "when a and b or c and d",
        "mixed_and_or",
        "`and` and `or` are mixed without parentheses",
        "or",
        "put what belongs together in parentheses: `(a and b) or c`",
    ),
    "a chain of comparisons": Case(
        RULE + "when a < b < c",
        "chained_comparison",
        "comparisons do not chain",
        "<",
        "join two comparisons with `and`, or put one in parentheses",
    ),
    "a comparison of a membership": Case(
        RULE + "when a in b == c",
        "chained_comparison",
        "comparisons do not chain",
        "==",
        "join two comparisons with `and`, or put one in parentheses",
    ),
    "if as an operand": Case(
        RULE + "when a == if b then c else d",
        "needs_parentheses",
        "`if …` needs parentheses here",
        "if",
        "write `(if …)`",
    ),
    "any as an operand": Case(
        RULE + "when a and any x in y: x",
        "needs_parentheses",
        "`any …` needs parentheses here",
        "any",
        "write `(any …)`",
    ),
    "all after not": Case(
        RULE + "when not all x in y: x",
        "needs_parentheses",
        "`all …` needs parentheses here",
        "all",
        "write `(all …)`",
    ),
    "not as an operand": Case(
        RULE + "when a == not b",
        "needs_parentheses",
        "`not …` needs parentheses here",
        "not",
        "write `(not …)`",
    ),
    "not before in": Case(
        RULE + "when x not in y",
        "not_in",
        "`not` stands before what it negates",
        "not",
        "write `not x in y`",
    ),
    "not after is": Case(
        RULE + "when x is not User",
        "not_in",
        "`not` stands before what it negates",
        "not",
        "write `not x is T`",
    ),
    "no operand": Case(
        RULE + "when a ==",
        "expected_expression",
        "expected a value, found the end of the file",
        "",
        None,
    ),
    "a keyword as an operand": Case(
        RULE + "when a == then",
        "expected_expression",
        "expected a value, found `then`",
        "then",
        None,
    ),
    "no operator": Case(
        RULE + "when a b",
        "unknown_clause",
        "expected an operator, a clause or the next declaration, found `b`",
        "b",
        None,
    ),
    "if without else": Case(
        RULE + "when if a then b",
        "if_without_else",
        "expected `else` and the other value of `if`, found the end of the file",
        "",
        None,
    ),
    "a misspelt else": Case(
        RULE + "when if a then b esle c",
        "if_without_else",
        "expected `else` and the other value of `if`, found `esle`",
        "esle",
        "did you mean `else`?",
    ),
    "no then": Case(
        RULE + "when (if a else b)",
        "unexpected_token",
        "expected `then` after the test of `if`, found `else`",
        "else",
        None,
    ),
    "an attribute without a name": Case(
        RULE + "when a.(b)",
        "expected_name",
        "expected the name of an attribute after `.`, found `(`",
        "(",
        None,
    ),
    "a pattern that is no string": Case(
        RULE + "when a like b",
        "expected_string",
        "expected a pattern after `like`, found `b`",
        "b",
        "a pattern is a string in which `*` stands for any text",
    ),
    "is without a type": Case(
        RULE + "when a is 5",
        "expected_type",
        "expected a type or `empty` after `is`, found `5`",
        "5",
        None,
    ),
    "a bracket closed by another": Case(
        RULE + "when (a]",
        "unexpected_token",
        "expected `)` or an operator, found `]`",
        "]",
        None,
    ),
    "a bracket that the file does not close": Case(
        RULE + "when [a, b",
        "unclosed_bracket",
        "the `[` is never closed",
        "[",
        None,
    ),
    "a bracket that the declaration does not close": Case(
        "type A {\n  a: Int\n\ntype B",
        "unclosed_bracket",
        "the `{` is never closed",
        "{",
        None,
    ),
    "no comma in a set": Case(
        RULE + "when [a b] == c",
        "unexpected_token",
        "expected `,` or `]`, found `b`",
        "b",
        None,
    ),
    # ----------------------------------------------------------------------------------------------------------- names
    "a lower-case type": Case(
        "type user { a: Int }",
        "lower_case_type",
        "the type `user` does not start upper-case",
        "user",
        "write `User`",
    ),
    "a lower-case enum": Case(
        "enum env { a }",
        "lower_case_type",
        "the type `env` does not start upper-case",
        "env",
        "write `Env`",
    ),
    "a lower-case type in a scope": Case(
        "rule r: permit user to read on Doc",
        "lower_case_type",
        "the type `user` does not start upper-case",
        "user",
        "write `User`",
    ),
    "a misspelt anyone": Case(
        "rule r: permit anyon to read on Doc",
        "lower_case_type",
        "the type `anyon` does not start upper-case",
        "anyon",
        "did you mean `anyone`?",
    ),
    "a lower-case type of an entity": Case(
        RULE + 'when user "ada" == principal',
        "lower_case_type",
        "the type `user` does not start upper-case",
        "user",
        'an entity is written `Type "id"`',
    ),
    "a type that starts with an underscore": Case(
        "type _x",
        "lower_case_type",
        "the type `_x` does not start upper-case",
        "_x",
        "write `X`",
    ),
    "a define named as a keyword": Case(
        "define and = 1",
        "reserved_name",
        "`and` cannot be the name of a define",
        "and",
        "choose another name",
    ),
    "a define named as a root": Case(
        "define principal = 1",
        "reserved_name",
        "`principal` cannot be the name of a define",
        "principal",
        "choose another name",
    ),
    "a parameter named as a keyword": Case(
        "define f(to: Int) = 1",
        "reserved_name",
        "`to` cannot be the name of a parameter",
        "to",
        "choose another name",
    ),
    "a variable named as a root": Case(
        RULE + "when any now in a: b",
        "reserved_name",
        "`now` cannot be the name of a variable",
        "now",
        "choose another name",
    ),
    "a rule named default": Case(
        "rule default: permit User to read on Doc",
        "reserved_name",
        "`default` cannot be the name of a rule",
        "default",
        "choose another name",
    ),
    "an action named any": Case(
        "action any on Doc",
        "reserved_name",
        "`any` cannot be the name of an action",
        "any",
        "choose another name",
    ),
    "a type named None": Case(
        "type None",
        "reserved_name",
        "`None` cannot be the name of a type",
        "None",
        "choose another name",
    ),
    "a number as a name": Case(
        "action 5 on Doc",
        "expected_name",
        "expected the name of the action, found `5`",
        "5",
        None,
    ),
    "a string as a type": Case(
        'type A in "b"',
        "expected_type",
        'expected the type of a parent after `in`, found `"b"`',
        '"b"',
        None,
    ),
    # ---------------------------------------------------------------------------------------------------- declarations
    "a misspelt keyword": Case(
        "tpye User",
        "expected_declaration",
        "expected a declaration, found `tpye`",
        "tpye",
        "did you mean `type`?",
    ),
    "no keyword": Case(
        ") type A",
        "expected_declaration",
        "expected a declaration, found `)`",
        ")",
        None,
    ),
    "a clause outside a rule": Case(
        "when a",
        "expected_declaration",
        "expected a declaration, found `when`",
        "when",
        "a clause belongs to a rule",
    ),
    "a list that goes on into the next declaration": Case(
        "role r on Doc: read,\nrole s on Doc: r",
        "unfinished_declaration",
        "the declaration before this `role` is not finished",
        "role",
        "something is missing after `read,`",
    ),
    "a condition that goes on into the next declaration": Case(
        "define a = b ==\ndefine c = d",
        "unfinished_declaration",
        "the declaration before this `define` is not finished",
        "define",
        "something is missing after `==`",
    ),
    "a namespace that goes on into the first declaration": Case(
        "namespace a.\nenum B { c }",
        "unfinished_declaration",
        "the declaration before this `enum` is not finished",
        "enum",
        "something is missing after `a.`",
    ),
    "two namespaces": Case(
        "namespace a\nnamespace b",
        "misplaced_namespace",
        "a file has one `namespace`, before all else",
        "namespace",
        "move it to the first line, or to a file of its own",
    ),
    "a namespace after a declaration": Case(
        "type A\nnamespace b",
        "misplaced_namespace",
        "a file has one `namespace`, before all else",
        "namespace",
        "move it to the first line, or to a file of its own",
    ),
    "an import after a declaration": Case(
        "type A\nimport a: b",
        "misplaced_import",
        "imports stand before all declarations",
        "import",
        "move it to the top of the file",
    ),
    "an import of a whole namespace": Case(
        "import a.b",
        "unexpected_token",
        "expected `:` and the names that are imported, found the end of the file",
        "",
        None,
    ),
    "a doc line at the end": Case(
        "type A\n## doc",
        "misplaced_doc",
        "`##` stands right before a declaration, and nowhere else",
        "##",
        "a comment that documents no declaration starts with a single `#`",
    ),
    "a doc line before the namespace": Case(
        "## doc\nnamespace a",
        "misplaced_doc",
        "`##` stands right before a declaration, and nowhere else",
        "##",
        "a comment that documents no declaration starts with a single `#`",
    ),
    "a doc line inside a declaration": Case(
        "type A {\n  ## doc\n  a: Int }",
        "misplaced_doc",
        "`##` stands right before a declaration, and nowhere else",
        "##",
        "a comment that documents no declaration starts with a single `#`",
    ),
    "a doc line before a clause": Case(
        RULE + "## doc\n  when a",
        "misplaced_doc",
        "`##` stands right before a declaration, and nowhere else",
        "##",
        "a comment that documents no declaration starts with a single `#`",
    ),
    "an attribute without a type": Case(
        "type A { a }",
        "unexpected_token",
        "expected `:` after `a`, found `}`",
        "}",
        None,
    ),
    "an enum without members": Case(
        "enum E {}",
        "expected_name",
        "expected a member of the enum, found `}`",
        "}",
        None,
    ),
    "an action for no type": Case(
        "action read by User",
        "unexpected_token",
        "expected `on` and the types that the action is for, found `by`",
        "by",
        None,
    ),
    "a define without a value": Case(
        "define x 5",
        "unexpected_token",
        "expected `=` and what the define stands for, found `5`",
        "5",
        None,
    ),
    "a define with empty parentheses": Case(
        "define x() = 1",
        "unexpected_token",
        "expected the name of a parameter, found `)`",
        ")",
        "without parameters, write `define name = …`",
    ),
    "a grant without an end": Case(
        'grant a on B "c" to D "e"',
        "grant_without_end",
        "expected `until`, `from` or `standing` and the end of the grant, found the end of the file",
        "",
        'access ends: `until 2027-01-31`, or says why it does not: `standing because "…"`',
    ),
    "a grant with a start alone": Case(
        'grant a on B "c" to D "e" from 2026-01-01',
        "grant_without_end",
        "expected `until` and the end of the grant, found the end of the file",
        "",
        'access ends: `until 2027-01-31`, or says why it does not: `standing because "…"`',
    ),
    "a grant to a type": Case(
        'grant a on B "c" to D until 2026-01-01',
        "expected_entity",
        "expected an id in double quotes after `D`, found `until`",
        "until",
        'an entity is written `D "id"`',
    ),
    # ----------------------------------------------------------------------------------------------------------- rules
    "a misspelt effect": Case(
        "rule r: premit User to read on Doc",
        "unknown_effect",
        "expected `permit` or `forbid` after the name of the rule, found `premit`",
        "premit",
        "did you mean `permit`?",
    ),
    "no effect": Case(
        "rule r: 5",
        "unexpected_token",
        "expected `permit` or `forbid` after the name of the rule, found `5`",
        "5",
        None,
    ),
    "no colon after the name of a rule": Case(
        "rule r permit User to read on Doc",
        "unexpected_token",
        "expected `:` after the name of the rule, found `permit`",
        "permit",
        None,
    ),
    "no principals": Case(
        "rule r: permit to read on Doc",
        "expected_type",
        "expected `anyone` or the principals of the rule, found `to`",
        "to",
        None,
    ),
    "a scope that is a string": Case(
        'rule r: permit "ada" to read on Doc',
        "expected_scope",
        'expected `anyone` or the principals of the rule, found `"ada"`',
        '"ada"',
        None,
    ),
    "no to": Case(
        "rule r: permit User deploy on Doc",
        "unexpected_token",
        "expected `to` after the principals of the rule, found `deploy`",
        "deploy",
        None,
    ),
    "no on": Case(
        "rule r: permit User to read Doc",
        "unexpected_token",
        "expected `on` after the actions of the rule, found `Doc`",
        "Doc",
        None,
    ),
    "a scope in a type": Case(
        "rule r: permit User in Group to read on Doc",
        "expected_entity",
        "expected an id in double quotes after `Group`, found `to`",
        "to",
        'an entity is written `Group "id"`',
    ),
    "an entity after an open list": Case(
        'rule r: permit User in Group "a", Group "b" to read on Doc',
        "ambiguous_scope",
        '`Group "b"` stands beside `User in Group "a"`, not in its list',
        'Group "b"',
        'write `User in [Group "a", Group "b"]`, or put `Group "b"` first if it is a scope of its own',
    ),
    "a misspelt clause": Case(
        RULE + "oblgie x {}",
        "unknown_clause",
        "expected a clause or the next declaration, found `oblgie`",
        "oblgie",
        "did you mean `oblige`?",
    ),
    "a second effect": Case(
        RULE + "permit Agent to read on Doc",
        "unknown_clause",
        "expected a clause or the next declaration, found `permit`",
        "permit",
        "a rule has one effect: start another with `rule name:`",
    ),
    "until without a datetime": Case(
        RULE + "until tomorrow",
        "expected_datetime",
        "expected a datetime after `until`, found `tomorrow`",
        "tomorrow",
        "write it like `2026-11-23` or `2026-11-23T09:00:00Z`",
    ),
    "recheck without every": Case(
        RULE + "recheck 5m",
        "unexpected_token",
        "expected `every` after `recheck`, found `5m`",
        "5m",
        None,
    ),
    "recheck without a duration": Case(
        RULE + "recheck every day",
        "expected_duration",
        "expected a duration after `recheck every`, found `day`",
        "day",
        "write it like `15m`, `1h30m` or `90d`",
    ),
    "a remedy without quotes": Case(
        RULE + "needs a else b",
        "expected_string",
        "expected the remedy after `else`, found `b`",
        "b",
        "write it in double quotes",
    ),
    "a reason without quotes": Case(
        RULE + "because no",
        "expected_string",
        "expected a reason after `because`, found `no`",
        "no",
        "write it in double quotes",
    ),
    "oblige without arguments": Case(
        RULE + "oblige notify",
        "unexpected_token",
        "expected `{` and a record, found the end of the file",
        "",
        None,
    ),
    "no approvals at all": Case(
        RULE + "needs 0 approvals from A for 1h",
        "approval_count",
        "a rule asks for 1 to 100 approvals",
        "0",
        None,
    ),
    "too many approvals": Case(
        RULE + "needs 101 approvals from A for 1h",
        "approval_count",
        "a rule asks for 1 to 100 approvals",
        "101",
        None,
    ),
    "approvals from nobody": Case(
        RULE + "needs 2 approvals for 1h",
        "unexpected_token",
        "expected `from` and who approves, found `for`",
        "for",
        None,
    ),
    "approvals for good": Case(
        RULE + "needs 2 approvals from A",
        "unexpected_token",
        "expected `for` and how long an approval holds, found the end of the file",
        "",
        None,
    ),
    # ----------------------------------------------------------------------------------------------------------- tests
    "a test without quotes": Case(
        'test t: expect allow A "b" to c on D "e"',
        "expected_string",
        "expected the name of the test, found `t`",
        "t",
        "write it in double quotes",
    ),
    "a test that expects nothing": Case(
        'test "t": given A "b"',
        "expected_expectation",
        "expected `expect`, or `at` and a time, found the end of the file",
        "",
        None,
    ),
    "a misspelt expect": Case(
        'test "t": given A "b" expct allow A "b" to c on D "e"',
        "expected_expectation",
        "expected an entity, `session`, `grant`, `approval` or `expect`, found `expct`",
        "expct",
        "did you mean `expect`?",
    ),
    "permit for allow": Case(
        'test "t": expect permit A "b" to c on D "e"',
        "unexpected_token",
        "expected `allow` or `deny` after `expect`, found `permit`",
        "permit",
        "write `allow`",
    ),
    "parts of an expectation out of order": Case(
        'test "t": expect allow A "b" to c on D "e" as {} with {}',
        "expectation_order",
        "`with` does not stand here in an expectation",
        "with",
        "the order is `with`, `as`, `by`, `errs`, `needs`, `oblige`, `until` or `standing`, each once",
    ),
    "both ends of a lease": Case(
        'test "t": expect allow A "b" to c on D "e" until 2026-12-24 standing',
        "expectation_order",
        "`standing` does not stand here in an expectation",
        "standing",
        "the order is `with`, `as`, `by`, `errs`, `needs`, `oblige`, `until` or `standing`, each once",
    ),
    "a step in which nothing happens": Case(
        'test "t": expect allow A "b" to c on D "e" then expect deny A "b" to c on D "e"',
        "expected_expectation",
        "expected what happens then: `at`, `revoke` or `given`, found `expect`",
        "expect",
        None,
    ),
    "a step that expects nothing": Case(
        'test "t": expect allow A "b" to c on D "e" then at 2026-12-24',
        "expected_expectation",
        "expected `expect`: each step says what is expected from then on, found the end of the file",
        "",
        None,
    ),
    "a misspelt kind of revocation": Case(
        'test "t": expect allow A "b" to c on D "e" then revoke sesion "s" expect deny A "b" to c on D "e"',
        "expected_revocation",
        "expected what is revoked: `principal`, `group`, `workload`, `session`, `token`, `key` or `device`, "
        "found `sesion`",
        "sesion",
        "did you mean `session`?",
    ),
    "a revoked entity without its kind": Case(
        'test "t": expect allow A "b" to c on D "e" then revoke A "b" expect deny A "b" to c on D "e"',
        "expected_revocation",
        "expected what is revoked: `principal`, `group`, `workload`, `session`, `token`, `key` or `device`, found `A`",
        "A",
        "write what it is revoked as first, such as `principal`",
    ),
    "a revoked session without quotes": Case(
        'test "t": expect allow A "b" to c on D "e" then revoke session s expect deny A "b" to c on D "e"',
        "expected_string",
        "expected the name of the session, found `s`",
        "s",
        "write it in double quotes",
    ),
    "an entity without an id": Case(
        'test "t": expect allow A to c on D "e"',
        "expected_entity",
        "expected an id in double quotes after `A`, found `to`",
        "to",
        'an entity is written `A "id"`',
    ),
}

# Codes whose texts are too large to stand in a table, or are no texts.
LARGE = {"file_too_large", "nested_too_deep", "string_too_long", "too_many_errors", "too_many_tokens"}
FILES = {"invalid_utf8", "unreadable_file"}


def errors_of(text: str) -> list[Diagnostic]:
    return parse(Source("test.pdp", text))[1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_is_told(case):
    found = errors_of(case.text)

    assert [(each.code, each.message, each.span.text, each.help) for each in found] == [case[1:]]


def test_every_code_is_told_somewhere():
    told = {case.code for case in CASES.values()}

    assert told | LARGE | FILES == set(SYNTAX)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_messages_speak_of_the_policy(case):
    for text in (case.message, case.help or "x"):
        assert not text[:1].isupper() or text.startswith("U+")
        assert not text.endswith(".")
        assert text.count("`") % 2 == 0
        assert not {"token", "Ident", "str", "None,", "EOF", "malformed", "sign"} & set(text.split())


# --------------------------------------------------------------------------------------------- notes and places


def test_a_bracket_that_is_never_closed_says_where_it_should_have_been():
    (found,) = errors_of("type A {\n  a: Int\n\nrule r: permit A to b on C")

    ((message, span),) = found.notes
    assert (message, span.text, span.line) == ("expected `,` or `}`, found `rule`", "rule", 4)


def test_a_bracket_of_an_earlier_line_is_pointed_at():
    (found,) = errors_of(RULE + "when (a and\n    b\n  needs c")

    ((message, span),) = found.notes
    assert (found.span.text, message, span.text) == ("needs", "the `(` is opened here", "(")


def test_the_end_of_the_file_is_shown_right_after_the_last_token():
    (found,) = errors_of("define a =  # nothing\n\n\n")

    assert (found.message, str(found.span)) == ("expected a value, found the end of the file", "test.pdp:1:11")


# -------------------------------------------------------------------------------------------------------- recovery

MISTAKES = """
namespace x
type user
type Group
tpye Team
rule one:
  premit User to read on Doc
  when a
rule two: permit User to read on Doc when a && b
## This one is right.
rule three:
  permit User to read on Doc
  when context.rule == rule
type A {
  type: Int,
  enum Int
}
  rule four: permit User to read on Doc when )
role r on Doc: read,
grant r on Doc "d" to User "u"
test "t":
  given session { a: 1 )
        grant r on Doc "d" to User "u" until 2026-01-01
  expect allow User "u" to read on Doc "d"
define a = 'x'
enum E { a, b }
"""


def test_every_mistake_of_a_file_is_told_once():
    file, found = parse(Source("test.pdp", MISTAKES))

    assert [(each.code, each.span.line) for each in found] == [
        ("lower_case_type", 3),
        ("expected_declaration", 5),
        ("unknown_effect", 7),
        ("foreign_operator", 9),
        ("unexpected_token", 16),
        ("expected_expression", 18),
        ("unfinished_declaration", 20),
        ("grant_without_end", 21),
        ("unexpected_token", 22),
        ("single_quotes", 25),
    ]
    assert [type(each).__name__ for each in file.declarations] == ["TypeDecl", "TypeDecl", "RuleDecl", "EnumDecl"]


@pytest.mark.parametrize(
    ("text", "namespace", "imports", "declarations"),
    [
        ("namespace a.\nenum B { c }", None, 0, ["EnumDecl"]),
        ("namespace a\nnamespace b.\nenum B { c }", "a", 0, ["EnumDecl"]),
        ("namespace a\nimport b: C as\nenum B { c }", "a", 0, ["EnumDecl"]),
        ("type A\nnamespace b.\nenum B { c }", None, 0, ["TypeDecl", "EnumDecl"]),
        ("type A\nimport b: C\nimport c: D as\nenum B { c }", None, 1, ["TypeDecl", "EnumDecl"]),
        ("import b: C\nactions d = e,\nenum B { c }", None, 1, ["EnumDecl"]),
    ],
)
def test_what_is_not_finished_is_dropped_and_nothing_else(text, namespace, imports, declarations):
    file, found = parse(Source("test.pdp", text))

    assert found[-1].code == "unfinished_declaration"
    assert (None if file.namespace is None else file.namespace.text) == namespace
    assert len(file.imports) == imports
    assert [type(each).__name__ for each in file.declarations] == declarations


def test_several_mistakes_of_one_rule_are_told_where_it_can_be_read_on():
    found = errors_of(RULE + "when a == 10.1.2.3/8 and b == 2026-13-01\n  until 2026-02-30")

    assert [each.code for each in found] == ["host_bits", "invalid_datetime", "invalid_datetime"]


def test_what_follows_a_word_that_was_reported_is_no_further_mistake():
    found = errors_of("define any = 1\ndefine all x\ntype b User\ntype C")

    assert [(each.code, each.span.text) for each in found] == [
        ("reserved_name", "any"),
        ("reserved_name", "all"),
        ("lower_case_type", "b"),
    ]


def test_a_character_that_is_reported_is_no_further_mistake():
    found = errors_of("type Us\u200ber\ntype B \u202e\x00\ntype C")

    assert [each.code for each in found] == ["invisible_character", "bidi_character", "control_character"]


def test_errors_come_in_the_order_of_the_text():
    found = errors_of("type a\ntype B # \u202e\ntype c")

    assert [each.span.line for each in found] == [1, 2, 3]


def test_the_errors_of_a_file_are_limited():
    found = errors_of("type a\n" * 1000)

    assert len(found) == limits.MAX_ERRORS + 1
    assert [each.code for each in found[-2:]] == ["lower_case_type", "too_many_errors"]
    assert (found[-1].message, found[-1].span.text, found[-1].help) == (
        "the file has 50 errors or more: the rest of it is not looked at",
        "a",
        "mend these first",
    )


# ------------------------------------------------------------------------------------------------------ characters


@pytest.mark.parametrize("where", ['define a = "{}"', "# {}", "## {}\ntype A", "type A{}"])
def test_every_format_character_is_refused(where):
    accepted = [
        f"U+{number:04X}"
        for number in range(0x110000)
        if unicodedata.category(chr(number)) == "Cf" and not errors_of(where.format(chr(number)))
    ]

    assert accepted == []


def test_every_control_character_but_tabs_and_line_ends_is_refused():
    controls = [chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) == "Cc"]

    accepted = [char for char in controls if not errors_of(f"# {char} #\n")]

    assert accepted == ["\t", "\n"]


@pytest.mark.parametrize("char", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_each_bidirectional_control_is_refused_in_strings_comments_and_names(char):
    found = errors_of(f'define a = "{char}"\n# {char}\ntype A{char}\n## {char}\ntype B')

    assert [each.code for each in found] == ["bidi_character"] * 4


def test_letters_of_all_scripts_may_stand_in_strings_and_comments():
    found = errors_of('# Zugriff für Ærøskøbing, 日本, العربية\ndefine a = "für Ærøskøbing, 日本, العربية, cafe\u0301"')

    assert found == []


def test_nothing_is_normalised_or_folded():
    file, _ = parse(Source("test.pdp", 'define a = ["caf\u00e9", "cafe\u0301", "CAFÉ"]'))

    texts = [item.value for item in file.declarations[0].body.items]
    assert texts == ["caf\u00e9", "cafe\u0301", "CAFÉ"]


# ------------------------------------------------------------------------------------------------ whatever is written

WORDS = [
    *sorted(KEYWORDS),
    *"{}()[],:.=<>+-*?|#\"'\\!&/\n\t ",
    "\r\n",
    "Doc",
    '"x"',
    "1",
    "1h",
    "2026-01-01",
    "::1",
    "##",
]
texts = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS)).map(" ".join),
    st.lists(st.sampled_from(WORDS)).map("".join),
    st.text(alphabet=st.characters(max_codepoint=0x10FFFF, exclude_categories=())),
)


@given(texts)
@example("\ud800")
@example('"\\')
@example('define a = "\\')
@example("rule r: permit A to b on C needs 2 ## x")
@example("test")
@example("##")
def test_any_text_is_read_or_told_about(text):
    source = Source("test.pdp", text)

    file, found = parse(source)

    assert file.source is source
    assert all(each.code in SYNTAX and each.severity is Severity.ERROR for each in found)
    assert all(0 <= each.span.start <= each.span.end <= len(text) for each in found)
    assert render_all(found).isprintable() or "\n" in render_all(found)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("files") / "a.pdp"


@given(st.binary())
def test_any_bytes_are_read_or_told_about(anywhere, data):
    anywhere.write_bytes(data)

    found = read_source(anywhere, "a.pdp")

    if isinstance(found, Source):
        assert found.text.encode() == data
        parse(found)
    else:
        assert found.code == "invalid_utf8"
        assert found.span.start == len(data[: len(found.span.source.text[: found.span.start].encode())].decode())
