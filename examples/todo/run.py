"""Answer the published requests of the AuthZEN todo scenario by the policy of this folder, and count what is right.

    python examples/todo/run.py FOLDER

FOLDER holds `authzen/decisions-authorization-api-1_0-02.json`; the environment variable PDP_PEER_DATA names it as well.
The exit status is 0 when each of the 43 requests is answered as published.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pdp

HERE = Path(__file__).resolve().parent
REQUESTS = Path("authzen", "decisions-authorization-api-1_0-02.json")
TOTAL = 43

# AuthZEN leaves the names of types to the application; this one writes them in lower case.
TYPES = {"user": "User", "todo": "Todo"}


def evaluate(engine: pdp.Engine, request: Mapping[str, Any]) -> bool:
    """Answer one evaluation."""
    subject, resource = request["subject"], request["resource"]
    # Who asks has to be held by the policy folder; what is asked for comes with the request.
    return engine.allows(
        pdp.EntityRef(_type(subject), subject["id"]),
        request["action"]["name"],
        pdp.Entity(_type(resource), resource["id"], resource.get("properties", {})),
        request.get("context", {}),
    )


def evaluate_all(engine: pdp.Engine, request: Mapping[str, Any]) -> list[dict[str, bool]]:
    """Answer a batch: what an item does not say, the batch says for all, each part as a whole."""
    shared = {name: request[name] for name in ("subject", "action", "resource", "context") if name in request}
    return [{"decision": evaluate(engine, {**shared, **item})} for item in request["evaluations"]]


def answers(engine: pdp.Engine, data: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Yield each request with the answer that is published and the one found here."""
    for case in data["evaluation"]:
        yield case["request"], case["expected"], evaluate(engine, case["request"])
    for case in data["evaluations"]:
        yield case["request"], case["expected"], evaluate_all(engine, case["request"])


def _type(entity: Mapping[str, Any]) -> str:
    return TYPES.get(entity["type"], entity["type"])


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    folder = arguments[0] if arguments else os.environ.get("PDP_PEER_DATA", "")
    if not folder or len(arguments) > 1:
        print(f"run.py: say which folder holds `{REQUESTS}`: as the argument, or in PDP_PEER_DATA", file=sys.stderr)
        return 1
    try:
        data = json.loads(Path(folder, REQUESTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"run.py: the published requests cannot be read: {error}", file=sys.stderr)
        return 1
    engine = pdp.Engine.load(HERE)
    right = 0
    for request, expected, found in answers(engine, data):
        if found == expected:
            right += 1
        else:
            print(f"expected {json.dumps(expected)}, found {json.dumps(found)}: {json.dumps(request)}")
    print(f"{right} of {TOTAL}")
    return 0 if right == TOTAL else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
