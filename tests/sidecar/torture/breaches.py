"""Ways to break a promise of the sidecar, in the process of the sidecar or of a client. Each has to be noticed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

BREACHES: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {}


@contextlib.contextmanager
def broken(name: str) -> Iterator[None]:
    """Break this process in one way, or not at all."""
    with BREACHES[name]() if name else contextlib.nullcontext():
        yield
