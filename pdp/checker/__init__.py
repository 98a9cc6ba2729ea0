"""From syntax trees to typed rules: every error of every file at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pdp import terms
from pdp.checker.defines import check_defines
from pdp.checker.names import Kind, World, collect, report_unused
from pdp.checker.parts import Granted, Part, check_part
from pdp.checker.report import Report
from pdp.checker.world import Builder
from pdp.classes import dataclass
from pdp.errors import Diagnostic
from pdp.syntax import tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A policy, or None where there is an error, all that was found, and each file's part by its path."""

    policy: terms.Policy | None
    diagnostics: list[Diagnostic]
    parts: Mapping[str, Part]


def check(files: Sequence[tree.File], revision: str = "") -> tuple[terms.Policy | None, list[Diagnostic]]:
    """Check files that belong together; return the policy, or None where there is an error, and all that was found.

    The order of the files does not matter.
    """
    checked = check_parts(files, revision)
    return checked.policy, checked.diagnostics


def check_parts(files: Sequence[tree.File], revision: str = "", kept: Mapping[str, Part] | None = None) -> Checked:
    """Check files that belong together, but for those by path whose part is known already.

    Such a file need hold no more than its declarations, and of each rule the name, or no rules at all where no name of
    one matters to any other file. Where anything is in error the findings may fall short: check again without what is
    known.
    """
    kept = kept or {}
    files = sorted(files, key=lambda file: file.source.path)
    report = Report()
    world = collect(files, report)
    schema = Builder(world, report).build()
    world.allowance.left -= sum(part.added for part in kept.values())
    world.looks.left -= sum(part.looked for part in kept.values())
    check_defines(world, schema, report)
    parts = [kept.get(file.source.path) or check_part(file, world, schema) for file in files]
    _add(report, (part.in_rules for part in parts))
    _add(report, (part.in_grants for part in parts))
    grants = check_overlaps([grant for part in parts for grant in part.grants], report)
    _add(report, (part.in_tests for part in parts))
    _mind_imports(files, parts, kept, world)
    report_unused(world, files, report)
    policy = terms.Policy(
        schema=schema,
        rules=(*(rule for part in parts for rule in part.rules), *grants),
        revision=revision,
        tests=tuple(test for part in parts for test in part.tests),
    )
    return Checked(
        policy=None if report.failed or _renamed(files, kept, world) else policy,
        diagnostics=report.diagnostics(),
        parts={file.source.path: part for file, part in zip(files, parts, strict=True)},
    )


def _add(report: Report, found: Iterable[Sequence[Diagnostic]]) -> None:
    for diagnostics in found:
        for diagnostic in diagnostics:
            report.add(diagnostic)


def _mind_imports(files: Sequence[tree.File], parts: Sequence[Part], kept: Mapping[str, Part], world: World) -> None:
    for file, part in zip(files, parts, strict=True):
        view = world.names(file)
        if file.source.path in kept:
            view.used |= part.used
        part.used = frozenset(view.used & (view.imported.keys() | view.tables[Kind.DEFINE].keys()))


def _renamed(files: Sequence[tree.File], kept: Mapping[str, Part], world: World) -> bool:
    """Tell whether a rule is called otherwise than when its file was checked: two namespaces may have its name now."""
    for file in files:
        part = kept.get(file.source.path)
        if part is not None:
            names = [symbol.name for symbol in world.of_file(file, Kind.RULE)]
            if names and names != [rule.id for rule in part.rules]:
                return True
    return False


def check_overlaps(grants: Sequence[Granted], report: Report) -> list[terms.Rule]:
    """Return the grants, each once; report those that give the same role for times that overlap."""
    groups: dict[tuple[object, ...], list[Granted]] = defaultdict(list)
    found = []
    for grant in grants:
        rule, group = grant.rule, groups[grant.rule.role, grant.rule.principals, grant.resource]
        clash = next((each for each in group if each.start < grant.end and grant.start < each.end), None)
        if clash is None:
            found.append(rule)
        else:
            report.error(
                "duplicate_grant",
                "the same grant stands twice for the same time",
                grant.span,
                "remove one of them, or let one start where the other ends",
                (("the first is here", clash.span),),
            )
        group.append(grant)
    return found
