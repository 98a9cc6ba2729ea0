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

TYPE_CHECKING = False
if TYPE_CHECKING:
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

_HOMES = {
    "engine": ("Engine",),
    "errors": ("Diagnostic", "FactsError", "PdpError", "PolicyError", "RequestError"),
    "model": (
        "Approval",
        "ApprovalsMissing",
        "Decision",
        "Effect",
        "Entity",
        "Lift",
        "Membership",
        "Need",
        "Obligation",
        "Outcome",
        "Reason",
        "Remedy",
        "Request",
    ),
    "ports": ("AttributeProvider", "DecisionSink"),
    "trace": ("Trace",),
    "values": ("EntityRef",),
}
"""Which module each public name stands in. It is imported when the name is first asked for."""


def ref(type: str, id: str) -> EntityRef:
    """Return the name of an entity, for a principal or resource that the engine's facts know.

    >>> print(ref("Service", "api"))
    Service "api"
    """
    from pdp.values import EntityRef

    return EntityRef(type, id)


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            found: object = getattr(import_module(f"pdp.{home}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module 'pdp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
