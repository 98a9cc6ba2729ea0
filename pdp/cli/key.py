"""`pdp key`: make the key that requests and approvals are signed with, or show what others need of it."""

from __future__ import annotations

import os

import click

from pdp.cli.access import key_path, signer, told
from pdp.cli.commands import Command, Options, Refusal, Status

_HELP = """Make the key that requests and approvals are signed with, or show again the line that others need of it.

`new` writes a private key into a file that is yours alone, and prints the line that says whose it is. That line counts
when it stands in the file of keys, beside the policies and reviewed as they are.

\b
Exit status:
  0  done
  3  the file cannot be written or read, or the command line makes no sense
  4  something went wrong"""

_EXAMPLES = """
pdp key new --for User:grace
pdp key new --for User:grace --key ~/keys/grace.pem --json
pdp key show --for User:grace
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Make the key that requests and approvals are signed with.",
    help=_HELP,
)
@click.argument("what", metavar="new|show", type=click.Choice(["new", "show"]))
@click.option("--for", "owner", metavar="ENTITY", required=True, help="Whose key it is, as the policy names them.")
@click.option(
    "--key", metavar="FILE", envvar="PDP_KEY", help="Its file, by default key.pem in the folder of settings of pdp."
)
@click.pass_obj
def command(options: Options, /, what: str, owner: str, key: str | None) -> int:
    """Make or show a key."""
    import json

    from pdp.approvals.signing import Signer
    from pdp.cli.entities import split_help
    from pdp.cli.terminal import emit, say
    from pdp.conform import read_ref

    try:
        read_ref(owner)
    except ValueError as error:
        message, help_ = split_help(str(error))
        raise Refusal("invalid_request", f"`--for`: {message}", help=help_) from None
    path = os.path.abspath(key_path(key))  # noqa: PTH100
    if what == "new":
        if key is None:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
        found = told(lambda: Signer.create(path))
    else:
        found = signer(path)
    if options.json:
        emit({"for": owner, "key": found.key, "file": path})
    else:
        if what == "new":
            say(f"a new key, for you alone: {path}")
        say("what others need of it, in the file of keys beside the policies (such as policies.keys.json):")
        say(f"  {json.dumps(owner)}: [{json.dumps(found.key)}]")
    return Status.OK
