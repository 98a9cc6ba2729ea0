"""The benchmarks of the sidecar ask the same of both servers, and count no error as an answer."""

import itertools
import json
import tomllib
from pathlib import Path

import pytest

import pdp
from benchmarks import machine, targets
from benchmarks import report as rows_of
from benchmarks.sidecar import __main__ as command
from benchmarks.sidecar import asking, cerbos, clients, h2load, ours, report, rounds, worlds
from benchmarks.workloads import roles
from pdp_sidecar.generated import check_pb2, decision_service_pb2

SAID = """\
starting benchmark...
Warm-up phase is over for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.30s, 4.00 req/s, 597.08KB/s
requests: 4 total, 4 started, 4 done, 4 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 597B (597) total, 197B (197) headers (space savings 93.55%), 400B (400) data
                     min         max         mean         sd        +/- sd
time for request:      245us     29.29ms      1.14ms      1.91ms    93.87%
req/s           :     856.94      904.96      880.95       33.95   100.00%
"""
LOG = "1795892825590904\t200\t830\n1795892825599779\t200\t740\n1795892825600523\t200\t530\n1795892825600900\t200\t510\n"

PLACE = machine.Place(
    date="2026-11-28",
    machine="a machine",
    python="CPython 3.11.0",
    commit="0123456789ab",
    command="make bench-sidecar",
    load=0.0,
    versions={"Cerbos": "0.51.0"},
)


def figures(value: float = 1.0) -> dict[str, float]:
    return {name: value for row in targets.read(command.FILE) for name in row.figures}


# ------------------------------------------------------------------------------------------------------- questions


@pytest.mark.parametrize("name", ["roles_10", "roles_1000", "conditions_8"])
def test_each_question_comes_out_as_the_world_expects(name: str, tmp_path: Path) -> None:
    world = worlds.build(name)
    ours.policies(world, tmp_path / "policies")
    engine = pdp.Engine.load(tmp_path / "policies")

    for asks in (world.singles, *world.batches):
        found = [bool(engine.answer(ours.request(ask))) for ask in asks]

        assert found == [ask.allowed for ask in asks]
        assert {True, False} <= set(found)


@pytest.mark.parametrize("name", ["roles_10", "conditions_8"])
def test_a_batch_is_of_one_principal_at_one_time_for_fifty_resources(name: str) -> None:
    for batch in worlds.build(name).batches:
        assert len({(ask.principal, ask.now, str(ask.session), str(ask.context)) for ask in batch}) == 1
        assert len({ask.resource for ask in batch}) == worlds.BATCH


def test_any_two_questions_one_after_the_other_are_an_allow_and_a_deny() -> None:
    asks = worlds.build("roles_10").singles

    assert all({one.allowed, other.allowed} == {True, False} for one, other in itertools.pairwise(asks))


@pytest.mark.parametrize("form", [cerbos.SCOPES, cerbos.RULES])
def test_cerbos_has_every_role_rule(form: str) -> None:
    world = worlds.build("roles_1000")

    files = {name: json.loads(text)["resourcePolicy"] for name, text in cerbos.policies(world, form).items()}

    found = set()
    for policy in files.values():
        for rule in policy["rules"]:
            projects = (
                [policy["scope"]]
                if form == cerbos.SCOPES
                else json.loads(rule["condition"]["match"]["expr"].partition(" in ")[2])
            )
            found |= {(*rule["roles"], tuple(rule["actions"]), project) for project in projects}
    assert found == {(group, roles.ROLES[role], project) for group, role, project in roles.rules(1_000)}


def test_cerbos_has_as_many_condition_rules_as_pdp() -> None:
    (text,) = cerbos.policies(worlds.build("conditions_8"), cerbos.SCOPES).values()

    assert len(json.loads(text)["resourcePolicy"]["rules"]) == 8


@pytest.mark.parametrize("form", [cerbos.SCOPES, cerbos.RULES])
def test_a_request_to_cerbos_brings_what_its_rules_look_at(form: str) -> None:
    world = worlds.build("roles_10")
    (entry,) = cerbos.request(world, world.singles[:1], form)["resources"]

    ((_, project),) = world.parents[world.singles[0].resource]
    assert project in (entry["resource"].get("scope"), entry["resource"].get("attr", {}).get("project"))
    assert cerbos.message(cerbos.request(world, world.batches[0], form))


def test_what_cerbos_says_is_read_by_action() -> None:
    asks = worlds.build("roles_10").singles[:2]
    reply = {"results": [{"actions": {asks[0].action: "EFFECT_ALLOW"}}, {"actions": {asks[1].action: "EFFECT_DENY"}}]}

    assert cerbos.answers_json(json.dumps(reply).encode(), asks) == [True, False]


def test_a_request_to_pdp_is_what_the_workload_asks() -> None:
    ask = worlds.build("conditions_8").singles[0]

    message = check_pb2.CheckRequest.FromString(ours.message([ask]))

    assert (message.principal.id, message.action, message.resource.id) == (
        ask.principal[1],
        ask.action,
        ask.resource[1],
    )
    assert message.context.fields["ip"].string_value == ask.context["ip"]
    assert message.session.fields["mfa"].bool_value == ask.session["mfa"]
    assert not message.HasField("now")


def test_a_request_of_authzen_has_the_session_in_its_context() -> None:
    ask = worlds.build("conditions_8").singles[0]

    found = ours.evaluation([ask])

    assert found["context"]["session"]["mfa"] == ask.session["mfa"]
    assert found["context"]["ip"] == ask.context["ip"]
    assert found["action"] == {"name": "deploy"}


def test_a_server_is_configured_as_its_addresses_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []
    monkeypatch.setattr(ours, "serve", lambda name, command, folder, ready: commands.append(command))
    addresses = ours.Addresses(grpc="127.0.0.1:7", frames="unix:/run/frames")

    ours.start(tmp_path / "policies", tmp_path / "server", addresses, 2, lambda: True)

    written = tomllib.loads((tmp_path / "server" / "serve.toml").read_text())
    assert written["listen"] == {
        "grpc": {"address": "127.0.0.1:7", "plaintext": True},
        "frames": {"address": "unix:/run/frames"},
    }
    assert written["workers"] == {"count": 2}
    assert commands[0][-1].endswith("serve.toml")


def test_an_empty_reply_of_pdp_allows_nothing() -> None:
    asks = worlds.build("roles_10").batches[0]
    empty = decision_service_pb2.CheckBatchResponse(responses=[check_pb2.CheckResponse()] * len(asks))

    assert ours.answers(b"", asks[:1]) == [False]
    assert not any(ours.answers(empty.SerializeToString(), asks))


def test_a_server_that_answers_otherwise_is_not_measured() -> None:
    asks = worlds.build("roles_10").singles[:1]
    target = h2load.Target(address="127.0.0.1:1", path="/", is_grpc=True)

    class Wrong(asking.Contender):
        def ask(self, asks: asking.Asks) -> bytes:
            return b""

    wrong = Wrong(name="wrong", target=target, message=ours.message, answers=lambda _, asks: [not asks[0].allowed])

    with pytest.raises(asking.DisagreementError, match="wrong answers otherwise"):
        wrong.check(asks)


def test_what_is_sent_over_grpc_is_framed() -> None:
    asks = worlds.build("roles_10").singles[:1]
    target = h2load.Target(address="127.0.0.1:1", path="/", is_grpc=True)
    body = asking.Contender(name="", target=target, message=ours.message, answers=ours.answers).body(asks)

    assert body[:5] == b"\0" + len(body[5:]).to_bytes(4, "big")
    assert body[5:] == ours.message(asks)


# ------------------------------------------------------------------------------------------------------------ load


def test_rate_and_times_are_read_from_what_h2load_says() -> None:
    load = h2load.read(SAID, LOG, clients=1, seconds=2.0, answer=100)

    assert (load.done, load.rate, load.median, load.p99) == (4, 2.0, 635.0, 830.0)


@pytest.mark.parametrize(
    ("this", "that", "message"),
    [
        ("400B (400) data", "0B (0) data", "no more than 0 bytes"),
        ("4 succeeded, 0 failed", "3 succeeded, 1 failed", "not all were answered"),
        ("0 timeout", "1 timeout", "not all were answered"),
        ("4 succeeded", "0 succeeded", "0 were answered"),
        ("requests:", "request:", "says nothing of requests"),
    ],
)
def test_what_is_no_answer_is_not_counted(this: str, that: str, message: str) -> None:
    with pytest.raises(h2load.LoadError, match=message):
        h2load.read(SAID.replace(this, that), LOG, clients=1, seconds=2.0, answer=100)


def test_a_refusal_is_not_counted() -> None:
    with pytest.raises(h2load.LoadError, match="503"):
        h2load.read(SAID, LOG.replace("200\t510", "503\t510"), clients=1, seconds=2.0, answer=100)


def test_what_is_under_way_when_time_is_up_is_one_for_each_client() -> None:
    under_way = "1795892825600990\t0\t20\n"

    load = h2load.read(SAID, LOG + under_way, clients=1, seconds=2.0, answer=100)

    assert load.times == (830, 740, 530, 510)
    with pytest.raises(h2load.LoadError, match="'0': 2"):
        h2load.read(SAID, LOG + 2 * under_way, clients=1, seconds=2.0, answer=100)


def test_a_unix_socket_is_told_apart_from_an_address() -> None:
    unix = h2load.Target(address="unix:/run/x", path="/p", is_grpc=True).arguments()
    tcp = h2load.Target(address="127.0.0.1:1", path="/p", is_grpc=False).arguments()

    assert "--base-uri=unix:/run/x" in unix and "--h1" not in unix
    assert tcp[-1] == "http://127.0.0.1:1/p" and "--h1" in tcp


def test_figures_are_medians_of_rounds_and_decisions_of_batches() -> None:
    def load(rate: float, *times: int) -> h2load.Load:
        return h2load.Load(done=len(times), rate=rate, times=times, data=0)

    found = rounds.figures("grpc_w_batch", {"pdp": [load(10, 1, 2), load(30, 3, 9), load(20, 4)]}, 50)

    assert found == {"p50.grpc_w_batch.pdp": 3, "p99.grpc_w_batch.pdp": 9, "rate.grpc_w_batch.pdp": 1_000}


# ---------------------------------------------------------------------------------------------------- rows and page


def test_each_row_is_made_of_figures_that_are_measured() -> None:
    for name in figures():
        kind, subject, what = name.split(".")
        if kind in clients.KINDS:
            assert what in clients.GIVES[kind], name
        else:
            protocol, world, shape = subject.split("_")[0], "_".join(subject.split("_")[1:-1]), subject.split("_")[-1]
            assert world in worlds.NAMES and shape in rounds.SHAPES, name
            assert what in (*report.COLUMNS[protocol], "echo"), name


def test_a_missing_figure_leaves_its_row_missing_and_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = figures()
    del found["revoked.clients_4.p999"]
    monkeypatch.setattr(command, "_missing", lambda _: "")
    monkeypatch.setattr(command, "_versions", lambda _: {})
    monkeypatch.setattr(command.machine, "describe", lambda *_: PLACE)
    monkeypatch.setattr(command.writing, "write", lambda *_: None)
    monkeypatch.setattr(command, "measure", lambda *_, **__: found)

    status = command.main("")

    shown = capsys.readouterr()
    assert status == 1
    assert "not measured: revoked" in shown.err


def test_the_command_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command.h2load, "is_there", lambda: True)
    monkeypatch.setenv(command.BINARY, "/nowhere/cerbos")

    assert command.main("") == 1
    assert "names no program of Cerbos" in capsys.readouterr().err


def test_the_page_shows_also_where_pdp_loses() -> None:
    found = {"rate.grpc_roles_10_c1.pdp": 100.0, "rate.grpc_roles_10_c1.cerbos": 200.0}
    found |= {"p50.grpc_roles_10_c1.pdp": 10.0, "p50.grpc_roles_10_c1.cerbos": 30.0}

    lines = list(report.tables("grpc", found))

    assert "| roles_10, 1 client | - | 100 | - | - | 200 | - | - | 0.5 | - |" in lines
    assert "| roles_10, 1 client | - | 10.0 | - | - | 30.0 | - | - | 3 | - |" in lines


def test_the_page_has_its_marks_and_every_row() -> None:
    page = (machine.ROOT / report.PAGE).read_text(encoding="utf-8")
    results = rows_of.results(targets.read(command.FILE), figures())

    section = report.section(PLACE, results, figures())

    assert report.BEGIN in page and report.END in page
    assert all(f"| `{result.row.name}` |" in section for result in results)
