"""Functions that run only where the policy of this folder allows it.

python examples/enforcement/guard.py
"""

from __future__ import annotations

from pathlib import Path

import pdp

HERE = Path(__file__).resolve().parent
LOG: list[str] = []


def notify(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Tell a channel; here, a list. A denied deployment is told as well."""
    LOG.append(
        f"{obligation.arguments['channel']}: {request.principal}, {obligation.arguments['change']}, {decision.outcome}"
    )


def record(obligation: pdp.Obligation, request: pdp.Request, decision: pdp.Decision) -> None:
    """Write down what was deployed, once it is."""
    LOG.append(f"recorded: {obligation.arguments['change']} on {request.resource}")


ENFORCER = pdp.Enforcer(
    pdp.Engine.load(HERE),
    handlers={"notify": notify, "record": pdp.Handler(record, after=True)},
)


@ENFORCER.guard(
    "deploy",
    resource=lambda name: pdp.ref("Service", name),
    context=lambda change: {"change": change},
)
def deploy(name: str, change: str) -> str:
    """Deploy a change to a service."""
    LOG.append(f"deploying {change} to {name}")
    return f"{name} runs {change}"


def main() -> None:
    """Deploy as somebody who may, who may after one more step, and who may not."""
    ada = pdp.ref("User", "ada")
    with pdp.acting(ada):
        print(deploy("pay-staging", "c1"))
        for name in ("pay", "ledger"):
            try:
                deploy(name, "c1")
            except pdp.Denied as denied:
                print(denied)
    with pdp.acting(ada, session={"mfa": True}):
        print(deploy("pay", "c1"))
    try:
        deploy("pay", "c1")
    except pdp.Denied as denied:
        print(denied)
    print(*LOG, sep="\n")


if __name__ == "__main__":
    main()
