"""Inputs that make an expression err, as a help line shows them."""

from __future__ import annotations

from pdp.cedar import tree
from pdp.cedar.text import show_ref
from pdp.cedar.validation.findings import written
from pdp.cedar.validation.kinds import EntityKind, Kind, Scalar
from pdp.values import EntityRef, quote


def missing_entity(expression: tree.Expression, kind: Kind | None) -> str:
    """Show an entity that no data holds."""
    if isinstance(expression, tree.Entity):
        return f"for example: entity data without `{show_ref(expression.ref)}`"
    name = kind.name if isinstance(kind, EntityKind) and kind.name else "User"
    ref = show_ref(EntityRef(name, "x"))
    if isinstance(expression, tree.Variable):
        return f"for example: {expression.name} `{ref}` that no entity data holds"
    return f"for example: `{written(expression)}` is `{ref}`, which no entity data holds"


def without(expression: tree.Expression, name: str) -> str:
    """Show a value that lacks an attribute."""
    if isinstance(expression, tree.Variable):
        return f"for example: {expression.name} without `{name}`"
    return f"for example: `{written(expression)}` without `{name}`"


def valued(expression: tree.Expression, value: str) -> str:
    """Show what an expression has to come to: as the context that brings it, where that says it all."""
    path = []
    at = expression
    while isinstance(at, tree.Access):
        path.append(at.name)
        at = at.base
    if not path or not isinstance(at, tree.Variable) or at.name is not tree.VariableName.CONTEXT:
        return f"`{written(expression)}` is {value}"
    for name in path:
        value = f"{{ {quote(name)}: {value} }}"
    return f"context `{value}`"


def other_value(wanted: Scalar | str) -> str:
    """Return a value that is not of a type."""
    return "true" if wanted in ("String", "Long") else '"x"'


def numbers(pairs: list[tuple[tree.Expression, int]], unit: str) -> str:
    """Show what numbers the operands have to be, those aside that are written out."""
    open_ = [_number(operand, number, unit) for operand, number in pairs if not _is_written_out(operand)]
    return "for example: " + " and ".join(dict.fromkeys(open_)) if open_ else "for example: every input"


def _number(operand: tree.Expression, number: int, unit: str) -> str:
    return f"`{written(operand)}` is {number}{unit}" if unit else valued(operand, str(number))


def _is_written_out(expression: tree.Expression) -> bool:
    match expression:
        case tree.Literal():
            return True
        case tree.Call():
            return all(isinstance(argument, tree.Literal) for argument in expression.arguments)
        case _:
            return False
