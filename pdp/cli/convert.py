"""`pdp convert`: policies of Cedar as a policy folder of pdp."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    from pdp.cedar.conversion import Converted
    from pdp.cli.terminal import Terminal

_HELP = """Convert policies of Cedar into a policy folder of pdp.

\b
PATH  a folder of Cedar: policies (`*.cedar`), a schema (`*.cedarschema` or `*.cedarschema.json`), and what else there
      is of entities (`entities.json`) and links of templates (`links.json`)

The schema becomes types, enums and actions, each policy a rule that is named as it is, and entities an entity file. A
comment that starts with `differs from Cedar` stands wherever something means something else. A policy that pdp cannot
say stands in a comment with the reason; all else is converted, and the result holds up to `pdp check`.

Without --out, the policies are printed. No file is overwritten without --force.

\b
Exit status:
  0  everything is converted
  1  all but what is told
  3  the path cannot be used, or a file is in the way
  4  the folder does not load, or something went wrong"""

_EXAMPLES = """
pdp convert photos-cedar
pdp convert photos-cedar --out policies && pdp check policies
pdp convert photos-cedar --json | jq '.differences[].message'
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Convert policies of Cedar into a policy folder of pdp.",
    help=_HELP,
)
@click.argument("path", type=click.Path())
@click.option("--out", metavar="FOLDER", type=click.Path(), help="Write the files there instead of printing them.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.pass_obj
def command(options: Options, path: str, out: str | None, force: bool) -> int:
    """Convert a folder."""
    import sys

    from pdp.cli.terminal import Terminal, emit, say

    found = _converted(path)
    if out is not None:
        _write(found, Path(out), force)
    if options.json:
        emit({"ok": not found.diagnostics, "out": out, **found.to_json()})
    else:
        if out is None:
            say(found.policy.removesuffix("\n"))
        # What is printed may go into a file: what there is to say of it does not.
        terminal = options.terminal() if out is not None else Terminal.of(sys.stderr, options.color)
        _tell(found, out, terminal)
    return Status.ERRORS if found.diagnostics else Status.OK


def _converted(path: str) -> Converted:
    from pdp.cedar.conversion import convert
    from pdp.cedar.loading import read, sorted_out
    from pdp.errors import PolicyError
    from pdp.folder import read_folder

    sources, problems = read_folder(path)
    if not problems and not any(source.path.endswith(".cedar") for source in sources):
        help_ = "policies of Cedar end in `.cedar`"
        raise Refusal("no_policy", f"`{path}` holds no policy of Cedar", help=help_)
    if problems:
        raise PolicyError(problems)
    read_ = read(sorted_out(sources))
    if not read_.sound:
        raise PolicyError(read_.every)
    found = convert(read_)
    if found is None:
        help_ = "put a file that ends in `.cedarschema` or `.cedarschema.json` beside the policies"
        message = "without a schema, nobody knows which types, attributes and actions there are"
        raise Refusal("no_schema", message, help=help_)
    return found


def _write(found: Converted, folder: Path, force: bool) -> None:
    files = {folder / name: text for name, text in found.files().items()}
    there = [str(file) for file in files if os.path.lexists(file)]
    if there and not force:
        raise Refusal("file_exists", f"`{there[0]}` is there already", help="`--force` overwrites it")
    if folder.is_dir() and any(folder.glob("*.cedar")):
        help_ = "name another folder with `--out`"
        raise Refusal("mixed_policies", f"`{folder}` holds policies of Cedar: no folder has both", help=help_)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")


def _tell(found: Converted, out: str | None, terminal: Terminal) -> None:
    import sys

    from pdp.cli.terminal import plain, say
    from pdp.syntax.messages import render_all

    stream = sys.stdout if out is not None else sys.stderr
    if found.diagnostics:
        say(render_all(found.diagnostics, color=terminal.color), stream)
    for each in found.differences:
        say(f"{terminal.paint('differs', 'note')}: {plain(each.subject)}: {plain(each.message)}", stream)
    if out is None:
        if found.entities:
            say(f"{terminal.paint('note', 'note')}: `--out FOLDER` writes the entities, too", stream)
        return
    rules = sum(map(len, found.rules.values()))
    count = f"{len(found.rules)} polic{'y' if len(found.rules) == 1 else 'ies'}"
    names = ", ".join(plain(str(Path(out, name))) for name in found.files())
    say(f"{terminal.paint('converted', 'strong')}: {count}, as {rules} rule{'' if rules == 1 else 's'}, in {names}")
