"""Reading types, fields, entities and scopes."""

from __future__ import annotations

from typing import Final

from pdp.syntax.characters import show
from pdp.syntax.expressions import Expressions
from pdp.syntax.limits import MAX_APPROVALS, MAX_DEPTH
from pdp.syntax.tree import (
    Approvals,
    EntityLiteral,
    EntityScope,
    Field,
    Ident,
    RecordTypeExpr,
    Scope,
    Scopes,
    SetTypeExpr,
    TypeExpr,
    TypeName,
    TypeScope,
)
from pdp.syntax.words import NOT_ACTIONS

_APPROVAL: Final = frozenset({"approval", "approvals"})


class Scoping(Expressions):
    """Reads what names types, entities and actions."""

    def names(self, expected: str, refused: frozenset[str] = frozenset(), named: str = "this") -> tuple[Ident, ...]:
        """Read names with commas between them."""
        found = [self.name(expected, refused, named)]
        while self.take(","):
            found.append(self.name(f"{expected} after `,`", refused, named))
        return tuple(found)

    def actions(self, expected: str = "an action") -> tuple[Ident, ...]:
        """Read names of actions, action groups or roles."""
        return self.names(expected, NOT_ACTIONS, named="an action")

    def types(self, expected: str) -> tuple[Ident, ...]:
        """Read names of types with commas between them."""
        found = [self.type_name(expected)]
        while self.take(","):
            found.append(self.type_name("a type after `,`"))
        return tuple(found)

    # ------------------------------------------------------------------------------------------------------ types

    def fields(self) -> tuple[Field, ...]:
        """Read `{ name: Type, other?: Type }`."""
        opened = self.start
        if self.text != "{":
            raise self.fail("`{` and attributes")
        self.advance()
        found = []
        while self.text != "}":
            start = self.start
            if self.kind == "end":
                raise self.unclosed(opened, "the name of an attribute or `}`")
            name = self.key("the name of an attribute or `}`")
            optional = self.take("?")
            self.expect(":", f"after `{show(name.span.text)}`")
            type_ = self.type_expression()
            found.append(Field(span=self.span(start), name=name, optional=optional, type=type_))
            if not self.take(","):
                break
        self.close("}", opened, "`,` or `}`")
        return tuple(found)

    def type_expression(self) -> TypeExpr:
        """Read a type: a name, a union of names, a set or a record."""
        start = self.start
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep(start, self.end)
        found: TypeExpr
        if self.take("["):
            element = self.type_expression()
            self.close("]", start, "`]`")
            found = SetTypeExpr(span=self.span(start), element=element)
        elif self.text == "{":
            fields = self.fields()
            found = RecordTypeExpr(span=self.span(start), fields=fields)
        else:
            names = [self.type_name("a type")]
            while self.take("|"):
                names.append(self.type_name("a type after `|`"))
            found = TypeName(span=self.span(start), names=tuple(names))
        self.depth -= 1
        return found

    # ----------------------------------------------------------------------------------------- entities and scopes

    def entity(self, expected: str) -> EntityLiteral:
        """Read `Type "id"`."""
        start = self.start
        type_ = self.type_name(expected)
        if self.kind != "string":
            name = show(type_.text)
            help_ = f'an entity is written `{name} "id"`'
            raise self.fail(f"an id in double quotes after `{name}`", code="expected_entity", help=help_)
        id_ = self.string("an id")
        return EntityLiteral(span=self.span(start), type=type_, id=id_)

    def scopes(self, expected: str, everything: str) -> Scopes:
        """Read a list of scopes, or the word that stands for everything."""
        start = self.start
        if self.take(everything):
            return Scopes(span=self.span(start), items=(), everything=True)
        items = self.scope_list(expected, everything)
        return Scopes(span=self.span(start), items=items)

    def scope_list(self, expected: str, everything: str | None = None) -> tuple[Scope, ...]:
        """Read scopes with commas between them."""
        found: list[Scope] = []
        known = () if everything is None else (everything,)
        while True:
            open_ended = bool(found) and self._is_open(found[-1])
            if self.kind != "word":
                raise self.fail(expected, code="expected_scope", known=known)
            scope = self._scope(expected)
            if open_ended and isinstance(scope, EntityScope):
                self._report_ambiguous(found[-1], scope)
            found.append(scope)
            if not self.take(","):
                return tuple(found)
            expected = "a scope after `,`"

    def _is_open(self, scope: Scope) -> bool:
        return isinstance(scope, TypeScope) and bool(scope.within) and self.content[scope.span.end - 1] != "]"

    def _scope(self, expected: str) -> Scope:
        start = self.start
        type_ = self.type_name(expected)
        if self.kind == "string":
            id_ = self.string("an id")
            entity = EntityLiteral(span=self.span(start), type=type_, id=id_)
            return EntityScope(span=entity.span, entity=entity)
        if not self.take("in"):
            return TypeScope(span=type_.span, type=type_)
        if self.text != "[":
            within = (self.entity('`Type "id"` or `[` after `in`'),)
            return TypeScope(span=self.span(start), type=type_, within=within)
        opened = self.start
        self.advance()
        entities = [self.entity('`Type "id"`')]
        while self.take(",") and self.text != "]":
            entities.append(self.entity('`Type "id"` or `]`'))
        self.close("]", opened, "`,` or `]`")
        return TypeScope(span=self.span(start), type=type_, within=tuple(entities))

    def _report_ambiguous(self, before: Scope, scope: EntityScope) -> None:
        assert isinstance(before, TypeScope)
        first, second = show(before.within[0].span.text), show(scope.span.text)
        group = show(before.type.text)
        message = f"`{second}` stands beside `{group} in {first}`, not in its list"
        help_ = f"write `{group} in [{first}, {second}]`, or put `{second}` first if it is a scope of its own"
        self.report("ambiguous_scope", message, scope.span.start, scope.span.end, help_)

    # -------------------------------------------------------------------------------------------------- approvals

    def at_approvals(self) -> bool:
        """Tell whether the word in hand starts approvals without a number."""
        return self.text in _APPROVAL

    def approvals(self) -> Approvals:
        """Read `[N] approvals [of value] from scope, … for duration`."""
        start = self.start
        count = self._approval_count() if self.kind == "int" else 1
        if self.text not in _APPROVAL:
            raise self.fail("`approvals`")
        self.advance()
        of = self.value() if self.take("of") else None
        self.expect("from", "and who approves")
        approvers = self.scope_list("who approves after `from`")
        self.expect("for", "and how long an approval holds")
        window = self.duration("after `for`")
        return Approvals(span=self.span(start), count=count, of=of, approvers=approvers, window=window)

    def _approval_count(self) -> int:
        digits = self.text.lstrip("0")
        count = int(digits or "0") if len(digits) < 4 else MAX_APPROVALS + 1
        if not 1 <= count <= MAX_APPROVALS:
            message = f"a rule asks for 1 to {MAX_APPROVALS} approvals"
            self.report("approval_count", message, self.start, self.end)
            count = 1
        self.advance()
        return count
