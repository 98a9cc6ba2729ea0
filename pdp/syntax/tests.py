"""Reading test blocks."""

from __future__ import annotations

from typing import Final

from pdp.syntax.lexer import string_ahead
from pdp.syntax.rules import Rules
from pdp.syntax.tree import (
    Expect,
    Given,
    GivenApproval,
    GivenEntity,
    GivenGrant,
    GivenSession,
    Ident,
    Member,
    TestDecl,
)
from pdp.syntax.words import NOT_ACTIONS, NOT_RULES

_OUTCOMES: Final = {"allow": True, "deny": False}
_ACTION: Final = "an action"


class Tests(Rules):
    """Reads `test`."""

    __test__ = False

    def test(self, docs: tuple[str, ...]) -> TestDecl:
        """Read `test "name": [given …] expect …`."""
        start = self.start
        self.advance()
        name = self.string("the name of the test")
        self.expect(":", "after the name of the test")
        given = []
        if self.take("given"):
            given.append(self._given())
            while self.kind == "word" and self.text not in ("at", "expect"):
                given.append(self._given())
        if self.text not in ("at", "expect"):
            expected = "`expect`, or `at` and a time" if given else "`given` or `expect`"
            raise self.fail(expected, code="expected_expectation", known=["given", "expect"])
        expects = [self._expect()]
        while self.text == "at" or self.text == "expect":
            expects.append(self._expect())
        return TestDecl(span=self.span(start), docs=docs, name=name, given=tuple(given), expects=tuple(expects))

    # ------------------------------------------------------------------------------------------------------ given

    def _given(self) -> Given:
        start = self.start
        if self.take("session"):
            attributes = self.record()
            return GivenSession(span=self.span(start), attributes=attributes)
        if self.take("grant"):
            return self._given_grant(start)
        if self.take("approval"):
            return self._given_approval(start)
        expected = "an entity, `session`, `grant`, `approval` or `expect`"
        if not ("A" <= self.text[:1] <= "Z" or string_ahead(self.content, self.end)):
            known = ("session", "grant", "approval", "at", "expect")
            raise self.fail(expected, code="expected_expectation", known=known)
        entity = self.entity(expected)
        parents: list[Member] = []
        if self.take("in"):
            parents.append(self._member())
            while self.take(","):
                parents.append(self._member())
        record = self.record() if self.text == "{" else None
        return GivenEntity(span=self.span(start), entity=entity, parents=tuple(parents), attributes=record)

    def _member(self) -> Member:
        start = self.start
        entity = self.entity('the parent as `Type "id"`')
        until = self.datetime("after `until`") if self.take("until") else None
        return Member(span=self.span(start), entity=entity, until=until)

    def _given_grant(self, start: int) -> GivenGrant:
        role = self.name("the role that is granted", NOT_ACTIONS, named="a role")
        self.expect("on", "after the role")
        resource = self.entity("the resource of the grant")
        self.expect("to", "after the resource of the grant")
        principal = self.entity("the principal of the grant")
        end = self.grant_end()
        return GivenGrant(span=self.span(start), role=role, resource=resource, principal=principal, end=end)

    def _given_approval(self, start: int) -> GivenApproval:
        self.expect("by", "after `approval`")
        approver = self.entity("the approver")
        self.expect("of", "after the approver")
        principal = self.entity("the principal whose action is approved")
        self.expect("to", "after the principal")
        action = self.name("the action that is approved", NOT_ACTIONS, named=_ACTION)
        self.expect("on", "after the action")
        resource = self.entity("the resource")
        of = self.value() if self.take("with") else None
        self.expect("at", "and the time of the approval")
        at = self.datetime("after `at`")
        return GivenApproval(
            span=self.span(start),
            approver=approver,
            principal=principal,
            action=action,
            resource=resource,
            of=of,
            at=at,
        )

    # ----------------------------------------------------------------------------------------------------- expect

    def _expect(self) -> Expect:
        start = self.start
        at = self.datetime("after `at`") if self.take("at") else None
        self.expect("expect", "after the time")
        allow = _OUTCOMES.get(self.text)
        if allow is None:
            help_ = {"permit": "write `allow`", "forbid": "write `deny`"}.get(self.text)
            raise self.fail("`allow` or `deny` after `expect`", help=help_, known=_OUTCOMES)
        self.advance()
        principal = self.entity("the principal of the request")
        self.expect("to", "after the principal")
        action = self.name("the action of the request", NOT_ACTIONS, named=_ACTION)
        self.expect("on", "after the action")
        resource = self.entity("the resource of the request")
        context = self.record() if self.take("with") else None
        session = self.record() if self.take("as") else None
        rules = self._rules() if self.take("by") else None
        needs = self._remedies() if self.take("needs") else None
        obligations = self.names("the name of an obligation") if self.take("oblige") else None
        until = self.datetime("after `until`") if self.take("until") else None
        self._check_order()
        return Expect(
            span=self.span(start),
            at=at,
            allow=allow,
            principal=principal,
            action=action,
            resource=resource,
            context=context,
            session=session,
            rules=rules,
            needs=needs,
            obligations=obligations,
            until=until,
        )

    def _rules(self) -> tuple[Ident, ...]:
        if self.take("default"):
            return ()
        return self.names("`default` or the name of a rule", NOT_RULES, named="a rule")

    def _remedies(self) -> tuple[str, ...]:
        found = [self.string("a remedy after `needs`")]
        while self.take(","):
            found.append(self.string("a remedy after `,`"))
        return tuple(found)

    def _check_order(self) -> None:
        if self.text in ("with", "as", "by", "needs", "oblige", "until"):
            help_ = "the order is `with`, `as`, `by`, `needs`, `oblige`, `until`, each once"
            message = f"`{self.text}` does not stand here in an expectation"
            raise self.failure("expectation_order", message, self.start, self.end, help_)
