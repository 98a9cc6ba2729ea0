"""The types of what operators and functions come to, by the types of their operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pdp import extensions, patterns
from pdp.cedar import tree
from pdp.cedar.validation.findings import Findings, written
from pdp.cedar.validation.kinds import ORDERED, EntityKind, Kind, RecordKind, Scalar, SetKind, join, show, truth
from pdp.cedar.validation.shapes import Shapes
from pdp.cedar.validation.world import Environment, World
from pdp.ids import is_action
from pdp.values import EntityRef, quote


class Place(NamedTuple):
    """Where an expression is looked at."""

    world: World
    environment: Environment
    findings: Findings
    shapes: Shapes

    def error(self, code: str, message: str, at: tree.Expression, help: str | None = None) -> None:
        """Report an error; where the expression reads the request, with the environment."""
        self.findings.error(code, message, at, help, typed=self.shapes(at).roots != 0)

    def variable(self, name: tree.VariableName) -> Kind:
        """Return the type of a variable."""
        match name:
            case tree.VariableName.PRINCIPAL:
                return EntityKind(self.environment.principal)
            case tree.VariableName.RESOURCE:
                return EntityKind(self.environment.resource)
            case tree.VariableName.ACTION:
                return EntityKind(self.environment.deed.ref.type)
            case tree.VariableName.CONTEXT:
                return self.environment.deed.context

    def expect(self, kind: Kind | None, wanted: Scalar, at: tree.Expression, help: str | None = None) -> None:
        """Report what is not of the type that is asked for."""
        if kind is not None and kind is not wanted:
            message = f"`{wanted}` is asked for, and this is of type `{show(kind)}`"
            self.error("type_mismatch", message, at, help)

    def constant(self, expression: tree.Expression) -> tuple[type, object] | None:
        """Return the value of a literal, and of `action`, which the environment settles."""
        match expression:
            case tree.Literal():
                return expression.value.__class__, expression.value
            case tree.Entity():
                return EntityRef, expression.ref
            case tree.Variable(name=tree.VariableName.ACTION):
                return EntityRef, self.environment.deed.ref
            case tree.And() | tree.Or():
                # Cedar's parser makes one literal of literals: `true || false` is `true` before anything is typed.
                found = [self.constant(operand) for operand in expression.operands]
                values = [each[1] for each in found if each is not None and each[0] is bool]
                if len(values) < len(found):
                    return None
                return bool, (all if isinstance(expression, tree.And) else any)(values)
            case _:
                return None

    def entity(self, expression: tree.Expression) -> EntityRef | None:
        """Return the entity that an expression names."""
        found = self.constant(expression)
        return found[1] if found is not None and isinstance(found[1], EntityRef) else None

    def entities(self, expression: tree.Expression) -> list[EntityRef] | None:
        """Return the entities that an expression names, or that a set of such names."""
        items = expression.items if isinstance(expression, tree.SetOf) else (expression,)
        found = [ref for item in items if (ref := self.entity(item)) is not None]
        return found if len(found) == len(items) else None


_WORD: Final = patterns.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")


def name(text: str) -> str:
    """Write the name of an attribute as a policy does after `has`."""
    return text if _WORD.fullmatch(text) else quote(text)


# ------------------------------------------------------------------------------------------------------ two operands


def binary(expression: tree.Binary, left: Kind | None, right: Kind | None, at: Place) -> Kind:
    """Return the type of an operator of two operands."""
    match expression.op:
        case tree.BinaryOp.EQ:
            return equality(expression, left, right, at)
        case tree.BinaryOp.NE:
            found = equality(expression, left, right, at)
            return found if found is Scalar.BOOL else truth(found is Scalar.FALSE)
        case tree.BinaryOp.IN:
            return membership(expression, (expression.left, expression.right), (left, right), at)
        case tree.BinaryOp.ADD | tree.BinaryOp.SUB | tree.BinaryOp.MUL:
            for operand, kind in ((expression.left, left), (expression.right, right)):
                _number(expression.op, operand, kind, at)
            return Scalar.LONG
        case tree.BinaryOp.LT | tree.BinaryOp.LE | tree.BinaryOp.GT | tree.BinaryOp.GE:
            return _order(expression, left, right, at)


def equality(expression: tree.Binary, left: Kind | None, right: Kind | None, at: Place) -> Scalar:
    """Return what `==` comes to: entities of two types are never equal, and literals are compared here and now."""
    if isinstance(left, EntityKind) and isinstance(right, EntityKind) and left != right:
        return Scalar.FALSE
    mine, theirs = at.constant(expression.left), at.constant(expression.right)
    if mine is not None and theirs is not None:
        return truth(mine == theirs)
    _alike(left, right, expression, "values of type `{}` and of type `{}` are not compared", at)
    return Scalar.BOOL


def _alike(left: Kind | None, right: Kind | None, node: tree.Expression, message: str, at: Place) -> None:
    if left is not None and right is not None and join(left, right) is None:
        at.error("type_mismatch", message.format(show(left), show(right)), node, _alike_help(left, right))


def _alike_help(left: Kind, right: Kind) -> str:
    if isinstance(left, SetKind) is not isinstance(right, SetKind):
        return "ask whether the set `.contains(…)` the value"
    if isinstance(left, RecordKind) and isinstance(right, RecordKind):
        return "records are compared that have the same attributes, each optional in both or in none"
    return _DIFFERENT


_DIFFERENT: Final = "compare values of one type"


def _order(expression: tree.Binary, left: Kind | None, right: Kind | None, at: Place) -> Scalar:
    for operand, kind in ((expression.left, left), (expression.right, right)):
        if kind is not None and kind not in ORDERED:
            message = f"values of type `{show(kind)}` have no order"
            help_ = _DECIMAL_HELP if kind is Scalar.DECIMAL else "`Long`, `datetime` and `duration` have one"
            at.error("not_ordered", message, operand, help_)
            return Scalar.BOOL
    if left is not None and right is not None and left != right:
        message = f"values of type `{show(left)}` and of type `{show(right)}` are not compared"
        at.error("type_mismatch", message, expression, _DIFFERENT)
    return Scalar.BOOL


_DECIMAL_HELP: Final = "use `.lessThan(…)`, `.lessThanOrEqual(…)`, `.greaterThan(…)` or `.greaterThanOrEqual(…)`"


def _number(op: str, operand: tree.Expression, kind: Kind | None, at: Place) -> None:
    if kind is None or kind is Scalar.LONG:
        return
    help_ = "`.offset(…)` and `.durationSince(…)` reckon with times" if kind in ORDERED else None
    at.error("bad_arithmetic", f"`{op}` takes a `Long`, not a value of type `{show(kind)}`", operand, help_)


def negate(expression: tree.Negate, kind: Kind | None, at: Place) -> Kind:
    """Return the type of `-operand`."""
    _number("-", expression.operand, kind, at)
    return Scalar.LONG


def like(expression: tree.Like, kind: Kind | None, at: Place) -> Kind:
    """Return the type of `operand like "…"`."""
    at.expect(kind, Scalar.STRING, expression.operand, "only texts are `like` a pattern")
    return Scalar.BOOL


# -------------------------------------------------------------------------------------------------------- membership


def is_type(expression: tree.Is, kind: Kind | None, at: Place) -> Scalar:
    """Return what `is` comes to, which the types alone decide."""
    if isinstance(kind, EntityKind):
        return truth(kind.name == expression.type)
    _entity("is", expression.operand, kind, at)
    return Scalar.BOOL


def _entity(word: str, operand: tree.Expression, kind: Kind | None, at: Place, help: str | None = None) -> None:
    if kind is not None and not isinstance(kind, EntityKind):
        message = f"`{word}` is asked of an entity, and this is of type `{show(kind)}`"
        at.error("not_an_entity", message, operand, help)


def membership(
    expression: tree.Expression,
    pair: tuple[tree.Expression, tree.Expression],
    kinds: tuple[Kind | None, Kind | None],
    at: Place,
) -> Scalar:
    """Return what `in` comes to: known for actions, and false between types that are never in one another."""
    (member, group), (left, right) = pair, kinds
    _entity("in", member, left, at, "ask whether a set `.contains(…)` it")
    within = right.element if isinstance(right, SetKind) else right
    if right is not None and not isinstance(within, EntityKind):
        message = f"nothing is `in` a value of type `{show(right)}`"
        help_ = "ask whether the set `.contains(…)` it" if isinstance(right, SetKind) else None
        at.error("not_a_collection", message, group, help_)
    if not isinstance(left, EntityKind) or not isinstance(within, EntityKind):
        return Scalar.BOOL
    ref, refs = at.entity(member), at.entities(group)
    if ref is not None and refs is not None and is_action(ref.type):
        return truth(at.world.is_in(ref, [each for each in refs if is_action(each.type)]))
    return Scalar.BOOL if at.world.can_be_in(left.name, within.name) else Scalar.FALSE


# --------------------------------------------------------------------------------------------------------- functions


READERS: Final = {
    "decimal": (extensions.parse_decimal, Scalar.DECIMAL),
    "ip": (extensions.parse_ip, Scalar.IP),
    "datetime": (extensions.parse_datetime, Scalar.DATETIME),
    "duration": (extensions.parse_duration, Scalar.DURATION),
}

METHODS: Final[Mapping[str, tuple[tuple[Scalar, ...], Scalar]]] = {
    **dict.fromkeys(
        ("lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"),
        ((Scalar.DECIMAL, Scalar.DECIMAL), Scalar.BOOL),
    ),
    **dict.fromkeys(("isIpv4", "isIpv6", "isLoopback", "isMulticast"), ((Scalar.IP,), Scalar.BOOL)),
    "isInRange": ((Scalar.IP, Scalar.IP), Scalar.BOOL),
    "offset": ((Scalar.DATETIME, Scalar.DURATION), Scalar.DATETIME),
    "durationSince": ((Scalar.DATETIME, Scalar.DATETIME), Scalar.DURATION),
    "toDate": ((Scalar.DATETIME,), Scalar.DATETIME),
    "toTime": ((Scalar.DATETIME,), Scalar.DURATION),
    **dict.fromkeys(
        ("toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"), ((Scalar.DURATION,), Scalar.LONG)
    ),
}


def call(expression: tree.Call, kinds: Sequence[Kind | None], prior: int, at: Place) -> Kind | None:
    """Return the type of what a function or a method comes to."""
    match expression.name:
        case "contains" | "containsAll" | "containsAny" | "isEmpty":
            return _set(expression, kinds, at)
        case "hasTag" | "getTag":
            return _tag(expression, kinds, prior, at)
        case "decimal" | "ip" | "datetime" | "duration":
            return _constructor(expression, kinds, at)
        case _:
            wanted, kind = METHODS[expression.name]
            if len(kinds) != len(wanted):
                return _miscounted(expression, kind, at)
            for argument, given, asked in zip(expression.arguments, kinds, wanted, strict=True):
                at.expect(given, asked, argument)
            return kind


def _set(expression: tree.Call, kinds: Sequence[Kind | None], at: Place) -> Scalar:
    both_are_sets = expression.name in ("containsAll", "containsAny")
    for argument, kind in zip(expression.arguments, kinds if both_are_sets else kinds[:1], strict=False):
        if kind is not None and not isinstance(kind, SetKind):
            message = f"`.{expression.name}(…)` is about sets, and this is of type `{show(kind)}`"
            at.error("not_a_set", message, argument, _set_help(kind, argument is not expression.arguments[0]))
            return Scalar.BOOL
    left = kinds[0]
    if expression.name == "contains" and isinstance(left, SetKind):
        _alike(left.element, kinds[1], expression, "a set of `{}` holds nothing of type `{}`", at)
    elif both_are_sets:
        _alike(left, kinds[1], expression, "values of type `{}` and of type `{}` have nothing in common", at)
    return Scalar.BOOL


def _set_help(kind: Kind, is_argument: bool) -> str | None:
    if is_argument:
        return "a single value is asked for with `.contains(…)`"
    if isinstance(kind, EntityKind):
        return "what is in an entity is asked for with `in`"
    return "ask whether a text is `like` a pattern" if kind is Scalar.STRING else None


def _tag(expression: tree.Call, kinds: Sequence[Kind | None], prior: int, at: Place) -> Kind | None:
    base, key = expression.arguments
    kind = kinds[0]
    _entity(expression.name, base, kind, at)
    at.expect(kinds[1], Scalar.STRING, key)
    there = prior & at.shapes(expression).own[0] != 0
    if not isinstance(kind, EntityKind):
        return Scalar.BOOL if expression.name == "hasTag" else None
    tags = at.world.tags(kind.name)
    if expression.name == "hasTag":
        return Scalar.FALSE if tags is None else truth(True if there else None)
    if tags is None:
        message = f"entity type `{kind.name}` has no tags"
        at.error("no_tags", message, expression, "declare them in the schema: `entity … tags String;`")
    elif not there:
        guard = f"{written(base)}.hasTag({written(key)})"
        message = f"tag `{written(key)}` of entity type `{kind.name}` may be absent"
        at.error("optional_tag", message, expression, f"guard it with `{guard} && …`")
    return tags


def arity(call: tree.Call) -> int:
    """Return how many arguments a function of an extension takes, the receiver of a method included."""
    return 1 if call.name in READERS else len(METHODS[call.name][0])


def _miscounted(expression: tree.Call, made: Scalar, at: Place) -> Kind:
    shown = 0 if expression.name in READERS else 1
    wanted, given = arity(expression) - shown, len(expression.arguments) - shown
    message = f"`{expression.name}` takes {wanted or 'no'} argument{'s' * (wanted != 1)}, and {given} are given"
    at.error("extension_arity", message.replace("1 are", "1 is"), expression)
    return made


def _constructor(expression: tree.Call, kinds: Sequence[Kind | None], at: Place) -> Kind:
    read, made = READERS[expression.name]
    if len(kinds) != 1:
        return _miscounted(expression, made, at)
    (argument,) = expression.arguments
    if not isinstance(argument, tree.Literal | tree.Entity):
        message = f"`{expression.name}(…)` takes a text that is written out"
        help_ = f"let the attribute be of type `{made}` in the schema"
        at.error("computed_extension", message, argument, help_)
    elif isinstance(argument, tree.Literal) and isinstance(argument.value, str):
        try:
            read(argument.value)
        except ValueError as error:
            message = f"`{expression.name}(…)` cannot read {written(argument)}"
            at.error("malformed_extension", message, argument, str(error))
        return made
    at.expect(kinds[0], Scalar.STRING, argument)
    return made
