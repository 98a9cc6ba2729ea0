"""From characters to tokens of Cedar: one compiled pattern, asked for one token at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pdp import patterns

# What Unicode calls white space, which is not what Python does: U+001C to U+001F are none.
SPACE: Final = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# Repetitions of more than one part are possessive: to step back into them costs memory, and finds nothing.
_STRING_BODY: Final = r'"[^"\\]*+(?:\\[^\n][^"\\]*+)*+'

# The name of a group is the kind of the token. An `open` string goes to the end of the text, or to a backslash at the
# end of a line; `bad` is no token at all.
_TOKEN: Final = re.compile(
    rf"[{SPACE}]*+(?:"
    r"(?P<word>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<sign>::?|[(){}\[\],;.+*@%-]|==?|!=?|<=?|>=?|&&|\|\||/(?!/))"
    rf'|(?P<string>{_STRING_BODY}")'
    r"|(?P<number>[0-9]++)"
    r"|(?P<comment>//[^\n\r]*+)"
    r"|(?P<slot>\?[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<end>\Z)"
    r'|(?P<open>")'
    r"|(?P<bad>.))",
    re.DOTALL,
)

string_start: Final = patterns.compile(_STRING_BODY).match
"""Match as much of a string as is one."""

POLICY_START: Final = patterns.compile(rf"@[{SPACE}]*+[A-Za-z_]|(?:permit|forbid)(?![A-Za-z0-9_])").match
"""Match what starts a policy, if it stands first on its line."""

call_ahead: Final = patterns.compile(rf"[{SPACE}]*+\(").match
"""Match what follows a name that is called."""


def tokens(text: str) -> Callable[[], re.Match[str]]:
    """Return a function that matches one token after the other, white space before it included.

    It matches until the end of the text has been matched, which the parser never consumes.
    """
    return _TOKEN.scanner(text).match  # type: ignore[attr-defined, no-any-return]  # typeshed leaves it out
