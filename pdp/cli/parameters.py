"""The arguments and options that make a request, and what the help says of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _refuse_token(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        from pdp.cli.bearer import misplaced

        raise misplaced()


TOKEN: Final = (
    click.option("--token-file", metavar="FILE", help="What holds a token; `-` is standard input."),
    click.option("--token-env", metavar="NAME", help="The variable of the environment that holds a token."),
    # Who looks for it is told what to do instead.
    click.option("--token", hidden=True, expose_value=False, callback=_refuse_token),
)
IDENTITY: Final = click.option(
    "--identity", metavar="FILE", help="Whose tokens are taken; by default PATH.identity.toml, beside PATH."
)

PARAMETERS: Final = (
    click.argument("path", type=click.Path()),
    click.argument("principal", metavar="PRINCIPAL", required=False),
    click.argument("action", metavar="ACTION", required=False),
    click.argument("resource", metavar="RESOURCE", required=False),
    click.option("--context", metavar="JSON", help="The attributes of the context, as an object."),
    click.option("--session", metavar="JSON", help="How the principal proved who it is, as an object."),
    click.option("--entities", metavar="JSON", help="A list of entities that the request brings."),
    click.option("--approvals", metavar="JSON", help="A list of approvals, or the path of a store of them, in `.db`."),
    click.option("--keys", metavar="PATH", help="Whose signatures count in that store; by default PATH.keys.json."),
    click.option("--request", metavar="JSON", help="The whole request as one object, instead of all the above."),
    click.option("--at", metavar="TIME", help="The time of the request, as 2026-11-23T09:00:00Z; by default now."),
    click.option("--revocations", metavar="PATH", help="The record of what is revoked, such as `pdp revoke` writes."),
    click.option("--handles", metavar="NAME", multiple=True, help="An obligation that you fulfil; may be repeated."),
    *TOKEN,
    IDENTITY,
)

INPUT_HELP: Final = """\b
PATH       the policy folder, or one `.pdp` or `.cedar` file
PRINCIPAL  who asks, as `User:ada` or `'User "ada"'`; for policies of Cedar, as `Ns::User:ada` or `'Ns::User::"ada"'`
ACTION     what it asks for
RESOURCE   on what, written as the principal is

With a token, who asks and how they proved it is what it says: PRINCIPAL and `--session` are left out.

JSON stands in the argument itself, in a file (`@file`), or on standard input (`-`)."""

STATUS_HELP: Final = """\b
Exit status:
  0  allowed, and every obligation handled
  2  denied, or allowed with an obligation that nobody handles, or the token is refused
  3  the request makes no sense
  4  the policy does not load, or something went wrong"""


def takes_request(command: _Function) -> _Function:
    """Give a command the arguments and options that make a request."""
    for parameter in reversed(PARAMETERS):
        command = parameter(command)
    return command
