"""What the expressions of a policy have in common: equal ones get one number, and what may be absent gets a bit.

A capability of Cedar's validator, that an expression has an attribute or a tag, is such a bit, and a set of them is a
number. So chains of any length are looked at in linear time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, assert_never

from pdp.cedar import tree
from pdp.cedar.tree import children

ROOTS: Final = {name: 1 << number for number, name in enumerate(tree.VariableName)}
"""Each variable as a bit."""

_OPPOSITES: Final = {
    tree.BinaryOp.NE: tree.BinaryOp.EQ,
    tree.BinaryOp.GT: tree.BinaryOp.LE,
    tree.BinaryOp.GE: tree.BinaryOp.LT,
}


class Shape(NamedTuple):
    """What is known of an expression without any types.

    `key` is the same number for equal expressions of a policy, as Cedar takes them for equal; `roots` are the variables
    that it reads; `reads` the capabilities that its type can depend on; `own` those that it asks for, or needs, itself,
    for the names of a `has` one after the other; `size` is how many expressions it is made of.
    """

    key: int
    roots: int
    reads: int
    own: tuple[int, ...]
    size: int


class Shapes:
    """The shapes of the expressions of one policy."""

    def __init__(self) -> None:
        self._keys: dict[tuple[object, ...], int] = {}
        self._bits: dict[tuple[object, ...], int] = {}
        # By identity, which holds as long as the policy does: equality of trees compares them whole.
        self._shapes: dict[int, Shape] = {}

    def __call__(self, expression: tree.Expression) -> Shape:
        """Return the shape of an expression."""
        found = self._shapes.get(id(expression))
        if found is None:
            found = self._shapes[id(expression)] = self._make(expression)
        return found

    def bit(self, *what: object) -> int:
        """Return the bit that stands for a fact about expressions, which are named by their keys."""
        return self._bits.setdefault(what, 1 << len(self._bits))

    def key(self, *what: object) -> int:
        """Return the number of an expression that is made of others, which are named by theirs."""
        return self._keys.setdefault(what, len(self._keys))

    def attribute(self, base: int, name: str) -> int:
        """Return the capability that an expression has an attribute."""
        return self.bit("attribute", base, name)

    def _make(self, expression: tree.Expression) -> Shape:
        parts = [self(each) for each in children(expression)]
        roots = reads = 0
        size = 1
        for part in parts:
            roots |= part.roots
            reads |= part.reads
            size += part.size
        if isinstance(expression, tree.Variable):
            roots = ROOTS[expression.name]
        own = tuple(self._own(expression, parts))
        for bit in own:
            reads |= bit
        return Shape(self._key(expression, [part.key for part in parts]), roots, reads, own, size)

    def _own(self, expression: tree.Expression, parts: list[Shape]) -> Iterator[int]:
        match expression:
            case tree.Access():
                yield self.attribute(parts[0].key, expression.name)
            case tree.Has():
                base = parts[0].key
                for name in expression.path:
                    yield self.attribute(base, name)
                    base = self.key("get", base, name)
            case tree.Call(name="hasTag" | "getTag"):
                yield self.bit("tag", parts[0].key, parts[1].key)
            case _:
                return

    def _key(self, expression: tree.Expression, keys: list[int]) -> int:
        match expression:
            case tree.Literal():
                return self.key("literal", expression.value.__class__, expression.value)
            case tree.Entity():
                return self.key("entity", *expression.ref)
            case tree.Variable():
                return self.key("variable", expression.name)
            case tree.Not():
                return self.key("not", keys[0])
            case tree.Negate():
                return self.key("negate", keys[0])
            case tree.And():
                return self._chain("and", keys)
            case tree.Or():
                return self._chain("or", keys)
            case tree.If():
                return self.key("if", *keys)
            case tree.Binary():
                return self._binary(expression.op, keys)
            case tree.Has():
                return self._has(keys[0], expression.path)
            case tree.Like():
                return self.key("like", keys[0], expression.parts)
            case tree.Is():
                return self._is(expression, keys)
            case tree.Access():
                return self.key("get", keys[0], expression.name)
            case tree.Call():
                return self.key("call", expression.name, *keys)
            case tree.SetOf():
                return self.key("set", *keys)
            case tree.RecordOf():
                names = [name for name, _ in expression.fields]
                return self.key("record", *sorted(zip(names, keys, strict=True)))
            case _:
                assert_never(expression)

    def _chain(self, word: str, keys: list[int]) -> int:
        found = keys[0]
        for key in keys[1:]:
            found = self.key(word, found, key)
        return found

    def _binary(self, op: tree.BinaryOp, keys: list[int]) -> int:
        # Cedar reads `a != b` as `!(a == b)`, `a > b` as `!(a <= b)`, and so on: they are one expression.
        opposite = _OPPOSITES.get(op)
        return self.key(op, *keys) if opposite is None else self.key("not", self.key(opposite, *keys))

    def _has(self, base: int, path: tuple[str, ...]) -> int:
        steps = []
        for name in path:
            steps.append(self.key("has", base, name))
            base = self.key("get", base, name)
        return self._chain("and", steps)

    def _is(self, expression: tree.Is, keys: list[int]) -> int:
        found = self.key("is", keys[0], expression.type)
        if expression.within is None:
            return found
        return self.key("and", found, self.key(tree.BinaryOp.IN, *keys))


def reads(shapes: Iterable[Shape]) -> int:
    """Return the variables that expressions read."""
    roots = 0
    for shape in shapes:
        roots |= shape.roots
    return roots


def walk(expression: tree.Expression) -> Iterator[tree.Expression]:
    """Yield an expression and all that it is made of, in the order in which they were written."""
    waiting = [expression]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(reversed(children(each)))
