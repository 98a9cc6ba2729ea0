"""Tokens and certificates as issuers make them, over live connections, until they run out."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

import pdp
from pdp.configuration.secret import Secret
from pdp.identity.issuers import Issuers
from pdp_sidecar.callers import Bound, Caller, Callers, caller
from pdp_sidecar.generated import decision_service_pb2 as pb
from pdp_sidecar.generated.decision_service_pb2_grpc import DecisionServiceStub
from pdp_sidecar.identifying import Identifying
from pdp_sidecar.operations.options import LogOptions
from pdp_sidecar.operations.writing import DecisionLog, begin
from pdp_sidecar.rpc import Listener, Options, start
from pdp_sidecar.service import Service
from pdp_sidecar.tls import Certificates
from tests.identity.issuers.scene import Clock as IssuerClock
from tests.identity.issuers.scene import Keys
from tests.identity.tokens import NOW, token
from tests.sidecar.authorities import Authority
from tests.sidecar.identity.asking import EDIT, READ, by_envoy, by_grpc, by_http, message
from tests.sidecar.identity.scene import ADA, ASKING, ISSUER, Clock, callers, engine
from tests.sidecar.rpc.serving import run, status_of

CONFIGURATION = f"""
[[issuers]]
issuer = "{ISSUER}"
profile = "access-token"
audience = ["pdp"]
lifetime = "1h"
algorithms = ["RS256"]
keys = {{ discovery = true }}
principal = {{ type = "User", id = "sub" }}
actor = {{ type = "Agent" }}

[[issuers]]
issuer = "https://ci.example.org"
profile = "generic"
audience = ["pdp"]
lifetime = "1h"
algorithms = ["RS256"]
keys = {{ discovery = true }}
principal = {{ type = "Workload", id = "ci:{{sub}}", attributes = {{ repository = "repository" }} }}

[[workloads]]
trust_domain = "example.org"
type = "Workload"
"""
CI_ISSUER = "https://ci.example.org"
ANYBODY = Callers(otherwise=caller("anybody"))


class World:
    """An engine and its issuers, of one time."""

    def __init__(self, folder: Path) -> None:
        self.time, self.clock = IssuerClock(), Clock()
        (folder / "identity.toml").write_text(CONFIGURATION, "utf-8")
        self.engine = engine(self.clock)
        self.issuers = Issuers.load(
            folder / "identity.toml",
            schema=self.engine.policy.schema,
            now=self.time,
            keys_of=lambda options: Keys("k1") if options.issuer == ISSUER else Keys("k2"),
            wait=0.01,
        )
        self.service = Service(self.engine, identifying=Identifying(self.issuers, self.engine))

    def go_on(self, seconds: float) -> None:
        self.time.go_on(seconds)
        self.clock.go_on(seconds)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.service.close()
    found.issuers.close()


def person(name: str = "k1", **claims: Any) -> str:
    given = {
        "iss": ISSUER,
        "sub": "ada",
        "aud": "pdp",
        "client_id": "web",
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "t-1",
        **claims,
    }
    return token({key: value for key, value in given.items() if value is not None}, {"typ": "at+jwt"}, name=name)


def build(**claims: Any) -> str:
    given = {"iss": CI_ISSUER, "sub": "ci", "aud": "pdp", "iat": NOW, "exp": NOW + 600, "repository": "x/api", **claims}
    return token(given, name="k2")


WAYS = {
    "grpc": lambda world, given: by_grpc(world.service, message(READ, principal=False), given),
    "http": lambda world, given: by_http(world.service, READ, None, given),
    "handed by grpc": lambda world, given: by_grpc(world.service, message(READ, given, False), who=ANYBODY),
    "handed by http": lambda world, given: by_http(
        world.service, READ, {"type": "pdp:token", "id": given}, who=ANYBODY
    ),
    "envoy": lambda world, given: by_envoy(world.service, READ, given),
}

TOKENS = [
    (person, {}, "allow", ""),
    (person, {"exp": NOW - 60, "iat": NOW - 120}, "", "token_expired"),
    (person, {"aud": "other"}, "", "wrong_audience"),
    (person, {"name": "k9"}, "", "unknown_key"),
    # The key of another issuer, and the type of another's principals.
    (person, {"name": "k2"}, "", "unknown_key"),
    (person, {"iss": CI_ISSUER}, "", "unknown_key"),
    (build, {}, "allow", ""),
    (build, {"repository": "x/other"}, "deny", "default"),
    (build, {"iss": ISSUER}, "", "wrong_type"),
]


@pytest.mark.parametrize(("made", "claims", "outcome", "code"), TOKENS)
@pytest.mark.parametrize("way", WAYS)
def test_each_protocol_takes_what_an_issuer_made_and_nothing_else(world, way, made, claims, outcome, code):
    told = WAYS[way](world, made(**claims))

    assert told.outcome == (outcome or told.outcome) and (outcome or told.outcome != "allow")
    assert code in told.said


@pytest.mark.parametrize("way", WAYS)
def test_a_second_factor_and_an_actor_are_those_of_the_token(world, way):
    edit = {
        "grpc": lambda given: by_grpc(world.service, message(EDIT, principal=False), given),
        "http": lambda given: by_http(world.service, EDIT, None, given),
        "handed by grpc": lambda given: by_grpc(world.service, message(EDIT, given, False), who=ANYBODY),
        "handed by http": lambda given: by_http(world.service, EDIT, {"type": "pdp:token", "id": given}, who=ANYBODY),
        "envoy": lambda given: by_envoy(world.service, EDIT, given),
    }[way]

    assert edit(person()).outcome != "allow"
    assert edit(person(amr=["pwd", "mfa"])).outcome == "allow"
    assert edit(person(amr=["pwd", "mfa"], act={"sub": "bot"})).outcome != "allow"
    assert WAYS[way](world, person(act={"sub": "bot"})).outcome == "allow"


@pytest.mark.parametrize("way", WAYS)
def test_a_token_ends_though_it_was_taken_before(world, way):
    given = person()

    first = WAYS[way](world, given).outcome
    world.go_on(700)

    assert (first, "token_expired" in WAYS[way](world, given).said) == ("allow", True)


# ----------------------------------------------------------------------------------------------------- what goes on


@pytest.mark.parametrize("own", [True, False])
def test_a_watch_ends_with_the_token_that_it_is_of(world, own):
    async def test() -> tuple[Any, ...]:
        who = callers() if own else ANYBODY
        server = await start(world.service, who, Options(beat=0.02), [Listener("127.0.0.1:0")])
        metadata = (("authorization", f"Bearer {person()}"),) if own else ()
        asked = message(READ, None if own else person(), principal=False)
        try:
            async with aio.insecure_channel(f"127.0.0.1:{server.ports[0]}") as channel:
                call = DecisionServiceStub(channel).Watch(metadata=metadata)
                await call.write(pb.WatchRequest(subscribe=pb.Subscribe(id=1, request=asked)))
                states = [await _state(call)]
                world.go_on(700)
                world.engine._tick()
                if own:
                    return *states, await status_of(call)
                states.append(await _state(call))
                call.cancel()
                return tuple(states)
        finally:
            await server.drain(0)

    first, last = run(test())

    assert first == pb.WATCH_STATE_ALLOWED
    if own:
        assert last[0] is grpc.StatusCode.UNAUTHENTICATED and "token_expired" in last[1]
    else:
        assert last == pb.WATCH_STATE_ENDED


async def _state(call: Any) -> int:
    while True:
        told = await asyncio.wait_for(call.read(), 10)
        if told.HasField("change"):
            return int(told.change.state)


def test_an_answer_lasts_no_longer_than_the_token_that_it_is_of(world):
    identity = world.issuers.identify(person())

    decision = world.service.check(caller("pep"), pdp.Request(ADA, "read", READ.resource), identity).decision

    assert decision and decision.valid_until is not None
    assert int(decision.valid_until.timestamp()) == NOW + 600
    assert world.service.kept(decision, "e")[1] == 600_000_000


# ----------------------------------------------------------------------------------------------------- certificates

SPIFFE = "spiffe://example.org/build/7"


async def by_certificate(world: World, folder: Path, who: Callers, uri: str, work: Any, ends: Any = None) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    at = [now]
    authority = Authority()
    issued = authority.issue(uri, ends=ends)
    (folder / "ca.crt").write_bytes(authority.certificate)
    cert, key = authority.issue("spiffe://example.org/pdp").write(folder, "server")
    certificates = Certificates(cert, Secret(file=key), str(folder / "ca.crt"), clock=lambda: at[0])
    server = await start(
        world.service,
        who,
        Options(beat=0.02),
        [Listener("localhost:0", certificates.credentials())],
        identities=certificates.identities,
    )
    credentials = grpc.ssl_channel_credentials(authority.certificate, issued.key, issued.certificate)
    try:
        async with aio.secure_channel(f"localhost:{server.ports[0]}", credentials) as channel:
            return await work(DecisionServiceStub(channel), at)
    finally:
        await server.drain(0)


WORKLOADS = Callers(by_principal=((Bound.parse("Workload:spiffe://example.org/build/*"), Caller("build", ASKING)),))


@pytest.mark.parametrize(
    ("uri", "who", "status"),
    [
        (SPIFFE, WORKLOADS, grpc.StatusCode.OK),
        ("spiffe://example.org/other", WORKLOADS, grpc.StatusCode.UNAUTHENTICATED),
        ("spiffe://other.org/build/7", WORKLOADS, grpc.StatusCode.UNAUTHENTICATED),
    ],
)
def test_a_workload_is_told_by_its_certificate_and_asks_for_itself(world, tmp_path, uri, who, status):
    async def work(stub: Any, _: Any) -> Any:
        itself = await status_of(stub.Check(message(READ, principal=False)))
        if itself[0] is not grpc.StatusCode.OK:
            return itself[0], ""
        return itself[0], (await stub.Check(message(READ))).detail

    found, detail = run(by_certificate(world, tmp_path, who, uri, work))

    assert found is status
    assert status is not grpc.StatusCode.OK or "may not ask for this principal" in detail


def test_a_certificate_that_runs_out_on_a_live_connection_is_nobodys(world, tmp_path):
    ends = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(hours=1)

    async def work(stub: Any, at: Any) -> Any:
        first = await status_of(stub.Check(message(READ, principal=False)))
        watch = stub.Watch()
        await watch.read()
        at[0] = ends
        return first[0], (await status_of(stub.Check(message(READ, principal=False))))[0], (await status_of(watch))[0]

    found = run(by_certificate(world, tmp_path, WORKLOADS, SPIFFE, work, ends))

    assert found == (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED)


def test_a_certificate_that_has_an_entry_of_its_own_is_that_caller(world, tmp_path):
    who = Callers(by_identity=((SPIFFE, Caller("mesh", ASKING)),), by_principal=WORKLOADS.by_principal)

    async def work(stub: Any, _: Any) -> Any:
        return (await stub.Check(message(READ))).decision

    assert run(by_certificate(world, tmp_path, who, SPIFFE, work)) == 2


# ------------------------------------------------------------------------------------------------------------- logs


@pytest.fixture
def log() -> Iterator[tuple[io.StringIO, Any]]:
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    stream = io.StringIO()
    yield stream, begin(LogOptions(level="debug", decisions="all"), stream)
    logger.handlers[:] = before
    logger.setLevel(level)


def test_no_token_is_in_any_line_of_the_log_and_all_who_act_are(world, log):
    stream, writer = log
    world.service.record = DecisionLog(writer, LogOptions(decisions="all"), "grpc")
    acting = person(act={"sub": "bot", "act": {"sub": "first"}})
    given = [acting, person(aud="other"), person(name="k9"), build(), "not.a.token", "x" * 9000]

    for each in given:
        for way in WAYS.values():
            way(world, each)
    writer.close()

    text = stream.getvalue()
    for each in given:
        for part in each.split("."):
            assert len(part) < 8 or part not in text
    lines = [json.loads(line) for line in text.splitlines()]
    acted = [line for line in lines if line.get("actors")]
    assert acted and all(
        (line["actors"], line["issuer"], line["subject"], line["token_id"])
        == ([f"bot at {ISSUER}", f"first at {ISSUER}"], ISSUER, "ada", "t-1")
        for line in acted
    )
    own = [line for line in lines if line.get("caller_identity")]
    assert {line["caller_identity"] for line in own} >= {'User "ada"', 'Workload "ci:ci"'}


def test_no_token_is_in_what_is_told_of_a_failure(world):
    def fail(*_: Any) -> Any:
        raise RuntimeError("secret")

    world.issuers.identify_async = fail  # type: ignore[method-assign]
    for way in WAYS.values():
        told = way(world, "a-secret-token")
        assert told.outcome in ("unavailable", "503", "deny")
        assert "secret" not in told.said


def test_what_became_of_tokens_is_counted(world):
    for each in (person(), person(), person(aud="other"), "nonsense"):
        WAYS["grpc"](world, each)

    assert world.service.identifying.tokens == {"verified": 2, "wrong_audience": 1, "malformed_token": 1}
