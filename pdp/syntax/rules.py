"""Reading rules and grants."""

from __future__ import annotations

from typing import Final

from pdp.model import Effect
from pdp.syntax.lexer import approvals_ahead
from pdp.syntax.reports import Failure
from pdp.syntax.scopes import Scoping
from pdp.syntax.tree import (
    ActionScope,
    Approvals,
    Because,
    Clause,
    Expr,
    GrantDecl,
    GrantEnd,
    Needs,
    Oblige,
    Recheck,
    RuleDecl,
    Standing,
    Unless,
    Until,
    Via,
    When,
)
from pdp.syntax.words import CLAUSES, DECLARATIONS, NOT_ACTIONS, NOT_RULES

_EFFECTS: Final = {str(effect): effect for effect in Effect}

# What other languages call an effect or a clause.
_FOREIGN_EFFECTS: Final = {"allow": "permit", "grant": "permit", "deny": "forbid", "reject": "forbid"}
_FOREIGN_CLAUSES: Final = {
    "if": "when",
    "where": "when",
    "except": "unless",
    "require": "needs",
    "requires": "needs",
    "and": "when",
    "reason": "because",
    "obligation": "oblige",
}

_AFTER_RULES: Final = DECLARATIONS | {"namespace", "import"}


class Rules(Scoping):
    """Reads `rule` and `grant`."""

    def rule(self, docs: tuple[str, ...]) -> RuleDecl:
        """Read `rule name: effect principals to actions on resources clause…`."""
        start = self.start
        self.advance()
        name = self.name("the name of the rule", NOT_RULES, named="a rule")
        self.expect(":", "after the name of the rule")
        effect = _EFFECTS.get(self.text)
        if effect is None:
            raise self._bad_effect()
        self.advance()
        principals = self.scopes("`anyone` or the principals of the rule", "anyone")
        self.expect("to", "after the principals of the rule")
        actions = self._action_scope()
        self.expect("on", "after the actions of the rule")
        resources = self.scopes("`anything` or the resources of the rule", "anything")
        clauses = []
        while self.text in CLAUSES:
            clauses.append(self._clause())
        self._check_end()
        return RuleDecl(
            span=self.span(start),
            docs=docs,
            name=name,
            effect=effect,
            principals=principals,
            actions=actions,
            resources=resources,
            clauses=tuple(clauses),
        )

    def _bad_effect(self) -> Failure:
        effect = _FOREIGN_EFFECTS.get(self.text.lower())
        help_ = f"write `{effect}`" if effect else None
        code = "unknown_effect" if self.kind == "word" else "unexpected_token"
        return self.fail("`permit` or `forbid` after the name of the rule", code=code, help=help_, known=_EFFECTS)

    def _check_end(self) -> None:
        if self.text in _AFTER_RULES or self.kind in ("end", "doc"):
            return
        help_ = None
        if self.text in _FOREIGN_CLAUSES:
            help_ = f"write `{_FOREIGN_CLAUSES[self.text]}`"
        elif self.text in _EFFECTS:
            help_ = "a rule has one effect: start another with `rule name:`"
        expected = "a clause or the next declaration"
        if self.operand_ended == self.ended:
            expected = "an operator, a clause or the next declaration"
        code = "unknown_clause" if self.kind == "word" else "unexpected_token"
        raise self.fail(expected, code=code, help=help_, known=CLAUSES | DECLARATIONS)

    def _action_scope(self) -> ActionScope:
        start = self.start
        if self.take("any"):
            return ActionScope(span=self.span(start), names=(), every=True)
        names = self.actions("`any` or the actions of the rule")
        return ActionScope(span=self.span(start), names=names)

    def _clause(self) -> Clause:
        word, start = self.text, self.start
        self.advance()
        match word:
            case "when":
                condition = self.expression()
                return When(span=self.span(start), condition=condition)
            case "needs" | "unless":
                asked = self._asked()
                remedy = None
                if not isinstance(asked, Approvals) and self.take("else"):
                    remedy = self.string("the remedy after `else`")
                kind = Needs if word == "needs" else Unless
                return kind(span=self.span(start), condition=asked, remedy=remedy)
            case "until":
                end = self.datetime("after `until`")
                return Until(span=self.span(start), end=end)
            case "because":
                reason = self.string("a reason after `because`")
                return Because(span=self.span(start), reason=reason)
            case "standing":
                reason = self._reason()
                return Standing(span=self.span(start), reason=reason)
            case "via":
                actors = self.scope_list("a type or an entity after `via`")
                return Via(span=self.span(start), actors=actors)
            case "recheck":
                self.expect("every", "after `recheck`")
                every = self.duration("after `recheck every`")
                return Recheck(span=self.span(start), every=every)
            case _:
                name = self.name("the name of an obligation after `oblige`")
                arguments = self.record()
                return Oblige(span=self.span(start), name=name, arguments=arguments)

    def _asked(self) -> Expr | Approvals:
        counted = self.kind == "int" and approvals_ahead(self.content, self.end) is not None
        return self.approvals() if counted or self.at_approvals() else self.expression()

    def _reason(self) -> str:
        self.expect("because", "after `standing`")
        return self.string("a reason after `because`")

    # ----------------------------------------------------------------------------------------------------- grants

    def grant(self, docs: tuple[str, ...]) -> GrantDecl:
        """Read `grant role on resource to principal end`."""
        start = self.start
        self.advance()
        role = self.name("the role that is granted", NOT_ACTIONS, named="a role")
        self.expect("on", "after the role")
        resource = self.entity("the resource of the grant")
        self.expect("to", "after the resource of the grant")
        principal = self.entity("the principal of the grant")
        end = self.grant_end()
        because = None
        if end.standing is None and self.take("because"):
            because = self.string("a reason after `because`")
        return GrantDecl(
            span=self.span(start),
            docs=docs,
            role=role,
            resource=resource,
            principal=principal,
            end=end,
            because=because,
        )

    def grant_end(self) -> GrantEnd:
        """Read `[from datetime] until datetime`, or `standing because "…"`."""
        start = self.start
        if self.take("standing"):
            reason = self._reason()
            return GrantEnd(span=self.span(start), standing=reason)
        since = self.datetime("after `from`") if self.take("from") else None
        if self.text != "until":
            help_ = 'access ends: `until 2027-01-31`, or says why it does not: `standing because "…"`'
            expected = (
                "`until` and the end of the grant"
                if since
                else "`until`, `from` or `standing` and the end of the grant"
            )
            raise self.fail(expected, code="grant_without_end", help=help_)
        self.advance()
        until = self.datetime("after `until`")
        return GrantEnd(span=self.span(start), start=since, end=until)
