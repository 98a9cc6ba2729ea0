"""JSON of somebody else, taken only where everybody reads it in the same way."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn


class DocumentError(ValueError):
    """It is no JSON, or may be read in two ways. The message holds nothing of it."""


def read(data: bytes) -> Any:
    """Return what a document says: in UTF-8, without a name twice in an object, of numbers that are some.

    >>> read(b'{"keys": []}')
    {'keys': []}
    >>> read(b'{"keys": [], "keys": [1]}')
    Traceback (most recent call last):
        ...
    pdp.identity.document.DocumentError: it has the same name twice in one object
    """
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except DocumentError:
        raise
    except UnicodeDecodeError:
        raise DocumentError("it is not in UTF-8") from None
    except RecursionError:
        raise DocumentError("it is nested too deep") from None
    except ValueError:
        raise DocumentError("it is no JSON") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError("it has the same name twice in one object")
    return found


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise DocumentError("it has a number that is too large")
    return found


def _constant(_: str) -> NoReturn:
    raise DocumentError("it has a number that is none")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_number, parse_constant=_constant)
