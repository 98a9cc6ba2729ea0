"""How several workers are kept."""

from __future__ import annotations

import msgspec


class WorkersOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many workers there are, and what they are given time for, in seconds.

    `revoke_within` is how long a worker may take to say that a revocation holds in it before it is ended. `beat` is how
    often each is asked whether it is there, and `silent` how long it may leave that unanswered. One that does not come
    up within `start_within` is started again; after a failure that waits for `backoff`, twice that after the next, up
    to `backoff_most`.
    """

    count: int = 1
    revoke_within: float = 1.0
    beat: float = 5.0
    silent: float = 10.0
    start_within: float = 60.0
    backoff: float = 0.1
    backoff_most: float = 10.0
