"""What the rules, grants and tests of one file come to. It hangs on nothing but that file and on what all declare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pdp import terms
from pdp.checker.cases import CaseChecker
from pdp.checker.grants import GrantChecker
from pdp.checker.names import Kind, World
from pdp.checker.report import Report
from pdp.checker.rules import RuleChecker
from pdp.classes import dataclass, field
from pdp.errors import Diagnostic
from pdp.schema import Schema
from pdp.source import Span
from pdp.syntax import tree
from pdp.values import DATETIME_MAX, DATETIME_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A grant, and what tells whether another stands for the same."""

    rule: terms.Rule
    resource: tuple[str, str]
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where the grant is written."""
        if self.rule.span is None:
            raise ValueError("the grant is written nowhere")
        return self.rule.span


@dataclass(slots=True, kw_only=True)
class Part:
    """One file's share of a policy, and what was found in its rules, its grants and its tests.

    `used` are the words for defines, and those imported, that something in the file uses. `added` are the terms that
    defines came to, and `looked` those that were looked at for further combinations of types.
    """

    rules: Sequence[terms.Rule] = ()
    grants: Sequence[Granted] = ()
    tests: Sequence[terms.Test] = ()
    in_rules: Sequence[Diagnostic] = ()
    in_grants: Sequence[Diagnostic] = ()
    in_tests: Sequence[Diagnostic] = ()
    used: frozenset[str] = field(default_factory=frozenset)
    added: int = 0
    looked: int = 0


def check_part(file: tree.File, world: World, schema: Schema) -> Part:
    """Check the rules, grants and tests of a file."""
    in_rules, in_grants, in_tests = Report(), Report(), Report()
    names, added, looks = world.names(file), world.allowance.left, world.looks.left
    grants = GrantChecker(world, schema, in_grants, names)
    cases = CaseChecker(world, schema, in_tests, names)
    part = Part(
        rules=[
            RuleChecker(world, schema, in_rules, names).check(symbol, symbol.decl)
            for symbol in world.of_file(file, Kind.RULE)
            if isinstance(symbol.decl, tree.RuleDecl)
        ],
        grants=list(_grants(file, grants)),
        tests=[cases.check(decl) for decl in file.declarations if isinstance(decl, tree.TestDecl)],
    )
    part.added, part.looked = added - world.allowance.left, looks - world.looks.left
    part.in_rules, part.in_grants, part.in_tests = in_rules.found(), in_grants.found(), in_tests.found()
    return part


def _grants(file: tree.File, checker: GrantChecker) -> Iterator[Granted]:
    for decl in file.declarations:
        if isinstance(decl, tree.GrantDecl) and (rule := checker.check(decl)) is not None:
            start, end = decl.end.start, decl.end.end
            yield Granted(
                rule=rule,
                resource=(decl.resource.type.text, decl.resource.id),
                start=DATETIME_MIN if start is None else start.micros,
                end=DATETIME_MAX if end is None else end.micros,
            )
