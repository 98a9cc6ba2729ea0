"""A bare ASGI application behind the policy of this folder. Any ASGI server runs `asgi_app:app`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from callers import caller_of

import pdp
from pdp.integrations.asgi import ANONYMOUS, PUBLIC, Connection, Mark, PolicyMiddleware

HERE = Path(__file__).resolve().parent
LOG: list[str] = []


def request_of(connection: Connection) -> pdp.Request | Mark:
    """Say what a connection asks for: `GET /services/NAME` reads, `POST /services/NAME/deploy/CHANGE` deploys."""
    match connection.method, connection.path.split("/")[1:]:
        case "GET", ["health"]:
            return PUBLIC
        case "GET", ["services", name]:
            action, context = "read", {}
        case "POST", ["services", name, "deploy", change]:
            action, context = "deploy", {"change": change}
        case _:
            # What nobody thought of is denied.
            raise LookupError(connection.path)
    caller = caller_of(connection.header("authorization"))
    if caller is None:
        return ANONYMOUS
    return pdp.Request(caller.principal, action, pdp.ref("Service", name), context, caller.session)


async def notify(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Tell a channel; here, a list."""
    LOG.append(f"{obligation.arguments['channel']}: {obligation.arguments['change']}, {decision.outcome}")


async def record(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Write down what was deployed, once the application has answered."""
    LOG.append(f"recorded: {obligation.arguments['change']}")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request in two parts, with what decided it."""
    if scope["type"] != "http":
        return
    decision = scope["pdp"]
    rules = "nothing to decide" if decision is None else ", ".join(decision.determining_rules)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"by ", "more_body": True})
    await send({"type": "http.response.body", "body": rules.encode()})


app = PolicyMiddleware(
    application,
    request_of,
    engine=pdp.Engine.load(HERE),
    handlers={"notify": notify, "record": pdp.Handler(record, after=True)},
    reveal=True,
)
