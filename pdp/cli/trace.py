"""`pdp trace`: why a decision comes out as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdp.cli.commands import Command, Options, Refusal
from pdp.cli.parameters import INPUT_HELP, STATUS_HELP, takes_request

if TYPE_CHECKING:
    from pdp.cli.question import Asked
    from pdp.trace import Trace

_HELP = f"""Show why a decision comes out as it does, and what it would take for it to be another one.

The rules that decided come first, then the nearest one that did not, each clause with the values that it met. A mark
tells whether a condition is true, false, or cannot be known. At the end stands the smallest change of facts that would
turn the decision around, with who can supply it: the caller, an approver, an administrator, or nobody.

{INPUT_HELP}

{STATUS_HELP}"""

_EXAMPLES = """
pdp trace policies User:ada deploy Service:shop
pdp trace policies User:ada deploy Service:shop --session '{"mfa": true}' --color always | less -R
pdp trace policies User:ada deploy Service:shop --html trace.html
pdp trace policies --request @request.json --json | jq '.flips.smallest[].text'
"""


@click.command(
    cls=Command,
    examples=_EXAMPLES,
    short_help="Show why a decision comes out as it does.",
    help=_HELP,
)
@takes_request
@click.option("--all", "everything", is_flag=True, help="Show every rule in scope, not only those that say most.")
@click.option("--html", "page", metavar="FILE", help="Write a page that shows it, with the tree of the rules.")
@click.pass_obj
def command(options: Options, /, path: str, everything: bool, page: str | None, **given: Any) -> int:
    """Explain a decision."""
    from pdp.cli.answer import status_of
    from pdp.cli.explanation import lines
    from pdp.cli.question import ask
    from pdp.cli.terminal import emit, note, say

    asked = ask(path, given)
    trace = asked.engine.explain(asked.request)
    if page is not None:
        _write(page, asked, trace)
    if options.json:
        emit({**trace.to_json(), "notes": list(asked.notes)})
    else:
        for line in lines(trace, asked.policy, options.terminal(), everything=everything):
            say(line)
        note(asked.notes, options.color)
    return status_of(trace.decision)


def _write(path: str, asked: Asked, trace: Trace) -> None:
    """Write the page; raise Refusal where that cannot be done."""
    from pdp.trace.page import render
    from pdp.trace.tree import grow

    _, _, question, facts = asked.engine.judged(asked.request)
    tree = () if question is None or facts is None else grow(asked.policy, question, facts)
    try:
        with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123  # `pathlib` is not imported for it
            file.write(render(trace, tree))
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise Refusal("unwritable_file", f"`--html`: `{path}` cannot be written: {reason}") from None
