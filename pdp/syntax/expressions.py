"""Reading conditions and values, by precedence climbing."""

from __future__ import annotations

from typing import Final

from pdp.source import Span
from pdp.syntax.characters import show
from pdp.syntax.lexer import match_ip
from pdp.syntax.limits import MAX_DEPTH
from pdp.syntax.literals import Literals
from pdp.syntax.reports import Failure
from pdp.syntax.tree import (
    And,
    Arithmetic,
    ArithmeticOp,
    Attribute,
    Call,
    Compare,
    CompareOp,
    Contains,
    ContainsOp,
    EntityLiteral,
    Expr,
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
    QuantifierOp,
    RecordLiteral,
    SetLiteral,
)
from pdp.syntax.words import NOT_DECLARED, NULLS, RESERVED

# How tightly operators bind. `and` and `or` bind alike, and may not be mixed.
CONDITION: Final = 0
JUNCTION: Final = 1
NEGATION: Final = 2
COMPARISON: Final = 3
SUM: Final = 4
PRODUCT: Final = 5

_LEVELS: Final = {
    **dict.fromkeys(("and", "or"), JUNCTION),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), COMPARISON),
    **dict.fromkeys(("in", "is", "has", "like", "containsAll", "containsAny"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    "*": PRODUCT,
}
_COMPARE: Final = {str(op): op for op in CompareOp}
_ARITHMETIC: Final = {str(op): op for op in ArithmeticOp}
_CONTAINS: Final = {str(op): op for op in ContainsOp}
_NO_NAMES: Final = RESERVED | NULLS
_CHOICES: Final = frozenset({"if", "any", "all"})
_ALONE: Final = _CHOICES | {"not"}


class Expressions(Literals):
    """Reads expressions. `height` is the number of levels of the expression read last."""

    def expression(self, minimum: int = CONDITION) -> Expr:
        """Read an expression of operators that bind at least as tightly as `minimum`.

        `if`, `any` and `all` reach as far to the right as they can, so they stand only where nothing but a closer can
        follow: at the start of a whole condition or value.
        """
        start = self.start
        left: Expr
        if minimum == CONDITION:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.too_deep(start, self.end)
            if self.text in _CHOICES:
                left = self._if() if self.text == "if" else self._quantifier()
                self.depth -= 1
                return left
        left = self._negation() if self.text == "not" and minimum <= NEGATION else self.operand()
        while (level := _LEVELS.get(self.text, -1)) >= minimum:
            if level == JUNCTION:
                left = self._junction(left, start)
            elif level == COMPARISON:
                left = self._comparison(left, start)
            else:
                left = self._arithmetic(left, start, level)
        if minimum == CONDITION:
            self.depth -= 1
        return left

    def value(self) -> Expr:
        """Read a value: an expression without comparisons."""
        return self.expression(SUM)

    def _grow(self, height: int, start: int, end: int) -> None:
        if height > MAX_DEPTH:
            raise self.too_deep(start, end)
        self.height = height

    def _junction(self, left: Expr, start: int) -> Expr:
        word = self.text
        operands = [left]
        height = self.height
        mixed = False
        first, end = self.start, self.end
        while self.text == "and" or self.text == "or":
            if self.text != word and not mixed:
                mixed = True
                help_ = "put what belongs together in parentheses: `(a and b) or c`"
                self.report("mixed_and_or", "`and` and `or` are mixed without parentheses", self.start, self.end, help_)
            self.advance()
            operands.append(self.expression(NEGATION))
            height = max(height, self.height)
        self._grow(height + 1, first, end)
        kind = And if word == "and" else Or
        return kind(span=Span(self.source, start, self.ended), operands=tuple(operands))

    def _negation(self) -> Expr:
        starts = []
        while self.text == "not":
            starts.append(self.start)
            self.advance()
            if len(starts) > MAX_DEPTH:
                raise self.too_deep(starts[-1], self.ended)
        found = self.expression(COMPARISON)
        self._grow(self.height + len(starts), starts[0], starts[0] + 3)
        for start in reversed(starts):
            found = Not(span=Span(self.source, start, self.ended), operand=found)
        return found

    def _arithmetic(self, left: Expr, start: int, level: int) -> Expr:
        op, at, height = self.text, self.start, self.height
        self.advance()
        right = self.expression(level + 1)
        self._grow(max(height, self.height) + 1, at, at + 1)
        return Arithmetic(span=Span(self.source, start, self.ended), op=_ARITHMETIC[op], left=left, right=right)

    def _comparison(self, left: Expr, start: int) -> Expr:
        op, at, end, height = self.text, self.start, self.end, self.height
        self.advance()
        found: Expr
        if op in _COMPARE:
            right = self.expression(SUM)
            found = Compare(span=Span(self.source, start, self.ended), op=_COMPARE[op], left=left, right=right)
        elif op == "in":
            right = self.expression(SUM)
            found = In(span=Span(self.source, start, self.ended), left=left, right=right)
        elif op in _CONTAINS:
            right = self.expression(SUM)
            found = Contains(span=Span(self.source, start, self.ended), op=_CONTAINS[op], left=left, right=right)
        else:
            found = self._test(op, left, start)
            self.height = 1
            self.operand_ended = self.ended
        self._grow(max(height, self.height) + 1, at, end)
        if _LEVELS.get(self.text) == COMPARISON:
            raise self.failure(
                "chained_comparison",
                "comparisons do not chain",
                self.start,
                self.end,
                "join two comparisons with `and`, or put one in parentheses",
            )
        return found

    def _test(self, op: str, left: Expr, start: int) -> Expr:
        if op == "like":
            parts = self.pattern()
            return Like(span=Span(self.source, start, self.ended), operand=left, parts=parts)
        if op == "has":
            path = self._path()
            return Has(span=Span(self.source, start, self.ended), operand=left, path=path)
        if self.take("empty"):
            return IsEmpty(span=Span(self.source, start, self.ended), operand=left)
        if self.text == "not":
            raise self.failure(
                "not_in", "`not` stands before what it negates", self.start, self.end, "write `not x is T`"
            )
        type_ = self.type_name("a type or `empty` after `is`")
        return Is(span=Span(self.source, start, self.ended), operand=left, type=type_)

    def _path(self) -> tuple[Ident, ...]:
        path = [self.key("the name of an attribute after `has`")]
        while self.take("."):
            path.append(self.key("the name of an attribute after `.`"))
        return tuple(path)

    def key(self, expected: str) -> Ident:
        """Consume the name of an attribute: any word, or a string."""
        start = self.start
        if self.kind == "string":
            text = self.string(expected)
            return Ident(span=Span(self.source, start, self.ended), text=text)
        return self.name(expected)

    # --------------------------------------------------------------------------------------------------- operands

    def operand(self) -> Expr:
        """Read a value with the attributes taken from it, and the minuses before it."""
        minuses = []
        while self.text == "-":
            minuses.append(self.start)
            self.advance()
            if len(minuses) > MAX_DEPTH:
                raise self.too_deep(minuses[-1], self.ended)
        start = self.start
        self.height = 1
        if self.kind == "word":
            found = self._word()
        elif self.text == "(":
            self.advance()
            found = self.expression()
            self.close(")", start, "`)` or an operator")
        elif self.text == "[":
            found = self._set()
        elif self.text == "{":
            found = self.record()
        elif minuses and (number := self.negative_literal(minuses[-1])) is not None:
            self.advance()
            start = minuses.pop()
            found = Literal(span=Span(self.source, start, self.ended), value=number)
        else:
            found = self._literal()
        while self.text == "." or self.text == "[":
            found = self._attribute(found, start)
        if minuses:
            self._grow(self.height + len(minuses), minuses[0], minuses[0] + 1)
            for start in reversed(minuses):
                found = Negate(span=Span(self.source, start, self.ended), operand=found)
        self.operand_ended = self.ended
        return found

    def _literal(self) -> Literal:
        start = self.start
        if self.kind == "string":
            text = self.string("a value")
            return Literal(span=Span(self.source, start, self.ended), value=text)
        if self.text == ":":
            self._take_ip(start)
        value = self.literal()
        if value is None:
            raise self.fail("a value", code="expected_expression")
        self.advance()
        return Literal(span=Span(self.source, start, self.ended), value=value)

    def _take_ip(self, start: int) -> bool:
        # An address may start with a letter or a colon, which starts other things too: only a value is looked at.
        match = match_ip(self.content, start)
        if match is None or self.content.startswith('"', match.end()):
            return False
        self.reread("ip", start, match.end())
        return True

    def _word(self) -> Expr:
        text, start = self.text, self.start
        if text in _NO_NAMES:
            return self._reserved()
        self.advance()
        if self.kind == "string":
            return self._entity(text, start)
        if self.text == "(":
            return self._call(text, start)
        if self.text == ":" and self.start == self.ended and self._take_ip(start):
            return self._literal()
        return Name(span=Span(self.source, start, self.ended), text=text)

    def _reserved(self) -> Expr:
        text, start, end = self.text, self.start, self.end
        if text == "true" or text == "false":
            self.advance()
            return Literal(span=Span(self.source, start, end), value=text == "true")
        if text in _ALONE:
            message = f"`{text} …` needs parentheses here"
            raise self.failure("needs_parentheses", message, start, end, f"write `({text} …)`")
        raise self.fail("a value", code="expected_expression")

    def _entity(self, text: str, start: int) -> EntityLiteral:
        end = self.ended
        if not "A" <= text[0] <= "Z":
            message = f"the type `{show(text)}` does not start upper-case"
            self.report("lower_case_type", message, start, end, 'an entity is written `Type "id"`')
            self.excused = self.end
        type_ = Ident(span=Span(self.source, start, end), text=text)
        id_ = self.string("an id")
        return EntityLiteral(span=Span(self.source, start, self.ended), type=type_, id=id_)

    def _call(self, text: str, start: int) -> Call:
        name = Ident(span=Span(self.source, start, self.ended), text=text)
        opened = self.start
        self.advance()
        arguments: list[Expr] = []
        height = 0
        while self.text != ")" or arguments:
            arguments.append(self.expression())
            height = max(height, self.height)
            if not self.take(","):
                break
        self.close(")", opened, "`,` or `)`")
        self._grow(height + 1, start, start + len(text))
        return Call(span=Span(self.source, start, self.ended), name=name, arguments=tuple(arguments))

    def _attribute(self, base: Expr, start: int) -> Attribute:
        at = self.start
        quoted = self.text == "["
        self.advance()
        if quoted:
            if self.kind != "string":
                raise self._bad_index()
            name = self.key("the name of an attribute")
            self.close("]", at, "`]`")
        else:
            name = self.name("the name of an attribute after `.`")
        self._grow(self.height + 1, at, self.ended)
        return Attribute(span=Span(self.source, start, self.ended), base=base, name=name, quoted=quoted)

    def _bad_index(self) -> Failure:
        help_ = 'sets have no order and no positions; an attribute is taken with `.name` or `["name"]`'
        return self.fail("the name of an attribute in quotes", code="expected_string", help=help_)

    def _set(self) -> SetLiteral:
        start = self.start
        self.advance()
        items = []
        height = 0
        while self.text != "]":
            if self.kind == "end":
                raise self.unclosed(start, "a value or `]`")
            items.append(self.expression())
            height = max(height, self.height)
            if not self.take(","):
                break
        self.close("]", start, "`,` or `]`")
        self._grow(height + 1, start, start + 1)
        return SetLiteral(span=Span(self.source, start, self.ended), items=tuple(items))

    def record(self) -> RecordLiteral:
        """Read `{ name: value, … }`."""
        start = self.start
        if self.text != "{":
            raise self.fail("`{` and a record")
        self.advance()
        fields = []
        height = 0
        while self.text != "}":
            if self.kind == "end":
                raise self.unclosed(start, "the name of an attribute or `}`")
            key = self.key("the name of an attribute or `}`")
            self.expect(":", f"after `{show(key.span.text)}`")
            fields.append((key, self.expression()))
            height = max(height, self.height)
            if not self.take(","):
                break
        self.close("}", start, "`,` or `}`")
        self._grow(height + 1, start, start + 1)
        return RecordLiteral(span=Span(self.source, start, self.ended), fields=tuple(fields))

    # ---------------------------------------------------------------------------------------------------- choices

    def _if(self) -> If:
        start, end = self.start, self.end
        self.advance()
        test = self.expression()
        height = self.height
        self.expect("then", "after the test of `if`")
        then = self.expression()
        height = max(height, self.height)
        if self.text != "else":
            raise self.fail("`else` and the other value of `if`", code="if_without_else", known=["else"])
        self.advance()
        otherwise = self.expression()
        self._grow(max(height, self.height) + 1, start, end)
        return If(span=Span(self.source, start, self.ended), test=test, then=then, otherwise=otherwise)

    def _quantifier(self) -> Quantifier:
        op, start, end = self.text, self.start, self.end
        self.advance()
        variable = self.name(f"a name after `{op}`", NOT_DECLARED, named="a variable")
        self.expect("in", f"after the variable of `{op}`")
        domain = self.expression(SUM)
        height = self.height
        self.expect(":", f"after the set of `{op}`")
        body = self.expression()
        self._grow(max(height, self.height) + 1, start, end)
        span = Span(self.source, start, self.ended)
        return Quantifier(span=span, op=QuantifierOp(op), variable=variable, domain=domain, body=body)
