"""A FastAPI application whose routes ask the policy of this folder. Any ASGI server runs `fastapi_app:app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from callers import Caller, caller_of
from fastapi import APIRouter, Depends, FastAPI, Header

import pdp
from pdp.integrations.fastapi import PolicyRoute, answer_denials, requires

HERE = Path(__file__).resolve().parent
LOG: list[str] = []


def notify(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Tell a channel; here, a list."""
    LOG.append(f"{obligation.arguments['channel']}: {obligation.arguments['change']}, {decision.outcome}")


def record(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Write down what was deployed, once the route has answered."""
    LOG.append(f"recorded: {obligation.arguments['change']}")


ENFORCER = pdp.Enforcer(
    pdp.Engine.load(HERE),
    handlers={"notify": notify, "record": pdp.Handler(record, after=True)},
)


def caller(authorization: Annotated[str | None, Header()] = None) -> Caller | None:
    """Find out who asks."""
    return caller_of(authorization)


def principal(found: Annotated[Caller | None, Depends(caller)]) -> pdp.EntityRef | None:
    """Name who asks; None is answered with 401."""
    return found and found.principal


def session(found: Annotated[Caller | None, Depends(caller)]) -> dict[str, object] | None:
    """Say how they proved it."""
    return found and found.session


def service(name: str) -> pdp.EntityRef:
    """Name the service of the path."""
    return pdp.ref("Service", name)


may_read = requires("read", resource=service, principal=principal, session=session, engine=ENFORCER)
may_deploy = requires(
    "deploy",
    resource=service,
    principal=principal,
    session=session,
    context=lambda change: {"change": change},
    engine=ENFORCER,
    reveal=True,
)

router = APIRouter(route_class=PolicyRoute)


@router.get("/services/{name}", dependencies=[Depends(may_read)])
def read(name: str) -> dict[str, str]:
    """Show a service."""
    return {"name": name}


@router.post("/services/{name}/deploy/{change}")
async def deploy(name: str, change: str, decision: Annotated[pdp.Decision, Depends(may_deploy)]) -> dict[str, str]:
    """Deploy a change to a service."""
    LOG.append(f"deploying {change} to {name}")
    return {"name": name, "change": change, "by": ", ".join(decision.determining_rules)}


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the application is there; anybody may know."""
    return {"status": "up"}


app = FastAPI(title="Services")
app.include_router(router)
# Where a guarded function is called on the way, its denial is a 403 too.
answer_denials(app)
