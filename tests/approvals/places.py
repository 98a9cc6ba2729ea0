"""A place where people ask for access: a policy, who holds which key, and a clock that is set by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import pdp

POLICY = """
type Group
type User in Group
type Agent
type Service
session { actor?: Agent }
action deploy, restart, read on Service by User
  with { change?: String }
rule reads: permit User to read on Service
rule reviewed:
  permit User to deploy on Service
  when context has change
  needs 2 approvals of context.change from Group "reviewers" for 4h
rule restarted:
  permit User to restart on Service
  needs approval from Group "reviewers" for 4h
rule helped:
  permit User to restart on Service
  via Agent
  needs approval from Group "reviewers" for 4h
"""
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = ("ada", "bo", "cy", "dee", "eve")
REVIEWERS = ("bo", "cy", "dee")
ADA, API = pdp.ref("User", "ada"), pdp.ref("Service", "api")


@cache
def signer(name: str) -> pdp.Signer:
    """Return the key of somebody: the same each time."""
    return pdp.Signer(Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")))


def user(name: str) -> pdp.EntityRef:
    return pdp.ref("User", name)


class Place:
    """A folder with a store and its keys, and an engine that goes by them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path, self.keys = folder / "a.db", folder / "keys.json"
        self.now = NOW
        self.register(PEOPLE)
        self.store = self.open(create=True)
        self.engine = self.engine_of(self.store, **options)

    def register(self, people: tuple[str, ...]) -> None:
        """Say who holds a key: these, and nobody else."""
        self.keys.write_text(json.dumps({f"User:{name}": [signer(name).key] for name in people}))

    def open(self, *, create: bool = False) -> pdp.ApprovalStore:
        return pdp.ApprovalStore(self.path, keys=self.keys, create=create, clock=lambda: self.now)

    def engine_of(self, source: Any, **options: Any) -> pdp.Engine:
        groups = [pdp.Entity("Group", "reviewers"), pdp.Entity("Agent", "helper")]
        people = [
            pdp.Entity("User", name, parents=[pdp.ref("Group", "reviewers")] if name in REVIEWERS else [])
            for name in PEOPLE
        ]
        options = {"clock": lambda: self.now, "entities": [*groups, *people], **options}
        return pdp.Engine.from_text(POLICY, approvals=source, **options)

    def ask(
        self,
        by: str = "ada",
        action: str = "restart",
        lasts: timedelta = 2 * HOUR,
        actor: str | None = None,
        **context: Any,
    ) -> str:
        """Ask for access of ada, and return the id of the request."""
        session = None if actor is None else {"actor": pdp.ref("Agent", actor)}
        request = pdp.Request(ADA, action, API, context, session)
        return self.store.request(self.engine, request, signer=signer(by), lasts=lasts, why="INC-42").id

    def approve(self, id: str, by: str) -> pdp.AccessRequest:
        return self.store.approve(self.engine, id, signer=signer(by))

    def allows(self, action: str = "restart", actor: str | None = None, **context: Any) -> bool:
        session = None if actor is None else {"actor": pdp.ref("Agent", actor)}
        return self.engine.allows(ADA, action, API, context, session)
