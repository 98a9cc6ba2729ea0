"""An example of examples/identity whose issuer is the provider of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pdp
from pdp.errors import TokenError
from pdp.identity.issuers import Issuers
from pdp.identity.who import NOTHING, Identity, Shown
from tests.e2e.provider import Provider
from tests.identity.ready import copied

REFRESH = 30
"""Seconds after which keys are read again, and count no longer if they cannot be."""


class Clock:
    """The time of this machine, or later where a test says so."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def go_on(self, seconds: float) -> None:
        self._ahead += seconds

    def micros(self) -> int:
        return int((time.time() + self._ahead) * 1e6)

    def seconds(self) -> float:
        return time.monotonic() + self._ahead


class Scene:
    """Who asks is known by tokens of the provider, and what they may is said by the policy of the example."""

    def __init__(self, name: str, folder: Path, provider: Provider, more: str = "") -> None:
        keys = f'discovery = true\nca = "{provider.ca}"\nrefresh = {REFRESH}\nmax_stale = {REFRESH}\ncooldown = 1'
        self.folder = copied(name, folder, keys)
        for path in self.folder.iterdir():
            path.write_text(path.read_text("utf-8").replace("https://id.example.org", provider.issuer), "utf-8")
        self.identity = self.folder / "identity.toml"
        self.identity.write_text(f"{self.identity.read_text('utf-8')}\n{more}\n", "utf-8")
        self.engine = pdp.Engine.load(self.folder, cache="off")
        self.clock = Clock()
        self.issuers = Issuers.load(
            self.identity,
            schema=self.engine.policy.schema,
            now=self.clock.micros,
            monotonic=self.clock.seconds,
        )

    def who(self, token: str, shown: Shown = NOTHING) -> Identity:
        return self.issuers.identify(token, shown)

    def refusal(self, token: str, shown: Shown = NOTHING) -> str:
        """Return why a token is refused."""
        with pytest.raises(TokenError) as caught:
            self.who(token, shown)
        return caught.value.code

    def decide(self, token: str, action: str, resource: pdp.EntityRef, shown: Shown = NOTHING) -> pdp.Decision:
        """Decide about whoever a token speaks for."""
        return self.decide_about(self.who(token, shown), action, resource)

    def decide_about(self, who: Identity, action: str, resource: pdp.EntityRef) -> pdp.Decision:
        return self.engine.decide(who.principal, action, resource, session=who.session)


def until(holds: Callable[[], bool], patience: float = 20.0) -> bool:
    """Tell whether something comes to hold, before patience ends."""
    end = time.monotonic() + patience
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
