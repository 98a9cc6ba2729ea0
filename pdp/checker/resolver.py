"""From expressions to terms: names become what they stand for, defines are expanded, `now` moves to one side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from pdp import terms
from pdp.checker import clock
from pdp.checker.expansion import Count, report_too_large
from pdp.checker.names import Kind, Names, Symbol, World
from pdp.checker.report import Report
from pdp.checker.world import entity_name, entity_ref, read_type, symbol_type
from pdp.errors import listed
from pdp.schema import Schema
from pdp.source import Span
from pdp.syntax import tree
from pdp.types import WEEKDAY, EnumType, Type
from pdp.values import EnumMember

# Only for Cedar is the action a value: here, its name may be that of a define or of an enum member.
_ROOTS: Final = frozenset(terms.RootName) - {terms.RootName.ACTION}
_WRONG: Final = "?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What a call hands to a parameter, with the type that the parameter asks for, how large it is, and who asks."""

    term: terms.Term
    type: Type
    span: Span
    name: str
    terms: int = 1
    height: int = 0
    define: Symbol | None = None


@dataclass(slots=True)
class Resolver:
    """Resolves the expressions of one rule. What is in error becomes a `Variable` that nothing binds.

    Inside a define, `expanding` are the ones around it, and `origin` is where the outermost of them is used.
    """

    world: World
    schema: Schema
    report: Report
    names: Names
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    variables: dict[str, terms.Variable] = field(default_factory=dict)
    calls: list[Argument] = field(default_factory=list)
    expanding: tuple[Symbol, ...] = ()
    count: Count = field(default_factory=Count)
    depth: int = 0
    origin: Span | None = None

    def condition(self, expr: tree.Expr) -> terms.Term:
        """Resolve a whole condition; what is left of `now` in it stands where it may not."""
        term = self.resolve(expr)
        return self._wrong(expr.span) if clock.report_misplaced(term, self.report) else term

    def constant(self, expr: tree.Expr) -> terms.Term:
        """Resolve an expression in which `now` has no place."""
        term = self.resolve(expr)
        return self._wrong(expr.span) if clock.report_any(term, self.report) else term

    def constants(self, expr: tree.RecordLiteral) -> tuple[tuple[str, terms.Term], ...]:
        """Resolve the attributes of a record in which `now` has no place."""
        return tuple(
            (name, self._wrong(expr.span) if clock.report_any(term, self.report) else term)
            for name, term in self.record(expr)
        )

    # ------------------------------------------------------------------------------------------------- expressions

    def resolve(self, expr: tree.Expr) -> terms.Term:
        """Return what an expression means."""
        if not self._fits(expr.span):
            return self._wrong(expr.span)
        self.depth += 1
        try:
            return self._resolve(expr)
        finally:
            self.depth -= 1

    def _fits(self, span: Span, terms: int = 1, height: int = 0) -> bool:
        """Count terms that come to stand here; report it where they are too many."""
        fits = self.count.add(terms, self.depth + height)
        if self.expanding:
            allowance = self.world.allowance
            allowance.left -= terms
            fits = fits and allowance.left >= 0
        if not fits:
            report_too_large(self.origin or span, self.count, self.world.allowance, self.report)
        return fits

    def _resolve(self, expr: tree.Expr) -> terms.Term:
        match expr:
            case tree.Literal():
                return terms.Constant(value=expr.value, span=expr.span)
            case tree.Name():
                return self._name(expr)
            case tree.EntityLiteral():
                return self._entity(expr)
            case tree.Attribute():
                return self._attribute(expr)
            case tree.Call():
                return self._call(expr)
            case tree.Not():
                return terms.Not(operand=self.resolve(expr.operand), span=expr.span)
            case tree.And():
                return terms.And(operands=self._all(expr.operands), span=expr.span)
            case tree.Or():
                return terms.Or(operands=self._all(expr.operands), span=expr.span)
            case tree.If():
                return terms.If(
                    test=self.resolve(expr.test),
                    then=self.resolve(expr.then),
                    otherwise=self.resolve(expr.otherwise),
                    span=expr.span,
                )
            case tree.Compare():
                left, right = self.resolve(expr.left), self.resolve(expr.right)
                return clock.comparison(expr.op, left, right, expr.span, self.report)
            case tree.Arithmetic():
                left, right = self.resolve(expr.left), self.resolve(expr.right)
                return terms.Arithmetic(op=expr.op, left=left, right=right, span=expr.span)
            case tree.Negate():
                return terms.Negate(operand=self.resolve(expr.operand), span=expr.span)
            case tree.In():
                return clock.membership(self.resolve(expr.left), self.resolve(expr.right), expr.span, self.report)
            case _:
                return self._resolve_test(expr)

    def _resolve_test(
        self,
        expr: tree.Is
        | tree.IsEmpty
        | tree.Has
        | tree.Like
        | tree.Contains
        | tree.Quantifier
        | tree.SetLiteral
        | tree.RecordLiteral,
    ) -> terms.Term:
        match expr:
            case tree.Is():
                name = entity_name(expr.type, self.names, self.report)
                operand = self.resolve(expr.operand)
                return self._wrong(expr.span) if name is None else terms.Is(operand=operand, type=name, span=expr.span)
            case tree.IsEmpty():
                return terms.IsEmpty(operand=self.resolve(expr.operand), span=expr.span)
            case tree.Has():
                return self._has(expr)
            case tree.Like():
                return terms.Like(operand=self.resolve(expr.operand), parts=expr.parts, span=expr.span)
            case tree.Contains():
                left, right = self.resolve(expr.left), self.resolve(expr.right)
                return terms.Contains(op=expr.op, left=left, right=right, span=expr.span)
            case tree.Quantifier():
                return self._quantifier(expr)
            case tree.SetLiteral():
                return terms.SetOf(items=self._all(expr.items), span=expr.span)
            case tree.RecordLiteral():
                return terms.RecordOf(fields=self.record(expr), span=expr.span)
            case _:
                assert_never(expr)

    def _all(self, exprs: tuple[tree.Expr, ...]) -> tuple[terms.Term, ...]:
        return tuple(self.resolve(expr) for expr in exprs)

    def _wrong(self, span: Span) -> terms.Term:
        return terms.Variable(name=_WRONG, index=-1, span=span)

    def record(self, expr: tree.RecordLiteral) -> tuple[tuple[str, terms.Term], ...]:
        """Resolve the attributes of a record, each once."""
        found: dict[str, tuple[tree.Ident, terms.Term]] = {}
        for ident, value in expr.fields:
            if ident.text in found:
                self.report.error(
                    "duplicate_attribute",
                    f"attribute `{ident.text}` is given twice",
                    ident.span,
                    "remove one of them",
                    (("the first is here", found[ident.text][0].span),),
                )
            else:
                found[ident.text] = ident, self.resolve(value)
        return tuple((name, term) for name, (_, term) in found.items())

    # ------------------------------------------------------------------------------------------------------- names

    def _name(self, expr: tree.Name) -> terms.Term:
        word, span = expr.text, expr.span
        if word in self.variables:
            bound = self.variables[word]
            return terms.Variable(name=word, index=bound.index, span=span)
        if word in self.arguments:
            argument = self.arguments[word]
            return argument.term if self._fits(span, argument.terms, argument.height) else self._wrong(span)
        if word in _ROOTS:
            return terms.Root(name=terms.RootName(word), span=span)
        if word == "now":
            return clock.Now(span=span)  # type: ignore[return-value]  # never leaves the resolver
        define = self.names.find(Kind.DEFINE, word)
        members = self.names.members(word)
        if define is not None and not members:
            return self._expand(define, {}, span)
        if len(members) == 1 and define is None:
            return terms.Constant(value=members[0], span=span)
        if members:
            self._ambiguous(word, span, define, members)
        else:
            self._unknown_name(word, span)
        return self._wrong(span)

    def _ambiguous(self, word: str, span: Span, define: Symbol | None, members: list[EnumMember]) -> None:
        meanings = [f"`{member}`" for member in members]
        if define is not None:
            meanings.append(f"the define `{word}`")
        self.report.error(
            "ambiguous_name",
            f"`{word}` has {len(meanings)} meanings: {', '.join(meanings)}",
            span,
            f"write the member of the enum out, such as `{members[0]}`",
        )

    def _unknown_name(self, word: str, span: Span) -> None:
        message, help_ = f"`{word}` is not declared", None
        roots = self.schema.roots_with.get(word)
        if word in self.names.tables[Kind.TYPE]:
            message, help_ = f"`{word}` is a type, not a value", f'an entity is written with its id: `{word} "…"`'
        elif roots:
            help_ = f"an attribute stands behind what has it: {' or '.join(f'`{root}.{word}`' for root in roots)}"
        known = [*self.variables, *self.arguments, *_ROOTS, "now", *self.names.values()]
        help_ = help_ or self.report.suggest(word, known)
        otherwise = "a bare name is a parameter, a define or a member of an enum; a text stands in quotes"
        self.report.error("unknown_name", message, span, help_ or otherwise)

    def _entity(self, expr: tree.EntityLiteral) -> terms.Term:
        ref = entity_ref(expr, self.names, self.report)
        return self._wrong(expr.span) if ref is None else terms.Constant(value=ref, span=expr.span)

    # -------------------------------------------------------------------------------------------------- attributes

    def _attribute(self, expr: tree.Attribute) -> terms.Term:
        if isinstance(expr.base, tree.Name) and not expr.quoted:
            enum = self._enum_named(expr.base)
            if enum is not None:
                return self._member(enum, expr)
        base = self.resolve(expr.base)
        stand_in: object = base
        if isinstance(stand_in, clock.Now):
            return clock.zone_or_field(expr, self.report) or self._wrong(expr.span)
        if isinstance(stand_in, clock.Zone):
            return clock.calendar_field(stand_in.zone, expr, self.report) or self._wrong(expr.span)
        return terms.Attribute(base=base, name=expr.name.text, span=expr.span)

    def _enum_named(self, base: tree.Name) -> EnumType | None:
        if base.text in self.variables or base.text in self.arguments:
            return None
        if base.text == WEEKDAY.name:
            return WEEKDAY
        symbol = self.names.find(Kind.TYPE, base.text)
        kind = None if symbol is None else symbol_type(symbol)
        return kind if isinstance(kind, EnumType) else None

    def _member(self, enum: EnumType, expr: tree.Attribute) -> terms.Term:
        if expr.name.text in enum.members:
            return terms.Constant(value=EnumMember(enum.name, expr.name.text), span=expr.span)
        self.report.error(
            "unknown_member",
            f"enum `{enum}` has no member `{expr.name.text}`",
            expr.name.span,
            self.report.suggest(expr.name.text, enum.members) or f"its members are {listed(enum.members, 'none')}",
        )
        return self._wrong(expr.span)

    def _has(self, expr: tree.Has) -> terms.Term:
        base = self.resolve(expr.operand)
        tests: list[terms.Term] = []
        for ident in expr.path:
            # Each step spans from the entity to its attribute, so that an error points at the step.
            span = expr.operand.span.to(ident.span)
            tests.append(terms.Has(base=base, name=ident.text, span=span))
            base = terms.Attribute(base=base, name=ident.text, span=span)
        return tests[0] if len(tests) == 1 else terms.And(operands=tuple(tests), span=expr.span)

    # ------------------------------------------------------------------------------------- quantifiers and defines

    def _quantifier(self, expr: tree.Quantifier) -> terms.Term:
        word = expr.variable.text
        self._check_variable(expr.variable)
        domain = self.resolve(expr.domain)
        self.count.variables += 1
        variable = terms.Variable(name=word, index=self.count.variables, span=expr.variable.span)
        outer = dict(self.variables)
        self.variables[word] = variable
        body = self.resolve(expr.body)
        self.variables = outer
        return terms.Quantifier(op=expr.op, variable=variable, domain=domain, body=body, span=expr.span)

    def _check_variable(self, ident: tree.Ident) -> None:
        word = ident.text
        taken = word in self.variables or word in self.arguments
        if taken or word in self.names.tables[Kind.DEFINE] or self.names.members(word):
            self.report.error(
                "shadowed_name",
                f"`{word}` already means something here",
                ident.span,
                "give the variable another name",
            )

    def _call(self, expr: tree.Call) -> terms.Term:
        word = expr.name.text
        define = self.names.find(Kind.DEFINE, word)
        if define is None or not isinstance(define.decl, tree.DefineDecl):
            known, shape = self.names.words(Kind.DEFINE), f"define {word}({', '.join('…' for _ in expr.arguments)}) = …"
            self.report.unknown("unknown_define", "define", word, expr.name.span, known, f"declare it: `{shape}`")
            return self._wrong(expr.span)
        parameters = define.decl.parameters
        given = [self._argument(argument) for argument in expr.arguments]
        if parameters is None or len(parameters) != len(given):
            wanted = len(parameters or ())
            self.report.error(
                "argument_count",
                f"`{word}` takes {wanted or 'no'} argument{'s' * (wanted != 1)}, not {len(given)}",
                expr.span,
                f"write it as `{_shape(define.decl)}`",
            )
            return self._wrong(expr.span)
        there = self.world.names(define.file)
        bound = {
            parameter.name.text: Argument(
                term=term,
                type=read_type(parameter.type, there, Report()),
                span=written.span,
                name=parameter.name.text,
                terms=size,
                height=height,
                define=define,
            )
            for parameter, (term, size, height), written in zip(parameters, given, expr.arguments, strict=True)
        }
        self.calls.extend(bound.values())
        return self._expand(define, bound, expr.span)

    def _argument(self, expr: tree.Expr) -> tuple[terms.Term, int, int]:
        """Resolve what is handed to a define; return it with the number of its terms and their depth."""
        count, before = self.count, (self.count.terms, self.count.deepest)
        count.deepest = self.depth
        term = self.resolve(expr)
        size, height = count.terms - before[0], count.deepest - self.depth
        count.deepest = max(count.deepest, before[1])
        return term, size, height

    def _expand(self, define: Symbol, bound: Mapping[str, Argument], span: Span) -> terms.Term:
        decl = define.decl
        if not isinstance(decl, tree.DefineDecl):
            return self._wrong(span)
        if decl.parameters is not None and len(decl.parameters) != len(bound):
            self.report.error(
                "argument_count",
                f"`{define.short}` takes {len(decl.parameters)} arguments",
                span,
                f"write it as `{_shape(decl)}`",
            )
            return self._wrong(span)
        if define in self.world.broken:
            # It is told where it is declared; whatever uses it is not told again.
            self.count.told = True
            return self._wrong(span)
        inner = Resolver(
            world=self.world,
            schema=self.schema,
            report=self.report,
            names=self.world.names(define.file),
            arguments=bound,
            calls=self.calls,
            expanding=(*self.expanding, define),
            count=self.count,
            depth=self.depth,
            origin=self.origin or span,
        )
        return inner.resolve(decl.body)


def _shape(decl: tree.DefineDecl) -> str:
    if decl.parameters is None:
        return decl.name.text
    return f"{decl.name.text}({', '.join(each.name.text for each in decl.parameters)})"
