"""Texts with places for what a request brings: `Service "{name}"`.

| place | stands for |
|---|---|
| `{name}` | what the path has there |
| `{method}`, `{path}`, `{host}` | the request, read once: see `targets` |
| `{ip}` | the address of the client |
| `{spiffe}` | the SPIFFE id of the client's certificate |
| `{header.x-change}`, `{query.change}` | a header, a parameter of the query |
| `{claim.sub}`, `{claim.act.sub}` | a claim of the verified token |
| `{extension.policy}` | what the route of Envoy says |

Nothing is coerced: a header is a text. `{query.page|int}`, `{query.force|bool}` and `{header.x-teams|list}` read it as
something else, `{header.accept|joined}` takes several headers of one name together.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

from pdp.classes import dataclass
from pdp_sidecar.envoy.refusals import ambiguous

PLAIN: Final = frozenset({"method", "path", "host", "ip", "spiffe"})
FAMILIES: Final = frozenset({"header", "query", "claim", "extension"})
FORMS: Final = frozenset({"", "int", "bool", "list", "joined"})
_PLACE: Final = re.compile(r"\{([^{}|]*)(?:\|([a-z]*))?\}")
_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
NAME: Final = re.compile(r"[a-z_][a-z0-9_]*\Z")


class Place(NamedTuple):
    """One place: of a family (`header.x`), or plain, where `family` is empty."""

    family: str
    name: str
    form: str = ""

    def __str__(self) -> str:
        family = f"{self.family}." if self.family else ""
        return f"{{{family}{self.name}{'|' + self.form if self.form else ''}}}"


class Seen(Protocol):
    """What a request brings."""

    def look(self, place: Place) -> Any:
        """Return what is there, None for nothing; raise Refused where it can be read in two ways."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places. `of` reads one; raise ValueError where it is not written as one.

    >>> Template.of("spiffe/{header.x-team}").places
    (Place(family='header', name='x-team', form=''),)
    """

    text: str
    parts: tuple[str | Place, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """Read a template."""
        parts: list[str | Place] = []
        at = 0
        for found in _PLACE.finditer(text):
            parts.append(text[at : found.start()])
            parts.append(_place(found[1], found[2] or ""))
            at = found.end()
        parts.append(text[at:])
        if any("{" in part or "}" in part for part in parts if isinstance(part, str)):
            raise ValueError(f"`{text}` has a brace without its other half")
        kept = tuple(part for part in parts if part)
        if any(isinstance(a, Place) and isinstance(b, Place) for a, b in pairwise(kept)):
            raise ValueError(f"`{text}` has two places with nothing between them: who reads it cannot tell them apart")
        if len(kept) > 1 and any(isinstance(part, Place) and part.form not in ("", "joined") for part in kept):
            raise ValueError(f"`{text}` puts what is no text into a text")
        return cls(text, kept)

    @property
    def places(self) -> tuple[Place, ...]:
        """Its places."""
        return tuple(part for part in self.parts if isinstance(part, Place))

    def value(self, seen: Seen) -> Any:
        """Return what it comes to, None where anything of it is missing; raise Refused.

        That of a single place may be anything, that of others is a text.
        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Place):
            return seen.look(self.parts[0])
        return self.filled(seen)

    def filled(self, seen: Seen) -> str | None:
        """Return the text, None where anything of it is missing, empty or no text; raise Refused."""
        found: list[str] = []
        for at, part in enumerate(self.parts):
            value = part if isinstance(part, str) else seen.look(part)
            if not isinstance(value, str) or not value:
                return None
            # `a/b` and `c` must not come to the same as `a` and `b/c`.
            follows = self.parts[at + 1] if at + 2 < len(self.parts) else None
            if isinstance(part, Place) and isinstance(follows, str) and follows in value:
                raise ambiguous("ambiguous_text", f"`{part}` holds what stands between it and the next")
            found.append(value)
        return "".join(found)


def _place(inner: str, form: str) -> Place:
    family, dot, name = inner.partition(".")
    if form not in FORMS:
        raise ValueError(f"`{form}` is no form: write int, bool, list or joined")
    if not dot:
        if not NAME.match(inner) or form:
            raise ValueError(f"`{{{inner}}}` names nothing that a request brings")
        return Place("", inner)
    if not name or not NAME.match(family):
        raise ValueError(f"`{{{inner}}}` names nothing that a request brings")
    if family == "header" and name != name.lower():
        raise ValueError(f"`{{{inner}}}`: names of headers are lower-case")
    return Place(family, name, form)


def formed(values: tuple[str, ...], place: Place) -> Any:
    """Return texts of one name in the form of a place; raise Refused where one is meant and there are several.

    >>> formed(("3",), Place("query", "page", "int"))
    3
    """
    if place.form == "list":
        return [item for value in values for each in value.split(",") if (item := each.strip())]
    if place.form == "joined":
        return ",".join(values)
    if len(values) != 1:
        raise ambiguous("several_values", f"there are several values for `{place}`")
    text = values[0]
    if place.form == "int":
        return int(text) if _INT.match(text) else text
    if place.form == "bool":
        return {"true": True, "false": False}.get(text, text)
    return text
