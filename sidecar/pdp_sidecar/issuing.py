"""Whose tokens and certificates are taken, as a worker holds them: their keys, and what is wrong with these."""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING

from pdp_sidecar.config import Configuration
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.service import Service

if TYPE_CHECKING:
    from pdp.identity.issuers import Issuers
    from pdp_sidecar.receivers.together import Receivers


def issuers_of(configuration: Configuration) -> Issuers | None:
    """Return those whom a configuration names, None for none; raise ConfigurationError."""
    if configuration.identity is None:
        return None
    # What is not configured need not be installed.
    from pdp.identity.issuers import Issuers

    return Issuers.load(configuration.identity, environment=configuration.environment)


def receivers_of(configuration: Configuration, issuers: Issuers | None, service: Service) -> Receivers | None:
    """Return what takes the word of others that identities end, None for none; raise RecordError, or SecretError."""
    if issuers is None or configuration.revocations is None:
        return None
    found = importlib.import_module("pdp_sidecar.receivers.together")
    made: Receivers = found.Receivers(
        issuers.configuration.options,
        issuers.issuers,
        service,
        users=f"{configuration.revocations}.users.db",
        environment=configuration.environment,
    )
    return made


async def started(issuers: Issuers, seconds: float) -> None:
    """Have keys be read, and wait for the first of them for so many seconds.

    Past that, and where they cannot be had, all else is answered: tokens of whoever has no keys are refused meanwhile.
    """
    reading = asyncio.ensure_future(asyncio.wrap_future(issuers.start()))
    done, _ = await asyncio.wait([reading], timeout=seconds)
    problems = issuers.problems()
    if not done or problems:
        tell(logging.WARNING, "keys_missing", waited=seconds, problems=list(problems))
