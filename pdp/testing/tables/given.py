"""Attributes that a table gives: of contexts and sessions, which each action reads by its own types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pdp.conform import Mismatch
from pdp.conform.reading import undeclared
from pdp.entities.document import Range
from pdp.entities.yamlfile import Node
from pdp.testing.tables.sheets import Sheet
from pdp.testing.tables.words import Vocabulary
from pdp.types import FieldType, RecordType, Type
from pdp.values import Value


class Attribute:
    """One attribute as it is written. `asked` are the records that it was looked for in; `read` says it was found."""

    __slots__ = ("_values", "asked", "key", "name", "node", "read", "sheet")

    def __init__(self, name: str, sheet: Sheet, key: Range, node: Node) -> None:
        self.name, self.sheet, self.key, self.node = name, sheet, key, node
        self.asked: dict[int, RecordType] = {}
        self.read = False
        self._values: dict[int, tuple[Type | None, Value | None]] = {}

    def value(self, kind: Type | None, words: Vocabulary) -> Value | None:
        """Return the value of a type that is written; None where that is reported."""
        self.read = True
        known = self._values.get(id(kind))
        if known is None:
            # The type is kept with it, so that no other gets its identity.
            known = self._values[id(kind)] = (kind, self._value(kind, words))
        return known[1]

    def _value(self, kind: Type | None, words: Vocabulary) -> Value | None:
        try:
            return words.value(self.node, kind)
        except Mismatch as odd:
            self.sheet.odd(odd, self.node)
            return None

    def check(self, records: Iterable[RecordType], owner: str) -> None:
        """Report an attribute that none of the records has that it could be in."""
        fields: dict[str, FieldType] = {}
        for record in self.asked.values() or records:
            fields |= record.fields
        if not self.read and self.name not in fields:
            odd = undeclared(self.name, fields, f"in {owner}")
            self.sheet.wrong(odd.code, odd.message, self.key, odd.help)


class Given:
    """Attributes by name, which each action reads by its own types."""

    __slots__ = ("_read", "attributes")

    def __init__(self, attributes: Mapping[str, Attribute]) -> None:
        self.attributes = attributes
        self._read: dict[int, tuple[RecordType, dict[str, Value]]] = {}

    def with_others(self, others: Given) -> Given:
        """Return these attributes and others, which go before."""
        return Given({**self.attributes, **others.attributes}) if others.attributes else self

    def read(self, record: RecordType, words: Vocabulary, *, every: bool = False) -> Mapping[str, Value]:
        """Return the values of those that a record has; of `every` one where nothing is declared."""
        known = self._read.get(id(record))
        if known is None:
            known = self._read[id(record)] = (record, self._values(record, words, every))
        return known[1]

    def _values(self, record: RecordType, words: Vocabulary, every: bool) -> dict[str, Value]:
        found = {}
        for name, attribute in self.attributes.items():
            attribute.asked[id(record)] = record
            field = record.fields.get(name)
            if field is not None or every:
                value = attribute.value(None if field is None else field.type, words)
                if value is not None:
                    found[name] = value
        return found


NOTHING = Given({})
