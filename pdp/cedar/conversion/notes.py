"""What is different in pdp, told at the place where it is."""

from __future__ import annotations

from collections.abc import Iterable

from pdp.cedar import tree
from pdp.classes import dataclass
from pdp.syntax.characters import escape


@dataclass(frozen=True, slots=True)
class Difference:
    """That a policy, or another thing that is named, means something else: of which kind, and in words."""

    subject: str
    kind: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return it as plain data."""
        return {"subject": self.subject, "kind": self.kind, "message": self.message}


class Untranslatable(Exception):
    """That a policy cannot be said in pdp, at a part of it and why."""

    def __init__(self, message: str, at: tree.Node | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


def plain(text: str) -> str:
    """Return a text on one line, with escapes for what does not print: as a comment may hold it."""
    return "".join(escape(char) for char in " ".join(text.split()))


def comments(texts: Iterable[str], start: str = "# ") -> str:
    """Return comments, one to a line."""
    return "".join(f"{start}{plain(text)}\n" for text in texts if text.strip())
