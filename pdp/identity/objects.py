"""JSON as strangers may write it, read so that nobody else can read it as something else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

DEEPEST: Final = 16
"""How far objects and lists may be in one another."""

_LARGEST: Final = 2**63 - 1
_DIGITS: Final = 40
# What has no end reaches to the end of all, and is looked through once: it is no JSON anyway.
_TEXT: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


class UnreadableError(ValueError):
    """It is no object of JSON, or not one that everybody reads alike. `twice` says that a name stands twice in it."""

    def __init__(self, message: str, *, twice: bool = False) -> None:
        super().__init__(message)
        self.twice = twice


def read(data: bytes) -> dict[str, Any]:
    """Return the object that bytes are; raise UnreadableError where they are anything else.

    Names are there once, texts are Unicode, whole numbers fit 64 bits, and others are finite. The message of an error
    holds nothing of the bytes.

    >>> read(b'{"sub": "ada", "exp": 1795860600}')
    {'sub': 'ada', 'exp': 1795860600}
    >>> read(b'{"sub": "ada", "sub": "eve"}')
    Traceback (most recent call last):
    pdp.identity.objects.UnreadableError: a name stands twice in one object
    """
    try:
        text = data.decode("utf-8")
        _hold_to_depth(text)
        found = _decoder.decode(text)
        # Escapes can write half a pair, which no text in UTF-8 holds and each reader makes something else of.
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnreadableError:
        raise
    except UnicodeError:
        raise UnreadableError("it is no text in UTF-8") from None
    except (ValueError, RecursionError):
        raise UnreadableError("it is no JSON") from None
    if type(found) is not dict:
        raise UnreadableError("it is no object of JSON")
    return found


def _hold_to_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= DEEPEST:
        return
    depth = 0
    for each in _TEXT.sub("", text):
        if each in "{[":
            depth += 1
            if depth > DEEPEST:
                raise UnreadableError(f"objects and lists are more than {DEEPEST} deep in it")
        elif each in "}]":
            depth -= 1


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UnreadableError("a name stands twice in one object", twice=True)
        found[name] = value
    return found


def _whole(digits: str) -> int:
    # The length comes first: to read thousands of digits takes the square of their number.
    if len(digits) > _DIGITS or abs(number := int(digits)) > _LARGEST:
        raise UnreadableError("a number in it is too large")
    return number


def _fraction(digits: str) -> float:
    if len(digits) > _DIGITS or not math.isfinite(number := float(digits)):
        raise UnreadableError("a number in it is too large or too long")
    return number


def _constant(_: str) -> Any:
    raise UnreadableError("a number in it is none of JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
