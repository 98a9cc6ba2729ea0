"""Writing expressions, types, entities and scopes in the canonical layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, assert_never

from pdp.syntax.layout import COMMA, LINE, SOFT, STEP, Doc, Line, concat, group, indent
from pdp.syntax.tree import (
    And,
    Approvals,
    Arithmetic,
    Attribute,
    Call,
    Compare,
    Contains,
    EntityLiteral,
    EntityScope,
    Expr,
    Field,
    Has,
    Ident,
    If,
    In,
    Is,
    IsEmpty,
    Like,
    Literal,
    Name,
    Negate,
    Not,
    Or,
    Quantifier,
    RecordLiteral,
    RecordTypeExpr,
    Scope,
    Scopes,
    SetLiteral,
    SetTypeExpr,
    TypeExpr,
    TypeName,
    TypeScope,
)
from pdp.syntax.trivia import Trivia
from pdp.values import Decimal, Ip

_Item = TypeVar("_Item")


class Phrases(Trivia):
    """Writes what declarations are made of. The tree says what a token is; the text says how it was written."""

    # ------------------------------------------------------------------------------------------------------- lists

    def words(self, count: int) -> Doc:
        """Write tokens with a space between them."""
        parts = [self.take()]
        for _ in range(count - 1):
            parts += [" ", self.take()]
        return concat(*parts)

    def listed(self, items: Sequence[_Item], write: Callable[[_Item], Doc]) -> Doc:
        """Write items with commas between them, as many on a line as fit."""
        parts = [write(items[0])]
        for item in items[1:]:
            parts += [self.tight(), group(LINE, write(item))]
        return indent(*parts)

    def bracketed(
        self,
        items: Sequence[_Item],
        write: Callable[[_Item], Doc],
        *,
        opened: Doc | None = None,
        line: Line = SOFT,
        comma: bool = True,
    ) -> Doc:
        """Write items in brackets: on one line, between lines that hold the brackets, or with a line for each.

        A comma after the last item asks for a line for each, and stands where they have one.
        """
        opened = self.take() if opened is None else opened
        parts: list[Doc] = []
        for item in items:
            if parts:
                parts += [self.tight(), LINE, *self.spacing()]
            parts.append(write(item))
        broken = bool(items) and comma and self.text == ","
        if broken:
            self.tight()
        if items and comma:
            parts.append(COMMA)
        parts += self.comments()
        closed = self.tight()
        if not parts:
            return concat(opened, closed)
        return group(opened, indent(line, group(*parts, broken=broken)), line, closed)

    def names(self, names: Sequence[Ident]) -> Doc:
        """Write names with commas between them."""
        return self.listed(names, self.name)

    def name(self, _: Ident) -> Doc:
        """Write a name, or a key in quotes."""
        return self.take()

    # ------------------------------------------------------------------------------------------------------- types

    def fields(self, fields: Sequence[Field]) -> Doc:
        """Write `{ name: Type, other?: Type }`."""
        return self.bracketed(fields, self._field, line=LINE)

    def _field(self, field: Field) -> Doc:
        name = concat(self.take(), self.tight() if field.optional else "", self.tight())
        return concat(name, " ", self.type_expression(field.type))

    def type_expression(self, node: TypeExpr) -> Doc:
        """Write a type."""
        match node:
            case TypeName():
                parts = [self.take()]
                for _ in node.names[1:]:
                    parts += [LINE, self.words(2)]
                return group(indent(*parts))
            case SetTypeExpr():
                return self.bracketed([node.element], self.type_expression, comma=False)
            case RecordTypeExpr():
                return self.fields(node.fields)
            case _:
                assert_never(node)

    # ------------------------------------------------------------------------------------------ entities and scopes

    def entity(self, _: EntityLiteral) -> Doc:
        """Write `Type "id"`."""
        return self.words(2)

    def scopes(self, scopes: Scopes) -> Doc:
        """Write a list of scopes, or the word that stands for everything."""
        return self.take() if scopes.everything else self.scope_list(scopes.items)

    def scope_list(self, scopes: Sequence[Scope]) -> Doc:
        """Write scopes with commas between them."""
        return self.listed(scopes, self._scope)

    def _scope(self, scope: Scope) -> Doc:
        match scope:
            case EntityScope():
                return self.entity(scope.entity)
            case TypeScope():
                type_ = self.take()
                if not scope.within:
                    return type_
                type_ = concat(type_, " ", self.take(), " ")
                if self.text != "[":
                    return concat(type_, self.entity(scope.within[0]))
                return concat(type_, self.bracketed(scope.within, self.entity))
            case _:
                assert_never(scope)

    def approvals(self, approvals: Approvals) -> Doc:
        """Write `2 approvals of value from scope, … for duration`."""
        parts = [self.take()]
        if self.text in ("approval", "approvals") and parts[0] not in ("approval", "approvals"):
            parts += [" ", self.take()]
        if approvals.of is not None:
            parts += [" ", self.take(), " ", self.expression(approvals.of)]
        parts += [LINE, self.take(), " ", self.scope_list(approvals.approvers), LINE, self.words(2)]
        return group(indent(*parts))

    # ------------------------------------------------------------------------------------------------- expressions

    def expression(self, node: Expr) -> Doc:
        """Write an expression, with the parentheses that were around it."""
        opened = []
        while self.text == "(" and self.start < node.span.start:
            opened.append(self.take())
        # In parentheses, operands stand one below the other.
        found = self._junction(node, by=0) if opened and isinstance(node, (And, Or)) else self._bare(node)
        for parenthesis in reversed(opened):
            inner = indent(SOFT, found, *self.comments())
            found = group(parenthesis, inner, SOFT, self.tight())
        return found

    def _junction(self, node: And | Or, by: int) -> Doc:
        parts = [self.expression(node.operands[0])]
        for operand in node.operands[1:]:
            parts.append(indent(LINE, self.take(), " ", self.expression(operand), by=by))
        return group(*parts)

    def _bare(self, node: Expr) -> Doc:
        match node:
            case Attribute():
                return self._attribute(node)
            case Name():
                return self.take()
            case Literal():
                return self._literal(node)
            case Compare() | In() | Contains():
                return self._comparison(node)
            case Not():
                return concat(self.take(), " ", self.expression(node.operand))
            case EntityLiteral():
                return self.entity(node)
            case Has():
                parts = [self.expression(node.operand), " ", self.words(2)]
                return concat(*parts, *(self.tight() for _ in node.path[1:] for _ in "._"))
            case Is() | IsEmpty() | Like():
                return concat(self.expression(node.operand), " ", self.words(2))
            case SetLiteral():
                return self.bracketed(node.items, self.expression)
            case RecordLiteral():
                return self.record(node)
            case Call():
                name = concat(self.take(), self.tight())
                return self.bracketed(node.arguments, self.expression, opened=name, comma=False)
            case Arithmetic():
                return group(*self._arithmetic(node))
            case Negate():
                return concat(self.take(), self.expression(node.operand))
            case If():
                return group(*self._choice(node))
            case Quantifier():
                head = concat(self.words(3), " ", self.expression(node.domain))
                # An address would take the colon for a part of it.
                space = " " if isinstance(node.domain, Literal) else ""
                head = concat(head, space, self.tight())
                return group(head, indent(LINE, self.expression(node.body)))
            case And() | Or():
                return self._junction(node, STEP)
            case _:
                assert_never(node)

    def _literal(self, node: Literal) -> Doc:
        if isinstance(node.value, Ip):
            return self.literal(node.span)
        if self.text == "-":
            return concat(self.take(), self.tight())
        return self.take()

    def _attribute(self, node: Attribute) -> Doc:
        base = self.expression(node.base)
        if node.quoted:
            return concat(base, self.tight(), self.tight(), self.tight())
        # A number would take the point for a part of it.
        number = isinstance(node.base, Literal) and isinstance(node.base.value, (int, Decimal, Ip))
        return concat(base, " " if number else "", self.tight(), self.tight())

    def _comparison(self, node: Compare | In | Contains) -> Doc:
        left, sign = self.expression(node.left), self.take()
        bracket = self.text in "[{("
        right = self.expression(node.right)
        if bracket:
            # The bracket breaks before the comparison does.
            return concat(left, " ", sign, " ", right)
        return group(left, indent(LINE, sign, " ", right))

    def _arithmetic(self, node: Arithmetic) -> list[Doc]:
        """Write a chain of one level of operators as one group."""
        left = node.left
        if isinstance(left, Arithmetic) and not (self.text == "(" and self.start < left.span.start):
            parts = self._arithmetic(left)
        else:
            parts = [self.expression(left)]
        return [*parts, indent(LINE, self.take(), " ", self.expression(node.right))]

    def _choice(self, node: If) -> list[Doc]:
        """Write `if … then … else …`, and a choice right after `else` as one more line of the same."""
        head = concat(self.take(), " ", self.expression(node.test))
        parts: list[Doc] = [group(head, indent(LINE, self.take(), " ", self.expression(node.then)))]
        otherwise = [self.take(), " "]
        if isinstance(node.otherwise, If) and self.text == "if":
            first, *more = self._choice(node.otherwise)
            return [*parts, indent(LINE, *otherwise, first), *more]
        return [*parts, indent(LINE, *otherwise, self.expression(node.otherwise))]

    def record(self, node: RecordLiteral) -> Doc:
        """Write `{ name: value, … }`."""
        return self.bracketed(node.fields, self._pair, line=LINE)

    def _pair(self, pair: tuple[Ident, Expr]) -> Doc:
        return concat(self.take(), self.tight(), " ", self.expression(pair[1]))
