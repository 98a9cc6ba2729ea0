"""pdp: a folder of policies, the questions as its three protocols carry them, and its server."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pdp
from benchmarks.contenders import write
from benchmarks.sidecar.h2load import Target
from benchmarks.sidecar.processes import Served, serve
from benchmarks.sidecar.worlds import World
from benchmarks.workloads import Ask
from pdp_sidecar.generated import check_pb2, decision_service_pb2, value_pb2

CHECK = "/pdp.v1.DecisionService/Check"
CHECK_BATCH = "/pdp.v1.DecisionService/CheckBatch"
EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server listens; a protocol without an address is not served."""

    grpc: str = ""
    http: str = ""
    frames: str = ""


def policies(world: World, folder: Path) -> None:
    """Write the policies and entities of a world."""
    folder.mkdir(parents=True)
    write(world.workload.files, folder)
    (folder / "entities.json").write_text(json.dumps(entities(world)), encoding="utf-8")


def entities(world: World) -> dict[str, Any]:
    """Return the entities as an entity file has them."""
    return {
        "entities": [
            {
                "type": thing.name[0],
                "id": thing.name[1],
                "in": [{"type": type_, "id": id_} for type_, id_ in thing.parents],
                "attributes": {name: _value(value) for name, value in thing.attributes.items()},
            }
            for thing in world.workload.things
        ]
    }


def _value(value: Any) -> Any:
    return {"type": value[0], "id": value[1]} if isinstance(value, tuple) else value


# --------------------------------------------------------------------------------------------------------- in gRPC


def message(asks: Sequence[Ask]) -> bytes:
    """Return one question, or several of one principal, as a request of gRPC."""
    if len(asks) == 1:
        found = _common(asks[0])
        found.action = asks[0].action
        found.resource.CopyFrom(_entity(asks[0].resource))
        return found.SerializeToString()
    items = [check_pb2.CheckRequest(action=ask.action, resource=_entity(ask.resource)) for ask in asks]
    return decision_service_pb2.CheckBatchRequest(defaults=_common(asks[0]), items=items).SerializeToString()


def answers(reply: bytes, asks: Sequence[Ask]) -> list[bool]:
    """Return what a reply of gRPC says to each question."""
    if len(asks) == 1:
        found = [check_pb2.CheckResponse.FromString(reply)]
    else:
        found = list(decision_service_pb2.CheckBatchResponse.FromString(reply).responses)
    return [each.decision == check_pb2.DECISION_ALLOW for each in found]


def worker_of(reply: bytes) -> str:
    """Return which process a reply to one question is of."""
    return check_pb2.CheckResponse.FromString(reply).epoch.rpartition(".")[0]


def _common(ask: Ask) -> check_pb2.CheckRequest:
    found = check_pb2.CheckRequest(principal=_entity(ask.principal))
    if ask.context is not None:
        found.context.CopyFrom(_record(ask.context))
    if ask.session is not None:
        found.session.CopyFrom(_record(ask.session))
    if ask.now is not None:
        found.now.FromDatetime(ask.now)
    return found


def _entity(name: tuple[str, str]) -> value_pb2.Entity:
    return value_pb2.Entity(type=name[0], id=name[1])


def _record(values: Mapping[str, Any]) -> value_pb2.Record:
    return value_pb2.Record(fields={name: _message(value) for name, value in values.items()})


def _message(value: Any) -> value_pb2.Value:
    match value:
        case bool():
            return value_pb2.Value(bool_value=value)
        case str():
            return value_pb2.Value(string_value=value)
        case datetime.datetime():
            found = value_pb2.Value()
            found.datetime_value.FromDatetime(value)
            return found
        case list():
            return value_pb2.Value(list_value=value_pb2.ValueList(values=map(_message, value)))
        case _:
            raise TypeError(f"no workload has a {type(value).__name__} in a request")


# ------------------------------------------------------------------------------------------------------ in AuthZEN


def evaluation(asks: Sequence[Ask]) -> dict[str, Any]:
    """Return one question, or several of one principal, as AuthZEN has them."""
    first = asks[0]
    found: dict[str, Any] = {"subject": _named(first.principal)}
    if first.context is not None:
        session = first.session or {}
        at = {"authenticated_at": session["authenticated_at"].isoformat()} if "authenticated_at" in session else {}
        found["context"] = {**first.context, "session": {**session, **at}}
    return found | (_item(first) if len(asks) == 1 else {"evaluations": list(map(_item, asks))})


def answers_json(reply: bytes, asks: Sequence[Ask]) -> list[bool]:
    """Return what a reply of AuthZEN says to each question."""
    found = json.loads(reply)
    return [each["decision"] for each in ([found] if len(asks) == 1 else found["evaluations"])]


def _item(ask: Ask) -> dict[str, Any]:
    return {"action": {"name": ask.action}, "resource": _named(ask.resource)}


def _named(name: tuple[str, str]) -> dict[str, str]:
    return {"type": name[0], "id": name[1]}


# ---------------------------------------------------------------------------------------------------------- server

CONFIGURATION = """\
policies = "{policies}"

[[callers]]
name = "self"
uid = "self"

[[callers]]
name = "anybody"
anyone = true

[facts]
revocations = "{folder}/revocations.db"
create = true

[authzen]
session = "session"

[workers]
count = {workers}
"""


def start(policies: Path, folder: Path, addresses: Addresses, workers: int, ready: Callable[[], bool]) -> Served:
    """Start `pdp serve` on a folder of policies, and wait until it is ready."""
    folder.mkdir(parents=True)
    file = folder / "serve.toml"
    text = CONFIGURATION.format(policies=policies, folder=folder, workers=workers)
    for protocol in ("grpc", "http", "frames"):
        address = getattr(addresses, protocol)
        if address:
            is_unix = address.startswith("unix:")
            text += f'\n[listen.{protocol}]\naddress = "{address}"\n' + ("" if is_unix else "plaintext = true\n")
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pdp", "serve", f"--config={file}"]
    return serve(f"pdp, {workers} workers", command, folder, ready=ready)


def targets(addresses: Addresses, *, batch: bool) -> dict[str, Target]:
    """Return where it is asked, by protocol."""
    return {
        "grpc": Target(address=addresses.grpc, path=CHECK_BATCH if batch else CHECK, is_grpc=True),
        "http": Target(address=addresses.http, path=EVALUATIONS if batch else EVALUATION, is_grpc=False),
    }


def request(ask: Ask) -> pdp.Request:
    """Return a question as the engine and its clients take it."""
    return pdp.Request(
        pdp.ref(*ask.principal), ask.action, pdp.ref(*ask.resource), ask.context, ask.session, ask.now
    )  # fmt: skip
