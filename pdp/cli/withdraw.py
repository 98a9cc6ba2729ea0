"""`pdp withdraw`: take back a request for access, or its approval."""

from __future__ import annotations

from typing import Any

import click

from pdp.cli.access import SIGNED, STATUS_HELP, TARGET_HELP, TOKEN_HELP, Desk, finish, signing, takes, told
from pdp.cli.commands import Command, Options

_HELP = f"""Take back a request for access, or its approval: whichever of them is yours.

What is taken back counts no more, in every engine that looks at the store after that.

{TARGET_HELP}
ID      the request

{TOKEN_HELP}

{STATUS_HELP}"""

_EXAMPLES = """
pdp withdraw policies k3v9x2m7
pdp withdraw policies k3v9x2m7 --why "the incident is over" --json
"""


@click.command(
    cls=Command, examples=_EXAMPLES, short_help="Take back a request for access, or its approval.", help=_HELP
)
@click.argument("target", type=click.Path())
@click.argument("id", metavar="ID")
@click.option("--why", metavar="TEXT", default="", help="For those who read the record.")
@takes(SIGNED)
@click.pass_obj
def command(options: Options, /, target: str, id: str, why: str, **given: Any) -> int:
    """Put a withdrawal on record."""
    sign, desk = signing(target, given), Desk(target, given)
    found = told(lambda: desk.store.withdraw(desk.engine, id, signer=sign, why=why))
    return finish(options, desk, "withdrew" if found.closed else "withdrew the approval of", found)
