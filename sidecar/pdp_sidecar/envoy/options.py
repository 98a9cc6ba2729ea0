"""How requests of HTTP become questions, as the configuration says it.

Texts hold `{…}` for what a request brings: `{name}` is what the path has in that place, the others are listed in
`templates`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Told = Literal["reason", "rules", "remedies"]


class PrincipalOption(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who asks: an entity of a type. `attributes` come along where no source holds the entity.

    A header names nobody, since whoever sends a request writes its headers; `trust_headers` says that a proxy in front
    of Envoy writes those that are named here, and takes away what came before.
    """

    type: str
    id: str
    attributes: dict[str, str] = {}
    trust_headers: bool = False


class TokenOption(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the claims of a verified token are, and what they say of a session.

    With `verify`, the token of the request is verified here, by the issuers of the section `identity`: whoever it is of
    is who asks on every route that names nobody else, and the other keys say nothing. Else a filter has verified it:
    `payload` is the name under which Envoy's filter `jwt_authn` keeps them (`payload_in_metadata`). Where `issuer` is
    set, a token of any other is none. A method of `mfa_methods` in `amr`, or an `acr` of `mfa_acr`, makes `session.mfa`
    true. `actor` is who acts for the principal, as `Agent "{claim.act.sub}"`.
    """

    verify: bool = False
    payload: str = "jwt"
    issuer: str = ""
    mfa_methods: tuple[str, ...] = ("mfa",)
    mfa_acr: tuple[str, ...] = ()
    actor: str = ""
    session_id: str = "sid"
    device_id: str = ""
    key_id: str = ""


class RouteOption(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What requests of some methods, hosts and paths ask for.

    `path` has a `{name}` for a segment, and may end in `{name*}`, which is one segment or more. Hosts are names, or
    `*.name` for all under one; without any, a route is for all. `action` is one, or one for each method.
    """

    name: str
    path: str
    resource: str
    action: str | dict[str, str]
    methods: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    principal: PrincipalOption | None = None
    context: dict[str, str] = {}


class StepUpOption(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A remedy that a new sign-in meets, by its text in the rules, and which sign-in that is (RFC 9470)."""

    remedy: str
    acr_values: tuple[str, ...] = ()
    max_age: str = ""


class ObligationOption(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How an obligation is fulfilled: by headers of the request or of its answer, of its arguments as `{argument}`.

    Its arguments are told to Envoy's later filters and logs in any case; `metadata` says that this is enough.
    """

    request_headers: dict[str, str] = {}
    response_headers: dict[str, str] = {}
    metadata: bool = False


class Options(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The section `envoy`.

    `headers` are set on requests that are let through, in place of any that came. `remove_headers` are taken away along
    with those of `headers` and of `forged.FORGEABLE`; `keep_headers` are not. `trusted_hops` is how many proxies, Envoy
    included, append to `x-forwarded-for`: then `{ip}` is the entry so far from its end, else the address that Envoy
    tells. `normalise_paths` decides for what dot segments and doubled slashes come to; else such a path is refused.
    `tell` is what the body of a denial says.
    """

    routes: tuple[RouteOption, ...] = ()
    principal: PrincipalOption | None = None
    token: TokenOption = TokenOption()
    headers: dict[str, str] = {}
    remove_headers: tuple[str, ...] = ()
    keep_headers: tuple[str, ...] = ()
    trusted_hops: int = 0
    normalise_paths: bool = False
    step_up: tuple[StepUpOption, ...] = ()
    obligations: dict[str, ObligationOption] = {}
    tell: tuple[Told, ...] = ()
    realm: str = ""
