"""Attributes of the context, read into local names: what is of its type already is only looked at."""

from __future__ import annotations

import ast
from collections.abc import Callable

from pdp.codegen.constants import Constants
from pdp.codegen.expressions import Reader, local
from pdp.codegen.nodes import Nodes
from pdp.lowering import Setting
from pdp.types import Primitive, Type
from pdp.values import INT_MAX, INT_MIN, MAX_STRING


class Reading:
    """Makes the statements that read."""

    def __init__(self, setting: Setting, nodes: Nodes, constants: Constants, reader: Callable[[Type], Reader]) -> None:
        self._setting, self._nodes, self._constants, self._reader = setting, nodes, constants, reader

    def of(self, name: str, kind: Type) -> list[ast.stmt]:
        """Return the statements that read an attribute: what is of its type already is only looked at."""
        nodes, to = self._nodes, local(self._setting.context, name)
        here, reader = nodes.name(to), self._reader(kind)
        get = nodes.assign(to, nodes.item(nodes.name("c"), name))
        read = nodes.call(self._constants.bind(reader, "read"), here)
        odd = self._odd(to, kind)
        if odd is None:
            known = getattr(reader, "known", None)
            if known is None:
                return [get, nodes.assign(to, read)]
            # What a text came to before is looked up; texts of another class may lie about what they are.
            of = nodes.call(self._constants.bind(type, "check"), here)
            plain = nodes.compare(of, "is", self._constants.bind(str, "class"))
            seen = nodes.method(self._constants.bind(known, "known"), "get", here)
            return [get, nodes.assign(to, nodes.some([nodes.every([plain, seen]), read]))]
        return [get, nodes.branch(odd, [nodes.assign(to, read)])]

    def _odd(self, name: str, kind: Type) -> ast.expr | None:
        """Return what is true for a value that is not plainly of its type."""
        nodes, here = self._nodes, self._nodes.name(name)
        # Not what the value says its class is: that can be said of anything.
        of = nodes.call(self._constants.bind(type, "check"), here)
        match kind:
            case Primitive.STRING:
                size = nodes.call(self._constants.bind(len, "check"), here)
                return nodes.some(
                    [
                        nodes.compare(of, "is not", self._constants.bind(str, "class")),
                        nodes.denied(nodes.method(here, "isascii")),
                        nodes.compare(size, ">", nodes.constant(MAX_STRING)),
                    ]
                )
            case Primitive.BOOL:
                return nodes.compare(of, "is not", self._constants.bind(bool, "class"))
            case Primitive.INT:
                fits = nodes.compare(nodes.constant(INT_MIN), "<=", here, "<=", nodes.constant(INT_MAX))
                return nodes.some([nodes.compare(of, "is not", self._constants.bind(int, "class")), nodes.denied(fits)])
            case _:
                return None
