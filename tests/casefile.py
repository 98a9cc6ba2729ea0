"""Reads the cases of the corpus: a policy, facts and requests, with the decision that the meaning gives to each.

tests/corpus/README.md describes the format.
"""

from __future__ import annotations

import datetime
import itertools
import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pdp.conform import read_ref
from pdp.errors import RecordError
from pdp.model import Approval, Entity, Mark, Membership, Need, Request, Revocation, RevocationKind
from pdp.source import Source
from pdp.values import Datetime, EntityRef, EnumMember

CORPUS = Path(__file__).resolve().parent / "corpus"
CHECKLIST = CORPUS / "checklist.yaml"
NOW = "2026-06-01T12:00:00Z"

_CASE_KEYS = {"description", "covers", "policy", "files", "entities", "diagnostics", "requests"}
_REQUEST_KEYS = {
    "title",
    "ask",
    "context",
    "session",
    "now",
    "brings",
    "provider",
    "failing",
    "approvals",
    "revoked",
    "revoked_sessions",
    "revocations",
    "stale",
    "handles",
}
_EXPECT_KEYS = {
    "decision",
    "reason",
    "detail",
    "rules",
    "errors",
    "remedies",
    "obligations",
    "valid_until",
    "allows",
}
_REF = r'[\w.]+ "(?:[^"\\]|\\.)*"'
_ASK = re.compile(rf"({_REF}) to (\S+) on ({_REF})")
_MEMBER = re.compile(rf"({_REF})(?: until (\S+))?")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A source of entities outside the folder; it fails where it is asked for one of `failing`."""

    held: Mapping[EntityRef, Entity]
    failing: frozenset[EntityRef]

    def entity(self, ref: EntityRef) -> Entity | None:
        if ref in self.failing:
            raise TimeoutError("the source is late")
        return self.held.get(ref)


@dataclass(frozen=True, slots=True)
class Record:
    """A record of revocations; it cannot be read where there are no facts at all."""

    facts: tuple[Revocation, ...] | None

    def read(self, after: Mark) -> tuple[Sequence[Revocation], Mark]:
        if self.facts is None:
            raise RecordError("the record cannot be read")
        return self.facts[after.sequence :], Mark(len(self.facts), b"record")

    def publish(self, fact: Revocation) -> int:
        raise RecordError("a case changes nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of a case, the options of the engine that is asked, and what is expected of the decision."""

    title: str
    request: Request
    options: Mapping[str, Any]
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One file. Either its requests are answered, or `diagnostics` holds an error and nothing is asked."""

    name: str
    description: str
    covers: tuple[str, ...]
    sources: tuple[Source, ...]
    diagnostics: tuple[str, ...]
    requests: tuple[Asked, ...]

    @property
    def size(self) -> int:
        """How many answers the case shows: one for each request, or that the policy does not check."""
        return max(len(self.requests), 1)


class _Loader(yaml.SafeLoader):
    """YAML in which only `true`, numbers and `null` are more than text, and no key stands twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # as PyYAML has it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            raise ValueError(f"a key stands twice:\n{node.start_mark}")
        return found


for _tag, _pattern, _first in (
    ("bool", "true|false", "tf"),
    ("int", "-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?[0-9]+\.[0-9]+|\.nan|-?\.inf", "-.0123456789"),
    ("null", "null", "n"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def read_yaml(path: Path) -> Any:
    """Read a YAML file of the corpus."""
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)


def read_cases() -> Iterator[Case]:
    """Yield every case, in the order of paths."""
    for path in sorted(CORPUS.glob("*/*.yaml")):
        name = path.relative_to(CORPUS).with_suffix("").as_posix()
        try:
            yield _case(name, read_yaml(path))
        except Exception as error:
            raise ValueError(f"tests/corpus/{name}.yaml: {error}") from error


def _case(name: str, data: Mapping[str, Any]) -> Case:
    _known(data, _CASE_KEYS | _REQUEST_KEYS)
    shared = {key: data[key] for key in _REQUEST_KEYS & data.keys()}
    files = dict(data["files"]) if "files" in data else {"policy.pdp": data["policy"]}
    if "entities" in data:
        files["entities.json"] = json.dumps({"entities": data["entities"]})
    requests = tuple(_asked(shared | each) for each in data.get("requests", ()))
    diagnostics = tuple(data.get("diagnostics", ()))
    if not requests and not diagnostics:
        raise ValueError("nothing is asked, and no diagnostic is expected")
    return Case(
        name=name,
        description=data["description"],
        covers=tuple(data["covers"]),
        sources=tuple(Source(path, text) for path, text in files.items()),
        diagnostics=diagnostics,
        requests=requests,
    )


def _asked(data: Mapping[str, Any]) -> Asked:
    _known(data, _REQUEST_KEYS | {"expect"})
    match = _ASK.fullmatch(data["ask"])
    if match is None:
        raise ValueError(f"this asks nothing: {data['ask']}")
    principal, action, resource = read_ref(match[1]), match[2], read_ref(match[3])
    now = datetime.datetime.fromisoformat(data.get("now", NOW))
    brought = tuple(_entity(each) for each in data.get("brings", ()))
    request = Request(principal, action, resource, data.get("context", {}), data.get("session"), now, brought)
    held = {each.ref: each for each in map(_entity, data.get("provider", ()))}
    failing = frozenset(read_ref(each) for each in data.get("failing", ()))
    options = {
        "approvals": _approvals(data.get("approvals", ()), request),
        "revoked": [read_ref(each) for each in data.get("revoked", ())],
        "revoked_sessions": data.get("revoked_sessions", ()),
        "revocations": _record(data.get("revocations", ())),
        "handles": data.get("handles", ()),
        **_aged(data.get("stale", ())),
        "providers": [Elsewhere(held, failing)] if held or failing else [],
    }
    return Asked(title=data.get("title", ""), request=request, options=options, expected=_expected(data["expect"]))


def _aged(sources: Sequence[str]) -> dict[str, Any]:
    if not sources:
        return {}
    # What has to be right since a minute is an hour older each time that somebody looks.
    hours = itertools.count(step=3600)
    return {
        "max_age": {each: datetime.timedelta(minutes=1) for each in sources},
        "monotonic": lambda: float(next(hours)),
        "compiled": False,
    }


def _record(data: str | Sequence[Mapping[str, Any]]) -> Record:
    if isinstance(data, str):
        assert data == "unreadable"
        return Record(None)
    return Record(tuple(map(_revocation, data)))


def _revocation(data: Mapping[str, Any]) -> Revocation:
    until = None if "not_before" not in data else Datetime.parse(data["not_before"])
    (name,) = data.keys() - {"not_before"}
    kind = RevocationKind(name)
    if kind in (RevocationKind.PRINCIPAL, RevocationKind.GROUP, RevocationKind.WORKLOAD):
        ref = read_ref(data[name])
        return Revocation(kind, ref.id, ref.type, until)
    return Revocation(kind, data[name], not_before=until)


def _expected(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that is expected of a decision: what a case leaves out is expected to be absent or empty."""
    _known(given, _EXPECT_KEYS)
    allow = given["decision"] == "allow"
    rules = given.get("rules", [])
    usual = "permitted" if allow else "forbidden" if rules else "default"
    empty: dict[str, Any] = {"reason": usual, "rules": [], "errors": [], "remedies": [], "obligations": []}
    expected = {**empty, "valid_until": None, "allows": allow, **given}
    expected["obligations"] = [{"arguments": {}, "unknown": [], **each} for each in expected["obligations"]]
    expected["remedies"] = [{"needs": [], "lifts": {}, **each} for each in expected["remedies"]]
    return expected


def remedy_need(need: Need) -> str | dict[str, Any]:
    """Return a need as a case writes it: its text, or with the approvals that it lacks."""
    lacking = need.approvals
    if lacking is None:
        return need.text
    found = {"text": need.text, "missing": lacking.missing, "count": lacking.count}
    found |= {"from": list(lacking.approvers), "for": str(lacking.window)}
    return found if lacking.of is None else {**found, "of": lacking.of}


def _entity(data: Mapping[str, Any]) -> Entity:
    _known(data, {"type", "id", "in", "attributes"})
    parents = [_membership(each) for each in data.get("in", ())]
    return Entity(data["type"], data["id"], data.get("attributes", {}), parents)


def _membership(text: str) -> EntityRef | Membership:
    match = _MEMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"this names no parent: {text}")
    parent = read_ref(match[1])
    return parent if match[2] is None else Membership(parent, Datetime.parse(match[2]))


def _approvals(data: str | Sequence[Mapping[str, Any]], request: Request) -> list[Approval] | None:
    if isinstance(data, str):
        assert data == "unreadable"
        return None
    return [_approval(each, request) for each in data]


def _approval(data: Mapping[str, Any], request: Request) -> Approval:
    _known(data, {"by", "at", "of", "ask", "until", "asked_by", "actor", "proved", "token"})
    asked = request.principal, request.action, request.resource
    if "ask" in data:
        match = _ASK.fullmatch(data["ask"])
        assert match is not None, data["ask"]
        asked = read_ref(match[1]), match[2], read_ref(match[3])
    bound = data.get("of")
    if isinstance(bound, str) and (member := re.fullmatch(r"(\w+)\.(\w+)", bound)):
        bound = EnumMember(member[1], member[2])
    elif isinstance(bound, str) and re.fullmatch(_REF, bound):
        bound = read_ref(bound)
    principal, action, resource = asked
    assert isinstance(principal, EntityRef)
    assert isinstance(resource, EntityRef)
    until = Datetime.parse(data["until"]) if "until" in data else None
    asked_by, actor = (read_ref(data[name]) if name in data else None for name in ("asked_by", "actor"))
    return Approval(
        read_ref(data["by"]),
        principal,
        action,
        resource,
        Datetime.parse(data["at"]),
        bound,
        until,
        asked_by,
        actor,
        Datetime.parse(data["proved"]) if "proved" in data else None,
        ((RevocationKind.SESSION, data["token"]),) if "token" in data else (),
    )


def _known(data: Mapping[str, Any], keys: set[str]) -> None:
    if odd := sorted(data.keys() - keys):
        raise ValueError(f"unknown keys: {', '.join(odd)}")
