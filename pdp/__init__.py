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

from pdp.engine import Engine
from pdp.errors import Diagnostic, FactsError, PdpError, PolicyError, RequestError
from pdp.model import (
    Approval,
    ApprovalsMissing,
    Decision,
    Effect,
    Entity,
    Lift,
    Membership,
    Need,
    Obligation,
    Outcome,
    Reason,
    Remedy,
    Request,
)
from pdp.ports import AttributeProvider, DecisionSink
from pdp.trace import Trace
from pdp.values import EntityRef

__version__ = "0.1.0"


def ref(type: str, id: str) -> EntityRef:
    """Return the name of an entity, for a principal or resource that the engine's facts know.

    >>> print(ref("Service", "api"))
    Service "api"
    """
    return EntityRef(type, id)


__all__ = [
    "Approval",
    "ApprovalsMissing",
    "AttributeProvider",
    "Decision",
    "DecisionSink",
    "Diagnostic",
    "Effect",
    "Engine",
    "Entity",
    "EntityRef",
    "FactsError",
    "Lift",
    "Membership",
    "Need",
    "Obligation",
    "Outcome",
    "PdpError",
    "PolicyError",
    "Reason",
    "Remedy",
    "Request",
    "RequestError",
    "Trace",
    "ref",
]
