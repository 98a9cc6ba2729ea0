"""The engines that are compared, each in its best form: what can be parsed or built ahead is, outside the clock."""

from __future__ import annotations

import datetime
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pdp
from benchmarks.workloads import Ask, Workload
from benchmarks.workloads.world import uid

Run = Callable[[], None]
"""Puts every request to an engine once."""

Three = Sequence[tuple[pdp.EntityRef, str, pdp.EntityRef]]
Six = Sequence[tuple[pdp.EntityRef, str, pdp.EntityRef, Any, Any, datetime.datetime | None]]


class Sink:
    """Counts the decisions that it sees: a sink can hardly do less."""

    def __init__(self) -> None:
        self.seen = 0

    def record(self, request: pdp.Request, decision: pdp.Decision) -> None:
        """Take note of a decision."""
        self.seen += 1


def bare(principal: object, action: object, resource: object) -> bool:
    """Do nothing: what any call with three arguments costs."""
    return False


class Ours:
    """pdp: an engine, and requests as its callers have them ready."""

    def __init__(self, workload: Workload, sink: pdp.DecisionSink | None = None, *, cedar: bool = False) -> None:
        self.workload = workload
        self.engine = load_cedar(workload) if cedar else load(workload, sink=sink)

    def calls(self, asks: Sequence[Ask]) -> Three | Six:
        """Return the arguments of each request: three where a workload has no context, session or time."""
        if all(ask.context is None and ask.session is None and ask.now is None for ask in asks):
            return [(pdp.ref(*ask.principal), ask.action, pdp.ref(*ask.resource)) for ask in asks]
        return [
            (
                pdp.ref(*ask.principal),
                ask.action,
                pdp.ref(*ask.resource),
                ask.context,
                session(self.engine, ask.session),
                ask.now,
            )
            for ask in asks
        ]

    def run(self, method: Callable[..., object], asks: Sequence[Ask]) -> Run:
        """Return what puts the requests to a method of the engine, one after the other."""
        return loop(method, self.calls(asks))

    def answers(self, asks: Sequence[Ask]) -> list[bool]:
        """Return how the requests come out, having seen that both ways to ask agree."""
        calls = self.calls(asks)
        decided = [bool(self.engine.decide(*call)) for call in calls]
        if decided != [self.engine.allows(*call) for call in calls]:
            raise AssertionError(f"{self.workload.name}: decide and allows do not agree")
        return decided


def load(workload: Workload, sink: pdp.DecisionSink | None = None) -> pdp.Engine:
    """Load a workload from its text: one file as a text, several as a folder, with the entities given as objects."""
    if len(workload.files) == 1:
        (text,) = workload.files.values()
        return pdp.Engine.from_text(text, entities=workload.entities(), sink=sink)
    with tempfile.TemporaryDirectory() as name:
        write(workload.files, Path(name))
        (Path(name) / "entities.json").write_text(json.dumps(entity_file(workload.entities())))
        return pdp.Engine.load(name, sink=sink)


def load_cedar(workload: Workload) -> pdp.Engine:
    """Load the policies and entities of a workload as Cedar has them."""
    return pdp.Engine.load_cedar(workload.cedar, workload.cedar_schema, json.dumps(workload.cedar_entities()))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write policy files into a folder."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def entity_file(entities: Sequence[pdp.Entity]) -> dict[str, Any]:
    """Return entities without references in their attributes as the data of an entity file."""
    return {
        "entities": [
            {
                "type": entity.type,
                "id": entity.id,
                "in": [{"type": parent.type, "id": parent.id} for parent in entity.parents],  # type: ignore[union-attr]
                "attributes": dict(entity.attributes),
            }
            for entity in entities
        ]
    }


def session(engine: pdp.Engine, given: Mapping[str, Any] | None) -> Any:
    """Return a session as a caller keeps it: read once."""
    return None if given is None else engine.session(given)


def loop(ask: Callable[..., object], calls: Three | Six) -> Run:
    """Return what makes the calls one after the other, with as little around them as Python allows."""
    if len(calls[0]) == 3:

        def three() -> None:
            for principal, action, resource in calls:  # type: ignore[misc]
                ask(principal, action, resource)

        return three

    def six() -> None:
        for principal, action, resource, context, session, now in calls:  # type: ignore[misc]
            ask(principal, action, resource, context, session, now)

    return six


def nothing(calls: Three | Six) -> Run:
    """Return the loop alone: its cost is taken off every other figure."""
    if len(calls[0]) == 3:

        def three() -> None:
            for _principal, _action, _resource in calls:  # type: ignore[misc]
                pass

        return three

    def six() -> None:
        for _principal, _action, _resource, _context, _session, _now in calls:  # type: ignore[misc]
            pass

    return six


class Cedar:
    """cedarpy: parsed policies and entities, uids as dicts. No schema: with one each call is checked, and is slower."""

    def __init__(self, workload: Workload) -> None:
        import cedarpy  # type: ignore[import-not-found, unused-ignore]  # It is there in `make bench` only.

        self._ask = cedarpy.is_authorized
        self.policies = cedarpy.PolicySet.from_str(workload.cedar)
        self.entities = cedarpy.Entities.from_json_str(json.dumps(workload.cedar_entities()))

    def calls(self, asks: Sequence[Ask]) -> list[dict[str, Any]]:
        """Return the requests. The context is text: making it from a dict is then outside the clock, too."""
        return [
            {
                "principal": uid(ask.principal),
                "action": {"type": "Action", "id": ask.action},
                "resource": uid(ask.resource),
                **({} if ask.facts is None else {"context": json.dumps(ask.facts)}),
            }
            for ask in asks
        ]

    def run(self, asks: Sequence[Ask]) -> Run:
        """Return what puts the requests to the engine."""
        ask, policies, entities, calls = self._ask, self.policies, self.entities, self.calls(asks)

        def run() -> None:
            for call in calls:
                ask(call, policies, entities)

        return run

    def answers(self, asks: Sequence[Ask]) -> list[bool]:
        """Return how the requests come out. An error in a policy would make the comparison void."""
        found = [self._ask(call, self.policies, self.entities) for call in self.calls(asks)]
        errors = [error for result in found for error in result.diagnostics.errors]
        if errors:
            raise AssertionError(f"cedar: {errors[0]}")
        return [result.allowed for result in found]


CASBIN_MODEL = """
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)
"""


class Casbin:
    """pycasbin's FastEnforcer, its rows found by project and action; cheap tests stand before the walk of groups."""

    def __init__(self, workload: Workload) -> None:
        import casbin  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from casbin.model import FastModel  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from casbin.persist.adapters import string_adapter  # type: ignore[import-not-found, import-untyped, unused-ignore]

        model = FastModel([1, 2])
        model.load_model_from_text(CASBIN_MODEL)
        lines = [f"p, {', '.join(row)}" for row in workload.casbin_rows]
        lines += [f"g, {', '.join(row)}" for row in workload.casbin_members]
        # Rows added one by one, or as a list, are each looked for in all the others: 140 s for 10 000.
        self._enforcer = casbin.FastEnforcer(
            model, string_adapter.StringAdapter("\n".join(lines)), cache_key_order=[1, 2]
        )

    def run(self, asks: Sequence[Ask]) -> Run:
        """Return what puts the requests to the engine."""
        ask, calls = self._enforcer.enforce, [ask.row for ask in asks]

        def run() -> None:
            for subject, target, action in calls:  # type: ignore[misc]
                ask(subject, target, action)

        return run

    def answers(self, asks: Sequence[Ask]) -> list[bool]:
        """Return how the requests come out."""
        return [self._enforcer.enforce(*ask.row) for ask in asks]  # type: ignore[misc]
