"""Grants: roles given to principals on resources, as the permits that they are."""

from __future__ import annotations

from dataclasses import dataclass

from pdp import terms
from pdp.checker.names import Kind, Names, World
from pdp.checker.report import Report
from pdp.checker.rules import time_clause
from pdp.checker.scopes import Reader
from pdp.checker.world import docs
from pdp.errors import article
from pdp.model import Effect
from pdp.schema import Role, Schema
from pdp.syntax import tree
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True)
class GrantChecker:
    """Checks the grants of one file, or of one test."""

    world: World
    schema: Schema
    report: Report
    names: Names

    def check(self, decl: tree.GrantDecl | tree.GivenGrant) -> terms.Rule | None:
        """Return the permit that a grant is, or None after an error."""
        reader = Reader(self.schema, self.names, self.report)
        resource, principal = reader.ref(decl.resource), reader.ref(decl.principal)
        role = self._role(decl.role)
        clauses = self._time(decl.end)
        if role is None or resource is None or principal is None:
            return None
        types = sorted(name for name in role.types if self.schema.can_be_in(name, resource.type))
        if not types and role.types:
            self.report.error(
                "grant_covers_nothing",
                f"role `{decl.role.text}` is on {', '.join(sorted(role.types))}: "
                f"none is ever in {article(resource.type)}",
                decl.resource.span,
                "name a resource of the role's type, or one that such resources are in",
            )
        self._check_principal(decl, role, principal)
        start = "" if decl.end.start is None else f" from {decl.end.start}"
        because = decl.because if isinstance(decl, tree.GrantDecl) else None
        return terms.Rule(
            id=f"grant {role.name} on {resource} to {principal}{start}",
            effect=Effect.PERMIT,
            principals=(terms.Scope(within=(principal,)),),
            actions=role.actions,
            resources=tuple(terms.Scope(type=name, within=(resource,)) for name in types),
            clauses=tuple(clauses),
            because=because,
            standing=decl.end.standing,
            docs=docs(decl) if isinstance(decl, tree.GrantDecl) else "",
            role=role.name,
            span=decl.span,
        )

    def _role(self, ident: tree.Ident) -> Role | None:
        symbol = self.names.find(Kind.ACTION, ident.text)
        role = None if symbol is None else self.schema.roles.get(symbol.name)
        if role is None:
            known = [
                word for word, each in self.names.tables[Kind.ACTION].items() if isinstance(each.decl, tree.RoleDecl)
            ]
            self.report.unknown(
                "unknown_role", "role", ident.text, ident.span, known, f"declare it: `role {ident.text} on …: …`"
            )
        return role

    def _check_principal(self, decl: tree.GrantDecl | tree.GivenGrant, role: Role, principal: EntityRef) -> None:
        able = self.schema.members[principal.type]
        actions = [self.schema.actions[name] for name in role.actions if name in self.schema.actions]
        if actions and not any(able & action.principals for action in actions):
            by = sorted({name for action in actions for name in action.principals})
            self.report.error(
                "grant_covers_nothing",
                f"nobody in {article(principal.type)} can ask for what role `{decl.role.text}` allows",
                decl.principal.span,
                f"its actions are by {', '.join(by) or 'nobody'}",
            )

    def _time(self, end: tree.GrantEnd) -> list[terms.Clause]:
        clauses = []
        if end.start is not None:
            clauses.append(time_clause(terms.ClauseKind.FROM, end.start, end))
        if end.end is not None:
            clauses.append(time_clause(terms.ClauseKind.UNTIL, end.end, end))
        if end.start is not None and end.end is not None and end.end.micros <= end.start.micros:
            self.report.error("empty_window", "the grant ends before it starts", end.span, "swap the two, or mend one")
        if end.standing is not None and not end.standing.strip():
            self.report.error("empty_reason", "the reason is empty", end.span, "say why, for whoever reads it later")
        return clauses
