"""The conditions of a rule, and what it hands on, checked for each combination of action and types that it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pdp import terms
from pdp.checker import presence
from pdp.checker.cover import Block, combinations, uses_of
from pdp.checker.expansion import Allowance
from pdp.checker.inference import infer, static
from pdp.checker.place import Place, Verdicts
from pdp.checker.report import SETTLED_HELP, Report
from pdp.checker.resolver import Argument
from pdp.errors import Diagnostic, listed
from pdp.model import Effect
from pdp.schema import Cell, ObligationType, Schema
from pdp.source import Span
from pdp.syntax import tree
from pdp.types import EntityTypes, Primitive, Wrong, assignable


@dataclass(slots=True, kw_only=True)
class Conditions:
    """What of a rule has a type: its clauses, the arguments of its obligations, and those of the defines it calls."""

    schema: Schema
    report: Report
    effect: Effect
    clauses: Sequence[terms.Clause]
    obligations: Sequence[terms.ObligationTerm]
    calls: Sequence[Argument]
    looks: Allowance
    known: presence.Facts = presence.NOTHING
    """What the scope of the rule makes sure of."""

    verdicts: Verdicts = field(default_factory=Verdicts)

    def check(self, blocks: Sequence[Block], name: tree.Ident) -> None:
        """Check them for all that the rule covers; `name` is the rule's."""
        conditions = [clause.condition for clause in self.clauses]
        values = [term for obligation in self.obligations for _, term in obligation.arguments]
        arguments = [argument.term for argument in self.calls]
        whole = [*conditions, *values, *arguments]
        size = 0
        for number, cell in enumerate(combinations(self.schema, blocks, uses_of(whole))):
            if number == 1:
                size = sum(1 for term in whole for _ in terms.walk(term))
            self.looks.left -= size
            if self.looks.left < 0:
                self._report_too_many(name)
                break
            self._check_cell(cell)
        else:
            report_verdicts(self.verdicts, self.report)
        if self.effect is Effect.FORBID:
            for clause in self.clauses:
                if clause.kind is terms.ClauseKind.WHEN:
                    warn_of_has(clause.condition, True, self.report)

    def _report_too_many(self, name: tree.Ident) -> None:
        if not self.looks.told:
            self.looks.told = True
            self.report.error(
                "too_many_combinations",
                f"up to rule `{name.text}`, more than {self.looks.total} terms are about combinations of types "
                "that all differ",
                name.span,
                "write a rule for each type, or ask for attributes that the types share",
            )

    def _check_cell(self, cell: Cell) -> None:
        place = place_of(self.schema, cell, self.report, self.verdicts).knowing(self.known)
        deciding = self._deciding(place)
        if deciding:
            # By the types alone the rule never applies here: the rest of it may be about another type.
            self._check_clauses(deciding, place)
            return
        facts = presence.union(_facts(clause) for clause in self.clauses)
        # An obligation is computed for a rule that applies: then each of its clauses holds.
        holding = replace(place, lenient=self.effect is Effect.FORBID).knowing(facts)
        wrong = [argument for argument in self.calls if not _check_argument(argument, holding)]
        with_report = replace(place, report=Report(), verdicts=Verdicts()) if wrong else place
        self._check_clauses(self.clauses, with_report)
        for obligation in self.obligations:
            self._check_obligation(obligation, replace(holding, report=with_report.report))
        if wrong:
            # What a define says of a value that it does not take is no mistake of its own.
            for found in with_report.report.found():
                if not any(_is_about(found, argument) for argument in wrong):
                    self.report.add(found)

    def _deciding(self, place: Place) -> list[terms.Clause]:
        """Return the clauses that by the types alone keep the rule from applying."""
        return [
            clause
            for clause in self.clauses
            if static(clause.condition, place) is (clause.kind is terms.ClauseKind.UNLESS)
        ]

    def _check_clauses(self, clauses: Sequence[terms.Clause], place: Place) -> None:
        facts = [_facts(clause) for clause in self.clauses]
        for clause, known in zip(self.clauses, presence.others(facts), strict=True):
            if not any(clause is each for each in clauses):
                continue
            lenient = self.effect is Effect.FORBID and clause.kind is terms.ClauseKind.WHEN
            kind = infer(clause.condition, replace(place, lenient=lenient).knowing(known))
            if kind is not Primitive.BOOL and not isinstance(kind, Wrong) and clause.condition.span is not None:
                place.report.error(
                    "not_a_condition",
                    f"`{clause.kind}` takes a condition, not a value of type `{kind}`",
                    clause.condition.span,
                    "compare it with something",
                )

    def _check_obligation(self, obligation: terms.ObligationTerm, place: Place) -> None:
        declared = self.schema.obligations[obligation.name]
        if obligation.span is not None:
            check_fields(declared, dict(obligation.arguments), place, obligation, place.report)


def _facts(clause: terms.Clause) -> presence.Facts:
    if clause.kind is terms.ClauseKind.UNLESS:
        return presence.when_false(clause.condition)
    return presence.when_true(clause.condition)


def _check_argument(argument: Argument, place: Place) -> bool:
    """Check what a define is handed; tell whether it takes it."""
    kind = infer(argument.term, replace(place, lenient=True))
    if assignable(kind, argument.type):
        return True
    place.report.error(
        "argument_type",
        f"`{argument.name}` takes a value of type `{argument.type}`, not of type `{kind}`",
        argument.span,
        "hand in a value of that type, or change the define",
    )
    return False


def _is_about(found: Diagnostic, argument: Argument) -> bool:
    """Tell whether a finding is about a value that a define does not take, or about what the define says of it."""
    if found.span is None or argument.define is None:
        return False
    return _holds(argument.define.decl.span, found.span) or _holds(argument.span, found.span)


def _holds(outer: Span, inner: Span) -> bool:
    return outer.source.path == inner.source.path and outer.start <= inner.start and inner.end <= outer.end


def check_fields(
    declared: ObligationType, given: dict[str, terms.Term], place: Place, node: terms.Node, report: Report
) -> None:
    """Check the arguments of an obligation against its declaration."""
    span = node.span
    if span is None:
        return
    for name, term in given.items():
        wanted = declared.fields.fields.get(name)
        kind = infer(term, place)
        if wanted is None:
            report.error(
                "unknown_argument",
                f"obligation `{declared.name}` has no `{name}`",
                term.span or span,
                report.suggest(name, declared.fields.fields) or f"it takes {listed(declared.fields.fields, 'nothing')}",
            )
        elif not assignable(kind, wanted.type):
            report.error(
                "argument_type",
                f"`{name}` takes a value of type `{wanted.type}`, not of type `{kind}`",
                term.span or span,
                "hand in a value of that type",
            )
    missing = [name for name, kind in declared.fields.fields.items() if not kind.optional and name not in given]
    if missing:
        report.error(
            "missing_argument",
            f"obligation `{declared.name}` needs `{missing[0]}`",
            span,
            f"add `{missing[0]}: …`",
        )


def place_of(schema: Schema, cell: Cell, report: Report, verdicts: Verdicts) -> Place:
    """Return what is known of the roots in a cell."""
    action = schema.actions[cell.action]
    return Place(
        schema=schema,
        report=report,
        verdicts=verdicts,
        principal=EntityTypes(frozenset({cell.principal})),
        resource=EntityTypes(frozenset({cell.resource})),
        context=action.context,
        session=action.session,
        cell=cell,
    )


def report_verdicts(verdicts: Verdicts, report: Report) -> None:
    """Report the tests that came out the same way in every cell."""
    for span, truths in verdicts.seen.items():
        if len(truths) == 1:
            code, message = verdicts.texts[span]
            report.error(code, message, span, SETTLED_HELP)


def warn_of_has(term: terms.Term, positive: bool, report: Report) -> None:
    """Warn of a `has` that keeps a forbid from applying where an attribute is absent."""
    match term:
        case terms.Has() if positive and term.span is not None:
            report.warn(
                "has_in_forbid",
                f"where `{term.name}` is absent, this forbid does not apply",
                term.span,
                "leave the `has` out: in a forbid what is absent denies; where it may be absent, say `unless not …`",
            )
        case terms.Not():
            warn_of_has(term.operand, not positive, report)
        case terms.And() | terms.Or():
            for operand in term.operands:
                warn_of_has(operand, positive, report)
        case _:
            pass
