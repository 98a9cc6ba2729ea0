"""From syntax trees to typed rules: every error of every file at once."""

from __future__ import annotations

from collections.abc import Sequence

from pdp import terms
from pdp.checker.cases import CaseChecker
from pdp.checker.defines import check_defines
from pdp.checker.grants import GrantChecker, check_overlaps
from pdp.checker.names import Kind, World, collect, report_unused
from pdp.checker.report import Report
from pdp.checker.rules import RuleChecker
from pdp.checker.world import Builder
from pdp.errors import Diagnostic
from pdp.schema import Schema
from pdp.syntax import tree


def check(files: Sequence[tree.File], revision: str = "") -> tuple[terms.Policy | None, list[Diagnostic]]:
    """Check files that belong together; return the policy, or None where there is an error, and all that was found.

    The order of the files does not matter.
    """
    files = sorted(files, key=lambda file: file.source.path)
    report = Report()
    world = collect(files, report)
    schema = Builder(world, report).build()
    check_defines(world, schema, report)
    rules = [*_rules(world, schema, report), *_grants(files, world, schema, report)]
    tests = tuple(
        CaseChecker(world, schema, report, world.names(file)).check(decl)
        for file in files
        for decl in file.declarations
        if isinstance(decl, tree.TestDecl)
    )
    report_unused(world, files, report)
    policy = terms.Policy(schema=schema, rules=tuple(rules), revision=revision, tests=tests)
    return (None if report.failed else policy), report.diagnostics()


def _rules(world: World, schema: Schema, report: Report) -> list[terms.Rule]:
    return [
        RuleChecker(world, schema, report, world.names(symbol.file)).check(symbol, symbol.decl)
        for symbol in world.of(Kind.RULE)
        if isinstance(symbol.decl, tree.RuleDecl)
    ]


def _grants(files: Sequence[tree.File], world: World, schema: Schema, report: Report) -> list[terms.Rule]:
    found = []
    for file in files:
        checker = GrantChecker(world, schema, report, world.names(file))
        for decl in file.declarations:
            if isinstance(decl, tree.GrantDecl) and (rule := checker.check(decl)) is not None:
                found.append((decl, rule))
    return check_overlaps(found, report)
