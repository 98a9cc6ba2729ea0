"""`pdp pending`: which requests for access wait for approval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pdp.cli.access import STORE, TARGET_HELP, Desk, details, headline, takes, told
from pdp.cli.commands import Command, Options, Status
from pdp.cli.terminal import plain

if TYPE_CHECKING:
    from pdp.approvals.ledger import AccessRequest

_HELP = f"""Show which requests for access wait for approval: those that are neither rejected, withdrawn nor over.

{TARGET_HELP}

\b
Exit status:
  0  they are shown
  3  the command line makes no sense
  4  the policy does not load, or the store cannot be used"""

_EXAMPLES = """
pdp pending policies
pdp pending policies --json | jq -r '.requests[].id'
"""


@click.command(
    cls=Command, examples=_EXAMPLES, short_help="Show which requests for access wait for approval.", help=_HELP
)
@click.argument("target", type=click.Path())
@takes(STORE)
@click.pass_obj
def command(options: Options, /, target: str, **given: Any) -> int:
    """Show open requests."""
    from pdp.cli.terminal import emit, note, say

    desk = Desk(target, given)
    found = told(desk.store.pending)
    notes = [*desk.notes()]
    if options.json:
        emit({"requests": [{**each.to_json(), "asks": _asks(desk, each)} for each in found], "notes": notes})
        return Status.OK
    for each in found:
        say(f"{each.id}: {headline(each)}")
        for line in (*details(each), *_lines(desk, each)):
            say(line)
    if not found:
        say("nothing is pending")
    note(notes, options.color)
    return Status.OK


def _asks(desk: Desk, request: AccessRequest) -> list[dict[str, Any]]:
    """Return what rules ask of approvals such as these, as far as they apply."""
    from pdp.answers import wall_clock
    from pdp.approvals.asking import asked, request_of
    from pdp.errors import RequestError
    from pdp.values import Datetime

    try:
        needed, _ = asked(desk.engine, request_of(request.wanted, Datetime.of(wall_clock())))
    except RequestError:
        # The policy has changed since, or what it is about.
        return []
    found = []
    for each in needed:
        missing = each.need.approvals
        if missing is not None and (each.clause.of is None) is (request.wanted.of is None):
            found.append({"rule": each.need.rule, "count": missing.count, "from": [*missing.approvers]})
    return found


def _lines(desk: Desk, request: AccessRequest) -> Iterator[str]:
    asks = _asks(desk, request)
    for each in asks:
        yield plain(f"  {each['rule']} asks for {each['count']}, from {', '.join(each['from'])}")
    if not asks:
        yield "  no rule asks for its approval any more"
