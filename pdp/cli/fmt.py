"""`pdp fmt`: policies in the canonical layout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from pdp.classes import dataclass
from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from pdp.cli.terminal import Terminal
    from pdp.errors import Diagnostic

_HELP = """Put policies into the canonical layout; what they mean stays.

\b
PATHS  policy folders, `.pdp` files, or `-` for standard input; by default the current folder

Every comment stays, and so does the order of declarations and clauses. A file that does not parse is left as it is,
and the others are done. What comes from standard input goes to standard output.

\b
Exit status:
  0  done, or nothing to do
  1  with --check: a file is not in the canonical layout
  3  a file does not parse, or a path cannot be used
  4  a file cannot be written, or something went wrong"""

_EXAMPLES = """
pdp fmt
pdp fmt policies --check
pdp fmt policies/people.pdp --diff
git show HEAD:policies/people.pdp | pdp fmt - --check
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one file. `text` is None where there is no canonical text."""

    path: str
    status: str
    old: str = ""
    text: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Put policies into the canonical layout; what they mean stays.",
    help=_HELP,
)
@click.argument("paths", type=click.Path(allow_dash=True), nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; the exit status tells whether a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.option("--stdout", is_flag=True, help="Write nothing; print the text of one file.")
@click.pass_obj
def command(options: Options, paths: tuple[str, ...], check: bool, diff: bool, stdout: bool) -> int:
    """Format the files, and say what was done."""
    from pdp.cli import texts
    from pdp.cli.terminal import emit

    paths = paths or (".",)
    piped = texts.STDIN in paths
    if piped and len(paths) > 1:
        raise Refusal("invalid_usage", "`-` stands alone", help="format standard input and files one after the other")
    if stdout and (check or diff):
        raise Refusal("invalid_usage", "`--stdout` prints the text, and goes with neither `--check` nor `--diff`")
    found, problems = ([texts.STDIN], []) if piped else texts.find(paths)
    if stdout and len(found) > 1:
        raise Refusal("invalid_usage", f"`--stdout` prints one file, and these are {len(found)}", help="name one")
    printed = stdout or (piped and not check and not diff)
    outcomes = [_format(path, writes=not (check or diff or printed)) for path in found]
    status = _status(outcomes, problems, check=check)
    if options.json:
        emit({"ok": status is Status.OK, **_to_json(outcomes, problems, shown=printed, diff=diff)})
    else:
        _show(outcomes, problems, options.terminal(), printed=printed, diff=diff, check=check)
        _complain(outcomes, problems, options)
    return status


def _format(path: str, *, writes: bool) -> Outcome:
    from pdp.cli import texts
    from pdp.errors import Diagnostic
    from pdp.syntax.printer import UnfaithfulError, reformat

    source = texts.read(path)
    path = texts.STDIN_SHOWN if path == texts.STDIN else path
    if isinstance(source, Diagnostic):
        return Outcome(path=path, status="broken", diagnostics=(source,))
    try:
        text, diagnostics = reformat(source)
    except UnfaithfulError:
        message = "the file is left as it is: in the canonical layout, it would not say the same"
        found = texts.problem("unfaithful_layout", path, message, "this is a mistake of `pdp fmt`: please report it")
        return Outcome(path=path, status="failed", diagnostics=(found,))
    if text is None:
        return Outcome(path=path, status="broken", diagnostics=tuple(diagnostics))
    if text == source.text:
        return Outcome(path=path, status="unchanged", old=text, text=text)
    if not writes:
        return Outcome(path=path, status="would_change", old=source.text, text=text)
    problem = texts.write(path, text)
    if problem is not None:
        return Outcome(path=path, status="failed", diagnostics=(problem,))
    return Outcome(path=path, status="formatted", old=source.text, text=text)


def _status(outcomes: list[Outcome], problems: list[Diagnostic], *, check: bool) -> Status:
    statuses = {outcome.status for outcome in outcomes}
    if "failed" in statuses:
        return Status.FAILED
    if problems or "broken" in statuses:
        return Status.INVALID
    return Status.ERRORS if check and "would_change" in statuses else Status.OK


# ------------------------------------------------------------------------------------------------------------- output


def _show(
    outcomes: list[Outcome],
    problems: list[Diagnostic],
    terminal: Terminal,
    *,
    printed: bool,
    diff: bool,
    check: bool,
) -> None:
    from pdp.cli.terminal import plain, say

    if printed:
        _print("".join(outcome.text or "" for outcome in outcomes))
        return
    if diff:
        _print("".join(_diff(outcome, terminal) for outcome in outcomes))
        return
    changed = [outcome for outcome in outcomes if outcome.status in ("formatted", "would_change")]
    for outcome in changed:
        done = terminal.paint("formatted", "allow") if not check else terminal.paint("would change", "deny")
        say(f"{done} {plain(outcome.path)}")
    if not problems and all(outcome.text is not None for outcome in outcomes):
        total = f"{len(outcomes)} file{'' if len(outcomes) == 1 else 's'}"
        if not changed:
            say(f"{terminal.paint('ok', 'allow')}: {total} in the canonical layout")
        else:
            say(f"{len(changed)} of {total} {'would change' if check else 'formatted'}")


def _print(text: str) -> None:
    """Write a text as it is, in UTF-8 whatever the terminal takes: it is to be read by programs."""
    from pdp.cli.terminal import Unwritten

    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
    except OSError as error:
        raise Unwritten from error


def _diff(outcome: Outcome, terminal: Terminal | None = None) -> str:
    """Return what changes, as `diff -u` shows it."""
    import difflib

    from pdp.cli.terminal import plain

    if outcome.text is None:
        return ""
    old, new = (text.splitlines(keepends=True) for text in (outcome.old, outcome.text))
    tints = {"+": "allow", "-": "deny", "@": "note"}
    lines = []
    for line in difflib.unified_diff(old, new, plain(outcome.path), plain(outcome.path)):
        text = line.rstrip("\n")
        if terminal is not None:
            text = terminal.paint(text, tints[line[0]]) if line[0] in tints else text
        lines.append(text + ("\n" if line.endswith("\n") else "\n\\ No newline at end of file\n"))
    return "".join(lines)


def _complain(outcomes: list[Outcome], problems: list[Diagnostic], options: Options) -> None:
    from pdp.cli.terminal import Terminal, say
    from pdp.syntax.messages import render_all

    found = [*problems, *(each for outcome in outcomes for each in outcome.diagnostics)]
    if found:
        say(render_all(found, color=Terminal.of(sys.stderr, options.color).color), sys.stderr)


def _to_json(outcomes: list[Outcome], problems: list[Diagnostic], *, shown: bool, diff: bool) -> dict[str, Any]:
    files = []
    for outcome in outcomes:
        each: dict[str, Any] = {"file": outcome.path, "status": outcome.status}
        if shown and outcome.text is not None:
            each["text"] = outcome.text
        if diff:
            each["diff"] = _diff(outcome)
        files.append(each)
    found = [*problems, *(each for outcome in outcomes for each in outcome.diagnostics)]
    statuses = [outcome.status for outcome in outcomes]
    summary = {name: statuses.count(name) for name in ("formatted", "would_change", "unchanged", "broken", "failed")}
    return {
        "files": files,
        "diagnostics": [each.to_json() for each in found],
        "summary": {"files": len(outcomes), **summary},
    }
