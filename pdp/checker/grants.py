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
from pdp.source import Span
from pdp.syntax import tree
from pdp.values import Datetime, EntityRef


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
        self._check_resource(decl, role, resource)
        self._check_principal(decl, role, principal)
        because = decl.because if isinstance(decl, tree.GrantDecl) else None
        return permit_of(
            role,
            principal,
            resource,
            self.schema,
            clauses=tuple(clauses),
            start=decl.end.start,
            because=because,
            standing=decl.end.standing,
            docs=docs(decl) if isinstance(decl, tree.GrantDecl) else "",
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

    def _check_resource(self, decl: tree.GrantDecl | tree.GivenGrant, role: Role, resource: EntityRef) -> None:
        if role.types and not covered(role, resource, self.schema):
            self.report.error(
                "grant_covers_nothing",
                f"role `{decl.role.text}` is on {', '.join(sorted(role.types))}: "
                f"none is ever in {article(resource.type)}",
                decl.resource.span,
                "name a resource of the role's type, or one that such resources are in",
            )

    def _check_principal(self, decl: tree.GrantDecl | tree.GivenGrant, role: Role, principal: EntityRef) -> None:
        by = idle(role, principal, self.schema)
        if by is not None:
            self.report.error(
                "grant_covers_nothing",
                f"nobody in {article(principal.type)} can ask for what role `{decl.role.text}` allows",
                decl.principal.span,
                f"its actions are by {', '.join(by) or 'nobody'}",
            )

    def _time(self, end: tree.GrantEnd) -> list[terms.Clause]:
        clauses = []
        if end.start is not None:
            clauses.append(time_clause(terms.ClauseKind.FROM, end.start, end.span))
        if end.end is not None:
            clauses.append(time_clause(terms.ClauseKind.UNTIL, end.end, end.span))
        if end.start is not None and end.end is not None and end.end.micros <= end.start.micros:
            self.report.error("empty_window", "the grant ends before it starts", end.span, "swap the two, or mend one")
        if end.standing is not None and not end.standing.strip():
            self.report.error("empty_reason", "the reason is empty", end.span, "say why, for whoever reads it later")
        return clauses


def covered(role: Role, resource: EntityRef, schema: Schema) -> list[str]:
    """Return the types of which a grant of a role on a resource covers anything."""
    return sorted(name for name in role.types if schema.can_be_in(name, resource.type))


def idle(role: Role, principal: EntityRef, schema: Schema) -> list[str] | None:
    """Return by whom the actions of a role are, where nobody in the principal is one of these; else None."""
    able = schema.members[principal.type]
    actions = [schema.actions[name] for name in role.actions if name in schema.actions]
    if not actions or any(able & action.principals for action in actions):
        return None
    return sorted({name for action in actions for name in action.principals})


def permit_of(
    role: Role,
    principal: EntityRef,
    resource: EntityRef,
    schema: Schema,
    *,
    clauses: tuple[terms.Clause, ...],
    start: Datetime | None,
    standing: str | None,
    because: str | None = None,
    docs: str = "",
    span: Span | None = None,
) -> terms.Rule:
    """Return the permit that a grant of a role is."""
    since = "" if start is None else f" from {start}"
    return terms.Rule(
        id=f"grant {role.name} on {resource} to {principal}{since}",
        effect=Effect.PERMIT,
        principals=(terms.Scope(within=(principal,)),),
        actions=role.actions,
        resources=tuple(terms.Scope(type=name, within=(resource,)) for name in covered(role, resource, schema)),
        clauses=clauses,
        because=because,
        standing=standing,
        docs=docs,
        role=role.name,
        span=span,
    )
