"""A port that several processes listen to."""

from __future__ import annotations

import socket

from pdp.classes import dataclass


@dataclass(frozen=True, slots=True)
class Reserved:
    """An address that is kept for workers, each of which listens to it by a `listener` of its own."""

    host: str
    port: int
    socket: socket.socket

    def close(self) -> None:
        """Let others have the address, when the workers are gone."""
        self.socket.close()


def reserve(host: str, port: int) -> Reserved:
    """Keep an address, any free one for port 0; raise OSError where another program has it.

    SO_REUSEPORT would let a second sidecar of the same user listen beside the first, and take half of its requests.
    """
    kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Two that only bind with SO_REUSEADDR get by one another; one that listens is met.
        probe.listen(1)
        chosen = probe.getsockname()[1]
    kept = listener(host, chosen)
    return Reserved(host, chosen, kept)


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address beside others of this user. It does not listen yet."""
    kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    found = socket.socket(kind, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if kind == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(address)
    except BaseException:
        found.close()
        raise
    return found
