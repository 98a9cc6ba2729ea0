"""How several workers are kept."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class WorkersOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many workers there are, and what they are given time for, in seconds.

    `revoke_within` is how long a worker may take to say that a revocation holds in it before it is ended. `beat` is how
    often each is asked whether it is there, and `silent` how long it may leave that unanswered. One that does not come
    up within `start_within` is started again; after a failure that waits for `backoff`, twice that after the next, up
    to `backoff_most`.
    """

    count: int = 1
    revoke_within: Seconds = 1.0
    beat: Seconds = 5.0
    silent: Seconds = 10.0
    start_within: Seconds = 60.0
    backoff: Seconds = 0.1
    backoff_most: Seconds = 10.0
