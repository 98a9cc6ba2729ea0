"""Test blocks: their small worlds and what they expect, checked as strictly as the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(slots=True)
class CaseChecker:
    """Checks the test blocks of one file."""

    world: World
    schema: Schema
    report: Report
    names: Names

    def check(self, decl: tree.TestDecl) -> terms.Test:
        """Return the typed test; report what does not hold."""
        nodes: dict[EntityRef, model.Node] = {}
        grants: list[terms.Rule] = []
        approvals: list[model.Approval] = []
        session: Mapping[str, Value] | None = None
        for given in decl.given:
            match given:
                case tree.GivenEntity():
                    self._entity(given, nodes)
                case tree.GivenSession():
                    session = self._session(given.attributes, decl)
                case tree.GivenGrant():
                    checker = GrantChecker(self.world, self.schema, self.report, self.names)
                    grant = checker.check(given)
                    grants += [] if grant is None else [grant]
                case tree.GivenApproval():
                    approval = self._approval(given)
                    approvals += [] if approval is None else [approval]
        expectations: list[terms.Expectation] = []
        at: Datetime | None = None
        for expect in decl.expects:
            at = expect.at or at
            found = self._expect(expect, at, session)
            expectations += [] if found is None else [found]
        return terms.Test(
            name=decl.name,
            entities=tuple(nodes.values()),
            grants=tuple(grants),
            approvals=tuple(approvals),
            expectations=tuple(expectations),
            span=decl.span,
        )

    # ------------------------------------------------------------------------------------------------------- given

    def _entity(self, given: tree.GivenEntity, nodes: dict[EntityRef, model.Node]) -> None:
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
        if ref in nodes:
            self.report.error("duplicate_entity", f"`{ref}` is given twice", given.span, "put its attributes together")
        nodes[ref] = model.Node(ref, attributes, tuple(memberships))

    def _session(self, written: tree.RecordLiteral, decl: tree.TestDecl) -> Mapping[str, Value]:
        for expect in decl.expects:
            action = self._action(expect.action, quiet=True)
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
            rules=self._rules(expect),
            needs=expect.needs,
            obligations=self._obligations(expect),
            until=expect.until,
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

    def _rules(self, expect: tree.Expect) -> frozenset[str] | None:
        if expect.rules is None:
            return None
        found = set()
        for ident in expect.rules:
            rule = self.names.find(Kind.RULE, ident.text)
            role = self.names.find(Kind.ACTION, ident.text)
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
