"""What a cell of a table expects of one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp.classes import dataclass
from pdp.conform.mismatch import clip, near
from pdp.entities.document import Range
from pdp.entities.yamlfile import List, Node, Text
from pdp.testing.tables.given import Given
from pdp.testing.tables.sheets import Sheet
from pdp.testing.tables.words import Vocabulary, unknown
from pdp.testing.tables.worlds import World, WorldReader
from pdp.values import Datetime

KEYS: Final = (
    "allow",
    "deny",
    "decision",
    "by",
    "errs",
    "needs",
    "oblige",
    "until",
    "standing",
    "at",
    "session",
    "context",
)
_DECISIONS: Final = ("allow", "deny")
_DECISION: Final = "`allow` or `deny`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is expected. `at`, `session` and `context` stand over those of the world; `alone` says without session."""

    allow: bool
    range: Range
    rules: frozenset[str] | None = None
    erring: frozenset[str] | None = None
    needs: tuple[str, ...] | None = None
    obligations: frozenset[str] | None = None
    until: Datetime | None = None
    standing: bool = False
    at: Datetime | None = None
    session: Given | None = None
    alone: bool = False
    context: Given | None = None


@dataclass(frozen=True, slots=True)
class CellReader:
    """Reads the cells of one file."""

    sheet: Sheet
    words: Vocabulary
    worlds: WorldReader

    def cells(self, node: Node, world: World) -> list[Cell]:
        """Return what a cell says: one thing, or a list of several for different times, sessions or contexts."""
        if isinstance(node, List):
            if not node.items:
                self.sheet.wrong("empty_table", "the list expects nothing", node.range, f"write {_DECISION}")
            found = [self.cell(each, world) for each in node.items]
        else:
            found = [self.cell(node, world)]
        return [each for each in found if each is not None]

    def cell(self, node: Node, world: World) -> Cell | None:
        """Return what one cell says; None where that is reported."""
        if isinstance(node, Text):
            allow = self._decision(node)
            return None if allow is None else Cell(allow=allow, range=node.range)
        return self.of_fields(self.sheet.fields(node, "a cell", KEYS), node, world)

    def of_fields(self, fields: Mapping[str, Node], node: Node, world: World) -> Cell | None:
        """Return what a cell says by its keys."""
        allow, by = self._answer(fields, node)
        session = self.worlds.session(fields["session"], world) if "session" in fields else None
        words, sheet = self.words, self.sheet
        found = {
            "rules": self._names(by, "default", "rule", "unknown_rule", words.rules),
            "erring": self._names(fields.get("errs"), "nothing", "rule", "unknown_rule", words.conditions),
            "obligations": self._names(
                fields.get("oblige"), "nothing", "obligation", "unknown_obligation", frozenset(words.schema.obligations)
            ),
        }
        needs = self._texts(fields["needs"], "nothing") if "needs" in fields else None
        until = sheet.instant(fields["until"]) if "until" in fields else None
        at = sheet.instant(fields["at"]) if "at" in fields else None
        context = self.worlds.context(fields["context"], world) if "context" in fields else None
        standing = self._standing(fields)
        if allow is None:
            return None
        return Cell(
            allow=allow,
            range=node.range,
            needs=None if needs is None else tuple(text for text, _ in needs),
            until=until,
            standing=standing,
            at=at,
            session=session,
            alone="session" in fields and session is None,
            context=context,
            **found,
        )

    def _answer(self, fields: Mapping[str, Node], node: Node) -> tuple[bool | None, Node | None]:
        """Return the decision, and the rules that it names."""
        named = [key for key in ("allow", "deny", "decision") if key in fields]
        if len(named) != 1:
            if named:
                help_ = "keep one of them"
                self.sheet.wrong("duplicate_key", "the decision stands twice", fields[named[1]].range, help_)
            else:
                self.sheet.lacks("decision", "a cell", node, "write `allow`, `deny`, or `{deny: default}`")
            return None, fields.get("by")
        if named[0] == "decision":
            return self._decision(fields["decision"]), fields.get("by")
        if "by" in fields:
            message = f"`{named[0]}` names the rules already"
            self.sheet.wrong("duplicate_key", message, fields["by"].range, "keep one of them")
        return named[0] == "allow", fields[named[0]]

    def _decision(self, node: Node) -> bool | None:
        word = self.sheet.text(node, _DECISION)
        if word is not None and word not in _DECISIONS:
            help_ = near(word, _DECISIONS) or f"it is {_DECISION}"
            self.sheet.wrong("unreadable_value", f"`{clip(word)}` is no decision", node.range, help_)
            return None
        return None if word is None else word == "allow"

    def _standing(self, fields: Mapping[str, Node]) -> bool:
        if "standing" not in fields:
            return False
        node = fields["standing"]
        if self.sheet.text(node, "`true`") not in (None, "true"):
            message, help_ = "`standing` is `true`, or left out", "`until` says when a lease ends"
            self.sheet.wrong("unreadable_value", message, node.range, help_)
        if "until" in fields:
            self.sheet.wrong("until_and_standing", "the lease ends and stands", node.range, "keep one of them")
        return True

    def _names(
        self, node: Node | None, none: str, kind: str, code: str, known: frozenset[str]
    ) -> frozenset[str] | None:
        if node is None:
            return None
        found = self._texts(node, none)
        for word, where in found:
            if word not in known:
                self.sheet.odd(unknown(kind, code, word, known), where)
        return frozenset(word for word, _ in found)

    def _texts(self, node: Node, none: str) -> list[tuple[str, Node]]:
        """Return texts, be it one or a list; the word `none` alone is for no text."""
        if isinstance(node, Text) and node.text == none:
            return []
        items = node.items if isinstance(node, List) else [node]
        texts = [(self.sheet.text(each, f"a text, a list of texts, or `{none}`"), each) for each in items]
        return [(text, each) for text, each in texts if text is not None]
