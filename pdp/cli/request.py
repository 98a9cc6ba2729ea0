"""`pdp request`: ask for access that others have to approve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pdp.cli.access import SIGNED, STATUS_HELP, TARGET_HELP, Desk, headline, signing, takes, told
from pdp.cli.commands import Command, Options, Refusal, Status

if TYPE_CHECKING:
    import datetime

    from pdp.approvals.asking import Needed
    from pdp.approvals.signing import Signing

_HELP = f"""Ask for access that others have to approve: the policy says who, and how many of them.

The time that is asked for begins now. Nobody approves what they asked for, nor what they do themselves.

{TARGET_HELP}
PRINCIPAL, ACTION and RESOURCE are written as for `pdp decide`. With a token, it is whom that speaks for who asks, for
themselves where PRINCIPAL is left out; FOLDER.keys.json says that the key may vouch for them.

{STATUS_HELP}"""

_EXAMPLES = """
pdp request policies User:ada deploy Service:pay --for 4h --why "INC-42: payments are down" --context '{"change": "c1"}'
pdp request policies User:ada deploy Service:pay --for 30m --why "a hotfix" --rule production_is_reviewed
pdp request policies deploy Service:pay --for 1h --why "INC-42" --token-file ada.jwt --key ~/keys/desk.pem
pdp request policies Workload:ci deploy Service:pay --for 1h --why "the release" --key ~/ci.pem --json
"""


@click.command(cls=Command, examples=_EXAMPLES, short_help="Ask for access that others have to approve.", help=_HELP)
@click.argument("target", type=click.Path())
@click.argument("principal", metavar="PRINCIPAL")
@click.argument("action", metavar="ACTION")
@click.argument("resource", metavar="RESOURCE", required=False)
@click.option("--why", metavar="TEXT", required=True, help="For those who decide about it.")
@click.option("--for", "lasts", metavar="DURATION", required=True, help="How long, as 30m, 4h or 2d.")
@click.option("--context", metavar="JSON", help="The attributes of the context, as an object.")
@click.option("--session", metavar="JSON", help="How the principal will prove who it is, as an object.")
@click.option("--rule", metavar="NAME", help="The rule that you mean, where rules ask approvals of different values.")
@takes(SIGNED)
@click.pass_obj
def command(options: Options, /, target: str, why: str, lasts: str, rule: str | None, **given: Any) -> int:
    """Put a request on record, and say what is missing."""
    from pdp.approvals.asking import asked as asked_of
    from pdp.approvals.asking import bound_value
    from pdp.cli.question import ask
    from pdp.cli.terminal import emit, note, say

    length, sign = _length(lasts), signing(target, given)
    left_out = dict.fromkeys(("entities", "approvals", "request", "at", "token_file", "token_env", "identity"))
    asked = ask(target, {**given, **_for_whom(given, sign), **left_out, "keys": None, "handles": ()})
    # Before a store is begun: what nobody can approve leaves none.
    told(lambda: bound_value(asked_of(asked.engine, asked.request)[0], rule))
    desk = Desk(target, given, create=True)
    found = told(lambda: desk.store.request(desk.engine, asked.request, signer=sign, lasts=length, why=why, rule=rule))
    needed = desk.store.needed(desk.engine, asked.request)
    if options.json:
        emit({**found.to_json(), "store": desk.store.path, "missing": [_json(each) for each in needed if not each.met]})
    else:
        say(f"requested {found.id}: {headline(found)}")
        for line in _missing(needed):
            say(line)
        say(f"  whoever may: pdp approve {target} {found.id}")
        note((*asked.notes, *desk.notes()), options.color)
    return Status.OK


def _for_whom(given: dict[str, Any], sign: Signing) -> dict[str, Any]:
    """Return the principal, the action and the resource: whoever shows a token asks for themselves, by default."""
    from pdp.approvals.vouching import Vouching

    if given["resource"] is not None or not isinstance(sign, Vouching):
        return {}
    return {"principal": str(sign.identity.ref), "action": given["principal"], "resource": given["action"]}


def _length(text: str) -> datetime.timedelta:
    import datetime

    from pdp.values import Duration

    try:
        found = datetime.timedelta(microseconds=Duration.parse(text).micros)
    except (ValueError, OverflowError) as error:
        raise Refusal("invalid_usage", f"`--for`: {error}") from None
    if not found:
        raise Refusal("invalid_usage", f"`--for`: `{text}` is no time at all")
    return found


def _missing(needed: list[Needed]) -> list[str]:
    """Return what rules still ask, in lines."""
    from pdp.cli.answer import need_text
    from pdp.cli.terminal import plain

    missing = [each for each in needed if not each.met]
    if not missing:
        return ["  nothing is missing now: this takes the place of what lapses"]
    return [f"  missing, by {plain(each.need.rule)}: {need_text(each.need)}" for each in missing]


def _json(needed: Needed) -> dict[str, Any]:
    from pdp.model import need_json

    return {"rule": needed.need.rule, **need_json(needed.need)}
