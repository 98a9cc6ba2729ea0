"""What a configuration of issuers says, as it is written. `docs/identity-configuration.md` holds every key."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pdp.configuration.secret import Secret

ProfileWord = Literal["access-token", "id-token", "jwt-svid", "github-actions", "gitlab", "kubernetes", "generic"]
AlgorithmWord = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
ProofWord = Literal["mtls", "dpop"]


class Section(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration."""


class KeysOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where keys come from: exactly one of `discovery`, `jwks_uri`, `file` and `spiffe_bundle` (a URL, or a path).

    They are read again after `refresh`, or sooner where the answer says so; without an answer they count for
    `max_stale` after they were last read. A key that is not known is asked for once in each `cooldown`. `ca` is a file
    of certificates that the server's has to come from, instead of those of the system. `token` is what the
    server wants to be asked with, as that of Kubernetes does: the host that is configured is shown it, and no other.
    """

    discovery: bool = False
    jwks_uri: str | None = None
    file: str | None = None
    spiffe_bundle: str | None = None
    refresh: float = 300.0
    max_stale: float = 3600.0
    cooldown: float = 30.0
    timeout: float = 5.0
    ca: str | None = None
    token: Secret | None = None


class PrincipalOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How claims name a principal. A claim is named by its path: `sub`, or `["kubernetes.io", "pod", "uid"]`.

    `id` is a claim, or a text with claims in braces: `repo:{repository_id}`. `attributes` are claims by the name of the
    attribute, `groups` claims by the type of what the principal is in: texts that are its ids. `shared` says that other
    issuers name the same principals, so that each of them speaks for all.
    """

    type: str
    id: str
    shared: bool = False
    attributes: dict[str, str | tuple[str, ...]] = {}
    groups: dict[str, str | tuple[str, ...]] = {}


class SessionOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session is in the issuer's own words. It has a second factor with any of these in `amr` or `acr`.

    `without_auth_time` says since when somebody is signed in whose token does not tell: since it was `issued`, though
    it may have been renewed without them, or nobody knows. Machines prove who they are whenever they get a token.
    """

    mfa_amr: tuple[str, ...] = ("mfa",)
    mfa_acr: tuple[str, ...] = ()
    without_auth_time: Literal["unknown", "issued"] = "unknown"
    device: str | tuple[str, ...] | None = None
    session: str | tuple[str, ...] | None = "sid"


class ActorOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may act for a principal: the claim `act` (RFC 8693) names an entity of this type. `most` is how many may.

    `shared` says that other issuers name the same: then each speaks for all of them.
    """

    type: str
    id: str = "sub"
    most: int = 4
    shared: bool = False


class ProofOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How whoever brings a token proves to have its key. Where it is `required`, a token without a key is refused."""

    required: bool = False
    ways: tuple[ProofWord, ...] = ("mtls", "dpop")
    max_age: float = 60.0


class ReplayOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many proofs that were used are remembered, and where: in memory, or in a file that all workers have."""

    most: int = 100_000
    file: str | None = None


class IntrospectionOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to ask whether a token still counts (RFC 7662), and for how long to take the answer."""

    url: str
    client_id: str
    client_secret: Secret
    keep: float = 5.0
    timeout: float = 2.0
    ca: str | None = None


class ReviewOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Kubernetes API that tells whether a token still counts (TokenReview)."""

    url: str = "https://kubernetes.default.svc"
    token: Secret | None = None
    ca: str | None = None
    keep: float = 5.0
    timeout: float = 2.0


class LogoutOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the issuer tells which sessions end (OpenID Connect Back-Channel Logout), by tokens for this audience."""

    audience: tuple[str, ...]


class IssuerOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens are taken, and for what. There is no audience and no lifetime by default.

    `lifetime` is the longest that a token may be valid. `require` has what claims have to be: a text, a number, a truth
    value, a list of these of which it has to be one, or a table for the members of an object. `trust_domain` is whose
    workloads JWT-SVIDs are for, where `issuer` is a URL and not that trust domain.
    """

    issuer: str
    profile: ProfileWord
    audience: tuple[str, ...]
    lifetime: float
    algorithms: tuple[AlgorithmWord, ...]
    keys: KeysOptions
    principal: PrincipalOptions
    trust_domain: str | None = None
    require: dict[str, Any] = {}
    session: SessionOptions = SessionOptions()
    actor: ActorOptions | None = None
    proof: ProofOptions = ProofOptions()
    introspection: IntrospectionOptions | None = None
    review: ReviewOptions | None = None
    logout: LogoutOptions | None = None


class WorkloadOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose X.509-SVIDs are taken: certificates of this trust domain name an entity of this type by their SPIFFE id."""

    trust_domain: str
    type: str
    groups: dict[str, tuple[str, ...]] = {}


class ScimOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That a directory tells who leaves (SCIM, RFC 7644). `id` is the attribute that principals are named by."""

    type: str
    id: Literal["userName", "externalId", "id"] = "userName"
    token: Secret


class Options(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of a configuration. `leeway` is how far clocks may be apart, a minute at most; `kept` how many verified
    tokens are remembered."""

    issuers: tuple[IssuerOptions, ...] = ()
    workloads: tuple[WorkloadOptions, ...] = ()
    scim: ScimOptions | None = None
    replay: ReplayOptions = ReplayOptions()
    leeway: float = 30.0
    largest: int = 8192
    kept: int = 10_000
