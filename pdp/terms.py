"""Typed rules: what the checker makes of the text, and all that the interpreter and the compiler see.

Names are resolved, defines expanded, enum members and constants are values. What depends on `now` stands in terms of
its own (`TimeTest`, `CalendarTest`), since a decision's lease is made of their edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from pdp import model
from pdp.classes import dataclass, field
from pdp.model import Effect
from pdp.schema import Schema
from pdp.source import Span
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp, Function, QuantifierOp
from pdp.values import Datetime, Duration, EntityRef, Value
from pdp.zones import CalendarField


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every term has: where it was written."""

    span: Span | None = field(default=None, compare=False, repr=False)


class RootName(StrEnum):
    """Where every attribute path starts. The action is an entity in Cedar only."""

    PRINCIPAL = "principal"
    RESOURCE = "resource"
    CONTEXT = "context"
    SESSION = "session"
    ACTION = "action"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Node):
    """A value that is known before any request."""

    value: Value

    def __eq__(self, other: object) -> bool:
        # To Python, 1 is True: a policy that names the one would pass for one that names the other.
        return type(other) is Constant and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Root(Node):
    """`principal`, `resource`, `context`, `session` or `action`."""

    name: RootName


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Node):
    """The variable of a quantifier around this term. `index` tells equal names apart: each quantifier has its own."""

    name: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Node):
    """An attribute of an entity or a record."""

    base: Term
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Has(Node):
    """Whether an entity or a record has an attribute."""

    base: Term
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """Negation."""

    operand: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """Conjunction of two or more."""

    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """Disjunction of two or more."""

    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Node):
    """Choice; unknown where its test is."""

    test: Term
    then: Term
    otherwise: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Node):
    """A comparison of two values of one kind; order only on Int, Decimal, Datetime and Duration."""

    op: CompareOp
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Node):
    """Checked arithmetic: out of range is unknown."""

    op: ArithmeticOp
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate(Node):
    """Checked negation of an Int, a Decimal or a Duration."""

    operand: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class In(Node):
    """Hierarchy, set or IP range, by the values found."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Is(Node):
    """Whether an entity is of a type, and in an entity or one of several where `within` is given."""

    operand: Term
    type: str
    within: Term | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IsEmpty(Node):
    """Whether a set has no element."""

    operand: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(Node):
    """Whether a set holds all, or any, of another."""

    op: ContainsOp
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Node):
    """Whether a string matches a pattern; `parts` are the literal pieces between the stars."""

    operand: Term
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantifier(Node):
    """`any` or `all` over the elements of a set; over none, `any` is false and `all` is true."""

    op: QuantifierOp
    variable: Variable
    domain: Term
    body: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOf(Node):
    """A set of computed elements."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOf(Node):
    """A record of computed attributes."""

    fields: tuple[tuple[str, Term], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend(Node):
    """One part of the instant that a `TimeTest` compares `now` with; negative where it is subtracted."""

    term: Term
    negative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTest(Node):
    """`now op a + b - …`: a comparison whose `now` has moved alone to the left. The sum is exact: no overflow."""

    op: CompareOp
    bound: tuple[Addend, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarTest(Node):
    """`now["zone"].field op constant`, or `in` constants: `values` are numbers, Monday is 0. `op` None is `in`."""

    zone: str
    field: CalendarField
    op: CompareOp | None
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals(Node):
    """That `count` different people in `approvers` approved this, for the value `of` where bound, within `window`."""

    count: int
    of: Term | None
    approvers: tuple[Scope, ...]
    window: Duration


# What follows is of Cedar. Its conditions are evaluated from left to right and no further than need be, and its
# operators take values of any type. No time test stands in any of it.


@dataclass(frozen=True, slots=True, kw_only=True)
class AndThen(Node):
    """`a && b && …`: the first operand that is false or unknown decides. What is no truth value is unknown."""

    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrElse(Node):
    """`a || b || …`: the first operand that is true or unknown decides. What is no truth value is unknown."""

    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Same(Node):
    """Whether two values are the same one: those of different kinds are not."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds(Node):
    """Whether a set, on the left, has a value of any kind as an element."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Within(Node):
    """Whether an entity is, or is in, another one or one of a set of entities; unknown for any other values."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class HasPath(Node):
    """Whether an entity or a record has an attribute that has another, and so on; of these there are two or more."""

    base: Term
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """A function on values of exact types."""

    function: Function
    operands: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HasTag(Node):
    """Whether an entity has a tag of a name that is computed."""

    base: Term
    name: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag(Node):
    """The tag of an entity, by a name that is computed."""

    base: Term
    name: Term


Term: TypeAlias = (
    Constant
    | Root
    | Variable
    | Attribute
    | Has
    | Not
    | And
    | Or
    | If
    | Compare
    | Arithmetic
    | Negate
    | In
    | Is
    | IsEmpty
    | Contains
    | Like
    | Quantifier
    | SetOf
    | RecordOf
    | TimeTest
    | CalendarTest
    | Approvals
    | AndThen
    | OrElse
    | Same
    | Holds
    | Within
    | HasPath
    | Call
    | HasTag
    | Tag
)


def _none(term: Term) -> tuple[Term, ...]:
    return ()


# Very many terms are walked through more than once while a policy is checked, so that this is a table.
_CHILDREN: Final[Mapping[type[Any], Callable[[Any], Sequence[Term]]]] = {
    Constant: _none,
    Root: _none,
    Variable: _none,
    Attribute: lambda term: (term.base,),
    Has: lambda term: (term.base,),
    Not: lambda term: (term.operand,),
    And: lambda term: term.operands,
    Or: lambda term: term.operands,
    If: lambda term: (term.test, term.then, term.otherwise),
    Compare: lambda term: (term.left, term.right),
    Arithmetic: lambda term: (term.left, term.right),
    Negate: lambda term: (term.operand,),
    In: lambda term: (term.left, term.right),
    Is: lambda term: (term.operand,) if term.within is None else (term.operand, term.within),
    IsEmpty: lambda term: (term.operand,),
    Contains: lambda term: (term.left, term.right),
    Like: lambda term: (term.operand,),
    Quantifier: lambda term: (term.domain, term.body),
    SetOf: lambda term: term.items,
    RecordOf: lambda term: [value for _, value in term.fields],
    TimeTest: lambda term: [addend.term for addend in term.bound],
    CalendarTest: _none,
    Approvals: lambda term: () if term.of is None else (term.of,),
    AndThen: lambda term: term.operands,
    OrElse: lambda term: term.operands,
    Same: lambda term: (term.left, term.right),
    Holds: lambda term: (term.left, term.right),
    Within: lambda term: (term.left, term.right),
    HasPath: lambda term: (term.base,),
    Call: lambda term: term.operands,
    HasTag: lambda term: (term.base, term.name),
    Tag: lambda term: (term.base, term.name),
}


def children(term: Term) -> Sequence[Term]:
    """Return the terms right below a term, in the order in which they are written."""
    # What stands in for a term while it is checked has none below it.
    return _CHILDREN.get(type(term), _none)(term)


def walk(term: Term) -> Iterator[Term]:
    """Yield a term and all terms below it."""
    work = [term]
    while work:
        found = work.pop()
        yield found
        work.extend(children(found))


def path(term: Term) -> tuple[object, ...] | None:
    """Return where an attribute path starts and leads, or None for what is not one."""
    names: list[object] = []
    while isinstance(term, Attribute):
        names.append(term.name)
        term = term.base
    match term:
        case Root():
            return (term.name, *reversed(names))
        case Variable():
            return (term.index, *reversed(names))
        case Constant():
            return (term.value, *reversed(names))
        case _:
            return None


# ------------------------------------------------------------------------------------------------------------ rules


@dataclass(frozen=True, slots=True)
class Scope:
    """Entities of a type, or of every type where it is None, in one of `within`, or anywhere where that is None."""

    type: str | None = None
    within: tuple[EntityRef, ...] | None = None

    def __str__(self) -> str:
        if self.within is None:
            return self.type or "anyone"
        inside = ", ".join(str(ref) for ref in self.within)
        if self.type is None:
            return inside
        return f"{self.type} in {inside}" if len(self.within) == 1 else f"{self.type} in [{inside}]"


class ClauseKind(StrEnum):
    """The clauses that are conditions. `from` and `until` come of a grant's or a rule's own time."""

    WHEN = "when"
    UNLESS = "unless"
    NEEDS = "needs"
    FROM = "from"
    UNTIL = "until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause(Node):
    """One condition of a rule; `remedy` is what the policy says to do where it fails."""

    kind: ClauseKind
    condition: Term
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationTerm(Node):
    """An obligation whose arguments are computed when its rule determines a decision."""

    name: str
    arguments: tuple[tuple[str, Term], ...]


class Late(Protocol):
    """What stands for attributes that are still data: they are read when one of them is first asked for."""

    def __call__(self, owner: object) -> Mapping[str, object]:
        """Return the attributes of their owner."""


def _find_late(owner: object, name: str) -> object:
    """Return an attribute that is not set yet; it and all that come late are set from now on."""
    late = None if name.startswith("_") else object.__getattribute__(owner, "_late")
    if late is not None:
        for each, value in late(owner).items():
            object.__setattr__(owner, each, value)
        object.__setattr__(owner, "_late", None)
    # Another thread may have set it meanwhile. What is no attribute at all raises here.
    return object.__getattribute__(owner, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Node):
    """A rule or a grant, for the actions and the types that it covers."""

    id: str
    effect: Effect
    principals: tuple[Scope, ...]
    actions: frozenset[str]
    resources: tuple[Scope, ...]
    via: tuple[Scope, ...] | None = None
    clauses: tuple[Clause, ...] = ()
    obligations: tuple[ObligationTerm, ...] = ()
    recheck: Duration | None = None
    because: str | None = None
    standing: str | None = None
    docs: str = ""
    role: str | None = None
    """The role of a grant; None for a rule."""

    _late: Late | None = field(default=None, init=False, compare=False, repr=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return _find_late(self, name)


# No text is read for it: each start of a command imports this module, and most run no test.
TEST_START: Final = Datetime(1_767_225_600_000_000)
"""The time of a test that does not say `at`: 2026-01-01, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(Node):
    """What a test expects of one request. None means that the test does not say.

    `erring` are the rules that err, and `standing` says that the lease has no end.
    """

    at: Datetime | None
    allow: bool
    principal: EntityRef
    action: str
    resource: EntityRef
    context: Mapping[str, Value]
    session: Mapping[str, Value] | None
    rules: frozenset[str] | None = None
    erring: frozenset[str] | None = None
    needs: tuple[str, ...] | None = None
    obligations: frozenset[str] | None = None
    until: Datetime | None = None
    standing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Node):
    """The small world of a test, as it is from one step of it to the next, and what is expected there."""

    entities: tuple[model.Node, ...] = ()
    grants: tuple[Rule, ...] = ()
    approvals: tuple[model.Approval, ...] = ()
    revocations: tuple[model.Revocation, ...] = ()
    expectations: tuple[Expectation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Test(Node):
    """A test of the policy: a story of one stage or several.

    Its world is its own. Where it is `beside` the world of the folder, the entities and grants of that count as well.
    """

    __test__ = False

    name: str
    stages: tuple[Stage, ...]
    beside: bool = False


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Everything a policy folder says. `revision` is a digest of its texts."""

    schema: Schema
    rules: tuple[Rule, ...]
    revision: str = ""
    # A default of the class would stand before what comes late.
    tests: tuple[Test, ...] = field(default_factory=tuple)

    _late: Late | None = field(default=None, init=False, compare=False, repr=False)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return _find_late(self, name)

    @cached_property
    def by_action(self) -> Mapping[str, tuple[Rule, ...]]:
        """For each action, the rules that name it, in the order of their ids: no other can be in a question's scope."""
        found: dict[str, list[Rule]] = {}
        for rule in sorted(self.rules, key=lambda rule: rule.id):
            for action in rule.actions:
                found.setdefault(action, []).append(rule)
        return {action: tuple(rules) for action, rules in found.items()}

    def by_id(self) -> Mapping[str, Rule]:
        """Return the rules by id."""
        return {rule.id: rule for rule in self.rules}
