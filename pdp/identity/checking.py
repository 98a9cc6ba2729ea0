"""What is wrong with a configuration of issuers by itself, each at its place."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import combinations
from typing import Any, Final

from pdp.classes import dataclass, replace
from pdp.configuration.places import Path
from pdp.configuration.reading import shown
from pdp.configuration.report import Report
from pdp.configuration.secret import Secret, SecretError, read_file
from pdp.errors import listed
from pdp.identity import keys as key_stores
from pdp.identity import profiles
from pdp.identity.addresses import wrong_url
from pdp.identity.jwk import KeysError
from pdp.identity.options import IssuerOptions, KeysOptions, Options, WorkloadOptions
from pdp.identity.paths import Template, has_controls, path_of
from pdp.identity.profiles import svid

LONGEST_LIFETIME: Final = 86_400.0
LONGEST_LEEWAY: Final = 60.0
SOURCES: Final = ("discovery", "jwks_uri", "file", "spiffe_bundle")

_PEOPLE: Final = frozenset({"access-token", "id-token", "generic"})
_UNSTABLE: Final = {"github-actions": "repository_id", "gitlab": "project_id"}
_DOMAIN: Final = re.compile(r"[a-z0-9._-]{1,255}", re.ASCII)
_NAME: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]{1,1024}")


def check(options: Options, report: Report, environment: Mapping[str, str]) -> None:
    """Note all that is wrong."""
    _Checking(options, report, environment).check()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    """Whom somebody names: entities of a type whose ids begin like `prefix`."""

    at: Path
    authority: str
    type: str
    prefix: str
    shared: bool

    def meets(self, other: _Naming) -> bool:
        """Tell whether two could name one entity, and are not meant to."""
        if self.type != other.type or self.authority == other.authority or (self.shared and other.shared):
            return False
        return self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)


class _Checking:
    def __init__(self, options: Options, report: Report, environment: Mapping[str, str]) -> None:
        self._options, self._report, self._environment, self._before = options, report, environment, 0

    def check(self) -> None:
        options = self._options
        if not options.issuers and not options.workloads:
            help_ = "add `[[issuers]]` for tokens, or `[[workloads]]` for certificates"
            self._report.add("nobody", (), "there is nobody whose word is taken", help_)
        self._bounds((), options, {"leeway": (0, LONGEST_LEEWAY), "largest": (256, 65_536), "kept": (0, 1_000_000)})
        for number, issuer in enumerate(options.issuers):
            self._issuer(("issuers", number), issuer)
        self._bounds(("replay",), options.replay, {"most": (100, 10_000_000)})
        for number, workload in enumerate(options.workloads):
            self._workload(("workloads", number), workload)
        self._together(options)
        if options.scim is not None:
            self._secret(("scim", "token"), options.scim.token)

    # ------------------------------------------------------------------------------------------------ one issuer

    def _issuer(self, at: Path, issuer: IssuerOptions) -> None:
        self._before = len(self._report.found)
        self._bounds(at, issuer, {"lifetime": (1, LONGEST_LIFETIME)})
        if not _NAME.fullmatch(issuer.issuer):
            self._report.add(
                "invalid_issuer", (*at, "issuer"), "an issuer is a text without blanks, as in the claim `iss`"
            )
        self._audience((*at, "audience"), issuer.audience)
        self._algorithms(at, issuer)
        self._keys((*at, "keys"), issuer.keys, issuer)
        self._principal((*at, "principal"), issuer)
        self._session(at, issuer)
        self._require((*at, "require"), issuer.require)
        self._sources(at, issuer)
        self._profile((*at, "profile"), issuer)

    def _audience(self, at: Path, audience: tuple[str, ...]) -> None:
        if not audience or not all(each.strip() for each in audience):
            help_ = (
                "name what tokens for this service have in `aud`; a token for anybody would be one for somebody else"
            )
            self._report.add("no_audience", at, "nothing says for whom tokens have to be", help_)

    def _algorithms(self, at: Path, issuer: IssuerOptions) -> None:
        fit = profiles.PROFILES[issuer.profile].algorithms
        if not issuer.algorithms:
            self._report.add(
                "unfit_algorithm", (*at, "algorithms"), "there is no algorithm", "such as `RS256` or `ES256`"
            )
        for number, each in enumerate(issuer.algorithms):
            if each not in fit:
                message = f"tokens of the profile `{issuer.profile}` are never signed by `{each}`"
                help_ = f"there are {listed((f'`{name}`' for name in sorted(fit)), '')}"
                self._report.add("unfit_algorithm", (*at, "algorithms", number), message, help_)

    def _profile(self, at: Path, issuer: IssuerOptions) -> None:
        message = profiles.problem(issuer)
        if message is not None and self._sound():
            # What else is wrong may be why.
            self._report.add("unfit_profile", at, message)

    def _keys(self, at: Path, keys: KeysOptions, issuer: IssuerOptions) -> None:
        given = [name for name in SOURCES if getattr(keys, name)]
        if len(given) != 1:
            come = (
                f"keys come from {' and '.join(f'`{each}`' for each in given)}" if given else "keys come from nowhere"
            )
            self._report.add("key_sources", at, come, f"there is exactly one of {', '.join(f'`{n}`' for n in SOURCES)}")
        if keys.discovery:
            self._url((*at[:-1], "issuer"), issuer.issuer, "the keys of an issuer are discovered at what it is called")
        if keys.jwks_uri:
            self._url((*at, "jwks_uri"), keys.jwks_uri)
        if keys.spiffe_bundle and "://" in keys.spiffe_bundle:
            self._url((*at, "spiffe_bundle"), keys.spiffe_bundle)
        if keys.spiffe_bundle and issuer.profile != "jwt-svid":
            message = "the keys of a SPIFFE bundle are for JWT-SVIDs alone"
            self._report.add("misplaced_key", (*at, "spiffe_bundle"), message, 'write `profile = "jwt-svid"`')
        within = {"refresh": (30, 86_400), "max_stale": (30, 604_800), "cooldown": (1, 3_600), "timeout": (0.1, 30)}
        fits = self._bounds(at, keys, within)
        if fits and not keys.cooldown <= keys.refresh <= keys.max_stale:
            message = "`refresh` is at least `cooldown`, and `max_stale` is at least `refresh`"
            self._report.add("out_of_bounds", at, message)
        self._ca((*at, "ca"), keys.ca)
        if keys.token is not None:
            self._secret((*at, "token"), keys.token)
        if self._sound():
            self._source(at, issuer)

    def _source(self, at: Path, issuer: IssuerOptions) -> None:
        try:
            key_stores.source_of(issuer)
        except KeysError as error:
            self._report.add("no_keys", at, str(error))

    def _ca(self, at: Path, path: str | None) -> None:
        if path is not None:
            try:
                read_file(path)
                ssl.create_default_context(cafile=path)
            except SecretError as error:
                self._report.add("no_certificates", at, error.message, "it is a file of certificates of authorities")
            except (OSError, ValueError):
                self._report.add("no_certificates", at, f"`{path}` holds no certificates in PEM")

    def _principal(self, at: Path, issuer: IssuerOptions) -> None:
        principal = issuer.principal
        template = self._template((*at, "id"), principal.id)
        better = _UNSTABLE.get(issuer.profile)
        if better is not None and template is not None and ("sub",) in template.claims:
            message = "the form of `sub` is the issuer's to change: principals are not named by it"
            help_ = f"such as `{{{better}}}`, a number that stays, and `require` for the rest"
            self._report.add("mutable_subject", (*at, "id"), message, help_)
        for key, paths in (("attributes", principal.attributes), ("groups", principal.groups)):
            for name, path in paths.items():
                self._claim((*at, key, name), path)

    def _session(self, at: Path, issuer: IssuerOptions) -> None:
        for name in ("device", "session"):
            path = getattr(issuer.session, name)
            if path is not None:
                self._claim((*at, "session", name), path)
        if issuer.actor is not None:
            self._template((*at, "actor", "id"), issuer.actor.id)
            self._bounds((*at, "actor"), issuer.actor, {"most": (1, 16)})
        self._bounds((*at, "proof"), issuer.proof, {"max_age": (1, 300)})
        if not issuer.proof.ways:
            self._report.add(
                "invalid_value", (*at, "proof", "ways"), "there is no way of proof", "`mtls`, `dpop` or both"
            )

    def _require(self, at: Path, require: Mapping[str, Any]) -> None:
        for name, value in require.items():
            if not name or not _can_be_held_to(value):
                help_ = "write a text, a whole number, `true` or `false`, a list of which it has to be one, or a table"
                self._report.add("weak_requirement", (*at, name), "a claim cannot be held to this", help_)

    def _sources(self, at: Path, issuer: IssuerOptions) -> None:
        if issuer.introspection is not None:
            here = (*at, "introspection")
            self._url((*here, "url"), issuer.introspection.url)
            self._secret((*here, "client_secret"), issuer.introspection.client_secret)
            self._ca((*here, "ca"), issuer.introspection.ca)
            self._bounds(here, issuer.introspection, {"keep": (0, 60), "timeout": (0.1, 10)})
        if issuer.review is not None:
            here = (*at, "review")
            if issuer.profile != "kubernetes":
                self._report.add("misplaced_key", here, "TokenReview is for tokens of Kubernetes", key=True)
            self._url((*here, "url"), issuer.review.url)
            if issuer.review.token is not None:
                self._secret((*here, "token"), issuer.review.token)
            self._ca((*here, "ca"), issuer.review.ca)
            self._bounds(here, issuer.review, {"keep": (0, 60), "timeout": (0.1, 10)})
        if issuer.logout is not None:
            self._logout((*at, "logout"), issuer)

    def _logout(self, at: Path, issuer: IssuerOptions) -> None:
        assert issuer.logout is not None
        self._audience((*at, "audience"), issuer.logout.audience)
        if issuer.profile not in _PEOPLE:
            self._report.add("misplaced_key", at, "only people log out", key=True)
        elif issuer.session.session != "sid" and issuer.principal.id not in ("sub", "{sub}"):
            # What an issuer says of a logout is one of both, or both (OpenID Connect Back-Channel Logout 2.4).
            message = "a logout names `sid` or `sub`, and sessions and principals here are called by other claims"
            self._report.add("unknown_sessions", at, message, 'such as `session = "sid"`, or `id = "sub"`', key=True)

    # ---------------------------------------------------------------------------------------------------- others

    def _workload(self, at: Path, workload: WorkloadOptions) -> None:
        if not _DOMAIN.fullmatch(workload.trust_domain):
            message = "a trust domain is such as `example.org`, in lower case, without scheme and path"
            self._report.add("invalid_issuer", (*at, "trust_domain"), message)
        for type_, ids in workload.groups.items():
            for number, each in enumerate(ids):
                if not each or has_controls(each):
                    self._report.add("invalid_value", (*at, "groups", type_, number), "this is no id")

    def _together(self, options: Options) -> None:
        for (first, one), (second, other) in combinations(enumerate(options.issuers), 2):
            if one.issuer == other.issuer and profiles.alike(one.profile, other.profile):
                message = f"a token of this issuer could be taken by `{shown(('issuers', first))} as well"
                help_ = "entries of one issuer are told apart by its headers: one is for `access-token`, one is not"
                self._report.add("ambiguous_issuer", ("issuers", second, "issuer"), message, help_)
        domains: set[str] = set()
        for number, workload in enumerate(options.workloads):
            if workload.trust_domain in domains:
                at = ("workloads", number, "trust_domain")
                self._report.add("ambiguous_issuer", at, "there is an entry for this trust domain already")
            domains.add(workload.trust_domain)
        for where, message, help_ in meetings(options):
            self._report.add("ambiguous_principals", where, message, help_)

    # ---------------------------------------------------------------------------------------------------- values

    def _sound(self) -> bool:
        """Tell whether nothing is wrong with the entry at hand so far."""
        return len(self._report.found) == self._before

    def _bounds(self, at: Path, section: object, within: Mapping[str, tuple[float, float]]) -> bool:
        before = len(self._report.found)
        for name, (least, most) in within.items():
            if not least <= getattr(section, name) <= most:
                message = f"`{name}` is from {least:g} to {most:,.10g}".replace(",", " ").replace(",", " ")
                self._report.add("out_of_bounds", (*at, name), message)
        return len(self._report.found) == before

    def _url(self, at: Path, url: str, what: str | None = None) -> None:
        wrong = wrong_url(url)
        if wrong is not None:
            help_ = "an address is `https://…`; plain http is for this machine alone, such as `http://127.0.0.1:8080`"
            self._report.add("invalid_url", at, wrong, what or help_)

    def _claim(self, at: Path, written: str | tuple[str, ...]) -> None:
        self._try(at, lambda: path_of(written))

    def _template(self, at: Path, written: str) -> Template | None:
        found: Template | None = self._try(at, lambda: Template.of(written))
        return found

    def _try(self, at: Path, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except ValueError as error:
            self._report.add("invalid_claim", at, str(error))
            return None

    def _secret(self, at: Path, secret: Secret) -> None:
        try:
            secret.text(self._environment)
        except SecretError as error:
            self._report.add("no_secret", at, error.message, error.help)


def meetings(options: Options, resolve: Callable[[str], str] = str) -> Iterator[tuple[Path, str, str]]:
    """Yield where two name principals of one type who may be the same: where, what is wrong, what would help.

    `resolve` gives the one name of a type that has several.
    """
    help_ = "let ids begin by other texts, as in `first:{sub}`, use other types, or say `shared = true` of both"
    for mine, theirs in combinations([replace(each, type=resolve(each.type)) for each in _namings(options)], 2):
        if mine.meets(theirs):
            names = f"`{shown(mine.at[:2])}` names entities of `{mine.type}` too"
            yield theirs.at, f"{names}: each could name those of the other", help_


def _can_be_held_to(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(name and _can_be_held_to(each) for name, each in value.items())
    among = value if isinstance(value, list) else [value]
    return bool(among) and all(isinstance(each, str | int) for each in among)


def _acting(number: int, issuer: IssuerOptions) -> Iterator[_Naming]:
    """Yield whom an issuer names as those who act: rules say what an agent may, and not whose agent."""
    if issuer.actor is None:
        return
    with suppress(ValueError):
        prefix = Template.of(issuer.actor.id).prefix
        at: Path = ("issuers", number, "actor") if issuer.actor.id == "sub" else ("issuers", number, "actor", "id")
        yield _Naming(at=at, authority=issuer.issuer, type=issuer.actor.type, prefix=prefix, shared=issuer.actor.shared)


def _namings(options: Options) -> list[_Naming]:
    found = []
    for number, issuer in enumerate(options.issuers):
        try:
            template = Template.of(issuer.principal.id)
        except ValueError:
            continue
        at: Path = ("issuers", number, "principal", "id")
        authority, prefix = issuer.issuer, template.prefix
        if issuer.profile == "jwt-svid" and template.claims == (("sub",),) and not prefix:
            # Of a trust domain, tokens and certificates name the same workloads.
            authority = prefix = f"spiffe://{svid.trust_domain(issuer)}/"
        naming = _Naming(
            at=at, authority=authority, type=issuer.principal.type, prefix=prefix, shared=issuer.principal.shared
        )
        found.append(naming)
        found += _acting(number, issuer)
    for number, workload in enumerate(options.workloads):
        domain = f"spiffe://{workload.trust_domain}/"
        at = ("workloads", number, "trust_domain")
        found.append(_Naming(at=at, authority=domain, type=workload.type, prefix=domain, shared=False))
    return found
