"""What the operator of a sidecar decides about frames."""

from __future__ import annotations

import msgspec


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Limits of the framed protocol; lengths of time in seconds."""

    max_frame: int = 2**20
    """Bytes of one frame."""
    max_batch: int = 10_000
    """Questions of one frame."""
    max_connections: int = 1024
    max_in_flight: int = 16
    """Of one connection: what takes long, such as an explanation, goes on beside what follows it."""
    max_slow: int = 2
    """Explanations and searches of all connections that are worked on at once; others wait for their turn."""
    max_watches: int = 10_000
    """Of one connection."""
    max_unsent: int = 4 * 2**20
    """Bytes that a connection does not take; one that takes no more of what it did not ask for is closed."""
    beat_interval: float = 1.0
    """How often whoever listens is told that the server is there."""
    handshake_timeout: float = 5.0
    frame_timeout: float = 10.0
    """How long a frame that has begun may take to arrive."""
    idle_timeout: float = 600.0
    """How long a connection that listens to nothing may ask nothing."""
