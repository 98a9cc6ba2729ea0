"""`pdp decide`: one request, one decision."""

from __future__ import annotations

from typing import Any

import click

from pdp.cli.commands import Command, Options
from pdp.cli.parameters import INPUT_HELP, STATUS_HELP, takes_request

_EXAMPLES = """
pdp decide policies User:ada deploy Service:shop
pdp decide policies User:ada deploy Service:shop --context '{"ip": "10.1.2.3"}' --at 2026-11-23T09:00:00Z
pdp decide policies User:ada deploy Service:shop --session @session.json --handles notify && ./deploy.sh
generate-request | pdp decide policies --request - --json
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Ask for a decision; the exit status is the answer.",
    help=f"Ask for a decision; the exit status is the answer.\n\n{INPUT_HELP}\n\n{STATUS_HELP}",
)
@takes_request
@click.pass_obj
def command(options: Options, /, path: str, **given: Any) -> int:
    """Ask for a decision, and say it."""
    from pdp.cli.decision import decide

    return decide(options, path, given)
