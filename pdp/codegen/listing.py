"""Generated code beside the policy that it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pdp.classes import dataclass
from pdp.codegen.nodes import Place

if TYPE_CHECKING:
    from pdp.codegen.functions import Function


@dataclass(frozen=True, slots=True)
class Line:
    """A line of code, and the line of the policy that it stands for, if it stands for one."""

    code: str
    place: Place | None


def listed(function: Function) -> list[Line]:
    """Return a generated function as lines of Python, each beside what it stands for."""
    return [
        Line("    " * depth + text, function.listing.at(number))
        for statement in function.tree.body
        for depth, text, number in _lines(statement, 0)
    ]


def _lines(statement: ast.stmt, depth: int) -> Iterator[tuple[int, str, int]]:
    match statement:
        case ast.FunctionDef():
            yield depth, f"def {statement.name}({ast.unparse(statement.args)}):", 1
            yield from _block(statement.body, depth + 1)
        case ast.If():
            yield from _branches(statement, depth)
        case ast.Try():
            yield depth, "try:", 1
            yield from _block(statement.body, depth + 1)
            for handler in statement.handlers:
                yield depth, "except:" if handler.type is None else f"except {ast.unparse(handler.type)}:", 1
                yield from _block(handler.body, depth + 1)
        case _:
            yield depth, ast.unparse(statement), statement.lineno


def _branches(statement: ast.If, depth: int, word: str = "if") -> Iterator[tuple[int, str, int]]:
    yield depth, f"{word} {ast.unparse(statement.test)}:", _number(statement.test)
    yield from _block(statement.body, depth + 1)
    match statement.orelse:
        case []:
            pass
        case [ast.If() as other]:
            yield from _branches(other, depth, "elif")
        case _:
            yield depth, "else:", 1
            yield from _block(statement.orelse, depth + 1)


def _block(body: list[ast.stmt], depth: int) -> Iterator[tuple[int, str, int]]:
    for each in body:
        yield from _lines(each, depth)


def _number(expression: ast.expr) -> int:
    """Return the line of the listing that an expression stands for: the first that any part of it names."""
    return next((each.lineno for each in ast.walk(expression) if isinstance(each, ast.expr) and each.lineno > 1), 1)


def names_of(function: Function) -> dict[str, object]:
    """Return what the function names besides its own parameters: constants of the policy, by the names in the code."""
    used = {each.id for each in ast.walk(function.tree) if isinstance(each, ast.Name)}
    found = {name: value for name, value in function.constants.bound.items() if name in used}
    return {name: value for name, value in found.items() if name.startswith("constant")}
