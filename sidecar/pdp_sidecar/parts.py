"""The parts of a sidecar: what is started, in which order, and with what. A new one is a function and a line here."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from pdp.classes import dataclass, field
from pdp.engine import Engine
from pdp_sidecar import reloading
from pdp_sidecar.addresses import Address
from pdp_sidecar.config import Configuration
from pdp_sidecar.config.asking import callers_at
from pdp_sidecar.config.listening import Listener
from pdp_sidecar.facts import Records, Refresher
from pdp_sidecar.rpc import server as rpc
from pdp_sidecar.running import Running
from pdp_sidecar.service import Service
from pdp_sidecar.sockets import Socket, listening, listening_tcp
from pdp_sidecar.status import Readiness


@dataclass(slots=True, kw_only=True)
class Ground:
    """What all parts stand on. `heard` has where each protocol is spoken, once it is."""

    configuration: Configuration
    engine: Engine
    mark: str
    records: Records
    service: Service
    readiness: Readiness
    reloader: reloading.Reloader | None = None
    places: list[Socket] = field(default_factory=list)
    heard: list[Listener] = field(default_factory=list)

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
    ground.reloader = await reloading.start(ground.engine, path, options, mark=ground.mark)
    ground.readiness.reloads = ground.reloader
    return ground.reloader


async def records(ground: Ground) -> Running | None:
    """Keep facts at what stands on record."""
    if not ground.records.any:
        return None
    return Refresher(ground.engine, ground.configuration.options.facts.refresh)


async def grpc(ground: Ground) -> Running | None:
    """Speak gRPC."""
    listener = ground.configuration.listener("grpc")
    if listener is None:
        return None
    certificates = ground.configuration.certificates
    place = ground.place(listener) if listener.address.is_unix else None
    running = await rpc.start(
        ground.service,
        callers_at(ground.configuration.callers, listener),
        msgspec.structs.replace(ground.configuration.options.grpc, reuse_port=ground.several),
        [
            rpc.Listener(
                f"unix:{place.draft}" if place is not None else str(listener.address),
                certificates.credentials() if certificates is not None and listener.secure else None,
            )
        ],
        ready=lambda: ground.readiness.ready,
    )
    if place is not None:
        place.publish()
    ground.hears(listener, running.ports[0])
    return running


PARTS: Final[tuple[Start, ...]] = (reload, records, grpc)
"""In the order in which they are started. What is asked first comes last: by then, all else is there."""
