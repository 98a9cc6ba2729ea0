"""From texts that belong together to a policy and its entities: what a load comes to where nothing is cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pdp import entities
from pdp.checker import Checked, check_parts
from pdp.checker.parts import Part
from pdp.classes import dataclass
from pdp.entities import Store
from pdp.errors import Diagnostic, Severity
from pdp.schema import Schema
from pdp.source import Source
from pdp.syntax import parse
from pdp.syntax.tree import File


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What texts come to. `checked.policy` is None where there is an error, in the syntax too.

    `kept` are the paths of the files that were known already.
    """

    checked: Checked
    files: Sequence[File]
    diagnostics: Sequence[Diagnostic]
    kept: frozenset[str] = frozenset()


def build(sources: Sequence[Source], revision: str, problems: Sequence[Diagnostic] = ()) -> Built:
    """Parse and check texts that belong together; `problems` are what was found before."""
    diagnostics = list(problems)
    files: list[File] = []
    for source in sources:
        file, found = parse(source)
        files.append(file)
        diagnostics += found
    sound = not _fails(diagnostics)
    checked = check_parts(files, revision)
    # Where a file could not be read, names that it declares seem missing: what the text says is reported first.
    diagnostics += checked.diagnostics if sound else [each for each in checked.diagnostics if each.code not in _FOLLOW]
    if not sound:
        checked = Checked(policy=None, diagnostics=checked.diagnostics, parts={})
    return Built(checked=checked, files=files, diagnostics=diagnostics)


def rebuild(files: Sequence[File], revision: str, kept: Mapping[str, Part]) -> Built | None:
    """Check sound files, some of which have been before; None where all has to be built anew."""
    checked = check_parts(files, revision, kept)
    if checked.policy is None:
        return None
    return Built(checked=checked, files=files, diagnostics=checked.diagnostics, kept=frozenset(kept))


def read_entities(sources: Sequence[Source], schema: Schema) -> tuple[Store | None, Sequence[Diagnostic]]:
    """Read entity files; without a store where there is an error."""
    store, wrong = entities.load(sources, schema)
    return None if _fails(wrong) else store, wrong


def _fails(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(each.severity is Severity.ERROR for each in diagnostics)


_FOLLOW: Final = frozenset(
    {
        "action_does_not_apply",
        "grant_covers_nothing",
        "impossible_membership",
        "impossible_scope",
        "scope_covers_nothing",
        "unknown_action",
        "unknown_define",
        "unknown_group",
        "unknown_import",
        "unknown_name",
        "unknown_namespace",
        "unknown_obligation",
        "unknown_role",
        "unknown_rule",
        "unknown_type",
        "unused_define",
        "unused_import",
    }
)
