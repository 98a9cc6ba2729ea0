"""HTML that is put together out of elements: whatever is no element is text, and is written as text."""

from __future__ import annotations

import html
from typing import Final

from pdp.syntax.characters import escape


class Markup(str):
    """A text that is HTML already. Nothing makes one but this module, and the page of its own fixed parts."""

    __slots__ = ()


VOID: Final = frozenset({"meta"})


def text(given: str) -> Markup:
    """Return a text as HTML shows it, with escapes for all that does not print.

    >>> print(text('<b onclick="x">\\u202e'))
    &lt;b onclick=&quot;x&quot;&gt;\\u{202e}
    """
    return Markup(html.escape("".join(escape(char) for char in given), quote=True))


def element(name: str, /, *children: str, **attributes: str) -> Markup:
    """Return an element; an underscore ends the name of an attribute that is a word of Python.

    >>> print(element("p", "a < b", element("b", "c"), class_="x"))
    <p class="x">a &lt; b<b>c</b></p>
    """
    shown = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items())
    if name in VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*parts: str) -> Markup:
    """Return parts one after the other; those that are no HTML are text."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))
