"""Patterns that are compiled when they are first used: who never reads an address needs no pattern for one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from re import compile as compile
else:

    class _Pattern:
        """A pattern of `re`, once something asks it for a method."""

        def __init__(self, text: str, flags: int = 0) -> None:
            self._text = text
            self._flags = flags

        def __getattr__(self, name: str) -> Any:
            found = getattr(re.compile(self._text, self._flags), name)
            # From now on it is an attribute of this object, and costs what the pattern's own does.
            self.__dict__[name] = found
            return found

    compile = _Pattern
