"""Nodes of Python's syntax tree, each with the place of the policy that it stands for.

Code is never put together as text: what a policy says is a constant, or a value bound to a name that this package made.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final, NamedTuple

from pdp.source import Source, Span

_LOAD: Final = ast.Load()
_STORE: Final = ast.Store()

COMPARISONS: Final[dict[str, ast.cmpop]] = {
    "==": ast.Eq(),
    "!=": ast.NotEq(),
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "in": ast.In(),
    "is": ast.Is(),
    "is not": ast.IsNot(),
}
_OPERATORS: Final[dict[str, ast.operator]] = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "|": ast.BitOr()}


class Place(NamedTuple):
    """A line of a policy."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Listing:
    """The lines of the policy that a piece of code stands for; a traceback shows them as the code's own."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._places: list[Place] = []
        self._numbers: dict[tuple[int, int], int] = {}
        self._sources: list[Source] = []

    def place(self, span: Span | None) -> tuple[int, int]:
        """Return the line of the listing, and the column in it, at which a span starts."""
        if span is None:
            return 1, 0
        line, column = span.source.position(span.start)
        found = self._numbers.get((id(span.source), line))
        if found is None:
            self._sources.append(span.source)  # so that no other has its id
            self._places.append(Place(span.source.path, line, span.source.line(line)))
            found = self._numbers[id(span.source), line] = len(self._places) + 1
        return found, column - 1

    def at(self, number: int) -> Place | None:
        """Return the line of the policy that a line of the listing is; None for the first, which is its title."""
        return self._places[number - 2] if number > 1 else None

    def lines(self) -> list[str]:
        """Return the listing as `linecache` keeps a file."""
        return [f"# {self.title}\n", *(f"{each.text}  # {each}\n" for each in self._places)]


class Nodes:
    """Makes nodes at one place after the other."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self._line, self._column = 1, 0

    def move(self, span: Span | None) -> None:
        """Give all nodes to come the place of a span."""
        if span is not None:
            self._line, self._column = self.listing.place(span)

    def leave(self) -> None:
        """Give all nodes to come no place of the policy."""
        self._line, self._column = 1, 0

    # -------------------------------------------------------------------------------------------------- expressions

    def name(self, name: str) -> ast.Name:
        """`name`."""
        return ast.Name(name, _LOAD, lineno=self._line, col_offset=self._column)

    def constant(self, value: bool | int | str | None) -> ast.Constant:
        """A constant."""
        return ast.Constant(value, lineno=self._line, col_offset=self._column)

    def attribute(self, base: ast.expr, name: str) -> ast.Attribute:
        """`base.name`; the name is one of pdp's own."""
        return ast.Attribute(base, name, _LOAD, lineno=self._line, col_offset=self._column)

    def item(self, base: ast.expr, index: str | int) -> ast.Subscript:
        """`base[index]`."""
        return ast.Subscript(base, self.constant(index), _LOAD, lineno=self._line, col_offset=self._column)

    def at(self, base: ast.expr, index: ast.expr) -> ast.Subscript:
        """`base[index]`, for an index that is computed."""
        return ast.Subscript(base, index, _LOAD, lineno=self._line, col_offset=self._column)

    def named(self, name: str, value: ast.expr) -> ast.NamedExpr:
        """`(name := value)`."""
        target = ast.Name(name, _STORE, lineno=self._line, col_offset=self._column)
        return ast.NamedExpr(target, value, lineno=self._line, col_offset=self._column)

    def call(self, function: str | ast.expr, *arguments: ast.expr) -> ast.Call:
        """`function(arguments)`."""
        callee = self.name(function) if isinstance(function, str) else function
        return ast.Call(callee, list(arguments), [], lineno=self._line, col_offset=self._column)

    def method(self, base: ast.expr, name: str, *arguments: ast.expr) -> ast.Call:
        """`base.name(arguments)`."""
        return self.call(self.attribute(base, name), *arguments)

    def compare(self, left: ast.expr, *rest: str | ast.expr) -> ast.Compare:
        """`left op right op right …`."""
        ops = [COMPARISONS[op] for op in rest[::2] if isinstance(op, str)]
        others = [each for each in rest[1::2] if isinstance(each, ast.expr)]
        return ast.Compare(left, ops, others, lineno=self._line, col_offset=self._column)

    def every(self, operands: Sequence[ast.expr]) -> ast.expr:
        """`a and b and …`."""
        return self._joined(ast.And(), operands, True)

    def some(self, operands: Sequence[ast.expr]) -> ast.expr:
        """`a or b or …`."""
        return self._joined(ast.Or(), operands, False)

    def _joined(self, op: ast.boolop, operands: Sequence[ast.expr], empty: bool) -> ast.expr:
        # What is settled whatever the others are worth is so where one of them raises, too.
        if any(isinstance(each, ast.Constant) and each.value is (not empty) for each in operands):
            return self.constant(not empty)
        operands = [each for each in operands if not (isinstance(each, ast.Constant) and each.value is empty)]
        if not operands:
            return self.constant(empty)
        if len(operands) == 1:
            return operands[0]
        return ast.BoolOp(op, list(operands), lineno=self._line, col_offset=self._column)

    def chain(self, operands: Sequence[ast.expr], neutral: bool) -> ast.expr:
        """`a and b and …` (where `neutral` is true), or `a or b or …`, of all operands as they stand."""
        if len(operands) < 2:
            return operands[0] if operands else self.constant(neutral)
        op = ast.And() if neutral else ast.Or()
        return ast.BoolOp(op, list(operands), lineno=self._line, col_offset=self._column)

    def denied(self, operand: ast.expr) -> ast.expr:
        """`not operand`."""
        if isinstance(operand, ast.Constant) and isinstance(operand.value, bool):
            return self.constant(not operand.value)
        return ast.UnaryOp(ast.Not(), operand, lineno=self._line, col_offset=self._column)

    def binary(self, left: ast.expr, op: str, right: ast.expr) -> ast.BinOp:
        """`left op right`."""
        return ast.BinOp(left, _OPERATORS[op], right, lineno=self._line, col_offset=self._column)

    def minus(self, operand: ast.expr) -> ast.UnaryOp:
        """`-operand`."""
        return ast.UnaryOp(ast.USub(), operand, lineno=self._line, col_offset=self._column)

    def choice(self, test: ast.expr, then: ast.expr, otherwise: ast.expr) -> ast.IfExp:
        """`then if test else otherwise`."""
        return ast.IfExp(test, then, otherwise, lineno=self._line, col_offset=self._column)

    def tuple(self, *items: ast.expr) -> ast.Tuple:
        """`(a, b, …)`."""
        return ast.Tuple(list(items), _LOAD, lineno=self._line, col_offset=self._column)

    def each(self, body: ast.expr, variable: str, domain: ast.expr) -> ast.GeneratorExp:
        """`(body for variable in domain)`."""
        target = ast.Name(variable, _STORE, lineno=self._line, col_offset=self._column)
        loop = ast.comprehension(target, domain, [], 0)
        return ast.GeneratorExp(body, [loop], lineno=self._line, col_offset=self._column)

    # --------------------------------------------------------------------------------------------------- statements

    def assign(self, name: str, value: ast.expr) -> ast.stmt:
        """`name = value`."""
        target = ast.Name(name, _STORE, lineno=self._line, col_offset=self._column)
        return ast.Assign([target], value, lineno=self._line, col_offset=self._column)

    def mark(self, name: str, bits: int) -> ast.stmt:
        """`name |= bits`."""
        return self.assign(name, self.binary(self.name(name), "|", self.constant(bits)))

    def branch(self, test: ast.expr, body: list[ast.stmt], otherwise: Sequence[ast.stmt] = ()) -> ast.stmt:
        """`if test: body`."""
        return ast.If(test, body, list(otherwise), lineno=self._line, col_offset=self._column)

    def attempt(self, body: list[ast.stmt], otherwise: list[ast.stmt], errors: ast.expr) -> ast.stmt:
        """`try: body except errors: otherwise`."""
        place = {"lineno": self._line, "col_offset": self._column}
        return ast.Try(body, [ast.ExceptHandler(errors, None, otherwise, **place)], [], [], **place)

    def give(self, value: ast.expr) -> ast.stmt:
        """`return value`."""
        return ast.Return(value, lineno=self._line, col_offset=self._column)

    def run(self, value: ast.expr) -> ast.stmt:
        """An expression as a statement."""
        return ast.Expr(value, lineno=self._line, col_offset=self._column)

    def function(self, name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.Module:
        """Return a module that defines one function."""
        given = [ast.arg(each, lineno=1, col_offset=0) for each in parameters]
        arguments = ast.arguments([], given, None, [], [], None, [])
        defined = ast.FunctionDef(name, arguments, body, [], lineno=1, col_offset=0)
        if "type_params" in ast.FunctionDef._fields:
            vars(defined)["type_params"] = []
        return ast.Module([defined], [])
