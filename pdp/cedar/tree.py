"""The syntax tree of Cedar policies: closed, frozen, and without any meaning yet."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias, assert_never

from pdp.classes import dataclass, field
from pdp.model import Effect
from pdp.source import Span
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every part of the tree has: where it was written."""

    span: Span | None = field(default=None, compare=False, repr=False)


# ------------------------------------------------------------------------------------------------------ expressions


class VariableName(StrEnum):
    """The four things that a request brings."""

    PRINCIPAL = "principal"
    ACTION = "action"
    RESOURCE = "resource"
    CONTEXT = "context"


class BinaryOp(StrEnum):
    """The operators of two operands, but for `&&` and `||`."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    ADD = "+"
    SUB = "-"
    MUL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A truth value, a number of 64 bits, or a string."""

    value: bool | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity(Node):
    """An entity by its name: `Photos::User::"alice"`. The type is the whole path."""

    ref: EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Node):
    """`principal`, `action`, `resource` or `context`."""

    name: VariableName


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """`!operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate(Node):
    """`-operand`. A number right after the sign is a literal, not this."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """`a && b && …`, from left to right; a chain is one node, however long."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """`a || b || …`, from left to right; a chain is one node, however long."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Node):
    """`if test then then else otherwise`."""

    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Node):
    """`left op right`. A chain of `+`, `-` or `*` leans to the left."""

    op: BinaryOp
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Has(Node):
    """`operand has a.b.c`, or `operand has "any text"`: one name or more."""

    operand: Expression
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Node):
    """`operand like "pattern"`; `parts` are the literal pieces between the stars, so one more than there are stars."""

    operand: Expression
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Is(Node):
    """`operand is Type`, or `operand is Type in within`."""

    operand: Expression
    type: str
    within: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Node):
    """`base.name`, or `base["name"]`."""

    base: Expression
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function of an extension, `ip("…")`, or a method, `base.name(…)`, whose receiver is the first argument.

    The parser has checked the name and the style, and how many arguments there are for what `words.COUNTED` names. A
    function of an extension may be given any number of them, as Cedar has it: with another than it takes, it errs.
    """

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOf(Node):
    """`[a, b, …]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOf(Node):
    """`{ a: 1, "b c": 2 }`; no name stands twice."""

    fields: tuple[tuple[str, Expression], ...]


Expression: TypeAlias = (
    Literal
    | Entity
    | Variable
    | Not
    | Negate
    | And
    | Or
    | If
    | Binary
    | Has
    | Like
    | Is
    | Access
    | Call
    | SetOf
    | RecordOf
)


def children(expression: Expression) -> tuple[Expression, ...]:
    """Return what an expression is made of, from left to right."""
    match expression:
        case Literal() | Entity() | Variable():
            return ()
        case Not() | Negate() | Has() | Like():
            return (expression.operand,)
        case And() | Or():
            return expression.operands
        case If():
            return (expression.test, expression.then, expression.otherwise)
        case Binary():
            return (expression.left, expression.right)
        case Is():
            return (expression.operand,) if expression.within is None else (expression.operand, expression.within)
        case Access():
            return (expression.base,)
        case Call():
            return expression.arguments
        case SetOf():
            return expression.items
        case RecordOf():
            return tuple(value for _, value in expression.fields)
        case _:
            assert_never(expression)


# --------------------------------------------------------------------------------------------------------- policies


class SlotName(StrEnum):
    """What a template leaves open."""

    PRINCIPAL = "?principal"
    RESOURCE = "?resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot(Node):
    """A place in a template that a link fills with an entity."""

    name: SlotName


class Relation(StrEnum):
    """How a scope names an entity."""

    EQ = "=="
    IN = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint(Node):
    """The scope of the principal or the resource: `is type`, `relation target`, both (then the relation is `in`), or
    neither.
    """

    type: str | None = None
    relation: Relation | None = None
    target: Entity | Slot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionConstraint(Node):
    """The scope of the action: `== A`, `in A`, `in [A, …]`, or none. `listed` says that there are brackets."""

    relation: Relation | None = None
    entities: tuple[Entity, ...] = ()
    listed: bool = False


class ConditionKind(StrEnum):
    """The clauses of a policy."""

    WHEN = "when"
    UNLESS = "unless"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Node):
    """`when { … }`, or `unless { … }`."""

    kind: ConditionKind
    body: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation(Node):
    """`@key("value")`; without a value, it is the empty text."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Node):
    """A policy, or a template where a slot stands in it. `id` is what `@id` says, or `policy` and its place in the set.

    `comments` are the lines of comment right above it, without their slashes; `span` reaches from the effect, or the
    first annotation, to the semicolon.
    """

    id: str
    effect: Effect
    principal: Constraint
    action: ActionConstraint
    resource: Constraint
    conditions: tuple[Condition, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def slots(self) -> frozenset[SlotName]:
        """What has to be filled before this is a policy."""
        found = (self.principal.target, self.resource.target)
        return frozenset(each.name for each in found if isinstance(each, Slot))
