"""`pdp reject`: reject a request for access."""

from __future__ import annotations

from typing import Any

import click

from pdp.cli.access import SIGNED, STATUS_HELP, TARGET_HELP, TOKEN_HELP, Desk, finish, signing, takes, told
from pdp.cli.commands import Command, Options

_HELP = f"""Reject a request for access, which closes it: approvals that it has count no more.

Who might approve it may reject it. Who asked for it takes it back with `pdp withdraw`.

{TARGET_HELP}
ID      the request, as `pdp pending` shows it

{TOKEN_HELP}

{STATUS_HELP}"""

_EXAMPLES = """
pdp reject policies k3v9x2m7 --why "not on a Friday"
pdp reject policies k3v9x2m7 --why "no incident of that number" --key ~/keys/grace.pem --json
"""


@click.command(cls=Command, examples=_EXAMPLES, short_help="Reject a request for access, which closes it.", help=_HELP)
@click.argument("target", type=click.Path())
@click.argument("id", metavar="ID")
@click.option("--why", metavar="TEXT", required=True, help="For who asked for it.")
@takes(SIGNED)
@click.pass_obj
def command(options: Options, /, target: str, id: str, why: str, **given: Any) -> int:
    """Put a rejection on record."""
    sign, desk = signing(target, given), Desk(target, given)
    found = told(lambda: desk.store.reject(desk.engine, id, signer=sign, why=why))
    return finish(options, desk, "rejected", found)
