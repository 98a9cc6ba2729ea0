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
    Revoke,
    Step,
    TestDecl,
)
from pdp.syntax.words import NOT_ACTIONS, NOT_RULES, REVOKED_BY_NAME, REVOKED_ENTITIES

_OUTCOMES: Final = {"allow": True, "deny": False}
_ACTION: Final = "an action"
_AFTER_FACTS: Final = ("at", "expect", "then")
_ENDINGS: Final = ("with", "as", "by", "errs", "needs", "oblige", "until", "standing")


class Tests(Rules):
    """Reads `test`."""

    __test__ = False

    def test(self, docs: tuple[str, ...]) -> TestDecl:
        """Read `test "name": [given …] expect … [then …]`."""
        start = self.start
        self.advance()
        name = self.string("the name of the test")
        self.expect(":", "after the name of the test")
        given = self._facts()
        expects = self._expects("`expect`, or `at` and a time" if given else "`given` or `expect`")
        steps = []
        while self.text == "then":
            steps.append(self._step())
        return TestDecl(span=self.span(start), docs=docs, name=name, given=given, expects=expects, steps=tuple(steps))

    def _facts(self) -> tuple[Given, ...]:
        given = []
        if self.take("given"):
            given.append(self._given())
            while self.kind == "word" and self.text not in _AFTER_FACTS:
                given.append(self._given())
        return tuple(given)

    def _expects(self, expected: str) -> tuple[Expect, ...]:
        if self.text not in ("at", "expect"):
            raise self.fail(expected, code="expected_expectation", known=["given", "expect"])
        expects = [self._expect()]
        while self.text in ("at", "expect"):
            expects.append(self._expect())
        return tuple(expects)

    # ------------------------------------------------------------------------------------------------------- steps

    def _step(self) -> Step:
        start = self.start
        self.advance()
        at = self.datetime("after `at`") if self.take("at") else None
        revoked = []
        if self.take("revoke"):
            revoked.append(self._revoke())
            while self.take(","):
                revoked.append(self._revoke())
        given = self._facts()
        if at is None and not revoked and not given:
            expected = "what happens then: `at`, `revoke` or `given`"
            raise self.fail(expected, code="expected_expectation", known=("at", "revoke", "given"))
        expects = self._expects("`expect`: each step says what is expected from then on")
        return Step(span=self.span(start), at=at, revoked=tuple(revoked), given=given, expects=expects)

    def _revoke(self) -> Revoke:
        start, kind = self.start, self.text
        if kind not in REVOKED_ENTITIES and kind not in REVOKED_BY_NAME:
            known = (*REVOKED_ENTITIES, *REVOKED_BY_NAME)
            expected = "what is revoked: " + ", ".join(f"`{word}`" for word in known[:-1]) + f" or `{known[-1]}`"
            help_ = "write what it is revoked as first, such as `principal`" if "A" <= kind[:1] <= "Z" else None
            raise self.fail(expected, code="expected_revocation", help=help_, known=known)
        ident = self.name("what is revoked")
        if kind in REVOKED_ENTITIES:
            entity = self.entity(f"the {kind} that is revoked")
            return Revoke(span=self.span(start), kind=ident, entity=entity)
        name = self.string(f"the name of the {kind}")
        return Revoke(span=self.span(start), kind=ident, name=name)

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
            known = ("session", "grant", "approval", *_AFTER_FACTS)
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
        at = self.datetime("after `at`") if self.take("at") else None
        start = self.start
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
        rules = self._rules("default") if self.take("by") else None
        errs = self._rules("nothing") if self.take("errs") else None
        needs = self._remedies() if self.take("needs") else None
        obligations = self._obligations() if self.take("oblige") else None
        until = self.datetime("after `until`") if self.take("until") else None
        standing = until is None and self.take("standing")
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
            errs=errs,
            needs=needs,
            obligations=obligations,
            until=until,
            standing=standing,
        )

    def _rules(self, none: str) -> tuple[Ident, ...]:
        if self.take(none):
            return ()
        return self.names(f"`{none}` or the name of a rule", NOT_RULES, named="a rule")

    def _obligations(self) -> tuple[Ident, ...]:
        return () if self.take("nothing") else self.names("`nothing` or the name of an obligation")

    def _remedies(self) -> tuple[str, ...]:
        if self.take("nothing"):
            return ()
        found = [self.string("a remedy after `needs`")]
        while self.take(","):
            found.append(self.string("a remedy after `,`"))
        return tuple(found)

    def _check_order(self) -> None:
        if self.text in _ENDINGS:
            help_ = "the order is `with`, `as`, `by`, `errs`, `needs`, `oblige`, `until` or `standing`, each once"
            message = f"`{self.text}` does not stand here in an expectation"
            raise self.failure("expectation_order", message, self.start, self.end, help_)
