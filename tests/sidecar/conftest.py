"""What tests of the sidecar have in common."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def loggers_as_they_were() -> Iterator[None]:
    """Leave no logger quieter, or louder, than it was: a sidecar that begins sets those of the whole process."""
    names = ["", *logging.Logger.manager.loggerDict]
    before = {name: (each.level, each.propagate, each.disabled) for name in names for each in [logging.getLogger(name)]}
    yield
    for name, (level, propagate, disabled) in before.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
