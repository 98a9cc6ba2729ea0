"""What a gRPC server takes of its clients, and when it lets go of them."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

NO_COMPRESSION: Final = 0

# gRPC takes no number of more than 31 bits, and times as milliseconds.
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Bytes = Annotated[int, msgspec.Meta(ge=1024, le=1 << 30)]
Seconds = Annotated[float, msgspec.Meta(ge=0.001, le=7 * 86_400)]


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Limits of a gRPC server. Sizes are bytes, times are seconds.

    >>> dict(Options(message_size=1000).channel())["grpc.max_receive_message_length"]
    1000
    """

    message_size: Bytes = 4 * 2**20
    """Of one message, either way."""

    metadata_size: Bytes = 16 * 2**10
    """Of all metadata of one call."""

    in_flight: Count = 256
    """Calls that are answered at once, streams aside. Those beyond are refused with RESOURCE_EXHAUSTED."""

    streams: Count = 256
    """Streams (CheckStream and Watch) that are open at once, of all clients."""

    streams_per_connection: Count = 256
    """Calls that one connection has open at once, streams or not. More wait on the side of the client."""

    connections: Count = 1024
    """Connections that are open at once."""

    batch_items: Count = 10_000
    """Questions of one CheckBatch."""

    slow_calls: Count = 4
    """Calls of Explain, WhoCan and WhatCan that are answered at once, each in a thread of its own."""

    watches_per_stream: Count = 1000
    """Questions that one Watch has subscribed to."""

    watches: Count = 10_000
    """Questions that all Watches have subscribed to."""

    watch_backlog: Count = 1000
    """Changes that wait for a Watch whose client does not read. One more, and the stream is closed."""

    beat: Seconds = 1.0
    """A Watch hears of the server at least so often."""

    arrival: Seconds = 10.0
    """The message of a call that has begun has to be there within that time."""

    handshake: Seconds = 10.0
    """A connection has to be set up, TLS included, within that time."""

    connection_idle: Seconds = 300.0
    """A connection without any call is closed after that."""

    connection_age: Seconds = 3600.0
    """A connection is closed after that, calls or none: then certificates and addresses are looked at anew."""

    connection_grace: Seconds = 30.0
    """Calls that are open when a connection comes of age have so long to end."""

    keepalive: Seconds = 30.0
    """A connection on which nothing comes is asked after that whether anybody is there."""

    keepalive_timeout: Seconds = 10.0
    """Whoever has not said so within that time is not."""

    ping_interval: Seconds = 5.0
    """A client may ask the same so often, and a little more often a few times."""

    reflection: bool = False
    """Whether anybody who can connect may read what services and messages there are."""

    reuse_port: bool = False
    """Whether other processes may listen on the same TCP port."""

    def channel(self) -> tuple[tuple[str, int], ...]:
        """Return what gRPC itself holds to."""
        return (
            ("grpc.max_receive_message_length", self.message_size),
            ("grpc.max_send_message_length", self.message_size),
            ("grpc.max_metadata_size", self.metadata_size),
            ("grpc.absolute_max_metadata_size", self.metadata_size),
            ("grpc.max_concurrent_streams", self.streams_per_connection),
            ("grpc.max_allowed_incoming_connections", self.connections),
            # Questions are answered as they are taken, so that those that are too many wait in gRPC itself. What comes
            # on top of so many it refuses, without a message, which clients see as CANCELLED.
            ("grpc.server.max_pending_requests", self.in_flight),
            ("grpc.server.max_pending_requests_hard_limit", self.in_flight),
            ("grpc.server_handshake_timeout_ms", _ms(self.handshake)),
            ("grpc.max_connection_idle_ms", _ms(self.connection_idle)),
            ("grpc.max_connection_age_ms", _ms(self.connection_age)),
            ("grpc.max_connection_age_grace_ms", _ms(self.connection_grace)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _ms(self.ping_interval)),
            ("grpc.http2.max_ping_strikes", 3),
            # A small message may unfold into a large one; answers are small as they are.
            ("grpc.compression_enabled_algorithms_bitset", 1 << NO_COMPRESSION),
            ("grpc.default_compression_algorithm", NO_COMPRESSION),
            ("grpc.so_reuseport", int(self.reuse_port)),
        )

    @property
    def calls(self) -> int:
        """All calls that are open at once."""
        return self.in_flight + self.streams

    @property
    def health_watches(self) -> int:
        """Watches of health that are open at once: a small part of all calls."""
        return max(1, min(self.calls // 16, 32))


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
