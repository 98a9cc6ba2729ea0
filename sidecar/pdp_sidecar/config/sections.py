"""The sections of a configuration. Those of a protocol stand with it; a new one is a line of `Options`.

Lengths of time are seconds, or text as in policies. The page of the reference holds every key; a test compares them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pdp.configuration.secret import Secret
from pdp_sidecar.authzen.options import Options as AuthzenOptions
from pdp_sidecar.envoy.options import Options as EnvoyOptions
from pdp_sidecar.frames.options import Options as FramesOptions
from pdp_sidecar.operations.options import OperationsOptions
from pdp_sidecar.reloading import ReloadOptions
from pdp_sidecar.rpc.options import Options as RpcOptions
from pdp_sidecar.workers.options import WorkersOptions

WhenStale = Literal["deny", "continue"]
MayWord = Literal["check", "watch", "explain", "search", "revoke", "status", "approve"]


class Section(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration."""


class ListenerOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one protocol is spoken. `mode`, `group` and `shared_folder` are for a Unix socket, `plaintext` for TCP."""

    address: str
    mode: str = "0600"
    group: str | None = None
    shared_folder: bool = False
    plaintext: bool = False


class ListenOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it listens. Where nothing is asked, it is asked at Unix sockets in the user's own folder."""

    grpc: str | ListenerOptions | None = None
    http: str | ListenerOptions | None = None
    frames: str | ListenerOptions | None = None
    operations: str | ListenerOptions | None = None


class TlsOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What TLS is spoken by. With `client_ca`, whoever connects shows a certificate."""

    cert: str
    key: Secret
    client_ca: str | None = None
    trust_domain: str | None = None


class IdentityOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens and certificates are verified. `wait` is for how long the start waits for the keys of issuers."""

    file: str
    wait: Annotated[float, msgspec.Meta(ge=0, le=300)] = 10.0


class CallerOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may ask, told by exactly one of `uid`, `spiffe`, `token`, `identity` and `anyone`, and what they may."""

    name: str
    uid: int | Literal["self"] | None = None
    spiffe: str | None = None
    token: Secret | None = None
    identity: str | None = None
    anyone: bool = False
    may: tuple[MayWord, ...] = ("check", "watch", "search")
    principals: tuple[str, ...] | None = None
    asserts_session: bool = True


class AgeOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old each source may be."""

    approvals: float | None = None
    entities: float | None = None
    policy: float | None = None
    revocations: float | None = None


class StaleOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of answers when a source is older."""

    approvals: WhenStale = "deny"
    entities: WhenStale = "deny"
    policy: WhenStale = "deny"
    revocations: WhenStale = "deny"


class FactsOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts beside the policy folder, and how old they may be."""

    revocations: str | None = None
    approvals: str | None = None
    keys: str | None = None
    desk: Secret | None = None
    create: bool = False
    refresh: float = 0.5
    max_age: AgeOptions = AgeOptions()
    when_stale: StaleOptions = StaleOptions()


class LimitsOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for the whole of it."""

    drain: Annotated[float, msgspec.Meta(le=3600)] = 10.0


class Options(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of a configuration, as it is written."""

    policies: str | None = None
    listen: ListenOptions = ListenOptions()
    tls: TlsOptions | None = None
    identity: IdentityOptions | None = None
    callers: tuple[CallerOptions, ...] = ()
    facts: FactsOptions = FactsOptions()
    limits: LimitsOptions = LimitsOptions()
    reload: ReloadOptions = ReloadOptions()
    workers: WorkersOptions = WorkersOptions()
    grpc: RpcOptions = RpcOptions()
    frames: FramesOptions = FramesOptions()
    authzen: AuthzenOptions = AuthzenOptions()
    envoy: EnvoyOptions | None = None
    operations: OperationsOptions = OperationsOptions()
