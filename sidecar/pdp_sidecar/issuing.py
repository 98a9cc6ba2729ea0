"""Whose tokens and certificates are taken, as a worker holds them: their keys, and what is wrong with these."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from pdp.schema import Schema
from pdp_sidecar.config import Configuration
from pdp_sidecar.identifying import Issuers
from pdp_sidecar.operations.logs import tell
from pdp_sidecar.receivers.revoking import Revoking
from pdp_sidecar.service import Service

if TYPE_CHECKING:
    from pdp_sidecar.receivers.together import Receivers


class Issuing(Issuers, Protocol):
    """Issuers, and what a worker has to do with them."""

    configuration: Any
    issuers: Mapping[str, Any]

    def revoke_by(self, revoker: Revoking) -> None:
        """Say who revokes what an issuer says counts no longer."""

    def check(self, schema: Schema) -> None:
        """Hold them to what another policy declares; raise ConfigurationError."""

    def start(self) -> Future[None]:
        """Begin to read keys; return what is done once all are there, or could not be had."""

    def close(self) -> None:
        """Read keys no more."""

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, for those who run this."""


def issuers_of(configuration: Configuration) -> Issuing | None:
    """Return those whom a configuration names, None for none; raise ConfigurationError."""
    if configuration.identity is None:
        return None
    # What is not configured need not be installed.
    found = importlib.import_module("pdp.identity.issuers")
    made: Issuing = found.Issuers.load(configuration.identity, environment=configuration.environment)
    return made


def receivers_of(configuration: Configuration, issuers: Issuing | None, service: Service) -> Receivers | None:
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


async def started(issuers: Issuing, seconds: float) -> None:
    """Have keys be read, and wait for the first of them for so many seconds.

    Past that, and where they cannot be had, all else is answered: tokens of whoever has no keys are refused meanwhile.
    """
    reading = asyncio.ensure_future(asyncio.wrap_future(issuers.start()))
    done, _ = await asyncio.wait([reading], timeout=seconds)
    problems = issuers.problems()
    if not done or problems:
        tell(logging.WARNING, "keys_missing", waited=seconds, problems=list(problems))
