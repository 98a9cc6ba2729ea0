"""Cerbos: the same rules as its policies, the same questions as its requests, and its server.

Of the forms that role rules can have in Cerbos, `SCOPES` costs its server least: a policy for each project, found by
the scope of the resource. `RULES`, one policy with a condition for each group and role, is what one would write first.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

from benchmarks.sidecar.h2load import Target
from benchmarks.sidecar.processes import Served, serve
from benchmarks.sidecar.worlds import World
from benchmarks.workloads import Ask, conditions, roles

VERSION = "0.51.0"
PATH_GRPC = "/cerbos.svc.v1.CerbosService/CheckResources"
PATH_HTTP = "/api/check/resources"
SCOPES, RULES = "scopes", "rules"
KIND = "service"
ALLOW = "EFFECT_ALLOW"

CONFIGURATION = """\
server:
  httpListenAddr: "127.0.0.1:{http}"
  grpcListenAddr: "{grpc}"
  metricsEnabled: false
  cors: {{disabled: true}}
schema: {{enforcement: none}}
audit: {{enabled: false}}
telemetry: {{disabled: true}}
storage: {{driver: disk, disk: {{directory: {folder}, watchForChanges: false}}}}
"""

# Eight rules for the team that there is. The caller works out the hour, and time is a number: to let Cerbos read its
# clock, or parse times, would cost it more.
CONDITIONS: tuple[tuple[str, str], ...] = (
    ("ALLOW", 'R.attr.team == "{t}" && R.attr.env == "dev" && P.attr.team == "{t}"'),
    ("ALLOW", 'R.attr.team == "{t}" && R.attr.env == "staging" && P.attr.team == "{t}" && P.attr.mfa'),
    (
        "ALLOW",
        'R.attr.team == "{t}" && R.attr.env == "prod" && P.attr.team == "{t}" && P.attr.hour >= 8.0 && '
        "P.attr.hour < 18.0 && P.attr.mfa && P.attr.now - P.attr.authenticated_at < 900.0",
    ),
    (
        "ALLOW",
        'R.attr.team == "{t}" && R.attr.env == "prod" && P.attr.level >= 5.0 && '
        'P.attr.ip.inIPAddrRange("10.{i}.0.0/16")',
    ),
    ("ALLOW", 'R.attr.team == "{t}" && R.attr.env in ["dev", "staging"] && R.attr.owner == P.id'),
    (
        "ALLOW",
        'R.attr.team == "{t}" && P.attr.team == "{t}" && P.attr.oncall && R.attr.tier >= 2.0 && P.attr.now < {end}.0',
    ),
    ("DENY", 'R.attr.team == "{t}" && R.attr.env == "prod" && !P.attr.ip.inIPAddrRange("10.0.0.0/8")'),
    ("DENY", 'R.attr.team == "{t}" && R.attr.frozen && P.attr.level < 8.0'),
)


def policies(world: World, form: str) -> dict[str, str]:
    """Return the rules of a world as policy files of Cerbos. JSON is YAML, and is read faster."""
    count = int(world.name.partition("_")[2])
    if world.name.startswith("conditions"):
        return {"service.json": _policy(_conditions(count))}
    return _scopes(roles.rules(count)) if form == SCOPES else {"service.json": _policy(_listed(roles.rules(count)))}


def _scopes(rules: Sequence[roles.Rule]) -> dict[str, str]:
    found: dict[str, list[dict[str, Any]]] = {}
    for group, role, project in rules:
        found.setdefault(project, []).append(_rule(role, group))
    return {"root.json": _policy([])} | {f"{name}.json": _policy(each, name) for name, each in found.items()}


def _listed(rules: Sequence[roles.Rule]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[str]] = {}
    for group, role, project in rules:
        found.setdefault((group, role), []).append(project)
    return [
        _rule(role, group) | _when(f"R.attr.project in {json.dumps(projects)}")
        for (group, role), projects in found.items()
    ]


def _conditions(count: int) -> list[dict[str, Any]]:
    end = int(conditions.END.timestamp())
    return [
        {"actions": ["deploy"], "effect": f"EFFECT_{effect}", "roles": ["user"]}
        | _when(text.format(t=f"team{team}", i=team % 250, end=end))
        for team in range(count // conditions.RULES_OF_A_TEAM)
        for effect, text in CONDITIONS
    ]


def _rule(role: str, group: str) -> dict[str, Any]:
    return {"actions": list(roles.ROLES[role]), "effect": ALLOW, "roles": [group]}


def _when(text: str) -> dict[str, Any]:
    return {"condition": {"match": {"expr": text}}}


def _policy(rules: Sequence[Mapping[str, Any]], scope: str = "") -> str:
    policy = {"resource": KIND, "version": "default", "rules": rules} | ({"scope": scope} if scope else {})
    return json.dumps({"apiVersion": "api.cerbos.dev/v1", "resourcePolicy": policy})


# -------------------------------------------------------------------------------------------------------- requests


def request(world: World, asks: Sequence[Ask], form: str) -> dict[str, Any]:
    """Return questions of one principal as a request, with all that the rules look at: Cerbos holds no entities."""
    principal = {"id": asks[0].principal[1], **_principal(world, asks[0])}
    return {
        "principal": principal,
        "resources": [{"actions": [ask.action], "resource": _resource(world, ask, form)} for ask in asks],
    }


def _principal(world: World, ask: Ask) -> dict[str, Any]:
    if ask.facts is None:
        return {"roles": [name for _, name in world.parents[ask.principal]]}
    facts = {name: value for name, value in ask.facts.items() if name != "ip"}
    assert ask.context is not None
    return {"roles": ["user"], "attr": {**world.attributes[ask.principal], **facts, **ask.context}}


def _resource(world: World, ask: Ask, form: str) -> dict[str, Any]:
    found = {"kind": KIND, "id": ask.resource[1]}
    if ask.facts is not None:
        attributes = world.attributes[ask.resource]
        return found | {"attr": {**attributes, "owner": attributes["owner"][1]}}
    ((_, project),) = world.parents[ask.resource]
    return found | ({"scope": project} if form == SCOPES else {"attr": {"project": project}})


@functools.cache
def _messages() -> dict[str, Any]:
    """Return the classes of the messages."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "set")
        known = str(Path(protoc.__file__).parent / "_proto")
        arguments = ["protoc", f"-I{here}", f"-I{known}", "--include_imports", f"--descriptor_set_out={path}"]
        if protoc.main([*arguments, "cerbos.proto"]):
            raise RuntimeError("the messages of Cerbos cannot be read")
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
    # A pool of its own: nobody else has to agree on what these are called.
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    names = ("CheckResourcesRequest", "CheckResourcesResponse")
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"cerbos.request.v1.{name}")) for name in names
    }


def message(asked: Mapping[str, Any]) -> bytes:
    """Return a request as protobuf."""
    found: bytes = json_format.ParseDict(asked, _messages()["CheckResourcesRequest"]()).SerializeToString()
    return found


def answers(reply: bytes, asks: Sequence[Ask]) -> list[bool]:
    """Return what a reply in protobuf says to each question."""
    said = _messages()["CheckResourcesResponse"].FromString(reply)
    return [result.actions[ask.action] == 1 for result, ask in zip(said.results, asks, strict=True)]


def answers_json(reply: bytes, asks: Sequence[Ask]) -> list[bool]:
    """Return what a reply in JSON says to each question."""
    results = json.loads(reply)["results"]
    return [result["actions"][ask.action] == ALLOW for result, ask in zip(results, asks, strict=True)]


# ---------------------------------------------------------------------------------------------------------- server


def start(binary: Path, world: World, form: str, folder: Path, *, grpc: str, http: int) -> Served:
    """Start the server with the rules of a world, and wait until it answers. `grpc` is an address as h2load has it."""
    policy_folder = folder / "policies"
    policy_folder.mkdir(parents=True)
    for name, text in policies(world, form).items():
        (policy_folder / name).write_text(text, encoding="utf-8")
    configuration = folder / "cerbos.yaml"
    configuration.write_text(CONFIGURATION.format(http=http, grpc=grpc, folder=policy_folder), encoding="utf-8")
    command = [str(binary), "server", f"--config={configuration}", "--log-level=error"]
    return serve(f"cerbos {form}", command, folder, ready=f"http://127.0.0.1:{http}/_cerbos/health")


def targets(grpc: str, http: int) -> tuple[Target, Target]:
    """Return where its server is asked by gRPC and by HTTP."""
    return (
        Target(address=grpc, path=PATH_GRPC, is_grpc=True),
        Target(address=f"127.0.0.1:{http}", path=PATH_HTTP, is_grpc=False),
    )
