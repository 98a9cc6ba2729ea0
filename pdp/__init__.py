"""Policy decisions in the caller's own process.

>>> import pdp
>>> engine = pdp.Engine.from_text('''
... type User
... type Page { public: Bool }
... action read on Page by User
... rule public_pages_are_read:
...   permit User to read on Page
...   when resource.public
... ''', entities=[pdp.Entity("Page", "home", {"public": True})])
>>> decision = engine.decide(pdp.ref("User", "ada"), "read", pdp.ref("Page", "home"))
>>> bool(decision), decision.determining_rules
(True, ('public_pages_are_read',))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdp.approvals.ledger import AccessRequest
    from pdp.approvals.signing import Signer
    from pdp.approvals.store import ApprovalStore
    from pdp.approvals.vouching import Vouching
    from pdp.enforcement import Denied, Enforcer, Handler, Lease, LeaseEnded, acting, guard, lease
    from pdp.engine import Engine
    from pdp.errors import (
        Diagnostic,
        FactsError,
        PdpError,
        PolicyError,
        RecordError,
        RemoteError,
        RequestError,
        TokenError,
    )
    from pdp.freshness import SourceStatus
    from pdp.identity.issuers import Issuers
    from pdp.identity.who import Bearer, Identity, Shown
    from pdp.leases.states import WatchState
    from pdp.leases.watch import Change, Watch
    from pdp.model import (
        Approval,
        ApprovalsMissing,
        Decision,
        Effect,
        Entity,
        Lift,
        Mark,
        Membership,
        Need,
        Obligation,
        Outcome,
        Reason,
        Remedy,
        Request,
        Revocation,
        RevocationKind,
        SourceState,
    )
    from pdp.ports import ApprovalSource, AttributeProvider, DecisionPoint, DecisionSink, FactSource
    from pdp.remote import connect, connect_async
    from pdp.revocation.log import RevocationLog
    from pdp.search import Page
    from pdp.session import Session
    from pdp.trace import Trace
    from pdp.values import EntityRef, ref

__version__ = "0.1.0"


# Where each public name stands. A module is imported when the first of its names is asked for (PEP 562): a process that
# imports pdp and asks nothing, or little, does not pay for all of it.
_HOMES = {
    "AccessRequest": "pdp.approvals.ledger",
    "Approval": "pdp.model",
    "ApprovalSource": "pdp.ports",
    "ApprovalStore": "pdp.approvals.store",
    "ApprovalsMissing": "pdp.model",
    "AttributeProvider": "pdp.ports",
    "Bearer": "pdp.identity.who",
    "Change": "pdp.leases.watch",
    "Decision": "pdp.model",
    "DecisionPoint": "pdp.ports",
    "DecisionSink": "pdp.ports",
    "Denied": "pdp.enforcement",
    "Diagnostic": "pdp.errors",
    "Effect": "pdp.model",
    "Enforcer": "pdp.enforcement",
    "Engine": "pdp.engine",
    "Entity": "pdp.model",
    "EntityRef": "pdp.values",
    "FactSource": "pdp.ports",
    "FactsError": "pdp.errors",
    "Handler": "pdp.enforcement",
    "Identity": "pdp.identity.who",
    "Issuers": "pdp.identity.issuers",
    "Lease": "pdp.enforcement",
    "LeaseEnded": "pdp.enforcement",
    "Lift": "pdp.model",
    "Mark": "pdp.model",
    "Membership": "pdp.model",
    "Need": "pdp.model",
    "Obligation": "pdp.model",
    "Outcome": "pdp.model",
    "Page": "pdp.search",
    "PdpError": "pdp.errors",
    "PolicyError": "pdp.errors",
    "Reason": "pdp.model",
    "RecordError": "pdp.errors",
    "Remedy": "pdp.model",
    "RemoteError": "pdp.errors",
    "Request": "pdp.model",
    "RequestError": "pdp.errors",
    "Revocation": "pdp.model",
    "RevocationKind": "pdp.model",
    "RevocationLog": "pdp.revocation.log",
    "Session": "pdp.session",
    "Shown": "pdp.identity.who",
    "Signer": "pdp.approvals.signing",
    "SourceState": "pdp.model",
    "SourceStatus": "pdp.freshness",
    "TokenError": "pdp.errors",
    "Trace": "pdp.trace",
    "Vouching": "pdp.approvals.vouching",
    "Watch": "pdp.leases.watch",
    "WatchState": "pdp.leases.states",
    "acting": "pdp.enforcement",
    "connect": "pdp.remote",
    "connect_async": "pdp.remote",
    "guard": "pdp.enforcement",
    "lease": "pdp.enforcement",
    "ref": "pdp.values",
}


if not TYPE_CHECKING:  # to a type checker, a name that is not listed stays an error

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module `pdp` has no attribute `{name}`")
        found: object = getattr(importlib.import_module(home), name)
        # From now on the name is found without this function.
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "AccessRequest",
    "Approval",
    "ApprovalSource",
    "ApprovalStore",
    "ApprovalsMissing",
    "AttributeProvider",
    "Bearer",
    "Change",
    "Decision",
    "DecisionPoint",
    "DecisionSink",
    "Denied",
    "Diagnostic",
    "Effect",
    "Enforcer",
    "Engine",
    "Entity",
    "EntityRef",
    "FactSource",
    "FactsError",
    "Handler",
    "Identity",
    "Issuers",
    "Lease",
    "LeaseEnded",
    "Lift",
    "Mark",
    "Membership",
    "Need",
    "Obligation",
    "Outcome",
    "Page",
    "PdpError",
    "PolicyError",
    "Reason",
    "RecordError",
    "Remedy",
    "RemoteError",
    "Request",
    "RequestError",
    "Revocation",
    "RevocationKind",
    "RevocationLog",
    "Session",
    "Shown",
    "Signer",
    "SourceState",
    "SourceStatus",
    "TokenError",
    "Trace",
    "Vouching",
    "Watch",
    "WatchState",
    "acting",
    "connect",
    "connect_async",
    "guard",
    "lease",
    "ref",
]
