"""The tokens of a text once more, with the comments between them, for who writes the text anew."""

from __future__ import annotations

from pdp.source import Span
from pdp.syntax.layout import BLANK, Comment, Doc, concat
from pdp.syntax.lexer import tokens
from pdp.syntax.tree import File


class Trivia:
    """One token in hand, and the comments before it that are not written yet.

    Whoever writes a token in another place than the one it had, or leaves it out, has no comment to lose by that: what
    stood before a token waits for the next one that comments may stand before.
    """

    def __init__(self, file: File) -> None:
        self.content = file.source.text
        self.scan = tokens(self.content, 0)
        self.ended = 0
        """Where what was read last ended, comments included."""
        self.text = ""
        self.start = 0
        self.lead: list[Comment] = []
        """The comments that wait to be written, in their order."""
        self.blank = False
        """Whether an empty line stands right before the token in hand."""
        self._read()

    def _read(self) -> None:
        match = self.scan()
        kind = match.lastgroup or ""
        at = self.ended
        documented = False
        while kind == "comment" or kind == "doc":
            start, end = match.span(kind)
            lines = self.content.count("\n", at, start)
            own = lines > 0 or kind == "doc" or at == 0
            # What documents a declaration stands right before it.
            blank = lines > 1 and not documented
            indented = own and start > 0 and self.content[start - 1] in " \t"
            self.lead.append(Comment(self.content[start:end].rstrip(), own=own, blank=blank, indented=indented))
            documented = kind == "doc"
            at = end
            match = self.scan()
            kind = match.lastgroup or ""
        self.text = match[kind]
        self.start, self.ended = match.span(kind)
        # An empty line takes two characters, and most tokens have one before them.
        self.blank = self.start - at > 1 and not documented and self.content.count("\n", at, self.start) > 1

    def comments(self) -> list[Doc]:
        """Return the comments that wait, to be written right now."""
        found: list[Doc] = [*self.lead]
        self.lead.clear()
        return found

    def spacing(self) -> list[Doc]:
        """Return what stands before a token that starts a line: comments, and an empty line if there was one."""
        blank = self.blank
        return [*self.comments(), BLANK] if blank else self.comments()

    def take(self) -> Doc:
        """Write the token in hand, after the comments that wait."""
        text = self.text
        found: Doc = concat(*self.comments(), text) if self.lead else text
        self._read()
        return found

    def tight(self) -> str:
        """Write the token in hand right after what was written last: comments wait."""
        text = self.text
        self._read()
        return text

    def literal(self, span: Span) -> Doc:
        """Write a literal that is no token on its own, as some addresses are."""
        found = concat(*self.comments(), span.text)
        self.ended = span.end
        self.scan = tokens(self.content, span.end)
        self._read()
        return found
