"""How many files a process may have open: each connection is one, and so is each record and policy that it reads."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Final

from pdp_sidecar.config import Configuration
from pdp_sidecar.operations.probes import CONNECTIONS

SPARE: Final = 256
"""Files beside connections: records, policies, what Python itself reads, and connections of those who run it."""


def needed(configuration: Configuration) -> int:
    """Return how many files one process may come to have open, by its limits."""
    options = configuration.options
    most = {
        "grpc": options.grpc.connections,
        # Over HTTP, as many again are told that there are too many.
        "http": 2 * options.authzen.max_connections,
        "frames": options.frames.max_connections,
        "operations": 2 * CONNECTIONS,
    }
    return SPARE + sum(most[each.protocol] for each in configuration.listeners)


def make_room(
    files: int,
    limits: Callable[[int], tuple[int, int]] = resource.getrlimit,
    raise_to: Callable[[int, tuple[int, int]], None] = resource.setrlimit,
) -> int:
    """Let this process, and those that it starts, open so many files, or as many as it may; return how many it may.

    A process that has them all open reads no policy and no record, and tells nobody how it is.
    """
    soft, hard = limits(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    if soft == endless or soft >= files:
        return files
    wanted = files if hard == endless else min(files, hard)
    try:
        raise_to(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted
