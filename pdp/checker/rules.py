"""Rules: their scopes and their clauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pdp import terms
from pdp.checker import presence
from pdp.checker.conditions import Conditions
from pdp.checker.constants import report_constants
from pdp.checker.contradictions import report_contradictions
from pdp.checker.cover import covered
from pdp.checker.names import Kind, Names, Symbol, World
from pdp.checker.report import Report
from pdp.checker.resolver import Resolver
from pdp.checker.scopes import Item, Reader, named_alone, people
from pdp.checker.world import docs
from pdp.model import Effect
from pdp.schema import Schema
from pdp.source import Span
from pdp.syntax import tree
from pdp.types import EntityTypes
from pdp.values import Datetime, Duration

_ONCE: Final = (tree.Until, tree.Standing, tree.Via, tree.Recheck, tree.Because)
_WORDS: Final[dict[type, str]] = {
    tree.When: "when",
    tree.Unless: "unless",
    tree.Needs: "needs",
    tree.Until: "until",
    tree.Standing: "standing because",
    tree.Via: "via",
    tree.Recheck: "recheck",
    tree.Oblige: "oblige",
    tree.Because: "because",
}
_ALLOWED: Final = {
    Effect.PERMIT: (tree.When, tree.Needs, tree.Until, tree.Standing, tree.Via, tree.Recheck, tree.Oblige),
    Effect.FORBID: (tree.When, tree.Unless, tree.Because, tree.Oblige),
}
_INSTEAD: Final = {
    (Effect.PERMIT, tree.Unless): 'a permit says `when not …`, or `needs … else "remedy"`',
    (Effect.PERMIT, tree.Because): "why a permit is there stands in `##` lines above it",
    (Effect.FORBID, tree.Needs): "a forbid says `unless …`: what lifts it",
    (Effect.FORBID, tree.Until): "a forbid holds until it is removed; limit it with `when now < …`",
    (Effect.FORBID, tree.Standing): "a forbid needs no reason to stand, but `because` says why it is there",
    (Effect.FORBID, tree.Via): "a forbid holds for the principal and for the actor: name the actor's type as principal",
    (Effect.FORBID, tree.Recheck): "a deny promises nothing that had to be checked again",
}


@dataclass(slots=True)
class Draft:
    """A rule on its way: what has been read of its clauses."""

    clauses: list[terms.Clause] = field(default_factory=list)
    obligations: list[terms.ObligationTerm] = field(default_factory=list)
    via: list[Item] | None = None
    recheck: Duration | None = None
    until: bool = False
    standing: str | None = None
    because: str | None = None


@dataclass(slots=True)
class RuleChecker:
    """Checks one rule of one file."""

    world: World
    schema: Schema
    report: Report
    names: Names
    resolver: Resolver = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.resolver = Resolver(self.world, self.schema, self.report, self.names)
        self.reader = Reader(self.schema, self.names, self.report)

    def check(self, symbol: Symbol, decl: tree.RuleDecl) -> terms.Rule:
        """Return the typed rule; report what does not hold."""
        principals, resources = self.reader.scopes(decl.principals), self.reader.scopes(decl.resources)
        actions = self.reader.actions(decl.actions)
        self._check_kinds(decl)
        draft = self._read_clauses(decl)
        actors = self._actors(actions) if decl.effect is Effect.FORBID else frozenset()
        blocks = covered(self.schema, actions, principals, resources, actors, self.report)
        self._check_end(decl, draft, principals)
        self._check_via(draft, actions)
        conditions = Conditions(
            schema=self.schema,
            report=self.report,
            effect=decl.effect,
            clauses=draft.clauses,
            obligations=draft.obligations,
            calls=self.resolver.calls,
            looks=self.world.looks,
            # A permit with `via` is out of scope where nobody acts for the principal.
            known=presence.NOTHING if draft.via is None else frozenset({(terms.RootName.SESSION, "actor")}),
        )
        conditions.check(blocks, decl.name)
        report_contradictions(draft.clauses, self.report)
        return terms.Rule(
            id=symbol.name,
            effect=decl.effect,
            principals=tuple(item.scope for item in principals),
            actions=frozenset().union(*(names for _, names in actions)),
            resources=tuple(item.scope for item in resources),
            via=None if draft.via is None else tuple(item.scope for item in draft.via),
            clauses=tuple(draft.clauses),
            obligations=tuple(draft.obligations),
            recheck=draft.recheck,
            because=draft.because,
            standing=draft.standing,
            docs=docs(decl),
            span=decl.span,
        )

    # ----------------------------------------------------------------------------------------------------- clauses

    def _check_kinds(self, decl: tree.RuleDecl) -> None:
        first: dict[type, tree.Clause] = {}
        for clause in decl.clauses:
            kind = type(clause)
            if kind not in _ALLOWED[decl.effect]:
                self.report.error(
                    "clause_not_allowed",
                    f"a {decl.effect} has no `{_WORDS[kind]}`",
                    clause.span,
                    _INSTEAD[decl.effect, kind],
                )
            elif kind in _ONCE and kind in first:
                self.report.error(
                    "duplicate_clause",
                    f"`{_WORDS[kind]}` stands twice",
                    clause.span,
                    "remove one of them",
                    (("the first is here", first[kind].span),),
                )
            first.setdefault(kind, clause)
        if decl.effect is Effect.FORBID and tree.Because not in first:
            self.report.error(
                "missing_because",
                f"rule `{decl.name.text}` does not say why it forbids",
                decl.name.span,
                'add `because "…"`: it is what a denied caller reads',
            )

    def _read_clauses(self, decl: tree.RuleDecl) -> Draft:
        draft = Draft()
        for clause in decl.clauses:
            match clause:
                case tree.When():
                    draft.clauses.append(self._condition(terms.ClauseKind.WHEN, clause))
                case tree.Unless():
                    draft.clauses.append(self._condition(terms.ClauseKind.UNLESS, clause))
                case tree.Needs():
                    draft.clauses.append(self._condition(terms.ClauseKind.NEEDS, clause))
                case tree.Until():
                    draft.until = True
                    draft.clauses.append(time_clause(terms.ClauseKind.UNTIL, clause.end, clause.span))
                case tree.Standing():
                    draft.standing = self._reason(clause.reason, clause)
                case tree.Because():
                    draft.because = self._reason(clause.reason, clause)
                case tree.Via():
                    draft.via = self.reader.items(clause.actors)
                case tree.Recheck():
                    draft.recheck = self._positive(clause.every, clause)
                case tree.Oblige():
                    self._oblige(clause, draft)
        return draft

    def _reason(self, reason: str, clause: tree.Clause) -> str:
        if not reason.strip():
            self.report.error("empty_reason", "the reason is empty", clause.span, "say why, for whoever reads it later")
        return reason

    def _positive(self, length: Duration, node: tree.Node) -> Duration:
        if length.micros <= 0:
            self.report.error("not_positive", "the duration is zero", node.span, "write a length of time, such as `5m`")
        return length

    def _condition(self, kind: terms.ClauseKind, clause: tree.When | tree.Unless | tree.Needs) -> terms.Clause:
        remedy = None if isinstance(clause, tree.When) else clause.remedy
        if remedy is not None and not remedy.strip():
            self.report.error("empty_reason", "the remedy is empty", clause.span, "say what the caller can do")
        if isinstance(clause.condition, tree.Approvals):
            return terms.Clause(kind=kind, condition=self._approvals(clause.condition), remedy=remedy, span=clause.span)
        condition = self.resolver.condition(clause.condition)
        report_constants(condition, self.report)
        return terms.Clause(kind=kind, condition=condition, remedy=remedy, span=clause.span)

    def _approvals(self, written: tree.Approvals) -> terms.Approvals:
        approvers = self.reader.items(written.approvers)
        able = people(self.schema, approvers) if len(approvers) == len(written.approvers) else None
        if able is not None and able < written.count:
            self.report.error(
                "too_few_approvers",
                f"of the {written.count} approvals, no more than {able} could ever be given",
                written.span,
                "ask for fewer, or name a group",
            )
        return terms.Approvals(
            count=written.count,
            of=None if written.of is None else self.resolver.constant(written.of),
            approvers=tuple(item.scope for item in approvers),
            window=self._positive(written.window, written),
            span=written.span,
        )

    def _oblige(self, clause: tree.Oblige, draft: Draft) -> None:
        symbol = self.names.find(Kind.OBLIGATION, clause.name.text)
        arguments = self.resolver.constants(clause.arguments)
        if symbol is None:
            known = self.names.words(Kind.OBLIGATION)
            self.report.unknown("unknown_obligation", "obligation", clause.name.text, clause.name.span, known)
            return
        draft.obligations.append(terms.ObligationTerm(name=symbol.name, arguments=arguments, span=clause.span))

    # ---------------------------------------------------------------------------------------------- ends and actors

    def _check_end(self, decl: tree.RuleDecl, draft: Draft, principals: Sequence[Item]) -> None:
        if decl.effect is Effect.FORBID:
            return
        if draft.until and draft.standing is not None:
            self.report.error(
                "until_and_standing",
                "the permit ends, and stands for good",
                decl.name.span,
                "keep `until` or `standing because`",
            )
        alone = named_alone(self.schema, principals)
        if alone is not None and not draft.until and draft.standing is None:
            self.report.error(
                "permit_without_end",
                f"the permit names `{alone}` and has no end",
                decl.principals.span,
                'add `until 2027-01-31`, or `standing because "…"`; or permit a group',
            )

    def _actors(self, actions: Sequence[tuple[tree.Node, frozenset[str]]]) -> frozenset[str]:
        found: set[str] = set()
        for name in frozenset().union(*(names for _, names in actions)):
            action = self.schema.actions.get(name)
            actor = None if action is None else action.session.fields["actor"].type
            if isinstance(actor, EntityTypes):
                found |= actor.names
        return frozenset(found)

    def _check_via(self, draft: Draft, actions: Sequence[tuple[tree.Node, frozenset[str]]]) -> None:
        actors = self._actors(actions)
        for item in draft.via or ():
            if actions and not item.types & actors:
                self.report.error(
                    "scope_covers_nothing",
                    f"`{item.written.span.text}` is never an actor",
                    item.written.span,
                    f"the session's `actor` is of type {' | '.join(sorted(actors)) or 'nothing'}",
                )


def time_clause(kind: terms.ClauseKind, at: Datetime, span: Span | None) -> terms.Clause:
    """Return `from` or `until` as the test of time that it is."""
    op = tree.CompareOp.GE if kind is terms.ClauseKind.FROM else tree.CompareOp.LT
    bound = terms.Addend(term=terms.Constant(value=at, span=span), span=span)
    test = terms.TimeTest(op=op, bound=(bound,), span=span)
    return terms.Clause(kind=kind, condition=test, span=span)
