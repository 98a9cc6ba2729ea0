"""Requests for access at the command line: the policy, the store beside it, and who signs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from pdp.cli.endings import Options, Refusal, Status
from pdp.cli.entities import split_help
from pdp.cli.parameters import TOKEN
from pdp.cli.terminal import plain

if TYPE_CHECKING:
    from pdp.approvals.ledger import AccessRequest
    from pdp.approvals.signing import Signer, Signing
    from pdp.approvals.store import ApprovalStore
    from pdp.engine import Engine
    from pdp.schema import Schema
    from pdp.values import EntityRef

T = TypeVar("T")
_Function = TypeVar("_Function", bound=Callable[..., Any])

TARGET_HELP: Final = """\b
TARGET  the policy folder; the store stands beside it as FOLDER.approvals.db, and the
        file that says whose keys are whose as FOLDER.keys.json"""

TOKEN_HELP: Final = """With a token, it is whom that speaks for who does it, and FOLDER.keys.json says that the key
may vouch for them."""

STATUS_HELP: Final = """\b
Exit status:
  0  it is on record
  2  the token is refused
  3  this cannot be done, or the command line makes no sense
  4  the policy does not load, or the store cannot be used"""

STORE: Final = (
    click.option("--store", metavar="PATH", help="The store of approvals, by default FOLDER.approvals.db."),
    click.option("--keys", metavar="PATH", help="Whose keys are whose, by default FOLDER.keys.json."),
)
SIGNED: Final = (
    *STORE,
    *TOKEN,
    click.option("--identity", metavar="FILE", help="Whose tokens are taken, by default FOLDER.identity.toml."),
    click.option("--revocations", metavar="PATH", help="The record of what is revoked, such as `pdp revoke` writes."),
    click.option("--key", metavar="FILE", envvar="PDP_KEY", help="Your private key, by default that of `pdp key new`."),
)


def takes(options: tuple[Callable[[_Function], _Function], ...]) -> Callable[[_Function], _Function]:
    """Give a command some options."""

    def give(command: _Function) -> _Function:
        for option in reversed(options):
            command = option(command)
        return command

    return give


class Desk:
    """The engine of a policy folder, and the store of approvals beside it."""

    def __init__(self, target: str, given: Mapping[str, Any], *, create: bool = False) -> None:
        """Load the policy and open the store; raise Refusal or DiagnosticError where that fails."""
        from pdp.engine import Engine
        from pdp.folder import load
        from pdp.revocation.log import RevocationLog

        policy, entities = load(target).require()
        if policy.schema.is_cedar:
            raise Refusal("invalid_usage", "policies of Cedar ask for no approvals")
        path = given["store"] or beside(target, "approvals.db")
        keys = given["keys"] or beside(target, "keys.json")
        self.store: ApprovalStore = open_store(path, keys, policy.schema, create=create)
        revocations = given.get("revocations")
        log = None if revocations is None else told(lambda: RevocationLog(revocations))
        self.engine: Engine = Engine(policy, entities, approvals=self.store, revocations=log)
        if self.engine.approvals_failure is not None:
            message, help_ = split_help(self.engine.approvals_failure)
            raise Refusal("no_record", message, help=help_, status=Status.FAILED)

    def notes(self) -> Iterator[str]:
        """Yield what is on record and counts for nothing."""
        for each in told(self.store.passed):
            yield f"event {each.sequence} ({each.event.kind} by {each.event.by}) counts for nothing: {each.why}"


def beside(target: str, ending: str) -> str:
    """Return the path of what stands beside a policy folder."""
    whole = os.path.realpath(target)
    return f"{whole.removesuffix('.pdp')}.{ending}"


def open_store(
    path: str, keys: str, schema: Schema, *, create: bool = False, option: str | None = None
) -> ApprovalStore:
    """Open a store with its keys, which the policy has to know the types of; raise Refusal where that fails."""
    from pdp.approvals.keys import Keys
    from pdp.approvals.store import ApprovalStore
    from pdp.errors import FactsError, RecordError

    try:
        Keys.load(keys, schema)
        return ApprovalStore(path, keys=keys, create=create)
    except FactsError as error:
        message = "the file of keys cannot be used"
        raise Refusal("invalid_keys", message, status=Status.FAILED, diagnostics=error.diagnostics) from None
    except RecordError as error:
        message, help_ = split_help(str(error))
        if "no such record" in message:
            help_ = "`pdp request` begins one"
        place = "" if option is None else f"`{option}`: "
        raise Refusal("no_record", f"{place}{message}", help=help_, status=Status.FAILED) from None


def told(work: Callable[[], T]) -> T:
    """Do something with a store; raise Refusal for what it raises."""
    from pdp.errors import RecordError, RequestError

    try:
        return work()
    except RequestError as error:
        message, help_ = split_help(str(error))
        raise Refusal("invalid_request", message, help=help_) from None
    except RecordError as error:
        message, help_ = split_help(str(error))
        raise Refusal("no_record", message, help=help_, status=Status.FAILED) from None


def key_path(given: str | None) -> str:
    """Return where the key of the user is."""
    if given is not None:
        return given
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111
    return f"{home}/pdp/key.pem"


def signer(given: str | None) -> Signer:
    """Read the key of the user."""
    from pdp.approvals.signing import Signer

    path = key_path(given)
    if not os.path.exists(path):  # noqa: PTH110
        raise Refusal("no_key", f"{path}: there is no such key", help="`pdp key new` makes one")
    return told(lambda: Signer.load(path))


def signing(target: str, given: Mapping[str, Any]) -> Signing:
    """Return who signs: the user, or whom a token speaks for, by the key of a service that vouches for it."""
    if all(given[name] is None for name in ("token_file", "token_env", "identity")):
        return signer(given["key"])
    from pdp.approvals.vouching import Vouching
    from pdp.cli.bearer import bring, read_token
    from pdp.folder import load

    token, sign = read_token(given), signer(given["key"])
    policy, _ = load(target).require()
    who = bring(token, target, given["identity"], policy.schema)
    return told(lambda: Vouching(sign, who))


# --------------------------------------------------------------------------------------------------------- in words


def headline(request: AccessRequest) -> str:
    """Say in one line what is asked for."""
    from pdp.values import show

    wanted = request.wanted
    actor = "" if wanted.actor is None else f" by way of {wanted.actor}"
    of = "" if wanted.of is None else f", of {show(wanted.of)}"
    return plain(f"{wanted.principal}{actor} to {wanted.action} on {wanted.resource}{of}, until {wanted.until}")


def details(request: AccessRequest) -> Iterator[str]:
    """Yield who asked for it and what became of it, in lines."""
    yield plain(f"  asked by {_with(request, request.asked_by)} at {request.at}: {request.why}")
    for each in request.approvals:
        yield plain(f"  approved by {_with(request, each.approver)} at {each.at}")
    if request.closed:
        why = f": {request.closed_why}" if request.closed_why else ""
        yield plain(f"  {request.closed} by {request.closed_by}{why}")


def _with(request: AccessRequest, who: EntityRef) -> str:
    token = request.tokens.get(who)
    if token is None:
        return str(who)
    return f"{who}, with a token of {token.issuer}{' and a second factor' if token.mfa else ''},"


def finish(options: Options, desk: Desk, done: str, request: AccessRequest) -> int:
    """Say what was done about a request."""
    from pdp.cli.terminal import emit, note, say

    if options.json:
        emit({**request.to_json(), "store": desk.store.path})
    else:
        say(f"{done} {request.id}: {headline(request)}")
        for line in details(request):
            say(line)
        note(desk.notes(), options.color)
    return Status.OK
