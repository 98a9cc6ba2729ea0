"""Whether an expression can err when it is evaluated, and what is known where it did not.

What is known are bits: that an entity is in the data, that something has an attribute or a tag. An expression that is
true or false makes sure of some, and so does one that could be evaluated at all: whoever read an attribute of an entity
knows that there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias, assert_never

from pdp.cedar import tree
from pdp.cedar.validation import examples
from pdp.cedar.validation.findings import Findings, written
from pdp.cedar.validation.kinds import (
    ORDERED,
    TRUTHS,
    Attribute,
    EntityKind,
    Kind,
    RecordKind,
    Scalar,
    SetKind,
    join,
)
from pdp.cedar.validation.operations import METHODS, READERS, arity
from pdp.cedar.validation.ranges import DAY, FULL, UNITS, Range, combine, shrink
from pdp.cedar.validation.shapes import Shapes
from pdp.cedar.validation.world import Environment, World
from pdp.ids import is_action
from pdp.values import INT_MAX, INT_MIN

Facts: TypeAlias = int

SOME_ENTITY: Final = EntityKind("")
"""An entity of any type, where there is no schema."""

SOME_RECORD: Final = RecordKind({"\ud800": Attribute(Scalar.BOOL)})
"""A record of which no schema says what is in it. It equals no other: no text holds half a character."""

SOME_SET: Final = SetKind(SOME_RECORD)
"""A set of which nothing says what is in it."""


class Found(NamedTuple):
    """What an expression comes to: its type, where it is known; what is known where it is true, and where it is false,
    which are None where it never is; and between which numbers it lies. What is no truth value knows the same in both.
    """

    kind: Kind | None
    when_true: Facts | None = 0
    when_false: Facts | None = 0
    range: Range = FULL

    @property
    def sure(self) -> Facts:
        """What is known where the expression could be evaluated."""
        return _meet(self.when_true, self.when_false) or 0


def _meet(left: Facts | None, right: Facts | None) -> Facts | None:
    return right if left is None else left if right is None else left & right


def _also(facts: Facts, found: Facts | None) -> Facts | None:
    return None if found is None else facts | found


def _plain(kind: Kind | None, sure: Facts = 0, range: Range = FULL) -> Found:
    return Found(kind, sure, sure, range)


class Evaluability:
    """Looks at the conditions of one policy in one environment, or in none where there is no schema."""

    def __init__(
        self, world: World | None, environment: Environment | None, shapes: Shapes, findings: Findings
    ) -> None:
        self.world = world
        self.environment = environment
        self.shapes = shapes
        self.findings = findings

    # --------------------------------------------------------------------------------------------------------- words

    def variable(self, name: tree.VariableName) -> Kind:
        """Return the type of a variable."""
        at = self.environment
        match name:
            case tree.VariableName.PRINCIPAL:
                return SOME_ENTITY if at is None else EntityKind(at.principal)
            case tree.VariableName.RESOURCE:
                return SOME_ENTITY if at is None else EntityKind(at.resource)
            case tree.VariableName.ACTION:
                return SOME_ENTITY if at is None else EntityKind(at.deed.ref.type)
            case tree.VariableName.CONTEXT:
                return SOME_RECORD if at is None else at.deed.context

    def exists(self, key: int) -> Facts:
        """Return the fact that the data hold the entity that an expression comes to."""
        return self.shapes.bit("exists", key)

    def _skipped(self, where: str, at: tree.Node, help: str) -> None:
        self.findings.warn("forbid_can_be_skipped", f"this forbid is skipped where {where}", at, help)

    def _expect(self, kind: Kind | None, wanted: str, fits: bool, at: tree.Expression) -> None:
        """Report what may not be of the type that an operator asks for."""
        if not fits:
            where = f"`{written(at)}` is not {wanted}"
            example = examples.valued(at, examples.other_value(wanted.strip("a `")))
            help_ = "for example: every input" if kind is not None else f"for example: {example}"
            self._skipped(where, at, help_)

    # ---------------------------------------------------------------------------------------------------- conditions

    def condition(self, expression: tree.Expression, known: Facts) -> Found:
        """Look at what has to be a truth value."""
        found = self.check(expression, known)
        self._expect(found.kind, "a `Bool`", found.kind in TRUTHS, expression)
        return found

    def check(self, expression: tree.Expression, known: Facts) -> Found:
        """Report what may err in an expression; return what it comes to where it does not."""
        match expression:
            case tree.Literal():
                return _literal(expression.value)
            case tree.Entity():
                return _plain(EntityKind(expression.ref.type))
            case tree.Variable():
                return _plain(self.variable(expression.name))
            case tree.Access():
                return self._access(expression, known)
            case tree.Has():
                return self._has(expression, known)
            case tree.And() | tree.Or():
                return self._chain(expression.operands, known, isinstance(expression, tree.And))
            case tree.Not():
                found = self.condition(expression.operand, known)
                return Found(Scalar.BOOL, found.when_false, found.when_true)
            case tree.If():
                return self._if(expression, known)
            case tree.Is():
                return self._is(expression, known)
            case tree.SetOf():
                return self._set(expression, known)
            case tree.RecordOf():
                return self._record(expression, known)
            case tree.Binary():
                return self._binary(expression, known)
            case tree.Negate():
                return self._negate(expression, known)
            case tree.Like():
                found = self.check(expression.operand, known)
                self._expect(found.kind, "a `String`", found.kind is Scalar.STRING, expression.operand)
                return _plain(Scalar.BOOL, found.sure)
            case tree.Call():
                return self._call(expression, known)
            case _:
                assert_never(expression)

    def _chain(self, operands: Sequence[tree.Expression], known: Facts, is_and: bool) -> Found:
        going: Facts | None = 0
        ended: Facts | None = None
        for operand in operands:
            if going is None:
                break
            found = self.condition(operand, known | going)
            on, off = (found.when_true, found.when_false) if is_and else (found.when_false, found.when_true)
            ended = _meet(ended, _also(going, off))
            going = _also(going, on)
        return Found(Scalar.BOOL, going, ended) if is_and else Found(Scalar.BOOL, ended, going)

    def _if(self, expression: tree.If, known: Facts) -> Found:
        test = self.condition(expression.test, known)
        branches = []
        for facts, branch in ((test.when_true, expression.then), (test.when_false, expression.otherwise)):
            if facts is not None:
                found = self.check(branch, known | facts)
                branches.append(
                    found._replace(when_true=_also(facts, found.when_true), when_false=_also(facts, found.when_false))
                )
        if not branches:
            return Found(None, None, None)
        if len(branches) == 1:
            return branches[0]
        first, second = branches
        kind = None if first.kind is None or second.kind is None else _common(first.kind, second.kind)
        return Found(
            kind,
            _meet(first.when_true, second.when_true),
            _meet(first.when_false, second.when_false),
            first.range | second.range,
        )

    # ---------------------------------------------------------------------------------------------------- attributes

    def _attribute(self, kind: Kind | None, name: str) -> Attribute | None:
        """Return what is known of an attribute; None where nothing is, or where there is none."""
        if isinstance(kind, RecordKind):
            return kind.attributes.get(name)
        if isinstance(kind, EntityKind) and self.world is not None:
            return self.world.record(kind.name).attributes.get(name)
        return None

    def _is_open(self, kind: Kind | None) -> bool:
        """Tell whether nothing says which attributes there are."""
        return kind is None or kind is SOME_RECORD or (isinstance(kind, EntityKind) and self._is_any(kind))

    def _is_any(self, kind: EntityKind) -> bool:
        return self.world is None or not kind.name

    def _access(self, expression: tree.Access, known: Facts) -> Found:
        base = self.check(expression.base, known)
        key = self.shapes(expression.base).key
        (there,) = self.shapes(expression).own
        kind, name = base.kind, expression.name
        attribute = self._attribute(kind, name)
        if not known & there:
            if isinstance(kind, EntityKind) and attribute is not None and not known & self.exists(key):
                where = f"no entity data holds `{written(expression.base)}`"
                self._skipped(where, expression, examples.missing_entity(expression.base, kind))
            elif attribute is None or attribute.optional:
                self._absent(expression, kind)
        sure = base.sure | there | self.exists(key)
        return _plain(None if attribute is None else attribute.kind, sure)

    def _absent(self, expression: tree.Access, kind: Kind | None) -> None:
        where = f"`{written(expression)}` is absent"
        help_ = examples.without(expression.base, expression.name)
        if not self._is_open(kind) and self._attribute(kind, expression.name) is None:
            help_ = "for example: every input"
        self._skipped(where, expression, help_)

    def _has(self, expression: tree.Has, known: Facts) -> Found:
        base = self.check(expression.operand, known)
        kind, going, key = base.kind, base.sure, self.shapes(expression.operand).key
        text = written(expression.operand)
        ended: Facts | None = None
        for name, there in zip(expression.path, self.shapes(expression).own, strict=True):
            if not isinstance(kind, EntityKind | RecordKind):
                self._skipped(f"`{text}` is not an entity or a record", expression, f'for example: `{text}` is "x"')
            attribute = self._attribute(kind, name)
            settled = isinstance(kind, RecordKind) and attribute is not None and not attribute.optional
            if not settled and not (known | going) & there:
                ended = _meet(ended, going)
            if attribute is None and not self._is_open(kind):
                return Found(Scalar.BOOL, None, ended)
            going |= there | self.exists(key)
            kind = None if attribute is None else attribute.kind
            key = self.shapes.key("get", key, name)
            text = f"{text}.{name}"
        return Found(Scalar.BOOL, going, ended)

    # ------------------------------------------------------------------------------------------------------ entities

    def _is(self, expression: tree.Is, known: Facts) -> Found:
        base = self.check(expression.operand, known)
        self._entity(base.kind, expression.operand)
        name = base.kind.name if isinstance(base.kind, EntityKind) else ""
        if name and name != expression.type:
            return Found(Scalar.BOOL, None, base.sure)
        found = Found(Scalar.BOOL, base.sure, None if name else base.sure)
        if expression.within is None:
            return found
        group = self.check(expression.within, known | base.sure)
        within = self._membership(
            expression.operand, base._replace(kind=EntityKind(expression.type)), expression.within, group
        )
        return Found(
            Scalar.BOOL,
            _also(base.sure, within.when_true),
            _meet(found.when_false, _also(base.sure, within.when_false)),
        )

    def _entity(self, kind: Kind | None, at: tree.Expression) -> None:
        self._expect(kind, "an entity", isinstance(kind, EntityKind), at)

    def _membership(self, member: tree.Expression, left: Found, group: tree.Expression, right: Found) -> Found:
        self._entity(left.kind, member)
        within = right.kind.element if isinstance(right.kind, SetKind) and right.kind is not SOME_SET else right.kind
        self._expect(right.kind, "an entity or a set of entities", isinstance(within, EntityKind), group)
        sure = left.sure | right.sure
        if not isinstance(left.kind, EntityKind) or not isinstance(within, EntityKind):
            return _plain(Scalar.BOOL, sure)
        mine, theirs = left.kind.name, within.name
        if self.world is not None and not self.world.can_be_in(mine, theirs):
            return Found(Scalar.BOOL, None, sure)
        # What is in something else is so by data. An action is in its groups by the schema.
        by_data = mine and theirs and mine != theirs and not is_action(mine)
        return Found(Scalar.BOOL, sure | (self.exists(self.shapes(member).key) if by_data else 0), sure)

    # --------------------------------------------------------------------------------------------------------- parts

    def _all(self, parts: Sequence[tree.Expression], known: Facts) -> tuple[list[Found], Facts]:
        found: list[Found] = []
        sure: Facts = 0
        for part in parts:
            found.append(self.check(part, known | sure))
            sure |= found[-1].sure
        return found, sure

    def _set(self, expression: tree.SetOf, known: Facts) -> Found:
        found, sure = self._all(expression.items, known)
        kind: Kind | None = found[0].kind if found else None
        for each in found[1:]:
            kind = None if kind is None or each.kind is None else _common(kind, each.kind)
        return _plain(SOME_SET if kind is None else SetKind(kind), sure)

    def _record(self, expression: tree.RecordOf, known: Facts) -> Found:
        found, sure = self._all([value for _, value in expression.fields], known)
        names = [name for name, _ in expression.fields]
        kinds = {name: Attribute(each.kind) for name, each in zip(names, found, strict=True) if each.kind is not None}
        return _plain(RecordKind(kinds) if len(kinds) == len(names) else SOME_RECORD, sure)

    # ---------------------------------------------------------------------------------------------------- operations

    def _binary(self, expression: tree.Binary, known: Facts) -> Found:
        (left, right), sure = self._all((expression.left, expression.right), known)
        match expression.op:
            case tree.BinaryOp.EQ | tree.BinaryOp.NE:
                return _equality(expression.op, left, right, sure)
            case tree.BinaryOp.IN:
                return self._membership(expression.left, left, expression.right, right)
            case tree.BinaryOp.ADD | tree.BinaryOp.SUB | tree.BinaryOp.MUL:
                for operand, found in ((expression.left, left), (expression.right, right)):
                    self._expect(found.kind, "a `Long`", found.kind is Scalar.LONG, operand)
                pair = (expression.left, expression.right)
                return _plain(Scalar.LONG, sure, self._computed(expression, expression.op, pair, (left, right)))
            case tree.BinaryOp.LT | tree.BinaryOp.LE | tree.BinaryOp.GT | tree.BinaryOp.GE:
                for operand, found in ((expression.left, left), (expression.right, right)):
                    self._expect(found.kind, "a number or a time", found.kind in ORDERED, operand)
                fits = left.kind == right.kind or None in (left.kind, right.kind)
                self._expect(right.kind, "of the type of the other side", fits, expression.right)
                return _plain(Scalar.BOOL, sure)
            case _:
                assert_never(expression.op)

    def _computed(
        self,
        at: tree.Expression,
        op: str,
        operands: tuple[tree.Expression, tree.Expression],
        found: tuple[Found, Found],
    ) -> Range:
        range, witness = combine(op, found[0].range, found[1].range)
        if witness is not None:
            self._overflow(at, list(zip(operands, witness, strict=True)))
        return range

    def _overflow(self, at: tree.Expression, pairs: list[tuple[tree.Expression, int]]) -> None:
        unit = " milliseconds" if isinstance(at, tree.Call) else ""
        self._skipped(f"`{written(at)}` overflows", at, examples.numbers(pairs, unit))

    def _negate(self, expression: tree.Negate, known: Facts) -> Found:
        found = self.check(expression.operand, known)
        self._expect(found.kind, "a `Long`", found.kind is Scalar.LONG, expression.operand)
        low, high = -found.range.high, -found.range.low
        if high > INT_MAX:
            self._overflow(expression, [(expression.operand, INT_MIN)])
            return _plain(Scalar.LONG, found.sure)
        return _plain(Scalar.LONG, found.sure, Range(low, high))

    # ----------------------------------------------------------------------------------------------------- functions

    def _call(self, expression: tree.Call, known: Facts) -> Found:
        found, sure = self._all(expression.arguments, known)
        match expression.name:
            case "contains" | "containsAll" | "containsAny" | "isEmpty":
                sets = 2 if expression.name in ("containsAll", "containsAny") else 1
                for argument, each in zip(expression.arguments[:sets], found, strict=False):
                    self._expect(each.kind, "a set", isinstance(each.kind, SetKind), argument)
                return _plain(Scalar.BOOL, sure)
            case "hasTag" | "getTag":
                return self._tag(expression, found, known, sure)
            case name if len(found) != arity(expression):
                where = f"`{name}` is evaluated, which is given a wrong number of arguments"
                self._skipped(where, expression, "for example: every input")
                return _plain(None, sure)
            case "decimal" | "ip" | "datetime" | "duration":
                return _plain(READERS[expression.name][1], sure, self._made(expression))
            case _:
                return self._method(expression, found, sure)

    def _tag(self, expression: tree.Call, found: Sequence[Found], known: Facts, sure: Facts) -> Found:
        base, key = expression.arguments
        kind = found[0].kind
        self._entity(kind, base)
        self._expect(found[1].kind, "a `String`", found[1].kind is Scalar.STRING, key)
        (there,) = self.shapes(expression).own
        tags = self.world.tags(kind.name) if self.world is not None and isinstance(kind, EntityKind) else None
        after = sure | there | self.exists(self.shapes(base).key)
        if expression.name == "hasTag":
            never = isinstance(kind, EntityKind) and not self._is_any(kind) and tags is None
            return Found(Scalar.BOOL, None if never else after, sure)
        if not (known | sure) & there:
            where = f"`{written(base)}` has no tag `{written(key)}`"
            self._skipped(where, expression, f"for example: `{written(base)}` without tags")
        return _plain(tags, after)

    def _made(self, expression: tree.Call) -> Range:
        (argument,) = expression.arguments
        read = READERS[expression.name][0]
        if not isinstance(argument, tree.Literal) or not isinstance(argument.value, str):
            where = f"`{expression.name}(…)` cannot read `{written(argument)}`"
            example = examples.valued(argument, '"x"')
            self._skipped(where, expression, f"for example: {example}")
            return FULL
        try:
            value = read(argument.value)
        except ValueError:
            where = f"`{expression.name}(…)` is to read `{written(argument)}`, which it never can"
            self._skipped(where, expression, "for example: every input")
            return FULL
        milliseconds = getattr(value, "micros", None)
        return FULL if milliseconds is None else Range(milliseconds // 1000, milliseconds // 1000)

    def _method(self, expression: tree.Call, found: Sequence[Found], sure: Facts) -> Found:
        wanted, made = METHODS[expression.name]
        for argument, each, kind in zip(expression.arguments, found, wanted, strict=True):
            self._expect(each.kind, f"a `{kind}`", each.kind is kind, argument)
        range = FULL
        first = found[0].range
        match expression.name:
            case "offset" | "durationSince":
                op = tree.BinaryOp.ADD if expression.name == "offset" else tree.BinaryOp.SUB
                left, right = expression.arguments
                range = self._computed(expression, op, (left, right), (found[0], found[1]))
            case "toDate":
                if first.low // DAY * DAY < INT_MIN:
                    self._overflow(expression, [(expression.arguments[0], INT_MIN)])
                else:
                    range = Range(first.low // DAY * DAY, first.high)
            case "toTime":
                range = Range(0, DAY - 1)
            case name if name in UNITS:
                range = shrink(first, UNITS[name])
        return _plain(made, sure, range)


def _literal(value: bool | int | str) -> Found:
    if isinstance(value, bool):
        return Found(Scalar.BOOL, 0 if value else None, None if value else 0)
    return _plain(Scalar.LONG, 0, Range(value, value)) if isinstance(value, int) else _plain(Scalar.STRING)


def _equality(op: tree.BinaryOp, left: Found, right: Found, sure: Facts) -> Found:
    apart = isinstance(left.kind, EntityKind) and isinstance(right.kind, EntityKind)
    if apart and SOME_ENTITY not in (left.kind, right.kind) and left.kind != right.kind:
        return Found(Scalar.BOOL, None, sure) if op is tree.BinaryOp.EQ else Found(Scalar.BOOL, sure, None)
    return _plain(Scalar.BOOL, sure)


def _common(left: Kind, right: Kind) -> Kind | None:
    """Return a type that says what is true of both, or None."""
    if isinstance(left, EntityKind) and isinstance(right, EntityKind) and left != right:
        return SOME_ENTITY
    if left is SOME_SET or right is SOME_SET:
        return SOME_SET if isinstance(left, SetKind) and isinstance(right, SetKind) else None
    if left is SOME_RECORD or right is SOME_RECORD:
        return SOME_RECORD if isinstance(left, RecordKind) and isinstance(right, RecordKind) else None
    return join(left, right)
