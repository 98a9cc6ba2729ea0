"""`pdp init`: a first policy folder, to be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pdp.cli.commands import Command, Options, Refusal, Status

FILES: Final = ("policy.pdp", "entities.yaml", "README.md")
"""What is written: copies of the files in `start/`."""

_START: Final = Path(__file__).resolve().parent / "start"

_HELP = """Write a first small policy folder: a policy, some entities, and a README with commands to try.

\b
FOLDER  where to; by default `policies`. It is made where there is none.

Nothing is overwritten: where one of the files is there, none is written.

\b
Exit status:
  0  written
  3  one of the files is there, or the folder cannot be used
  4  something went wrong"""

_EXAMPLES = """
pdp init
pdp init access/policies
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Write a first small policy folder.",
    help=_HELP,
)
@click.argument("folder", type=click.Path(), metavar="[FOLDER]", default="policies")
@click.pass_obj
def command(options: Options, folder: str) -> int:
    """Write the folder, and say what to do next."""
    from shlex import quote

    from pdp.cli.terminal import emit, plain, say

    folder = folder or "."
    write(Path(folder))
    if options.json:
        emit({"folder": folder, "files": [str(Path(folder, name)) for name in FILES]})
        return Status.OK
    terminal = options.terminal()
    shown = plain(quote(folder))
    say(f"{terminal.paint('wrote', 'allow')} {', '.join(plain(str(Path(folder, name))) for name in FILES)}")
    say("try:")
    say(f"  pdp check {shown}")
    say(f"  pdp decide {shown} User:ada deploy Service:shop")
    say(f"  pdp trace {shown} User:ada deploy Service:shop --session '{{\"mfa\": true}}'")
    return Status.OK


def write(folder: Path) -> None:
    """Write all the files or none; raise Refusal where one is there, or cannot be written."""
    for name in FILES:
        if (folder / name).exists() or (folder / name).is_symlink():
            help_ = "name another folder, or move the file away"
            raise Refusal("file_exists", f"`{folder / name}` is there already", help=help_)
    done: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            path = folder / name
            # Where the file has come to be in the meantime, it is somebody else's: it stays.
            with path.open("xb") as file:
                done.append(path)
                file.write((_START / name).read_bytes())
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise Refusal("unusable_path", f"`{folder}` cannot be written to: {reason}") from None
