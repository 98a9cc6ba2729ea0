"""The type of every expression in one environment, as Cedar's strict validation has it.

A truth value may be known from types alone: then the operands that it keeps from being evaluated are not looked at.
What an expression makes sure of where it is true, that something has an attribute or a tag, are bits of a number.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from pdp.cedar import tree
from pdp.cedar.validation import operations
from pdp.cedar.validation.findings import Findings, written
from pdp.cedar.validation.kinds import (
    TRUTHS,
    Attribute,
    EntityKind,
    Kind,
    RecordKind,
    Scalar,
    SetKind,
    join,
    show,
    truth,
)
from pdp.cedar.validation.operations import Place
from pdp.cedar.validation.shapes import Shapes
from pdp.cedar.validation.views import Views
from pdp.cedar.validation.world import Environment, World
from pdp.errors import listed


class Answer(NamedTuple):
    """The type of an expression, None where an error keeps it from having one, and what it makes sure of."""

    kind: Kind | None
    gained: int = 0


class Typechecker:
    """Gives types to the expressions of one policy."""

    def __init__(self, world: World, shapes: Shapes, views: Views, findings: Findings) -> None:
        self.world = world
        self.shapes = shapes
        self.views = views
        self.findings = findings
        self._memo: dict[tuple[object, ...], Answer] = {}
        self._place: Place

    def enter(self, environment: Environment) -> None:
        """Look at one environment from now on."""
        self._place = Place(self.world, environment, self.findings, self.shapes)

    def condition(self, expression: tree.Expression, prior: int) -> Answer:
        """Return the type of what has to be a truth value, and what it makes sure of where `prior` is."""
        answer = self._remembered(expression, prior)
        if answer.kind in TRUTHS or answer.kind is None:
            return answer if answer.kind is not None else Answer(Scalar.BOOL, answer.gained)
        message = f"a condition is of type `Bool`, not of type `{show(answer.kind)}`"
        self._place.error("not_a_condition", message, expression, _CONDITION_HELP)
        return Answer(Scalar.BOOL)

    def _remembered(self, expression: tree.Expression, prior: int) -> Answer:
        # Most operands read a part of the environment only, and many environments have the same part.
        shape = self.shapes(expression)
        if shape.size < _SMALL:
            return self.check(expression, prior)
        key = (id(expression), prior & shape.reads, self.views.part(self._place.environment, shape.roots))
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self.check(expression, prior)
        return found

    def check(self, expression: tree.Expression, prior: int) -> Answer:
        """Return the type of an expression, and what it makes sure of, where `prior` is made sure of before."""
        match expression:
            case tree.Literal():
                return Answer(_literal(expression.value))
            case tree.Entity():
                # Whoever names what is not declared is told so once, where names are looked at.
                return Answer(self.world.kind_of(expression.ref))
            case tree.Variable():
                return Answer(self._place.variable(expression.name))
            case tree.Access():
                return Answer(self._access(expression, prior))
            case tree.Has():
                return self._has(expression, prior)
            case tree.And():
                return self._and(expression, prior)
            case tree.Or():
                return self._or(expression, prior)
            case tree.Not():
                return Answer(_opposite(self.condition(expression.operand, prior).kind))
            case tree.If():
                return self._if(expression, prior)
            case tree.SetOf():
                return Answer(self._set(expression, prior))
            case tree.RecordOf():
                return Answer(self._record(expression, prior))
            case tree.Is():
                return self._is(expression, prior)
            case tree.Binary() | tree.Call() | tree.Negate() | tree.Like():
                return self._operation(expression, prior)
            case _:
                assert_never(expression)

    def _operation(self, expression: tree.Binary | tree.Call | tree.Negate | tree.Like, prior: int) -> Answer:
        at = self._place
        match expression:
            case tree.Binary():
                left = self.check(expression.left, prior).kind
                return Answer(operations.binary(expression, left, self.check(expression.right, prior).kind, at))
            case tree.Call():
                kinds = [self.check(argument, prior).kind for argument in expression.arguments]
                kind = operations.call(expression, kinds, prior, at)
                # An entity whose type has no tags has none, and yet Cedar takes its word for it.
                gained = self.shapes(expression).own[0] if expression.name == "hasTag" else 0
                return Answer(kind, gained)
            case tree.Negate():
                return Answer(operations.negate(expression, self.check(expression.operand, prior).kind, at))
            case tree.Like():
                return Answer(operations.like(expression, self.check(expression.operand, prior).kind, at))
            case _:
                assert_never(expression)

    # --------------------------------------------------------------------------------------------------------- logic

    def _and(self, expression: tree.And, prior: int) -> Answer:
        first, *rest = expression.operands
        found = self.condition(first, prior)
        for operand in rest:
            if found.kind is Scalar.FALSE:
                break
            found = both(found, self.condition(operand, prior | found.gained))
        return found

    def _or(self, expression: tree.Or, prior: int) -> Answer:
        first, *rest = expression.operands
        found = self.condition(first, prior)
        for operand in rest:
            if found.kind is Scalar.TRUE:
                break
            found = _either(found, self.condition(operand, prior))
        return found

    def _if(self, expression: tree.If, prior: int) -> Answer:
        test = self.condition(expression.test, prior)
        if test.kind is Scalar.FALSE:
            return self.check(expression.otherwise, prior)
        then = self.check(expression.then, prior | test.gained)
        if test.kind is Scalar.TRUE:
            return Answer(then.kind, then.gained | test.gained)
        otherwise = self.check(expression.otherwise, prior)
        if then.kind is None or otherwise.kind is None:
            return Answer(None)
        kind = join(then.kind, otherwise.kind)
        if kind is None:
            message = f"this is of type `{show(then.kind)}` or of type `{show(otherwise.kind)}`"
            self._place.error("type_mismatch", message, expression, "let `then` and `else` be of one type")
        return Answer(kind, (then.gained | test.gained) & otherwise.gained)

    # ---------------------------------------------------------------------------------------------------- attributes

    def _attributes(self, kind: Kind, at: tree.Expression) -> RecordKind | None:
        match kind:
            case EntityKind():
                return self.world.record(kind.name)
            case RecordKind():
                return kind
            case _:
                message = f"a value of type `{show(kind)}` has no attributes"
                self._place.error("no_attributes", message, at, _attributes_help(kind))
                return None

    def _access(self, expression: tree.Access, prior: int) -> Kind | None:
        kind = self.check(expression.base, prior).kind
        record = None if kind is None else self._attributes(kind, expression.base)
        if kind is None or record is None:
            return None
        attribute = record.attributes.get(expression.name)
        if attribute is None:
            message = f"attribute `{expression.name}` not found on {_described(kind)}"
            help_ = self.findings.suggest(expression.name, record.attributes)
            known = listed(sorted(record.attributes), "")
            there = f"there is {known}" if known else "it has no attributes"
            self._place.error("unknown_attribute", message, expression, help_ or there)
            return None
        if attribute.optional and not prior & self.shapes(expression).own[0]:
            message = f"attribute `{expression.name}` of {_described(kind)} may be absent"
            guard = f"{written(expression.base)} has {operations.name(expression.name)}"
            self._place.error("optional_attribute", message, expression, f"guard it with `{guard} && …`")
        return attribute.kind

    def _has(self, expression: tree.Has, prior: int) -> Answer:
        kind = self.check(expression.operand, prior).kind
        found: Answer | None = None
        for name, bit in zip(expression.path, self.shapes(expression).own, strict=True):
            record = None if kind is None else self._attributes(kind, expression.operand)
            if kind is None or record is None:
                step = Answer(Scalar.BOOL)
            else:
                known = prior | (0 if found is None else found.gained)
                step = _presence(record.attributes.get(name), isinstance(kind, RecordKind), bit, known)
            found = step if found is None else both(found, step)
            attribute = None if record is None else record.attributes.get(name)
            if found.kind is Scalar.FALSE or attribute is None:
                break
            kind = attribute.kind
        return found or Answer(Scalar.BOOL)

    # --------------------------------------------------------------------------------------------------------- parts

    def _is(self, expression: tree.Is, prior: int) -> Answer:
        kind = self.check(expression.operand, prior).kind
        found = Answer(operations.is_type(expression, kind, self._place))
        if expression.within is None or found.kind is Scalar.FALSE:
            return found
        group = self.check(expression.within, prior).kind
        pair = (expression.operand, expression.within)
        return both(found, Answer(operations.membership(expression, pair, (kind, group), self._place)))

    def _set(self, expression: tree.SetOf, prior: int) -> Kind | None:
        if not expression.items:
            help_ = "ask whether a set `.isEmpty()`, or name what it holds"
            self._place.error("empty_set", "the elements of an empty set are of no known type", expression, help_)
            return None
        kinds = [self.check(item, prior).kind for item in expression.items]
        found = kinds[0]
        if found is None or None in kinds:
            return None
        for item, kind in zip(expression.items[1:], kinds[1:], strict=True):
            joined = None if kind is None else join(found, kind)
            if kind is None or joined is None:
                message = f"a set of `{show(found)}` holds a `{show(kind)}`" if kind else "a set holds what has no type"
                self._place.error("mixed_set", message, item, "let all elements be of one type")
                return None
            found = joined
        return SetKind(found)

    def _record(self, expression: tree.RecordOf, prior: int) -> Kind | None:
        kinds = [(name, self.check(value, prior).kind) for name, value in expression.fields]
        known = {name: Attribute(kind) for name, kind in kinds if kind is not None}
        return RecordKind(known) if len(known) == len(kinds) else None


_SMALL = 4
"""What is made of fewer expressions is looked at again sooner than it is found again."""

_CONDITION_HELP = "compare it with something"


def _literal(value: bool | int | str) -> Scalar:
    if isinstance(value, bool):
        return truth(value)
    return Scalar.LONG if isinstance(value, int) else Scalar.STRING


def _opposite(kind: Kind | None) -> Scalar:
    return Scalar.FALSE if kind is Scalar.TRUE else Scalar.TRUE if kind is Scalar.FALSE else Scalar.BOOL


def both(left: Answer, right: Answer) -> Answer:
    """Return the answer for `left && right`, where `left` is not known to be false."""
    if right.kind is Scalar.FALSE:
        return Answer(Scalar.FALSE)
    if right.kind is Scalar.TRUE:
        return Answer(left.kind, left.gained | right.gained)
    if left.kind is Scalar.TRUE:
        # As Cedar has it: what is always true need not have been said.
        return right
    return Answer(Scalar.BOOL, left.gained | right.gained)


def _either(left: Answer, right: Answer) -> Answer:
    if right.kind is Scalar.TRUE or left.kind is Scalar.FALSE:
        return right
    if right.kind is Scalar.FALSE:
        return left
    return Answer(Scalar.BOOL, left.gained & right.gained)


def _presence(attribute: Attribute | None, is_record: bool, bit: int, known: int) -> Answer:
    if attribute is None:
        return Answer(Scalar.FALSE)
    # An entity that no data holds has not even the attributes that it must have; a record always has those.
    sure = known & bit or (is_record and not attribute.optional)
    return Answer(Scalar.TRUE if sure else Scalar.BOOL, bit)


def _described(kind: Kind) -> str:
    return f"entity type `{kind.name}`" if isinstance(kind, EntityKind) else f"`{show(kind)}`"


def _attributes_help(kind: Kind) -> str | None:
    if isinstance(kind, SetKind):
        return "ask whether a set `.contains(…)` something"
    return "ask whether a text is `like` a pattern" if kind is Scalar.STRING else None
