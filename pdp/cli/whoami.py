"""`pdp whoami`: whom a token speaks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pdp.cli.access import beside, takes
from pdp.cli.commands import Command, Options, Refusal, Status
from pdp.cli.parameters import TOKEN

if TYPE_CHECKING:
    from pdp.cli.standing import Standing
    from pdp.identity.who import Actor, Identity
    from pdp.model import Entity
    from pdp.values import Datetime

_HELP = """Show whom a token speaks for, how they proved who they are, and until when it counts.

\b
POLICIES  a policy folder, or one file: it says whether it knows them, and whether they are revoked

The token itself is shown nowhere. It stands in a file, in a variable of the environment, or on standard input (`-`),
and never on the command line: all who use a machine can read those.

\b
Exit status:
  0  this is who it is
  2  the token is refused, or who it speaks for is revoked
  3  the command line or the configuration makes no sense
  4  nobody can tell now, such as where the keys of its issuer cannot be had; or something went wrong"""

_EXAMPLES = """
pdp whoami --identity identity.toml --token-file token.jwt
pdp whoami policies --token-env PDP_TOKEN --revocations policies.revocations.db
fetch-a-token | pdp whoami policies - --json | jq -r .principal
"""


@click.command(cls=Command, examples=_EXAMPLES, short_help="Show whom a token speaks for.", help=_HELP)
@click.argument("policies", type=click.Path(), required=False)
@click.argument("dash", type=click.Choice(["-"]), metavar="[-]", required=False)
@takes(TOKEN)
@click.option("--identity", metavar="FILE", help="Whose tokens are taken; by default POLICIES.identity.toml.")
@click.option("--revocations", metavar="PATH", help="The record of what is revoked, such as `pdp revoke` writes.")
@click.pass_obj
def command(
    options: Options,
    /,
    policies: str | None,
    dash: str | None,
    identity: str | None,
    revocations: str | None,
    **given: Any,
) -> int:
    """Verify a token, and say what it comes to."""
    from pdp.cli.bearer import identify, read_token
    from pdp.cli.standing import stand

    if policies == "-":
        policies, dash = None, "-"
    token = read_token(given if dash is None else {**given, "token_file": given["token_file"] or dash})
    if policies is None:
        if revocations is not None:
            raise Refusal("invalid_usage", "`--revocations` is asked about what policies name: POLICIES is missing")
        if identity is None:
            help_ = "write `--identity FILE`, or POLICIES with POLICIES.identity.toml beside it"
            raise Refusal("invalid_usage", "nothing says whose tokens are taken", help=help_)
        who, standing = identify(token, identity), None
    else:
        who, standing = stand(token, policies, identity or beside(policies, "identity.toml"), revocations)
    return _tell(options, who, standing)


def _tell(options: Options, who: Identity, standing: Standing | None) -> int:
    from pdp.cli.terminal import emit, say
    from pdp.clocks import wall_clock
    from pdp.values import Datetime

    now = Datetime.of(wall_clock())
    if options.json:
        emit({**_json(who, now), "policies": None if standing is None else standing.to_json()})
    else:
        say(options.terminal().paint(_shown(str(who.ref)), "strong"))
        for line in (*_lines(who, now), *(() if standing is None else standing.lines())):
            say(f"  {line}")
    return Status.OK if standing is None or standing.revoked is None else Status.DENY


def _shown(text: str) -> str:
    from pdp.cli.terminal import plain

    return plain(text)


# -------------------------------------------------------------------------------------------------------- for people


def _lines(who: Identity, now: Datetime) -> Iterator[str]:
    named = f", by the id `{who.token_id}`" if who.token_id else ""
    yield _shown(f"{who.profile or 'token'} of {who.issuer}, which calls it `{who.subject}`{named}")
    yield _shown(_proof(who))
    yield from _times(who, now)
    yield from _brought(who)
    for place, actor in enumerate(who.actors):
        now_acting = "acts for it" if place == 0 else "acted for it before that"
        yield _shown(f"{_actor(actor)} {now_acting}, by {actor.issuer}")


def _actor(actor: Actor) -> str:
    return f"`{actor.subject}`" if actor.ref is None else str(actor.ref)


def _proof(who: Identity) -> str:
    session = who.session
    methods = ", ".join(_methods(who) or ())
    text = "proved with a second factor" if session.get("mfa") is True else "proved without a second factor"
    text += f" ({methods})" if methods else ""
    text += f", as `{session['acr']}`" if session.get("acr") else ""
    return text + (", bound to a key" if session.get("bound") is True else ", bound to no key")


def _times(who: Identity, now: Datetime) -> Iterator[str]:
    from pdp.values import Datetime, Duration

    since = _instant(who, "authenticated_at")
    issued = _instant(who, "issued_at")
    told = "since nobody knows when: its issuer does not say" if since is None else f"since {since}"
    yield told + (f", by a token of {issued}" if issued not in (None, since) else "")
    # Nobody reads microseconds of what lasts for minutes.
    left = Duration(max(0, who.until - now.micros) // 1_000_000 * 1_000_000)
    yield f"until {Datetime(who.until)}, for {left} from now"


def _methods(who: Identity) -> list[str] | None:
    """Return the methods of a session, None where nobody knows them."""
    found = who.session.get("methods")
    return None if found is None else sorted(map(str, found))


def _instant(who: Identity, name: str) -> Datetime | None:
    from pdp.conform.mismatch import Mismatch
    from pdp.conform.scalars import datetime

    try:
        return datetime(who.session[name])
    except (KeyError, Mismatch):
        return None


def _brought(who: Identity) -> Iterator[str]:
    from pdp.cli.terminal import written
    from pdp.model import Entity

    if isinstance(who.principal, Entity):
        if who.principal.attributes:
            yield f"brings {written(_plain(who.principal.attributes))}"
        if parents := _parents(who.principal):
            yield _shown(f"in {', '.join(parents)}")


def _parents(entity: Entity) -> list[str]:
    from pdp.model import Membership

    return sorted(str(each.parent if isinstance(each, Membership) else each) for each in entity.parents)


# ------------------------------------------------------------------------------------------------------ for programs


def _json(who: Identity, now: Datetime) -> dict[str, Any]:
    from pdp.model import Entity
    from pdp.values import Datetime

    brought = who.principal if isinstance(who.principal, Entity) else None
    session = who.session
    return {
        "principal": str(who.ref),
        "attributes": {} if brought is None else _plain(brought.attributes),
        "in": [] if brought is None else _parents(brought),
        "kind": who.profile or None,
        "issuer": who.issuer,
        "subject": who.subject,
        "token_id": who.token_id,
        "mfa": session.get("mfa") is True,
        "methods": _methods(who),
        "acr": session.get("acr"),
        "bound": session.get("bound") is True,
        "authenticated_at": _text(_instant(who, "authenticated_at")),
        "issued_at": _text(_instant(who, "issued_at")),
        "until": str(Datetime(who.until)),
        "seconds_left": max(0, who.until - now.micros) // 1_000_000,
        "actors": [{"subject": each.subject, "issuer": each.issuer, "entity": _text(each.ref)} for each in who.actors],
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return what a token says, as it was verified, as JSON has it."""
    from collections.abc import Mapping

    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
