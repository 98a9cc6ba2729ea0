"""One provider for all, and examples that take its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.provider import MISSING, Provider
from tests.e2e.scene import Scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    skip = pytest.mark.skip(reason=f"{MISSING}: `make test-e2e` brings one, or PDP_PROVIDER names its folder")
    for each in items:
        if here in each.path.parents:
            each.add_marker(pytest.mark.slow)
            if MISSING is not None:
                each.add_marker(skip)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    found = Provider(tmp_path_factory.mktemp("provider"))
    yield found
    found.close()


@pytest.fixture
def scene(provider: Provider, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Return what makes the scene of an example: `scene("people")`, with more lines for its issuer."""
    made: list[Scene] = []

    def make(name: str, more: str = "", *, of: Provider | None = None) -> Scene:
        made.append(Scene(name, tmp_path, of or provider, more))
        return made[-1]

    yield make
    for each in made:
        each.issuers.close()
