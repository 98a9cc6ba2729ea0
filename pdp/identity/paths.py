"""Claims by their paths, and names that are made of claims."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from pdp.classes import dataclass

Path: TypeAlias = tuple[str, ...]

ABSENT: Final = object()
"""Stands for a claim that is not there; null is a claim that is."""

_PLACE: Final = re.compile(r"\{([^{}]*)\}")


def path_of(written: str | tuple[str, ...]) -> Path:
    """Read the path of a claim as options have it; raise ValueError.

    A text is the name of one claim, dots and all: names of claims are often those of hosts.

    >>> path_of("kubernetes.io"), path_of(("kubernetes.io", "pod", "uid"))
    (('kubernetes.io',), ('kubernetes.io', 'pod', 'uid'))
    """
    path = (written,) if isinstance(written, str) else written
    if not path or not all(path):
        raise ValueError("a claim has a name")
    return path


def at(claims: Mapping[str, Any], path: Path) -> Any:
    """Return a claim, ABSENT where it, or what it is in, is not there."""
    found: Any = claims
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return ABSENT
        found = found[name]
    return found


@dataclass(frozen=True, slots=True)
class Template:
    """A name that is made of claims: `texts` stand around them, one more than there are `claims`.

    Two lists of values never come to one name: a value with the character that begins the text after it is refused.
    """

    texts: tuple[str, ...]
    claims: tuple[Path, ...]

    @classmethod
    def of(cls, written: str) -> Template:
        """Read the name of a claim, or a text with claims in braces; raise ValueError.

        >>> Template.of("sub").claims, Template.of("repo:{repository_id}").texts
        ((('sub',),), ('repo:', ''))
        >>> Template.of('{["kubernetes.io", "namespace"]}').claims
        (('kubernetes.io', 'namespace'),)
        """
        if "{" not in written and "}" not in written:
            return cls(("", ""), (path_of(written),))
        parts = _PLACE.split(written)
        texts, places = tuple(parts[::2]), parts[1::2]
        if any("{" in text or "}" in text for text in texts):
            raise ValueError("a brace stands alone: claims are named in pairs of them, as in `repo:{repository_id}`")
        if not places:
            raise ValueError("it names no claim")
        if not all(texts[1:-1]):
            raise ValueError("two claims stand side by side: put a text such as `:` between them")
        return cls(texts, tuple(map(_place, places)))

    @property
    def prefix(self) -> str:
        """What every such name begins with."""
        return self.texts[0]

    def fill(self, claims: Mapping[str, Any]) -> str:
        """Return the name; raise ValueError, which names a claim and never shows it, where claims make none.

        >>> Template.of("{owner}/{name}").fill({"owner": "x", "name": 7})
        'x/7'
        >>> Template.of("{owner}/{name}").fill({"owner": "x/y", "name": 7})
        Traceback (most recent call last):
        ValueError: the claim `owner` holds `/`, by which names are told apart
        """
        return "".join(self._filled(claims))

    def _filled(self, claims: Mapping[str, Any]) -> Iterator[str]:
        yield self.texts[0]
        for path, after in zip(self.claims, self.texts[1:], strict=True):
            text = _text(at(claims, path), path)
            if after and after[0] in text:
                raise ValueError(f"the claim {shown(path)} holds `{after[0]}`, by which names are told apart")
            yield text
            yield after


def _place(written: str) -> Path:
    if not written.lstrip().startswith("["):
        return path_of(written)
    try:
        path = json.loads(written)
    except (ValueError, RecursionError):
        path = None
    if not isinstance(path, list) or not path or not all(isinstance(name, str) and name for name in path):
        raise ValueError('the path of a claim is a list of names, as in `{["kubernetes.io", "namespace"]}`')
    return tuple(path)


def _text(value: Any, path: Path) -> str:
    if value is ABSENT:
        raise ValueError(f"there is no claim {shown(path)}")
    # To Python, true is a number.
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        raise ValueError(f"the claim {shown(path)} is neither a text nor a whole number")
    if not value:
        raise ValueError(f"the claim {shown(path)} is empty")
    if has_controls(value):
        raise ValueError(f"the claim {shown(path)} holds control characters")
    return value


def has_controls(text: str) -> bool:
    """Tell whether a text holds a control character, or half of a surrogate pair."""
    return _CONTROL.search(text) is not None


_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def shown(path: Path) -> str:
    """Return the path of a claim as messages have it.

    >>> shown(("kubernetes.io", "pod"))
    '`kubernetes.io`.`pod`'
    """
    return ".".join(f"`{name}`" for name in path)
