"""Text without quotes, as it stands in YAML and CSV: what it means comes from the declared type alone.

So `no` is a String where a String is asked for, and nothing where a Bool is: that is `true` or `false`.
"""

from __future__ import annotations

from typing import Any, Final

from pdp import patterns
from pdp.types import Primitive, Type
from pdp.values import INT_MAX

_INTEGER: Final = patterns.compile(r"-?(?:0|[1-9][0-9]*+)")
_FLOAT: Final = patterns.compile(r"[-+]?(?=\.?[0-9])[0-9]*+(?:\.[0-9]*+(?:[eE][-+]?[0-9]++)?|[eE][-+]?[0-9]++)")
_NOT_FINITE: Final = frozenset({"nan", ".nan", "inf", ".inf", "infinity"})


def read_word(word: str, kind: Type | None) -> Any:
    """Return the plain data that a word stands for. One that does not fit the type stays text, and does not conform."""
    match kind:
        case Primitive.BOOL:
            return {"true": True, "false": False}.get(word, word)
        case Primitive.INT:
            if _INTEGER.fullmatch(word):
                return int(word) if len(word) <= 20 else INT_MAX + 1
            return 0.5 if _FLOAT.fullmatch(word) else _not_finite(word)
        case Primitive.DECIMAL:
            return _not_finite(word)
        case _:
            return word


def _not_finite(word: str) -> Any:
    return float("nan") if word.lstrip("+-").lower() in _NOT_FINITE else word
