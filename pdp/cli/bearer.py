"""Whom a token speaks for, at the command line: where it comes from, and what is said where it is not taken."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pdp.cli.access import beside
from pdp.cli.endings import Refusal, Status, is_token
from pdp.cli.entities import split_help
from pdp.errors import TokenError
from pdp.model import Entity
from pdp.values import EntityRef, show

if TYPE_CHECKING:
    from pdp.identity.who import Identity
    from pdp.schema import Schema

LARGEST: Final = 1 << 16
"""Bytes that are read of what holds a token; how long one may be says the configuration."""

_HELP: Final[Mapping[str, str]] = {
    "keys_unavailable": "try again; where keys come from says `--identity`",
    "no_principal": "which claims name a principal says `--identity`, under `principal`",
    "proof_missing": "whoever has the key shows it to the service that asks; at a command line nothing shows it",
    "token_expired": "ask its issuer for another",
    "token_inactive": "ask its issuer for another",
    "token_not_yet_valid": "compare the clock of this machine with that of its issuer",
    "unknown_issuer": "`--identity` says whose tokens are taken",
    "wrong_audience": "ask its issuer for one with an audience that `--identity` names",
}
"""What whoever has a token can do about it, by the code of the refusal."""


def unnamed(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is given beside a token: of two names, the first is the action, and the principal is left out."""
    if given["session"] is not None:
        # INVARIANT: how somebody proved who they are is what the token says, and nothing beside it.
        raise Refusal("invalid_usage", "a token says how its principal proved who it is: leave `--session` out")
    if given["resource"] is not None or given["request"] is not None:
        return given
    return {**given, "principal": None, "action": given["principal"], "resource": given["action"]}


def read_token(given: Mapping[str, Any]) -> str:
    """Return the token that the options of a command name; raise Refusal where there is none."""
    file, name = given.get("token_file"), given.get("token_env")
    if file is None and name is None:
        help_ = "write `--token-file FILE`, `--token-env NAME`, or `-` for standard input"
        raise Refusal("invalid_usage", "no token is named", help=help_)
    if file is not None and name is not None:
        raise Refusal("invalid_usage", "a token stands in one place: in `--token-file`, or in `--token-env`")
    if is_token(file or name or ""):
        raise misplaced()
    data = _of_environment(name) if name is not None else _of_file(str(file))
    if len(data) > LARGEST:
        raise Refusal("token_too_large", f"{_shown(file, name)} holds more than any token", status=Status.DENY)
    # What writes a file ends its last line. Anything else that is no part of a token is a token that is refused.
    text = data.decode("ascii", "replace").removesuffix("\n").removesuffix("\r")
    if not text:
        raise Refusal("invalid_usage", f"{_shown(file, name)} holds no token")
    return text


def misplaced() -> Refusal:
    """Return the end of a command whose line holds a token."""
    help_ = "write it into a file that is yours alone, and name that: `--token-file FILE`"
    return Refusal("invalid_usage", "a token stands on no command line: all on this machine can read those", help=help_)


def _shown(file: str | None, name: str | None) -> str:
    if name is not None:
        return f"`--token-env`: `{name}`"
    return "`--token-file`: standard input" if file == "-" else f"`--token-file`: `{file}`"


def _of_environment(name: str) -> bytes:
    found = os.environ.get(name)
    if found is None:
        raise Refusal("invalid_usage", f"`--token-env`: there is no variable `{name}`")
    return os.fsencode(found)


def _of_file(path: str) -> bytes:
    try:
        if path == "-":
            return b"" if sys.stdin is None else sys.stdin.buffer.read(LARGEST + 1)
        with open(path, "rb") as file:  # noqa: PTH123  # `pathlib` is not imported for it
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise Refusal("unreadable_file", f"{_shown(path, None)} cannot be read: {reason}") from None


def bring(token: str, path: str, configuration: str | None, schema: Schema) -> Identity:
    """Return whom a token speaks for, as policies at a path know them; raise Refusal as `identify` does."""
    who = identify(token, configuration or beside(path, "identity.toml"), schema)
    if schema.is_cedar and who.actors:
        message = "another acts for the principal of the token, and policies of Cedar know of nobody who does"
        raise Refusal("invalid_request", message)
    return who


def check_same(who: Identity, named: Entity | EntityRef | None, schema: Schema) -> None:
    """Raise Refusal where a request names another principal than its token, or tells more of it."""
    if named is None:
        return
    if (
        isinstance(named, Entity)
        or named.id != who.ref.id
        or schema.resolve(named.type) != schema.resolve(who.ref.type)
    ):
        help_ = "leave it out: who asks is whom the token speaks for"
        raise Refusal("wrong_principal", f"the token speaks for {show(who.ref)}, and nobody else", help=help_)


def check_alone(who: Identity, brought: Iterable[Entity], schema: Schema) -> None:
    """Raise Refusal where a request brings somebody that its token speaks for: what they are in, the token says."""
    named = [who.ref, *(actor.ref for actor in who.actors if actor.ref is not None)]
    mine = {(schema.resolve(ref.type), ref.id) for ref in named}
    for each in brought:
        if (schema.resolve(each.type), each.id) in mine:
            message = f"the token speaks for {show(each.ref)}: nothing beside it says what they are"
            raise Refusal("wrong_principal", message, help="leave it out of the entities")


def identify(token: str, configuration: str, schema: Schema | None = None) -> Identity:
    """Return whom a token speaks for; raise Refusal where it is not taken, or nobody can tell.

    With a schema, the configuration has to name types that it declares.
    """
    try:
        from pdp.configuration import ConfigurationError
        from pdp.identity.issuers import Issuers
    except ImportError:
        help_ = "install them: `pip install 'pdp-engine[identity]'`"
        raise Refusal("not_installed", "tokens need packages that are not there", help=help_) from None
    try:
        issuers = Issuers.load(configuration, schema=schema)
    except ConfigurationError as error:
        message = "the configuration of identities cannot be used"
        raise Refusal("invalid_identity", message, diagnostics=error.diagnostics) from None
    try:
        return issuers.identify(token)
    except TokenError as error:
        raise refusal(error) from None
    finally:
        issuers.close()


def refusal(error: TokenError) -> Refusal:
    """Return the end of a command whose token is not taken. Where nobody can tell, it may be taken another time."""
    message, help_ = split_help(str(error))
    status = Status.FAILED if error.passing else Status.DENY
    return Refusal(error.code, message, help=help_ or _HELP.get(error.code), status=status)
