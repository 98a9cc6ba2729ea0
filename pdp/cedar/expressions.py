"""Reading the conditions of Cedar policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp.cedar.hints import float_after
from pdp.cedar.lexer import call_ahead
from pdp.cedar.limits import MAX_DEPTH, MAX_SIGNS
from pdp.cedar.names import Names
from pdp.cedar.tree import (
    Access,
    And,
    Binary,
    BinaryOp,
    Call,
    Entity,
    Expression,
    Has,
    If,
    Is,
    Like,
    Literal,
    Negate,
    Not,
    Or,
    RecordOf,
    SetOf,
    Variable,
)
from pdp.cedar.words import COUNTED, FUNCTIONS, METHODS, RESERVED, VARIABLES
from pdp.errors import suggest
from pdp.source import Span
from pdp.syntax.characters import show
from pdp.syntax.reports import Failure
from pdp.values import INT_MAX

_COMPARE: Final = {
    str(op): op
    for op in (
        BinaryOp.EQ,
        BinaryOp.NE,
        BinaryOp.LT,
        BinaryOp.LE,
        BinaryOp.GT,
        BinaryOp.GE,
        BinaryOp.IN,
    )
}
_TESTS: Final = frozenset({"has", "like", "is"})
_RELATIONS: Final = _TESTS | _COMPARE.keys()
_SPECIAL: Final = RESERVED | {"permit", "forbid"}
_INT_DIGITS: Final = len(str(INT_MAX))


class Expressions(Names):
    """Reads expressions. `height` is the number of levels of the expression read last."""

    # Every bracket costs a few frames of Python's stack: operators are read in loops, so that they cost none.

    def expression(self) -> Expression:
        """Read an expression. `if` reaches as far to the right as it can, so it stands only at the start of one."""
        start = self.start
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.too_deep(start, self.end)
        if self.text == "if":
            chosen = self._if()
            self.depth -= 1
            return chosen
        ors: list[Expression] = []
        ands: list[Expression] = []
        tall = high = 0
        first = start
        while True:
            at = self.start
            found = self._sum()
            if (text := self.text) in _RELATIONS:
                if text in _COMPARE:
                    height, sign = self.height, self.start
                    self.advance()
                    found = self._binary(_COMPARE[text], found, self._sum(), at, height, sign)
                else:
                    found = self._test(text, found, at)
                    if self.text == "in" and isinstance(found, Is):
                        height, sign = self.height, self.start
                        self.advance()
                        found = self._within(found, self._sum(), at, height, sign)
                if self.text in _RELATIONS:
                    raise self._chained()
            if ands or self.text == "&&":
                ands.append(found)
                high = max(high, self.height)
                if self.take("&&"):
                    continue
                found = self._joined(And, ands, first, high)
                ands, high = [], 0
            if not ors and self.text != "||":
                break
            ors.append(found)
            tall = max(tall, self.height)
            if not self.take("||"):
                found = self._joined(Or, ors, start, tall)
                break
            first = self.start
        self.depth -= 1
        return found

    def _joined(self, kind: type[And] | type[Or], operands: list[Expression], start: int, height: int) -> Expression:
        self.grow(height + 1, start, self.ended)
        return kind(span=Span(self.source, start, self.ended), operands=tuple(operands))

    def _binary(
        self, op: BinaryOp, left: Expression, right: Expression, start: int, height: int, sign: int
    ) -> Expression:
        self.grow(max(height, self.height) + 1, sign, sign + len(op))
        return Binary(span=Span(self.source, start, self.ended), op=op, left=left, right=right)

    def _within(self, test: Is, within: Expression, start: int, height: int, sign: int) -> Expression:
        self.grow(max(height, self.height + 1), sign, sign + 2)
        return Is(span=Span(self.source, start, self.ended), operand=test.operand, type=test.type, within=within)

    def grow(self, height: int, start: int, end: int) -> None:
        """Take note of the levels of what was read last."""
        if height > MAX_DEPTH:
            raise self.too_deep(start, end)
        self.height = height

    def _chained(self) -> Failure:
        help_ = "join two comparisons with `&&`, or put one in parentheses"
        return self.failure("chained_comparison", "comparisons do not chain", self.start, self.end, help_)

    def _test(self, word: str, left: Expression, start: int) -> Expression:
        at, end, height = self.start, self.end, self.height
        self.advance()
        found: Expression
        if word == "like":
            parts = self.pattern()
            found = Like(span=Span(self.source, start, self.ended), operand=left, parts=parts)
        elif word == "has":
            path = self._path()
            found = Has(span=Span(self.source, start, self.ended), operand=left, path=path)
            height += len(path) - 1
        else:
            type_ = self.type_name("an entity type after `is`")
            found = Is(span=Span(self.source, start, self.ended), operand=left, type=type_)
        self.grow(height + 1, at, end)
        self.operand_ended = self.ended
        return found

    def _path(self) -> tuple[str, ...]:
        if self.kind == "string":
            return (self.string("the name of an attribute after `has`"),)
        path = [self.name("the name of an attribute after `has`", "an attribute")]
        while self.take("."):
            path.append(self.name("the name of an attribute after `.`", "an attribute"))
        return tuple(path)

    # ------------------------------------------------------------------------------------------------- arithmetic

    def _sum(self) -> Expression:
        """Read operands with `+`, `-` and `*` between them."""
        start = self.start
        left = self._operand()
        while (text := self.text) == "+" or text == "-" or text == "*":
            sign, height = self.start, self.height
            self.advance()
            at = self.start
            right = self._operand()
            if text == "*":
                left = self._binary(BinaryOp.MUL, left, right, start, height, sign)
                continue
            while self.text == "*":
                other, own = self.start, self.height
                self.advance()
                right = self._binary(BinaryOp.MUL, right, self._operand(), at, own, other)
            left = self._binary(BinaryOp.ADD if text == "+" else BinaryOp.SUB, left, right, start, height, sign)
        return left

    def _operand(self) -> Expression:
        """Read a value, with the signs before it and what is taken from it."""
        begin = self.start
        signs = self._signs() if (sign := self.text) == "!" or sign == "-" else []
        start, kind = self.start, self.kind
        self.height = 1
        found: Expression
        if kind == "word":
            found = self._word()
        elif kind == "string":
            text = self.string("a value")
            found = Literal(span=Span(self.source, start, self.ended), value=text)
        elif self.text == "(":
            self.advance()
            found = self.expression()
            self.close(")", start, "`)` or an operator")
        elif kind == "number":
            digits = self.text
            self.advance()
            found = self._number(digits, signs if sign == "-" else [], start)
            start = min(start, self.start if found.span is None else found.span.start)
        else:
            found = self._bracket()
        while (text := self.text) == "." or text == "[" or text == "(":
            found = self._member(found, start)
        if signs:
            self.grow(self.height + len(signs), begin, begin + 1)
            for at in reversed(signs):
                where = Span(self.source, at, self.ended)
                found = Not(span=where, operand=found) if sign == "!" else Negate(span=where, operand=found)
        self.operand_ended = self.ended
        return found

    def _signs(self) -> list[int]:
        """Consume `!`, or `-`, as often as it stands; return where."""
        sign, signs = self.text, []
        while self.text == sign:
            signs.append(self.start)
            self.advance()
        if len(signs) > MAX_SIGNS:
            message = f"more than four `{sign}` stand in a row"
            self.report(
                "chained_signs", message, signs[0], self.ended, f"two of them undo each other: leave out `{sign}{sign}`"
            )
            del signs[1:]
        if self.text == "!" or self.text == "-":
            other = self.text
            message = f"`{sign}` and `{other}` do not stand right after each other"
            raise self.failure("chained_signs", message, self.start, self.end, f"write `{sign}({other}…)`")
        return signs

    def _number(self, digits: str, minuses: list[int], start: int) -> Literal:
        """Return the number that was consumed. A minus right before belongs to it, unless something is taken of it."""
        found = digits.lstrip("0")
        # Python refuses to read numbers of some thousand digits, and takes long over shorter ones.
        value = int(found or "0") if len(found) <= _INT_DIGITS else INT_MAX + 2
        if minuses and self.text not in (".", "[", "("):
            start, value = minuses.pop(), -value
        hint = float_after(self.content, self.start, "-" if minuses else "") if self.text == "." else None
        if hint is not None:
            raise self.failure(hint.code, hint.message, minuses[-1] if minuses else start, hint.end, hint.help)
        if not -INT_MAX - 1 <= value <= INT_MAX:
            written = self.content[start : self.ended]
            help_ = f"a `Long` goes from {-INT_MAX - 1} to {INT_MAX}"
            self.report("int_out_of_range", f"`{show(written)}` is out of range", start, self.ended, help_)
            value = 0
        return Literal(span=Span(self.source, start, self.ended), value=value)

    # --------------------------------------------------------------------------------------------------- operands

    def _word(self) -> Expression:
        text, start = self.text, self.start
        if text in _SPECIAL and (text in RESERVED or (self.next_policy() and call_ahead(self.content, self.end))):
            return self._reserved()
        self.advance()
        if self.text == "::":
            return self._named(text, start)
        if self.text == "(":
            return self._function(text, start)
        if text in VARIABLES:
            return Variable(span=Span(self.source, start, self.ended), name=VARIABLES[text])
        if text == "not" and (self.kind in ("word", "string", "number") or self.text in ("!", "{", "[")):
            raise self.failure("foreign_operator", "`not` is no operator of Cedar", start, self.ended, "write `!`")
        return self.unknown_name(text, start)

    def _reserved(self) -> Expression:
        text, start, end = self.text, self.start, self.end
        if text == "true" or text == "false":
            self.advance()
            return Literal(span=Span(self.source, start, end), value=text == "true")
        if text == "if":
            message = "`if …` needs parentheses here"
            raise self.failure("needs_parentheses", message, start, end, "write `(if … then … else …)`")
        if text == "__cedar":
            self.refuse_name("anything")
            raise Failure
        raise self.fail("a value")

    def _named(self, text: str, start: int) -> Expression:
        found = self.rest_of_name(text, start)
        if isinstance(found, Entity):
            return found
        if self.text == "(":
            self._unknown_call("function", found, start, FUNCTIONS)
            return self._arguments(found, (), start, start)
        return self.unknown_name(found, start)

    def _bracket(self) -> Expression:
        if self.text == "[":
            return self._set()
        if self.text == "{":
            return self._record()
        if self.kind == "slot":
            start = self.start
            self.misplaced_slot()
            self.advance()
            return Literal(span=Span(self.source, start, self.ended), value=False)
        raise self.fail("a value")

    def _set(self) -> SetOf:
        start = self.start
        self.advance()
        items, height = self._items("]", start)
        self.grow(height + 1, start, start + 1)
        return SetOf(span=Span(self.source, start, self.ended), items=items)

    def _items(self, closer: str, opened: int) -> tuple[tuple[Expression, ...], int]:
        """Read expressions up to a closing bracket; return them, and the levels of the highest."""
        items = []
        height = 0
        while self.text != closer:
            items.append(self.expression())
            height = max(height, self.height)
            if not self.take(","):
                break
        self.close(closer, opened, f"`,` or `{closer}`")
        return tuple(items), height

    def _record(self) -> RecordOf:
        start = self.start
        self.advance()
        fields: dict[str, Expression] = {}
        height = 0
        while self.text != "}":
            at = self.start
            key = self._key()
            if key in fields:
                message = f"the attribute `{show(key)}` stands twice in this record"
                self.report("duplicate_attribute", message, at, self.ended, "leave out one of them")
            self.expect(":", f"after `{show(self.content[at : self.ended])}`")
            fields[key] = self.expression()
            height = max(height, self.height)
            if not self.take(","):
                break
        self.close("}", start, "`,` or `}`")
        self.grow(height + 1, start, start + 1)
        return RecordOf(span=Span(self.source, start, self.ended), fields=tuple(fields.items()))

    def _key(self) -> str:
        if self.kind == "string":
            return self.string("the name of an attribute")
        return self.name("the name of an attribute or `}`", "an attribute")

    def _if(self) -> If:
        start, end = self.start, self.end
        self.advance()
        test = self.expression()
        height = self.height
        self.expect("then", "and a value after the test of `if`", "write `if test then value else other`")
        then = self.expression()
        height = max(height, self.height)
        self.expect("else", "and the other value of `if`", "an `if` of Cedar always has an `else`")
        otherwise = self.expression()
        self.grow(max(height, self.height) + 1, start, end)
        return If(span=Span(self.source, start, self.ended), test=test, then=then, otherwise=otherwise)

    # ------------------------------------------------------------------------------------- attributes and methods

    def _member(self, base: Expression, start: int) -> Expression:
        at, height = self.start, self.height
        if self.text == "(":
            message = "this cannot be called"
            help_ = "functions are called by their name, methods as `value.name(…)`"
            raise self.failure("not_callable", message, self.start, self.end, help_)
        if self.take("["):
            help_ = 'sets have no order and no positions; an attribute is taken with `.name` or `["name"]`'
            name = self.string("the name of an attribute in quotes", help_)
            self.close("]", at, "`]`")
        else:
            self.advance()
            place = self.start
            name = self.name("the name of an attribute after `.`", "an attribute")
            if self.text == "(":
                return self._method(name, base, start, place)
        self.grow(height + 1, at, self.ended)
        return Access(span=Span(self.source, start, self.ended), base=base, name=name)

    def _method(self, name: str, base: Expression, start: int, place: int) -> Call:
        if name not in METHODS:
            if name in FUNCTIONS:
                message = f"`{name}` is a function, not a method"
                self.report("call_style", message, place, self.ended, f"write `{name}(…)`")
            else:
                self._unknown_call("method", name, place, METHODS)
        return self._arguments(name, (base,), start, place)

    def _function(self, name: str, start: int) -> Call:
        if name not in FUNCTIONS:
            if name in METHODS:
                message = f"`{name}` is a method, not a function"
                self.report("call_style", message, start, self.ended, f"write `value.{name}(…)`")
            else:
                self._unknown_call("function", name, start, FUNCTIONS)
        return self._arguments(name, (), start, start)

    def _unknown_call(self, what: str, name: str, start: int, known: Mapping[str, int]) -> None:
        help_ = suggest(name.rpartition("::")[2], known) or "there are " + ", ".join(f"`{each}`" for each in known)
        self.report("unknown_function", f"there is no {what} `{show(name)}`", start, self.ended, help_)

    def _arguments(self, name: str, receiver: tuple[Expression, ...], start: int, place: int) -> Call:
        named, height, opened = self.ended, self.height if receiver else 0, self.start
        self.advance()
        items, tall = self._items(")", opened)
        if name in COUNTED and receiver and len(items) != METHODS[name]:
            takes = "one argument" if METHODS[name] else "no argument"
            given = f"{len(items)} {'is' if len(items) == 1 else 'are'} given" if items else "none is given"
            self.report("call_arity", f"`{name}` takes {takes}, and {given}", place, named)
        self.grow(max(height, tall) + 1, start, named)
        return Call(span=Span(self.source, start, self.ended), name=name, arguments=receiver + items)
