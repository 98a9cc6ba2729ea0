"""Decisions that are kept: a function is not begun, a request not passed on, unless it is allowed."""

from pdp.enforcement.caller import acting
from pdp.enforcement.denial import Anonymous, Denied
from pdp.enforcement.duties import Handler
from pdp.enforcement.enforcer import Enforcer, guard
from pdp.enforcement.leased import Lease, LeaseEnded, lease

__all__ = ["Anonymous", "Denied", "Enforcer", "Handler", "Lease", "LeaseEnded", "acting", "guard", "lease"]
