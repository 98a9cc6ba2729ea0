"""`pdp serve` as people run it: what it says, how it ends, and that it answers in between."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from click.testing import CliRunner, Result

from pdp.cli.commands import commands
from pdp_sidecar.generated import check_pb2, decision_service_pb2_grpc
from tests.sidecar.authorities import Authority
from tests.sidecar.scene import POLICY

ENTITIES = {
    "entities": [
        {"type": "User", "id": "ada"},
        {"type": "Page", "id": "home", "attributes": {"public": True, "level": 0}},
        {"type": "Page", "id": "plan", "attributes": {"public": False, "level": 0}},
    ]
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "pages.pdp").write_text(POLICY, "utf-8")
    (policies / "entities.json").write_text(json.dumps(ENTITIES), "utf-8")
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, ["serve", *map(str, arguments)], prog_name="pdp")


# --------------------------------------------------------------------------------------------------------- the command


def test_pdp_finds_the_command_by_its_entry_point():
    (found,) = importlib.metadata.entry_points(group="pdp.commands", name="serve")

    assert found.value == "pdp_sidecar.serving:command"
    assert run("--help").exit_code == 0


def test_the_list_of_commands_says_what_the_command_says_of_itself():
    result = CliRunner().invoke(commands, ["--help"], prog_name="pdp")

    assert "  serve       Answer other processes, over gRPC and HTTP.\n" in result.stdout
    assert "Answer other processes, over gRPC and HTTP." in run("--help").stdout


@pytest.mark.parametrize("missing", ["msgspec", "grpc", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(folder, missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from pdp.cli import main; sys.argv[0] = 'pdp'; main()"

    process = subprocess.run(
        [sys.executable, "-c", code, "serve", str(folder / "policies")], capture_output=True, text=True, check=False
    )

    assert process.returncode == 3
    assert process.stderr == (
        "error: `pdp serve` needs packages that are not there\nhelp: install it: `pip install 'pdp-engine[sidecar]'`\n"
    )


def test_without_its_entry_point_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: ())

    result = run("policies")

    assert result.exit_code == 3
    assert "pip install 'pdp-engine[sidecar]'" in result.stderr


def test_check_says_what_it_comes_to_and_listens_nowhere(folder):
    result = run(folder / "policies", "--check")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"ok: 3 rules of {folder}/policies, revision ")
    assert f"  frames      unix:{folder}/pdp/pdp.sock  (mode 0600)\n" in result.stdout
    assert [*(folder / "pdp").iterdir()] == []


def test_check_says_it_as_json(folder):
    found = json.loads(run(folder / "policies", "--check", "--json").stdout)

    assert (found["ok"], found["rules"], found["workers"]) == (True, 3, 1)
    assert found["listeners"][0] == {
        "protocol": "grpc",
        "address": f"unix:{folder}/pdp/grpc.sock",
        "tls": False,
        "mode": "0600",
    }


def test_a_port_that_others_reach_without_tls_is_remarked_on(folder):
    here = run(folder / "policies", "--check", "--insecure", "--http", "127.0.0.1:8080")
    everywhere = run(folder / "policies", "--check", "--insecure", "--http", "0.0.0.0:8080")

    assert (here.exit_code, here.stderr) == (0, "")
    assert everywhere.exit_code == 0
    assert everywhere.stderr.startswith("note: 0.0.0.0:8080 is reached by other machines, and nothing encrypts ")


@pytest.mark.parametrize("more", [[], ["--check"]])
def test_policies_that_do_not_hold_up_are_told_as_check_tells_them(folder, more):
    (folder / "policies" / "bad.pdp").write_text("rule x: permit Usr to reed on Page", "utf-8")

    result = run(folder / "policies", *more)

    assert (result.exit_code, result.stdout) == (3, "")
    assert f"error[unknown_type]: type `Usr` is not declared\n --> {folder}/policies/bad.pdp:1:16\n" in result.stderr
    assert "error[unknown_action]" in result.stderr
    assert [*(folder / "pdp").iterdir()] == []


def test_a_configuration_that_does_not_hold_up_is_told_with_every_error(folder):
    (folder / "serve.toml").write_text('policys = "policies"\n[listen]\ngrpc = 5\n', "utf-8")

    result = run("--config", folder / "serve.toml", folder / "policies", "--http", "80")

    assert (result.exit_code, result.stdout) == (3, "")
    assert f"{folder}/serve.toml:1:1\n" in result.stderr
    assert "help: did you mean `policies`?" in result.stderr
    assert f"{folder}/serve.toml:3:8\n" in result.stderr


def test_a_flag_that_is_no_address_is_told_by_its_name(folder):
    result = run(folder / "policies", "--http", "80")

    assert result.exit_code == 3
    assert "error[invalid_address]: `80` is no address to listen at\n --> --http:1:1\n" in result.stderr


def test_an_error_is_told_as_json(folder):
    found = json.loads(run(folder / "policies", "--http", "80", "--json").stdout)

    assert found["error"]["code"] == "invalid_configuration"
    assert found["error"]["diagnostics"][0]["code"] == "invalid_address"


def test_a_port_that_is_taken_is_told(folder):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        for protocol in ("--http", "--operations", "--grpc"):
            result = run(folder / "policies", protocol, address, "--insecure")

            assert result.exit_code == 3, protocol
            assert address in result.stderr


def test_a_record_that_is_not_there_is_told_with_what_helps(folder, monkeypatch):
    monkeypatch.setenv("PDP_SERVE_FACTS_REVOCATIONS", str(folder / "r.db"))

    result = run(folder / "policies")

    assert result.exit_code == 3
    assert "there is no such record" in result.stderr
    assert "help: `pdp revoke` begins one; or `create = true` in the section `[facts]`" in result.stderr


# ----------------------------------------------------------------------------------------------------------- a process


class Served:
    """A sidecar that runs in a process of its own."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "pdp", "serve", *map(str, arguments), "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told: dict[str, Any] = json.loads(line)

    def address(self, protocol: str) -> str:
        return next(each["address"] for each in self.told["listeners"] if each["protocol"] == protocol)

    def end(self, name: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(name)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said


@pytest.fixture
def serve(folder: Path) -> Iterator[Any]:
    started: list[Served] = []

    def serve(*arguments: str | Path) -> Served:
        started.append(Served(folder / "policies", *arguments))
        return started[-1]

    yield serve
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def asked(channel: grpc.Channel, page: str) -> int:
    stub = decision_service_pb2_grpc.DecisionServiceStub(channel)
    request = check_pb2.CheckRequest(action="read")
    request.principal.type, request.principal.id = "User", "ada"
    request.resource.type, request.resource.id = "Page", page
    return int(stub.Check(request, timeout=10).decision)


EVALUATION = {
    "subject": {"type": "User", "id": "ada"},
    "action": {"name": "read"},
    "resource": {"type": "Page", "id": "home"},
}


def test_it_answers_until_it_is_asked_to_end(serve, folder):
    served = serve(
        "--grpc", f"unix:{folder}/g.sock", "--http", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--insecure"
    )

    with grpc.insecure_channel(served.address("grpc")) as channel:
        by_grpc = [asked(channel, "home"), asked(channel, "plan")]
    by_http = httpx.post(f"http://{served.address('http')}/access/v1/evaluation", json=EVALUATION).json()
    operations = f"http://{served.address('operations')}"
    ready = httpx.get(f"{operations}/readyz").json()
    counted = httpx.get(f"{operations}/metrics").text
    mode = (folder / "g.sock").stat().st_mode & 0o777
    status, said = served.end()

    assert by_grpc == [check_pb2.DECISION_ALLOW, check_pb2.DECISION_DENY]
    assert by_http == {"decision": True}
    assert ready == {"ready": True, "problems": []}
    assert 'pdp_decisions_total{outcome="allow",protocol="grpc",reason="permitted"} 1.0' in counted
    assert mode == 0o600
    assert (status, said) == (0, "")
    assert not (folder / "g.sock").exists()


def test_it_answers_by_policies_that_change(serve, folder):
    served = serve("--grpc", f"unix:{folder}/g.sock")
    changed = POLICY.replace("when resource.public", "when resource.level < 5")

    with grpc.insecure_channel(served.address("grpc")) as channel:
        before = asked(channel, "plan")
        (folder / "policies" / "pages.pdp").write_text(changed, "utf-8")
        served.process.send_signal(signal.SIGHUP)
        # However long the files take to come to rest: it is asked until the answer is another.
        after = next(found for found in iter(lambda: asked(channel, "plan"), None) if found != before)

    assert (before, after) == (check_pb2.DECISION_DENY, check_pb2.DECISION_ALLOW)


@pytest.mark.slow
def test_by_tls_it_answers_those_whom_the_configuration_names(serve, folder):
    authority = Authority()
    authority.issue().write(folder, "server")
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "serve.toml").write_text(
        """
        [listen]
        grpc = "127.0.0.1:0"
        [tls]
        cert = "server.crt"
        key = { file = "server.key" }
        client_ca = "ca.crt"
        [[callers]]
        name = "shop"
        spiffe = "spiffe://example.org/shop"
        """,
        "utf-8",
    )
    served = serve("--config", folder / "serve.toml")

    def ask(uri: str) -> object:
        client = authority.issue(uri)
        credentials = grpc.ssl_channel_credentials(authority.certificate, client.key, client.certificate)
        named = [("grpc.ssl_target_name_override", "localhost")]
        with grpc.secure_channel(served.address("grpc"), credentials, named) as channel:
            try:
                return asked(channel, "home")
            except grpc.RpcError as error:
                return error.code()

    assert served.told["listeners"][0]["tls"]
    assert ask("spiffe://example.org/shop") == check_pb2.DECISION_ALLOW
    assert ask("spiffe://example.org/ci") is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.slow
def test_several_workers_share_a_port_and_a_record(serve, folder):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "serve.toml").write_text(
        f"""
        [listen]
        grpc = {{ address = "127.0.0.1:{port}", plaintext = true }}
        operations = {{ address = "127.0.0.1:0", plaintext = true }}
        [workers]
        count = 2
        [facts]
        revocations = "r.db"
        create = true
        [[callers]]
        name = "all"
        anyone = true
        """,
        "utf-8",
    )
    served = serve("--config", folder / "serve.toml")

    with grpc.insecure_channel(served.address("grpc")) as channel:
        answer = asked(channel, "home")
    told = httpx.get(f"http://{served.address('operations')}/metrics").text
    status, _ = served.end()

    assert answer == check_pb2.DECISION_ALLOW
    assert "pdp_workers 2.0" in told
    assert status == 0


def test_a_second_one_is_told_of_the_first(serve, folder):
    served = serve("--grpc", f"unix:{folder}/g.sock")

    result = run(folder / "policies", "--grpc", f"unix:{folder}/g.sock")

    assert result.exit_code == 3
    assert result.stderr == (
        f"error: process {served.told['pid']} serves at `{folder}/g.sock`\n"
        "help: end it first, or name another address\n"
    )
    assert (folder / "g.sock").is_socket()
