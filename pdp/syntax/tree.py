"""The syntax tree of the policy language: what was written, before it is known to mean anything.

Positions take no part in equality. Every node keeps the span that it was read from.
"""

from __future__ import annotations

from typing import TypeAlias

from pdp.classes import dataclass, field
from pdp.model import Effect
from pdp.source import Source, Span
from pdp.symbols import ArithmeticOp as ArithmeticOp
from pdp.symbols import CompareOp as CompareOp
from pdp.symbols import ContainsOp as ContainsOp
from pdp.symbols import QuantifierOp as QuantifierOp
from pdp.values import Datetime, Decimal, Duration, Ip


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every node has."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ident(Node):
    """A name as it was written; for a quoted key, the string's value."""

    text: str


# ------------------------------------------------------------------------------------------------------ expressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A constant: `true`, `3`, `1.50`, `"x"`, `2026-12-24`, `15m`, `10.0.0.0/8`."""

    value: bool | int | str | Decimal | Datetime | Duration | Ip


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Node):
    """A bare name: a root, a parameter, a define or an enum member."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityLiteral(Node):
    """`Type "id"`."""

    type: Ident
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Node):
    """`base.name`, or `base["name"]`, which is `quoted`."""

    base: Expr
    name: Ident
    quoted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """`name(argument, …)`: a define with parameters."""

    name: Ident
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """`not operand`."""

    operand: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class And(Node):
    """`a and b and …`."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or(Node):
    """`a or b or …`."""

    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Node):
    """`left op right`."""

    op: CompareOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Node):
    """`left op right`."""

    op: ArithmeticOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate(Node):
    """`-operand`. A minus before a number literal is part of the literal."""

    operand: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class In(Node):
    """`left in right`: hierarchy, set or IP range, by type."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Is(Node):
    """`operand is Type`."""

    operand: Expr
    type: Ident


@dataclass(frozen=True, slots=True, kw_only=True)
class IsEmpty(Node):
    """`operand is empty`."""

    operand: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Has(Node):
    """`operand has a.b`."""

    operand: Expr
    path: tuple[Ident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(Node):
    """`operand like "pattern"`. `parts` are the literal pieces between the stars: `a*b` is `("a", "b")`."""

    operand: Expr
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains(Node):
    """`left containsAll right` or `left containsAny right`."""

    op: ContainsOp
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Node):
    """`if test then then else otherwise`."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantifier(Node):
    """`any x in domain: body` or `all x in domain: body`."""

    op: QuantifierOp
    variable: Ident
    domain: Expr
    body: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLiteral(Node):
    """`[a, b]`."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLiteral(Node):
    """`{ a: 1, "b c": 2 }`."""

    fields: tuple[tuple[Ident, Expr], ...]


Expr: TypeAlias = (
    Literal
    | Name
    | EntityLiteral
    | Attribute
    | Call
    | Not
    | And
    | Or
    | Compare
    | Arithmetic
    | Negate
    | In
    | Is
    | IsEmpty
    | Has
    | Like
    | Contains
    | If
    | Quantifier
    | SetLiteral
    | RecordLiteral
)

# ------------------------------------------------------------------------------------------------------------ types


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName(Node):
    """A named type, or a union of entity types: `User`, `User | Workload`."""

    names: tuple[Ident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTypeExpr(Node):
    """`[T]`."""

    element: TypeExpr


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTypeExpr(Node):
    """`{ a: T, b?: T }` inside a type."""

    fields: tuple[Field, ...]


TypeExpr: TypeAlias = TypeName | SetTypeExpr | RecordTypeExpr


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Node):
    """`name: T` or `name?: T`."""

    name: Ident
    optional: bool
    type: TypeExpr


# ------------------------------------------------------------------------------------------------ scopes and clauses


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeScope(Node):
    """`Type`, or with `within`: `Type in Type "a"` and `Type in [Type "a", Type "b"]`."""

    type: Ident
    within: tuple[EntityLiteral, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityScope(Node):
    """`Type "id"`: that entity or anything in it."""

    entity: EntityLiteral


Scope: TypeAlias = TypeScope | EntityScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes(Node):
    """A list of scopes; `everything` is `anyone` or `anything`, and then `items` is empty."""

    items: tuple[Scope, ...]
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionScope(Node):
    """The actions of a rule; `every` is `any`, and then `names` is empty."""

    names: tuple[Ident, ...]
    every: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals(Node):
    """`[N] approvals [of value] from scope, … for duration`."""

    count: int
    of: Expr | None
    approvers: tuple[Scope, ...]
    window: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class When(Node):
    """`when condition`."""

    condition: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Unless(Node):
    """`unless condition [else "remedy"]` or `unless [N] approvals …`."""

    condition: Expr | Approvals
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs(Node):
    """`needs condition [else "remedy"]` or `needs [N] approvals …`."""

    condition: Expr | Approvals
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Until(Node):
    """`until datetime`."""

    end: Datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Node):
    """`standing because "…"`."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Via(Node):
    """`via scope, …`."""

    actors: tuple[Scope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck(Node):
    """`recheck every duration`."""

    every: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Oblige(Node):
    """`oblige name { … }`."""

    name: Ident
    arguments: RecordLiteral


@dataclass(frozen=True, slots=True, kw_only=True)
class Because(Node):
    """`because "…"`."""

    reason: str


Clause: TypeAlias = When | Unless | Needs | Until | Standing | Via | Recheck | Oblige | Because

# ----------------------------------------------------------------------------------------------------- declarations


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration(Node):
    """What every declaration has: the `##` lines right before it, without the marks."""

    docs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextDecl(Declaration):
    """`context { … }`."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDecl(Declaration):
    """`session { … }`."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDecl(Declaration):
    """`type Name in Parent, … { … }`."""

    name: Ident
    parents: tuple[Ident, ...] = ()
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumDecl(Declaration):
    """`enum Name { a, b }`."""

    name: Ident
    members: tuple[Ident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDecl(Declaration):
    """`action a, b [in group, …] on T, … [by T, …] [with { … }]`. No `by`: every type may ask."""

    names: tuple[Ident, ...]
    groups: tuple[Ident, ...]
    resources: tuple[Ident, ...]
    principals: tuple[Ident, ...] | None
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDecl(Declaration):
    """`actions name = a, b`."""

    name: Ident
    actions: tuple[Ident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDecl(Declaration):
    """`role name on T, …: action-or-role, …`."""

    name: Ident
    types: tuple[Ident, ...]
    members: tuple[Ident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantEnd(Node):
    """`[from D] until D`, or `standing because "…"`: then `standing` is the reason."""

    start: Datetime | None = None
    end: Datetime | None = None
    standing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDecl(Declaration):
    """`grant role on resource to principal …end [because "…"]`."""

    role: Ident
    resource: EntityLiteral
    principal: EntityLiteral
    end: GrantEnd
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter(Node):
    """`name: T` of a define."""

    name: Ident
    type: TypeExpr


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineDecl(Declaration):
    """`define name = expr` or `define name(parameter, …) = expr`; `parameters` is None without parentheses."""

    name: Ident
    parameters: tuple[Parameter, ...] | None
    body: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationDecl(Declaration):
    """`obligation name { … }`."""

    name: Ident
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDecl(Declaration):
    """`rule name: effect scopes to actions on scopes clause…`."""

    name: Ident
    effect: Effect
    principals: Scopes
    actions: ActionScope
    resources: Scopes
    clauses: tuple[Clause, ...]


# ------------------------------------------------------------------------------------------------------------ tests


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Node):
    """A parent of a given entity: `Type "id" [until datetime]`."""

    entity: EntityLiteral
    until: Datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenEntity(Node):
    """`Type "id" [in parent, …] [{ … }]`."""

    entity: EntityLiteral
    parents: tuple[Member, ...] = ()
    attributes: RecordLiteral | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSession(Node):
    """`session { … }`."""

    attributes: RecordLiteral


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenGrant(Node):
    """`grant role on resource to principal …end`."""

    role: Ident
    resource: EntityLiteral
    principal: EntityLiteral
    end: GrantEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenApproval(Node):
    """`approval by approver of principal to action on resource [with value] at datetime`."""

    approver: EntityLiteral
    principal: EntityLiteral
    action: Ident
    resource: EntityLiteral
    of: Expr | None
    at: Datetime


Given: TypeAlias = GivenEntity | GivenSession | GivenGrant | GivenApproval


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(Node):
    """`[at D] expect allow|deny principal to action on resource [with …] [as …] [by …] [errs …] … [until D|standing]`.

    `rules` is None where `by` is absent and empty for `by default`; so are `errs`, `needs` and `obligations` of
    `nothing`. `at` holds for the expectations after it too.
    """

    at: Datetime | None
    allow: bool
    principal: EntityLiteral
    action: Ident
    resource: EntityLiteral
    context: RecordLiteral | None = None
    session: RecordLiteral | None = None
    rules: tuple[Ident, ...] | None = None
    errs: tuple[Ident, ...] | None = None
    needs: tuple[str, ...] | None = None
    obligations: tuple[Ident, ...] | None = None
    until: Datetime | None = None
    standing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke(Node):
    """What a step revokes: `principal Type "id"` and other kinds of entities, or `session "name"` and other kinds."""

    kind: Ident
    entity: EntityLiteral | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Node):
    """`then [at D] [revoke …] [given …] expect …`: at least one of the three."""

    at: Datetime | None = None
    revoked: tuple[Revoke, ...] = ()
    given: tuple[Given, ...] = ()
    expects: tuple[Expect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDecl(Declaration):
    """`test "name": [given …] expect … [then …]`."""

    __test__ = False

    name: str
    given: tuple[Given, ...]
    expects: tuple[Expect, ...]
    steps: tuple[Step, ...] = ()


Decl: TypeAlias = (
    ContextDecl
    | SessionDecl
    | TypeDecl
    | EnumDecl
    | ActionDecl
    | GroupDecl
    | RoleDecl
    | GrantDecl
    | DefineDecl
    | ObligationDecl
    | RuleDecl
    | TestDecl
)

# ------------------------------------------------------------------------------------------------------------- file


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportName(Node):
    """`Name [as Alias]`."""

    name: Ident
    alias: Ident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Node):
    """`import a.b: Name, …`."""

    namespace: Ident
    names: tuple[ImportName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Node):
    """One `.pdp` file. `comments` are its `#` comments, for the printer; they mean nothing."""

    source: Source = field(compare=False, repr=False)
    namespace: Ident | None
    imports: tuple[Import, ...]
    declarations: tuple[Decl, ...]
    comments: tuple[Ident, ...] = field(default=(), compare=False)
