"""`pdp approve`: approve a request for access."""

from __future__ import annotations

from typing import Any

import click

from pdp.cli.access import SIGNED, STATUS_HELP, TARGET_HELP, TOKEN_HELP, Desk, finish, signing, takes, told
from pdp.cli.commands import Command, Options

_HELP = f"""Approve a request for access, in your name, until the time that was asked for.

The policy has to ask for an approval by somebody such as you. Nobody approves what they asked for, nor what they do
themselves.

{TARGET_HELP}
ID      the request, as `pdp pending` shows it

{TOKEN_HELP}

{STATUS_HELP}"""

_EXAMPLES = """
pdp approve policies k3v9x2m7
pdp approve policies k3v9x2m7 --why "seen the change" --key ~/keys/grace.pem
pdp approve policies k3v9x2m7 --token-file grace.jwt --key ~/keys/desk.pem
pdp approve policies k3v9x2m7 --revocations policies.revocations.db --json
"""


@click.command(cls=Command, examples=_EXAMPLES, short_help="Approve a request for access.", help=_HELP)
@click.argument("target", type=click.Path())
@click.argument("id", metavar="ID")
@click.option("--why", metavar="TEXT", default="", help="For those who read the record.")
@takes(SIGNED)
@click.pass_obj
def command(options: Options, /, target: str, id: str, why: str, **given: Any) -> int:
    """Put an approval on record."""
    sign, desk = signing(target, given), Desk(target, given)
    found = told(lambda: desk.store.approve(desk.engine, id, signer=sign, why=why))
    return finish(options, desk, "approved", found)
