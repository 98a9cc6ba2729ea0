"""Who may ask, as a configuration names them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, TypeVar

from pdp.classes import replace
from pdp.configuration.file import relative_to
from pdp.configuration.places import Path
from pdp.configuration.report import Report
from pdp.configuration.secret import Secret, SecretError
from pdp.identity.certificates import domain_of
from pdp_sidecar.callers import ANYTHING, Bound, Caller, Callers, May
from pdp_sidecar.config.listening import Listener
from pdp_sidecar.config.sections import CallerOptions, Options

K = TypeVar("K", bound=Hashable)

SHORTEST_TOKEN: Final = 16

_WAYS: Final = ("uid", "spiffe", "token", "identity", "anyone")
_UNPROVEN: Final = frozenset({May.CHECK, May.WATCH, May.SEARCH})


class Gathering:
    """Puts together who is who, one caller after the other."""

    def __init__(
        self, options: Options, report: Report, environment: Mapping[str, str], file: str | None = None
    ) -> None:
        self._options, self._report, self._environment, self._file = options, report, environment, file
        self.by_uid: dict[int, Caller] = {}
        self.by_identity: dict[str, Caller] = {}
        self.by_token: dict[bytes, Caller] = {}
        self.by_principal: dict[Bound, Caller] = {}
        self.otherwise: Caller | None = None
        self._names: set[str] = set()

    def add(self, number: int, written: CallerOptions) -> None:
        """Take a caller."""
        at: Path = ("callers", number)
        report = self._report
        if written.name in self._names or not written.name:
            report.add("duplicate_caller", (*at, "name"), f"there is a caller `{written.name}` already")
        self._names.add(written.name)
        found = Caller(
            written.name, frozenset(map(May, written.may)), self._principals(at, written), written.asserts_session
        )
        # Not by equality: 0 is the number of a user, and no way that is not taken.
        ways = [name for name in _WAYS if getattr(written, name) is not None and getattr(written, name) is not False]
        if len(ways) != 1:
            message = f"`{written.name}` is told by {' and '.join(f'`{each}`' for each in ways) or 'nothing'}"
            report.add(
                "caller_ways",
                at,
                message,
                "a caller has exactly one of `uid`, `spiffe`, `token`, `identity` and `anyone`",
            )
            return
        if May.APPROVE in found.may and ways != ["identity"] and ways != ["anyone"]:
            message = f"`{written.name}` is told by `{ways[0]}`, and who approves shows a token of their own"
            report.add("unproven_caller", (*at, "may"), message, "give it to a caller that is told by `identity`")
        takes: dict[str, Callable[[Path, CallerOptions, Caller], None]] = {
            "uid": self._uid,
            "spiffe": self._spiffe,
            "token": self._token,
            "identity": self._identity,
            "anyone": self._anyone,
        }
        takes[ways[0]]((*at, ways[0]), written, found)

    def _principals(self, at: Path, written: CallerOptions) -> tuple[Bound, ...] | None:
        if written.principals is None:
            return None
        found = [self._bound((*at, "principals", number), each) for number, each in enumerate(written.principals)]
        return tuple(each for each in found if each is not None)

    def _bound(self, at: Path, text: str) -> Bound | None:
        try:
            return Bound.parse(text)
        except ValueError as error:
            help_ = "such as `User`, `User:ada`, or `Workload:spiffe://example.org/ci/*`"
            self._report.add("invalid_principal", at, str(error), help_)
            return None

    def _uid(self, at: Path, written: CallerOptions, found: Caller) -> None:
        uid = os.geteuid() if written.uid == "self" else written.uid
        assert isinstance(uid, int)
        self._put(at, self.by_uid, uid, found, "this user")

    def _identity(self, at: Path, written: CallerOptions, found: Caller) -> None:
        bound = self._bound(at, written.identity or "")
        if self._options.identity is None:
            message = "nobody's tokens and certificates are verified without a section `[identity]`"
            self._report.add("no_identity", at, message, 'name whose are: `file = "identity.toml"` in that section')
        if bound is not None:
            self._put(at, self.by_principal, bound, found, "this identity")

    def _spiffe(self, at: Path, written: CallerOptions, found: Caller) -> None:
        name, tls = written.spiffe or "", self._options.tls
        domain = domain_of(name.removesuffix("/*"))
        if domain is None:
            message = f"`{name}` is no SPIFFE id"
            help_ = "such as `spiffe://example.org/shop`, or `spiffe://example.org/ci/*` for all under it"
            self._report.add("invalid_spiffe", at, message, help_)
        elif tls is None or tls.client_ca is None:
            message = "nobody shows a certificate without `client_ca`"
            self._report.add("no_client_ca", at, message, "give it to the section `[tls]`")
        elif tls.trust_domain is not None and domain != tls.trust_domain:
            message = f"`{domain}` is not the trust domain `{tls.trust_domain}`"
            self._report.add("other_trust_domain", at, message, "nobody of another is let in")
        self._put(at, self.by_identity, name, found, "this SPIFFE id")

    def _token(self, at: Path, written: CallerOptions, found: Caller) -> None:
        secret = written.token
        assert secret is not None
        if secret.file is not None:
            secret = Secret(file=relative_to(secret.file, self._report, (*at, "file"), self._file), env=secret.env)
        try:
            token = secret.text(self._environment)
        except SecretError as error:
            self._report.add("no_secret", at, error.message, error.help)
            return
        if len(token) < SHORTEST_TOKEN:
            message = f"a token has at least {SHORTEST_TOKEN} characters: a shorter one is guessed"
            self._report.add("short_token", at, message, "make one: `openssl rand -hex 32`")
        self._put(at, self.by_token, hashlib.sha256(token.encode()).digest(), found, "this token")

    def _anyone(self, at: Path, written: CallerOptions, found: Caller) -> None:
        for each in sorted({May.EXPLAIN, May.REVOKE, May.STATUS, May.APPROVE} & found.may):
            message = f"whoever shows nothing of who they are may not {each}"
            self._report.add("unproven_caller", (*at[:-1], "may"), message)
        if self.otherwise is not None:
            self._report.add("duplicate_caller", at, f"whoever shows nothing is `{self.otherwise.name}` already")
        self.otherwise = found

    def _put(self, at: Path, callers: dict[K, Caller], key: K, found: Caller, what: str) -> None:
        if key in callers:
            self._report.add("duplicate_caller", at, f"{what} is that of `{callers[key].name}` already")
        callers[key] = found

    def made(self) -> Callers:
        """Return who is who."""
        return Callers(
            by_uid=self.by_uid,
            by_identity=tuple(self.by_identity.items()),
            by_token=self.by_token,
            by_principal=tuple(self.by_principal.items()),
            otherwise=self.otherwise,
        )


def callers(
    options: Options,
    listeners: Sequence[Listener],
    report: Report,
    environment: Mapping[str, str],
    *,
    insecure: bool,
    file: str | None = None,
) -> Callers:
    """Return who may ask. Where no caller is named, that is the user whose process this is, by a Unix socket.

    With `insecure`, it is whoever connects to a port as well, for what takes no proof.
    """
    if not options.callers:
        ours = {os.geteuid(): Caller("owner", ANYTHING)}
        plain = insecure and any(not each.address.is_unix and not each.secure for each in listeners)
        found = Callers(by_uid=ours, otherwise=Caller("anyone", _UNPROVEN) if plain else None)
    else:
        gathering = Gathering(options, report, environment, file)
        for number, each in enumerate(options.callers):
            gathering.add(number, each)
        found = gathering.made()
    if report.ok:
        _check_reached(found, listeners, report)
    return found


def _check_reached(found: Callers, listeners: Sequence[Listener], report: Report) -> None:
    """Note listeners at which nobody could be anybody who may ask."""
    for each in listeners:
        ways = [found.otherwise is not None, each.protocol != "frames" and bool(found.by_token or found.by_principal)]
        if each.address.is_unix:
            ways.append(_owner_asks(found, each) if each.protocol == "grpc" else bool(found.by_uid))
        else:
            ways.append(each.secure and bool(found.by_identity))
        if each.protocol != "operations" and not any(ways):
            message = f"nobody who connects to `{each.address}` is anybody who may ask"
            help_ = (
                "name who may in a section `[[callers]]`, by `spiffe`, `token`, `identity`, `uid` (at a Unix socket) "
                "or `anyone`"
            )
            report.add("nobody_asks", ("listen", each.protocol), message, help_)


def _owner_asks(found: Callers, listener: Listener) -> bool:
    return listener.is_private and os.geteuid() in found.by_uid


def callers_at(found: Callers, listener: Listener) -> Callers:
    """Return who is who at a listener whose server cannot ask the kernel.

    Such a server takes whoever is at a Unix socket for its owner. Where the mode lets others in, that is nobody.
    """
    if not listener.address.is_unix or listener.is_private:
        return found
    return replace(found, by_uid={})
