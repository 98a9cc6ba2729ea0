"""The provider changes its keys while many ask."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from pdp.errors import TokenError
from tests.e2e.provider import Provider
from tests.e2e.scene import REFRESH, Scene, until

CALLERS = 8


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    found = Provider(tmp_path_factory.mktemp("rotating"))
    yield found
    found.close()


class Load:
    """Callers who bring tokens that count, old and new, all the time. `refused` holds what was refused, and why."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.tokens: list[str] = []
        self.refused: list[str] = []
        self.done = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CALLERS)]

    def start(self) -> None:
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    def go_on(self) -> None:
        """Wait until each caller has asked some more."""
        before = self.done
        assert until(lambda: self.done > before + 10 * CALLERS), self.refused

    def _ask(self) -> None:
        chance = random.Random(threading.get_ident())
        while not self._over.is_set():
            # The newest as often as all the others together: the key of that one may be unknown yet.
            token = self.tokens[-1] if chance.random() < 0.5 else chance.choice(self.tokens)
            try:
                self._scene.who(token)
            except TokenError as error:
                self.refused.append(error.code)
            self.done += 1
            self._over.wait(0.001)


def test_a_change_of_keys_is_seen_by_no_caller(own, scene):
    found = scene("people", of=own)
    load = Load(found)
    load.tokens += [own.token() for _ in range(10)]
    load.start()
    load.go_on()

    # It signs with the next key at once, without having told of it.
    found.clock.go_on(2)
    own.have("second", "first")
    for _ in range(10):
        load.tokens.append(own.token())
        load.go_on()
    load.stop()

    assert load.refused == []


def test_many_callers_with_a_new_key_make_one_read(own, scene):
    found = scene("people", of=own)
    found.who(own.token())
    found.clock.go_on(2)
    own.have("second", "first")
    news = [own.token() for _ in range(4 * CALLERS)]
    before = own.read("/jwks")
    threads = [threading.Thread(target=found.who, args=(each,)) for each in news]

    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert own.read("/jwks") == before + 1


def test_a_key_that_is_gone_counts_for_nobody_past_its_bound(own, scene):
    found = scene("people", of=own)
    old = [own.token() for _ in range(3)]
    found.who(old[0])
    own.have("second")
    new = own.token()

    found.clock.go_on(REFRESH + 1)

    assert [found.refusal(each) for each in old] == ["unknown_key"] * 3
    assert found.who(new).subject == "deployer"


def test_a_provider_that_is_gone_is_gone_past_its_bound(own, scene):
    found = scene("people", of=own)
    tokens = [own.token() for _ in range(2)]
    found.who(tokens[0])
    own.close()

    found.clock.go_on(2)
    assert found.who(tokens[1]).subject == "deployer"
    found.clock.go_on(REFRESH)

    assert [found.refusal(each) for each in tokens] == ["keys_unavailable"] * 2
    assert len(found.issuers.problems()) == 1
