"""Reading what is named: entity types, entities, and names that stand for nothing."""

from __future__ import annotations

from pdp.cedar import hints
from pdp.cedar.strings import Strings
from pdp.cedar.tree import Entity, Literal
from pdp.cedar.words import VARIABLES
from pdp.errors import suggest
from pdp.source import Span
from pdp.syntax.characters import show
from pdp.values import EntityRef


class Names(Strings):
    """Reads names."""

    def type_name(self, expected: str) -> str:
        """Consume the name of an entity type, with the names of its namespaces before it."""
        help_ = "write the name without quotes" if self.kind == "string" else None
        if self.kind != "word":
            raise self.fail(expected, help_)
        parts = [self.name(expected, "an entity type")]
        while self.take("::"):
            if self.kind == "string":
                message = "an entity stands where an entity type has to"
                raise self.failure("unexpected_token", message, self.start, self.end, "to compare with it, write `==`")
            parts.append(self.name("a name after `::`", "an entity type"))
        return "::".join(parts)

    def entity(self, expected: str) -> Entity:
        """Consume an entity: the name of its type, `::` and its id in quotes."""
        start = self.start
        if self.kind != "word":
            typed = f"an entity is written with its type: `Type::{show(self.text)}`"
            raise self.fail(expected, typed if self.kind == "string" else None)
        found = self.rest_of_name(self.name(expected, "an entity type"), start)
        if isinstance(found, Entity):
            return found
        message = f"`{show(found)}` is no entity"
        type_, qualified, id_ = found.rpartition("::")
        meant = f'`{show(type_)}::"{show(id_)}"`' if qualified else f'`{show(found)}::"id"`'
        raise self.failure("expected_entity", message, start, self.ended, f"an entity is written {meant}")

    def rest_of_name(self, first: str, start: int) -> Entity | str:
        """Read what follows the first part of a name; return the entity, or the name of what is none."""
        parts = [first]
        while self.take("::"):
            if self.kind == "string":
                ref = EntityRef("::".join(parts), self.string("an id"))
                return Entity(span=Span(self.source, start, self.ended), ref=ref)
            parts.append(self.name("a name, or an id in quotes, after `::`", "an entity type"))
        return "::".join(parts)

    def unknown_name(self, text: str, start: int) -> Literal:
        """Report a name that stands for nothing; return what stands in for it."""
        if text in hints.NULLS:
            help_ = "ask with `has` whether an attribute is there"
            self.report("null_literal", f"Cedar has no `{text}`", start, self.ended, help_)
        else:
            help_ = "the variables are `principal`, `action`, `resource` and `context`"
            type_, qualified, id_ = text.rpartition("::")
            if qualified and id_[:1].islower():
                help_ = f'an entity is written `{show(type_)}::"{show(id_)}"`'
            elif qualified or text[:1].isupper():
                help_ = f'an entity is written `{show(text)}::"id"`, a test of its type `principal is {show(text)}`'
            else:
                help_ = suggest(text, VARIABLES) or help_
            self.report("unknown_variable", f"`{show(text)}` is no variable", start, self.ended, help_)
        return Literal(span=Span(self.source, start, self.ended), value=False)

    def misplaced_slot(self) -> None:
        """Report the slot in hand, which stands where none can."""
        known = self.text in ("?principal", "?resource")
        message = f"`{show(self.text)}` stands only in the scope" if known else f"there is no slot `{show(self.text)}`"
        help_ = "a template has `?principal` after `principal ==` or `in`, and `?resource` after `resource ==` or `in`"
        self.report("misplaced_slot", message, self.start, self.end, help_)
