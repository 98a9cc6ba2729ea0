"""`pdp trace`: why a decision comes out as it does."""

from __future__ import annotations

from typing import Any

import click

from pdp.cli.commands import Command, Options
from pdp.cli.parameters import INPUT_HELP, STATUS_HELP, takes_request

_HELP = f"""Show why a decision comes out as it does: every rule in scope, every clause with the values that it met.

A rule is in scope when it is about the principal, the action and the resource. Those that decided come first. A mark
tells whether a condition is true, false, or cannot be known.

{INPUT_HELP}

{STATUS_HELP}"""

_EXAMPLES = """
pdp trace policies User:ada deploy Service:shop
pdp trace policies User:ada deploy Service:shop --session '{"mfa": true}' --color always | less -R
pdp trace policies --request @request.json --json | jq '.rules[] | select(.determining)'
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Show why a decision comes out as it does.",
    help=_HELP,
)
@takes_request
@click.pass_obj
def command(options: Options, /, path: str, **given: Any) -> int:
    """Explain a decision."""
    from pdp.cli.answer import status_of
    from pdp.cli.explanation import lines
    from pdp.cli.question import ask
    from pdp.cli.terminal import emit, note, say

    asked = ask(path, given)
    trace = asked.engine.explain(asked.request)
    if options.json:
        emit({**trace.to_json(), "notes": list(asked.notes)})
    else:
        for line in lines(trace, asked.policy, options.terminal()):
            say(line)
        note(asked.notes, options.color)
    return status_of(trace.decision)
