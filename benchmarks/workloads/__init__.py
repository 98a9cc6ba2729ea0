"""The worlds that are measured: each is built from a fixed seed, and knows how each request has to come out."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.workloads import conditions, gdrive, github, roles, tinytodo
from benchmarks.workloads.world import Ask, Workload

__all__ = ["BUILDERS", "SIZES", "Ask", "Workload", "build", "names"]

BUILDERS: dict[str, Callable[[int], Workload]] = {
    "tinytodo": tinytodo.build,
    "github": github.build,
    "gdrive": gdrive.build,
    "conditions": conditions.build,
    "roles": roles.build,
}

SIZES: dict[str, tuple[int, ...]] = {
    "tinytodo": (5, 10, 20, 50),
    "github": (5, 10, 20, 50),
    "gdrive": (5, 10, 20, 50),
    "conditions": (8, 80, 800),
    "roles": (10, 100, 1_000, 10_000, 100_000),
}


def names() -> list[str]:
    """Return the name of every workload in every size, such as `github_50`."""
    return [f"{kind}_{size}" for kind, sizes in SIZES.items() for size in sizes]


def build(name: str) -> Workload:
    """Build a workload by name."""
    kind, _, size = name.partition("_")
    return BUILDERS[kind](int(size))
