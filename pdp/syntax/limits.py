"""How much text is taken: whatever goes beyond is a diagnostic with a place, never an exhausted stack or memory."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 8 * 1024 * 1024
"""The size of a file, in bytes of UTF-8."""

MAX_TOKENS: Final = 2_000_000
"""Words, literals and signs in a file; a comment counts as two, since it stays in memory too."""

MAX_DEPTH: Final = 64
"""The levels of the syntax tree, and of brackets in the text."""

MAX_STRING_BYTES: Final = 64 * 1024
"""The size of one string as it is written, in bytes of UTF-8."""

MAX_ERRORS: Final = 50
"""The errors that are reported for one file."""

MAX_APPROVALS: Final = 100
"""The approvals that one rule may ask for."""
