"""Test blocks: their small worlds and what they expect, checked as strictly as the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from pdp import model, terms
from pdp.checker.grants import GrantChecker
from pdp.checker.inference import infer
from pdp.checker.names import Kind, Names, World
from pdp.checker.place import Place, Verdicts
from pdp.checker.report import Report
from pdp.checker.resolver import Resolver
from pdp.checker.scopes import Reader
from pdp.errors import article, listed
from pdp.schema import Action, Schema
from pdp.source import Span
from pdp.syntax import tree
from pdp.types import WRONG, RecordType, assignable
from pdp.values import Datetime, EntityRef, Record, Value, ValueSet

_FOR_GOOD: Final = (model.RevocationKind.SESSION, model.RevocationKind.TOKEN, model.RevocationKind.KEY)


@dataclass(slots=True)
class _World:
    """What holds at one place of a test, while it is read."""

    nodes: dict[EntityRef, model.Node] = field(default_factory=dict)
    grants: list[terms.Rule] = field(default_factory=list)
    approvals: list[model.Approval] = field(default_factory=list)
    revocations: list[model.Revocation] = field(default_factory=list)
    session: Mapping[str, Value] | None = None
    at: Datetime | None = None


@dataclass(slots=True)
class CaseChecker:
    """Checks the test blocks of one file."""

    world: World
    schema: Schema
    report: Report
    names: Names
    _asked: Sequence[tree.Ident] = ()

    def check(self, decl: tree.TestDecl) -> terms.Test:
        """Return the typed test; report what does not hold."""
        expects = [*decl.expects, *(expect for step in decl.steps for expect in step.expects)]
        self._asked = [expect.action for expect in expects]
        world = _World()
        self._given(decl.given, world)
        stages = [self._stage(decl.expects, world, decl.span)]
        for step in decl.steps:
            stages.append(self._step(step, world))
        return terms.Test(name=decl.name, stages=tuple(stages), span=decl.span)

    def _stage(self, expects: Sequence[tree.Expect], world: _World, span: Span | None) -> terms.Stage:
        expectations: list[terms.Expectation] = []
        for expect in expects:
            world.at = expect.at or world.at
            found = self._expect(expect, world.at, world.session)
            expectations += [] if found is None else [found]
        return terms.Stage(
            entities=tuple(world.nodes.values()),
            grants=tuple(world.grants),
            approvals=tuple(world.approvals),
            revocations=tuple(world.revocations),
            expectations=tuple(expectations),
            span=span,
        )

    def _step(self, step: tree.Step, world: _World) -> terms.Stage:
        if step.at is not None:
            if step.at < (world.at or terms.TEST_START):
                self.report.error(
                    "time_goes_back",
                    f"the step is at {step.at}, which is before {world.at or terms.TEST_START}",
                    step.span,
                    "a story goes on: put its steps in the order of time, or write another test",
                )
            world.at = step.at
        for revoked in step.revoked:
            self._revoke(revoked, world)
        self._given(step.given, world)
        return self._stage(step.expects, world, step.span)

    def _revoke(self, written: tree.Revoke, world: _World) -> None:
        kind = model.RevocationKind(written.kind.text)
        # As a revocation elsewhere: whoever holds a session, a token or a key may claim of it whatever time they like.
        until = None if kind in _FOR_GOOD else world.at or terms.TEST_START
        if written.entity is None:
            world.revocations.append(model.Revocation(kind, written.name or "", "", until))
            return
        ref = Reader(self.schema, self.names, self.report).ref(written.entity)
        if ref is None:
            return
        if kind is model.RevocationKind.GROUP and ref.type not in self.schema.containers:
            self.report.error(
                "no_group",
                f"nothing can be in {article(ref.type)}",
                written.span,
                f"write `revoke principal {ref}` to revoke it alone",
            )
        world.revocations.append(model.Revocation(kind, ref.id, ref.type, until))

    # ------------------------------------------------------------------------------------------------------- given

    def _given(self, facts: Sequence[tree.Given], world: _World) -> None:
        """Add facts to a world. What a step gives once more takes the place of what was given before."""
        fresh: set[EntityRef] = set()
        for given in facts:
            match given:
                case tree.GivenEntity():
                    self._entity(given, world.nodes, fresh)
                case tree.GivenSession():
                    world.session = self._session(given.attributes)
                case tree.GivenGrant():
                    checker = GrantChecker(self.world, self.schema, self.report, self.names)
                    grant = checker.check(given)
                    world.grants += [] if grant is None else [grant]
                case tree.GivenApproval():
                    approval = self._approval(given)
                    world.approvals += [] if approval is None else [approval]
                case _:
                    assert_never(given)

    def _entity(self, given: tree.GivenEntity, nodes: dict[EntityRef, model.Node], fresh: set[EntityRef]) -> None:
        reader = Reader(self.schema, self.names, self.report)
        ref = reader.ref(given.entity)
        parents = [(reader.ref(each.entity), each) for each in given.parents]
        if ref is None:
            return
        declared = self.schema.entities[ref.type]
        memberships = []
        for parent, written in parents:
            if parent is not None and parent.type not in declared.parents:
                self.report.error(
                    "impossible_parent",
                    f"{article(ref.type)} is never directly in {article(parent.type)}",
                    written.span,
                    f"declare it: `type {ref.type} in {parent.type}`",
                )
            if parent is not None:
                memberships.append(model.Membership(parent, written.until))
        attributes = self._record(given.attributes, declared.attributes, f"entity type `{ref.type}`")
        if ref in fresh:
            self.report.error("duplicate_entity", f"`{ref}` is given twice", given.span, "put its attributes together")
        fresh.add(ref)
        nodes[ref] = model.Node(ref, attributes, tuple(memberships))

    def _session(self, written: tree.RecordLiteral) -> Mapping[str, Value]:
        for asked in self._asked:
            action = self._action(asked, quiet=True)
            if action is not None:
                return self._record(written, action.session, "the session")
        return {}

    def _approval(self, given: tree.GivenApproval) -> model.Approval | None:
        reader = Reader(self.schema, self.names, self.report)
        refs = [reader.ref(each) for each in (given.approver, given.principal, given.resource)]
        action = self._action(given.action)
        of = None if given.of is None else self._value(given.of)
        approver, principal, resource = refs
        if approver is None or principal is None or resource is None or action is None:
            return None
        return model.Approval(approver, principal, action.name, resource, given.at, of)

    # ------------------------------------------------------------------------------------------------------ expect

    def _expect(
        self, expect: tree.Expect, at: Datetime | None, session: Mapping[str, Value] | None
    ) -> terms.Expectation | None:
        reader = Reader(self.schema, self.names, self.report)
        principal, resource = reader.ref(expect.principal), reader.ref(expect.resource)
        action = self._action(expect.action)
        if action is None or principal is None or resource is None:
            return None
        for ref, allowed, word, written in (
            (principal, action.principals, "by", expect.principal),
            (resource, action.resources, "on", expect.resource),
        ):
            if ref.type not in allowed:
                self.report.error(
                    "action_does_not_apply",
                    f"action `{expect.action.text}` is not {word} {article(ref.type)}",
                    written.span,
                    f"it is {word} {', '.join(sorted(allowed)) or 'nothing'}",
                )
        if expect.session is not None:
            session = self._record(expect.session, action.session, "the session")
        return terms.Expectation(
            at=at,
            allow=expect.allow,
            principal=principal,
            action=action.name,
            resource=resource,
            context=self._record(expect.context, action.context, f"the context of `{action.name}`"),
            session=session,
            rules=self._rules(expect.rules, roles=True),
            erring=self._rules(expect.errs, roles=False),
            needs=expect.needs,
            obligations=self._obligations(expect),
            until=expect.until,
            standing=expect.standing,
            span=expect.span,
        )

    def _action(self, ident: tree.Ident, *, quiet: bool = False) -> Action | None:
        symbol = self.names.find(Kind.ACTION, ident.text)
        action = None if symbol is None else self.schema.actions.get(symbol.name)
        if action is None and not quiet:
            known = [
                word for word, each in self.names.tables[Kind.ACTION].items() if isinstance(each.decl, tree.ActionDecl)
            ]
            self.report.unknown("unknown_action", "action", ident.text, ident.span, known)
        return action

    def _rules(self, named: Sequence[tree.Ident] | None, *, roles: bool) -> frozenset[str] | None:
        if named is None:
            return None
        found = set()
        for ident in named:
            rule = self.names.find(Kind.RULE, ident.text)
            # A grant goes by its role, and has no condition that could be unknown.
            role = self.names.find(Kind.ACTION, ident.text) if roles else None
            if rule is not None:
                found.add(rule.name)
            elif role is not None and role.name in self.schema.roles:
                found.add(role.name)
            else:
                known = self.names.words(Kind.RULE)
                self.report.unknown("unknown_rule", "rule", ident.text, ident.span, known)
        return frozenset(found)

    def _obligations(self, expect: tree.Expect) -> frozenset[str] | None:
        if expect.obligations is None:
            return None
        found = set()
        for ident in expect.obligations:
            symbol = self.names.find(Kind.OBLIGATION, ident.text)
            if symbol is None:
                known = self.names.words(Kind.OBLIGATION)
                self.report.unknown("unknown_obligation", "obligation", ident.text, ident.span, known)
            else:
                found.add(symbol.name)
        return frozenset(found)

    # ------------------------------------------------------------------------------------------------------ values

    def _record(self, written: tree.RecordLiteral | None, declared: RecordType, owner: str) -> dict[str, Value]:
        """Read attributes. Any may be missing, so that a test can show what happens without it."""
        if written is None:
            return {}
        resolver = Resolver(self.world, self.schema, self.report, self.names)
        spans = {ident.text: ident.span for ident, _ in written.fields}
        found = {}
        for name, term in resolver.constants(written):
            field = declared.fields.get(name)
            if field is None:
                self.report.error(
                    "unknown_attribute",
                    f"attribute `{name}` not found on {owner}",
                    spans[name],
                    self.report.suggest(name, declared.fields) or f"it has {listed(declared.fields, 'no attributes')}",
                )
                continue
            kind = infer(term, self._place())
            if not assignable(kind, field.type):
                self.report.error(
                    "type_mismatch",
                    f"`{name}` is of type `{field.type}`, not `{kind}`",
                    term.span or spans[name],
                    "give it a value of that type",
                )
            value = self._fold(term, spans[name])
            if value is not None:
                found[name] = value
        return found

    def _value(self, expr: tree.Expr) -> Value | None:
        resolver = Resolver(self.world, self.schema, self.report, self.names)
        return self._fold(resolver.constant(expr), expr.span)

    def _fold(self, term: terms.Term, span: Span) -> Value | None:
        match term:
            case terms.Constant():
                return term.value
            case terms.SetOf():
                items = [self._fold(item, span) for item in term.items]
                return ValueSet(item for item in items if item is not None)
            case terms.RecordOf():
                fields = {name: self._fold(value, span) for name, value in term.fields}
                return Record({name: value for name, value in fields.items() if value is not None})
            case terms.Variable(index=-1):
                return None
            case _:
                self.report.error(
                    "not_a_constant", "a test gives plain values", term.span or span, "write the value out"
                )
                return None

    def _place(self) -> Place:
        nothing = RecordType({})
        return Place(
            schema=self.schema,
            report=self.report,
            verdicts=Verdicts(),
            principal=WRONG,
            resource=WRONG,
            context=nothing,
            session=nothing,
        )
