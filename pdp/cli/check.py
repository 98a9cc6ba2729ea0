"""`pdp check`: everything that is wrong with a policy folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdp.cli.commands import Command, Options, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pdp.errors import Diagnostic
    from pdp.loaded import Loaded

_HELP = """Check a policy folder: every error of every file at once.

\b
PATH  the policy folder, or one `.pdp` or `.cedar` file; by default the current folder

Policies and entities are read and checked against each other. The tests in them are checked, and not run. Policies of
Cedar are validated by their schema, as Cedar does in its strict mode; a forbid that can be skipped, since it cannot be
evaluated, is a warning.

\b
Exit status:
  0  no error; with --strict, no warning either
  1  errors
  3  the path cannot be used
  4  something went wrong"""

_EXAMPLES = """
pdp check
pdp check policies --strict
pdp check policies --json | jq '.diagnostics[].code'
"""

# The folder itself is at fault, not what stands in it.
_UNUSABLE = frozenset({"mixed_policies", "no_policy", "no_such_path", "too_many_files"})


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Check a policy folder: every error of every file at once.",
    help=_HELP,
)
@click.argument("path", type=click.Path(), default=".")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.pass_obj
def command(options: Options, path: str, strict: bool) -> int:
    """Check a folder, and say what was found."""
    from pdp.cli.terminal import emit, say
    from pdp.folder import load
    from pdp.syntax.messages import render_all

    loaded = load(path, validate=True)
    place(loaded.diagnostics, path)
    warnings = len(loaded.diagnostics) - len(loaded.errors)
    ok = not loaded.errors and not (strict and warnings)
    counts = _count(loaded)
    if options.json:
        summary = {**counts, "errors": len(loaded.errors), "warnings": warnings}
        emit({"ok": ok, "diagnostics": [each.to_json() for each in loaded.diagnostics], "summary": summary})
    else:
        terminal = options.terminal()
        if loaded.diagnostics:
            say(render_all(loaded.diagnostics, color=terminal.color))
        if ok:
            say(f"{terminal.paint('ok', 'allow')}: {_sentence(_shown(counts, loaded))}")
        elif not loaded.errors:
            say(f"{terminal.paint('not ok', 'deny')}: with --strict, warnings count as errors")
    if any(each.code in _UNUSABLE for each in loaded.errors):
        return Status.INVALID
    return Status.OK if ok else Status.ERRORS


def place(diagnostics: Iterable[Diagnostic], path: str) -> None:
    """Let diagnostics name files from where the command runs, so that an editor finds them."""
    from pathlib import Path

    root = Path(path) if Path(path).is_dir() else Path(path).parent
    # What is at fault with the folder itself names it as it was given.
    inside = [each for each in diagnostics if each.code not in _UNUSABLE]
    spans = [span for each in inside for span in (each.span, *(note[1] for note in each.notes))]
    for source in {span.source for span in spans if span is not None}:
        source.path = str(root / source.path)


def _count(loaded: Loaded) -> dict[str, Any]:
    """Count what the folder holds; None for what could not be read."""
    policy, store = loaded.policy, loaded.store
    grants = None if policy is None else sum(rule.role is not None for rule in policy.rules)
    return {
        "rules": None if policy is None or grants is None else len(policy.rules) - grants,
        "grants": grants,
        "tests": None if policy is None else len(policy.tests),
        "entities": None if store is None else len(store) - _actions(loaded),
        "files": loaded.files,
    }


def _actions(loaded: Loaded) -> int:
    """Count the actions of Cedar: they are entities, and not what anybody would call one."""
    return 0 if loaded.policy is None else sum(each.ref is not None for each in loaded.policy.schema.actions.values())


def _shown(counts: dict[str, Any], loaded: Loaded) -> dict[str, Any]:
    """Return what there is to tell of the counts: Cedar has no grants and no tests, and calls a rule a policy."""
    if loaded.policy is None or not loaded.policy.schema.is_cedar:
        return counts
    return {"policies": counts["rules"], "entities": counts["entities"], "files": counts["files"]}


def _sentence(counts: dict[str, Any]) -> str:
    """Say in words how many there are of each."""
    *things, files = (_noun(number, name) for name, number in counts.items())
    return f"{', '.join(things)} in {files}"


def _noun(number: int, plural: str) -> str:
    singular = {"entities": "entity", "policies": "policy"}.get(plural, plural[:-1])
    return f"{number} {singular if number == 1 else plural}"
