"""The constants of a piece of code: in the code itself, or in a row beside it that rules of one shape bring."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pdp.codegen.nodes import Nodes
from pdp.lowering import Key, key
from pdp.terms import Term
from pdp.values import Value, label

_Seen = tuple[type, Value]


def _elements(value: Any) -> frozenset[Any]:
    return frozenset(value)


# What code asks of a constant, so that it is worked out once.
_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "itself": lambda value: value,
    "label": label,
    "name": lambda value: value.name,
    "micros": lambda value: value.micros,
    "units": lambda value: value.units,
    "version": lambda value: value.version,
    "first": lambda value: value.first,
    "last": lambda value: value.last,
    "elements": _elements,
    "names": lambda value: frozenset(each.name for each in value),
    "all_micros": lambda value: frozenset(each.micros for each in value),
    "all_units": lambda value: frozenset(each.units for each in value),
}


class Shape:
    """What terms look like without their constants. Terms of one shape can share code, each with a row of its own."""

    def __init__(self, found: Iterable[Term]) -> None:
        self._numbers: dict[_Seen, int] = {}
        self.values: list[Value] = []
        self.key: Key = tuple(key(term, self._number) for term in found)

    def _number(self, value: Value) -> int:
        number = self._numbers.setdefault((value.__class__, value), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number

    def number(self, value: Value) -> int:
        """Return the place of a constant among those of the shape."""
        return self._numbers[value.__class__, value]


class Constants:
    """Gives the nodes that stand for constants. With a shape, they are read from the row `k`."""

    def __init__(self, nodes: Nodes, shape: Shape | None = None) -> None:
        self._nodes = nodes
        self._shape = shape
        self._slots: dict[tuple[int, str], int] = {}
        self._names: dict[int, str] = {}
        self.bound: dict[str, Any] = {}

    @property
    def in_code(self) -> bool:
        """Whether constants stand in the code itself."""
        return self._shape is None

    def use(self, value: Value, form: str = "itself") -> ast.expr:
        """Return the node for a constant in one of its forms."""
        if self._shape is not None:
            slot = self._slots.setdefault((self._shape.number(value), form), len(self._slots))
            return self._nodes.item(self._nodes.name("k"), slot)
        found = _FORMS[form](value)
        if found.__class__ in (bool, int, str):
            return self._nodes.constant(found)
        return self.bind(found, "constant")

    def bind(self, value: Any, kind: str) -> ast.Name:
        """Return a name for anything that code calls or compares with; the same one for the same object."""
        name = self._names.get(id(value))
        if name is None:
            name = self._names[id(value)] = f"{kind}_{len(self.bound)}"
            self.bound[name] = value
        return self._nodes.name(name)

    def row(self, shape: Shape) -> tuple[Any, ...]:
        """Return the row of other terms of the same shape."""
        return tuple(_FORMS[form](shape.values[number]) for number, form in self._slots)
