"""How a sidecar is: whether it is ready to be asked, by what it answers, and what is wrong."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pdp import __version__
from pdp.classes import dataclass, field
from pdp.freshness import SourceStatus
from pdp.model import SourceState
from pdp_sidecar.reloading import Reloaded
from pdp_sidecar.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a sidecar is at one moment. `problems` may be there though it is ready: then it answers all the same."""

    ready: bool
    problems: tuple[str, ...]
    revision: str
    facts_revision: str
    epoch: str
    started: _datetime.datetime
    sources: Mapping[str, SourceStatus]
    reload: Reloaded | None = None
    workers: int = 1
    version: str = __version__

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "ready": self.ready,
            "problems": list(self.problems),
            "version": self.version,
            "revision": self.revision,
            "facts_revision": self.facts_revision,
            "epoch": self.epoch,
            "started": self.started.isoformat(),
            "workers": self.workers,
            "sources": {name: _source(each) for name, each in sorted(self.sources.items())},
            "reload": None if self.reload is None else _reload(self.reload),
        }


def _source(source: SourceStatus) -> dict[str, Any]:
    return {"state": str(source.state), "age": source.age.total_seconds(), "detail": source.detail}


def _reload(reload: Reloaded) -> dict[str, Any]:
    return {
        "at": reload.at.isoformat(),
        "taken": reload.taken,
        "revision": reload.revision,
        "detail": reload.detail,
    }


class Reloads(Protocol):
    """What knows of policies that are read anew."""

    last: Reloaded | None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the policies on disk."""

    @property
    def is_late(self) -> bool:
        """Whether those that answer are too old for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What is known of all workers, this one included. `problems` say where they differ, and what became of them."""

    workers: int = 1
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class Readiness:
    """Tells how a sidecar is. A part that is not up yet stands in `waiting`; what is set holds from then on.

    It is ready when nothing is waited for, nothing that it needs has failed, and it is not draining. So it is not
    ready before somebody has said what is up: `waiting` begins with the listeners.
    """

    service: Service
    waiting: set[str] = field(default_factory=lambda: {"listeners"})
    draining: bool = False
    reloads: Reloads | None = None
    others: Callable[[], Others] = Others
    identity: Callable[[], tuple[str, ...]] = tuple
    """What is wrong with those whose tokens are taken. All else is answered, so that it is ready all the same."""

    @property
    def ready(self) -> bool:
        """Whether it is ready to be asked."""
        return self.look()[0]

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether it is ready, and its problems. What cannot be told is a problem, and then it is not ready."""
        return self._judged(self._sources())

    def status(self) -> Status:
        """Return how it is now. The first time after a change of many entities it takes long, for their revision."""
        sources, service, engine = self._sources(), self.service, self.service.engine
        ready, problems = self._judged(sources)
        return Status(
            ready=ready,
            problems=problems,
            revision=engine.policy.revision,
            facts_revision=engine.facts_revision,
            epoch=service.epoch,
            started=service.started,
            sources=sources if isinstance(sources, dict) else {},
            reload=None if self.reloads is None else self.reloads.last,
            workers=self.others().workers,
        )

    def _sources(self) -> dict[str, SourceStatus] | str:
        try:
            return dict(self.service.engine.sources)
        except Exception as error:
            return f"nobody can tell how the sources are: {type(error).__name__}"

    def _judged(self, sources: dict[str, SourceStatus] | str) -> tuple[bool, tuple[str, ...]]:
        unknown = [sources] if isinstance(sources, str) else []
        known = {} if isinstance(sources, str) else sources
        grave = [*unknown, *self._grave(known)]
        return not grave, (*grave, *self._lesser(known), *self.others().problems)

    def _grave(self, sources: Mapping[str, SourceStatus]) -> list[str]:
        found = [f"the {name} are not up yet" for name in sorted(self.waiting)]
        if self.draining:
            found.append("it is ending")
        if self.reloads is not None and self.reloads.is_late:
            found += self.reloads.problems
        return [*found, *(_told(name, each) for name, each in sources.items() if each.state is SourceState.FAILED)]

    def _lesser(self, sources: Mapping[str, SourceStatus]) -> list[str]:
        found = [] if self.reloads is None or self.reloads.is_late else list(self.reloads.problems)
        found += self.identity()
        return [*found, *(_told(name, each) for name, each in sources.items() if each.state is SourceState.STALE)]


def _told(name: str, source: SourceStatus) -> str:
    return f"{name}: {source.detail or source.state}"
