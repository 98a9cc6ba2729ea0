"""How deep a Cedar policy may nest: Cedar itself has no bound, and ends with its stack."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 128
"""The levels of an expression, and of brackets in its text. A chain of `&&` or `||` is one level, however long."""

MAX_SIGNS: Final = 4
"""The `!`, or the `-`, that may stand right after each other. It is Cedar's own bound."""
