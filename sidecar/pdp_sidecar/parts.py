"""The parts of a sidecar: what is started, in which order, and with what. A new one is a function and a line here."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from pdp.classes import dataclass, field
from pdp.engine import Engine
from pdp.identity.certificates import identities_of
from pdp_sidecar import reloading
from pdp_sidecar.addresses import Address
from pdp_sidecar.authzen import server as authzen
from pdp_sidecar.callers import Callers
from pdp_sidecar.config import Configuration
from pdp_sidecar.config.asking import callers_at
from pdp_sidecar.config.listening import Listener
from pdp_sidecar.envoy.authorization import Authorization
from pdp_sidecar.facts import Records, Refresher
from pdp_sidecar.frames import server as framed
from pdp_sidecar.issuing import receivers_of, started
from pdp_sidecar.operations import probes
from pdp_sidecar.operations.calls import Measured
from pdp_sidecar.operations.gate import App
from pdp_sidecar.operations.notify import Watchdog
from pdp_sidecar.operations.together import Operations
from pdp_sidecar.receivers.revoking import Revoking
from pdp_sidecar.rpc import server as rpc
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.running import Running
from pdp_sidecar.service import Service
from pdp_sidecar.sockets import Socket, SocketError, listening, listening_tcp
from pdp_sidecar.status import Readiness
from pdp_sidecar.workers.child import Control

if TYPE_CHECKING:
    from pdp.identity.issuers import Issuers


@dataclass(slots=True, kw_only=True)
class Ground:
    """What all parts stand on. `control` is there where this is one worker of several.

    `heard` has where each protocol is spoken, once it is.
    """

    configuration: Configuration
    engine: Engine
    mark: str
    records: Records
    service: Service
    readiness: Readiness
    operations: Operations
    issuers: Issuers | None = None
    control: Control | None = None
    reloader: reloading.Reloader | None = None
    places: list[Socket] = field(default_factory=list)
    heard: list[Listener] = field(default_factory=list)

    def tell(self) -> None:
        """Have whoever keeps this worker know how it is."""
        if self.control is not None:
            self.control.tell(self.readiness)

    def place(self, listener: Listener) -> Socket:
        """Take the place of a Unix socket, which is given back at the end."""
        found = Socket(listener.address.path, mode=listener.mode, group=listener.group, shared=listener.shared_folder)
        self.places.append(found)
        return found

    def bound(self, listener: Listener) -> socket.socket:
        """Return a socket that listens where a protocol is to be spoken."""
        address = listener.address
        if address.is_unix:
            return listening(self.place(listener))
        return listening_tcp(address.host, address.port, shared=self.several)

    def asked_by(self, protocol: str) -> Service:
        """Return the service as one protocol asks it."""
        return self.service.through(self.operations.record(protocol))

    def context(self, listener: Listener) -> ssl.SSLContext | None:
        """Return what a server of Python serves by, None for plaintext."""
        certificates = self.configuration.certificates
        return certificates.context() if certificates is not None and listener.secure else None

    def identities(self, certificate: bytes) -> tuple[str, ...]:
        """Return whom a certificate names now that TLS has verified."""
        certificates = self.configuration.certificates
        return identities_of(certificate) if certificates is None else certificates.identities(certificate)

    @property
    def several(self) -> bool:
        """Whether other workers listen at the same ports."""
        return self.configuration.options.workers.count > 1

    def hears(self, listener: Listener, port: int) -> None:
        """Note that a protocol is spoken now, at this port where it is none of a Unix socket."""
        address = listener.address
        if not address.is_unix:
            address = Address(host=address.host, port=port)
        self.heard.append(
            Listener(
                protocol=listener.protocol,
                address=address,
                secure=listener.secure,
                mode=listener.mode,
                group=listener.group,
                shared_folder=listener.shared_folder,
            )
        )


Start = Callable[[Ground], Awaitable[Running | None]]
"""Starts a part; returns None where the configuration has none of it."""


async def reload(ground: Ground) -> Running | None:
    """Keep the policies at what stands on disk."""
    options, path = ground.configuration.options.reload, ground.configuration.policies
    issuers = ground.issuers
    hold = None if issuers is None else lambda policy: issuers.check(policy.schema)
    found = await reloading.start(ground.engine, path, options, mark=ground.mark, hold=hold)

    def reloaded(what: reloading.Reloaded, seconds: float) -> None:
        ground.operations.metrics.reloaded(what, seconds)
        ground.tell()

    found.on_reload = reloaded
    ground.reloader = ground.readiness.reloads = found
    return found


async def records(ground: Ground) -> Running | None:
    """Keep facts at what stands on record."""
    if not ground.records.any:
        return None
    return Refresher(ground.engine, ground.configuration.options.facts.refresh)


async def identity(ground: Ground) -> Running | None:
    """Have the keys of issuers, or know that they are not to be had, before anybody asks."""
    option, issuers, identifying = ground.configuration.options.identity, ground.issuers, ground.service.identifying
    if option is None or issuers is None or identifying is None:
        return None
    ground.operations.metrics.tokens = identifying.tokens
    ground.readiness.identity = issuers.problems
    issuers.revoke_by(Revoking(ground.service, "issuers"))
    await started(issuers, option.wait)
    return None


async def watchdog(ground: Ground) -> Running | None:
    """Tell systemd that the loop goes round."""
    return None if ground.control is not None else Watchdog()


async def grpc(ground: Ground) -> Running | None:
    """Speak gRPC, with Envoy too where it asks."""
    listener = ground.configuration.listener("grpc")
    if listener is None:
        return None
    certificates = ground.configuration.certificates
    callers = callers_at(ground.configuration.callers, listener)
    place = ground.place(listener) if listener.address.is_unix else None
    address = str(listener.address) if place is None else f"unix:{place.draft}"
    try:
        running = await rpc.start(
            ground.asked_by("grpc"),
            callers,
            msgspec.structs.replace(ground.configuration.options.grpc, reuse_port=ground.several),
            [rpc.Listener(address, certificates.credentials() if certificates and listener.secure else None)],
            ready=lambda: ground.readiness.ready,
            status=ground.readiness.status,
            handlers=_envoy(ground, callers),
            around=lambda service: Measured(service, ground.operations.around),
            identities=ground.identities,
        )
    except OSError:
        # gRPC says no more than that, but in its own log.
        message = f"nothing can listen at `{listener.address}`: it is taken, or not of this machine"
        raise SocketError(message, "`ss -ltnp` shows who listens where") from None
    if place is not None:
        place.publish()
    ground.hears(listener, running.ports[0])
    return running


def _envoy(ground: Ground, callers: Callers) -> list[Authorization]:
    options = ground.configuration.options.envoy
    if options is None:
        return []
    service = ground.asked_by("envoy")
    return [Authorization(service, options, Identities(service, callers, ground.identities).of)]


async def http(ground: Ground) -> Running | None:
    """Speak AuthZEN over HTTP."""
    listener = ground.configuration.listener("http")
    if listener is None:
        return None
    bound = ground.bound(listener)
    receivers = receivers_of(ground.configuration, ground.issuers, ground.service)

    def around(app: App) -> App:
        whole = app if receivers is None else receivers.around(app)
        return ground.operations.application(whole, "http", _METHODS)

    running = await authzen.start(
        ground.asked_by("http"),
        ground.configuration.callers,
        ground.configuration.options.authzen,
        [bound],
        ground.context(listener),
        identities=ground.identities,
        around=around,
    )
    ground.hears(listener, _port(bound))
    return running if receivers is None else receivers.after(running)


_METHODS: Final = {
    "/backchannel-logout": "logout",
    "/access/v1/evaluation": "evaluation",
    "/access/v1/evaluations": "evaluations",
    "/access/v1/requests": "access_request",
    "/access/v1/search/subject": "search_subject",
    "/access/v1/search/resource": "search_resource",
    "/access/v1/search/action": "search_action",
}


async def frames(ground: Ground) -> Running | None:
    """Speak frames."""
    listener = ground.configuration.listener("frames")
    if listener is None:
        return None
    bound = ground.bound(listener)
    options = ground.configuration.options.frames
    running = await framed.start(
        ground.asked_by("frames"),
        ground.configuration.callers,
        options,
        bound,
        status=lambda: ground.readiness.status().to_json(),
    )
    ground.hears(listener, 0)
    return running


async def operations(ground: Ground) -> Running | None:
    """Tell those who run it how it is. Where there are several workers, who keeps them does."""
    listener = ground.configuration.listener("operations")
    if listener is None or ground.control is not None:
        return None
    bound = ground.bound(listener)
    told = probes.Alone(ground.readiness, ground.operations.metrics)
    # The configuration said that it may be plaintext, or it is not.
    running = await probes.start(told, [bound], ground.context(listener), plaintext=True)
    ground.hears(listener, _port(bound))
    return running


def _port(bound: socket.socket) -> int:
    return 0 if bound.family == socket.AF_UNIX else int(bound.getsockname()[1])


FIRST: Final[tuple[Start, ...]] = (operations,)
"""What is there before all else, and ends after it: until then it tells that nothing is ready."""

PARTS: Final[tuple[Start, ...]] = (reload, records, identity, watchdog, frames, http, grpc)
"""In the order in which they are started. What is asked comes last: by then, all else is there."""
