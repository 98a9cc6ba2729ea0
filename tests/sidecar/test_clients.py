"""Clients in other languages that are generated from the protobuf files get the answers of the engine.

Each runs where its toolchain is: `make clients` installs what of it can be had.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from grpc_tools import protoc

from tests.sidecar.rpc.serving import run, serving

CLIENTS = Path(__file__).resolve().parents[2] / "examples" / "clients"
QUESTIONS = {
    ("User:ada", "read", "Page:home"): (0, "allow by public_pages_are_read"),
    ("User:ada", "edit", "Page:plan"): (0, "to do: log\nallow by editors_edit"),
    ("User:ben", "edit", "Page:plan"): (2, "deny by default"),
    ("User:ada", "read", "Page:secret"): (2, "deny by nobody_reads_secrets"),
    ("User:nobody", "read", "Page:home"): (2, "deny by default"),
}


@pytest.fixture(scope="module")
def typescript(tmp_path_factory):
    """Return the command of the TypeScript client, built anew."""
    modules, node = CLIENTS / "typescript" / "node_modules", shutil.which("node")
    if node is None or not modules.is_dir():
        pytest.skip("the packages of the TypeScript client are not installed: `make clients` installs them")
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("check.ts", "tsconfig.json", "buf.gen.yaml", "package.json"):
        shutil.copy(CLIENTS / "typescript" / name, folder)
    (folder / "node_modules").symlink_to(modules)
    programs, proto = modules / ".bin", CLIENTS.parents[1] / "proto"
    for command in ([programs / "buf", "generate", proto], [programs / "tsc"]):
        subprocess.run(command, cwd=folder, check=True, timeout=120)
    return [node, str(folder / "build" / "check.js")]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Return the command of the Go client, built anew."""
    packages = Path(os.environ.get("GOCODE", "/usr/share/gocode"))
    lacking = [each for each in ("go", "protoc-gen-go", "protoc-gen-go-grpc") if shutil.which(each) is None]
    if lacking or not (packages / "src" / "google.golang.org" / "grpc").is_dir():
        pytest.skip(
            "Go, its two protoc plugins or its packages are not installed: examples/clients/README.md names them"
        )
    folder = tmp_path_factory.mktemp("go")
    source = folder / "src" / "check"
    source.mkdir(parents=True)
    shutil.copy(CLIENTS / "go" / "check.go", source)
    include = Path(protoc.__file__).resolve().parent / "_proto"
    compiler = f"{sys.executable} -m grpc_tools.protoc -I{include}"
    generate = [CLIENTS / "go" / "generate.sh", CLIENTS.parents[1] / "proto", source]
    subprocess.run(generate, env=os.environ | {"PROTOC": compiler}, check=True, timeout=60)
    found = {"GOPATH": f"{folder}:{packages}", "GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", "check", "."], cwd=source, env=os.environ | found, check=True, timeout=600)
    return [str(source / "check")]


@pytest.fixture(params=["typescript", "go"])
def client(request):
    """Return the command of a client."""
    return request.getfixturevalue(request.param)


async def ask(command, address, question):
    process = await asyncio.create_subprocess_exec(*command, address, *question, stdout=subprocess.PIPE)
    told, _ = await process.communicate()
    return process.returncode, told.decode().strip()


@pytest.mark.slow
def test_a_client_is_answered_as_the_engine_answers(client, tmp_path):
    async def test():
        async with serving(tmp_path) as server:
            return {each: await ask(client, server.address, each) for each in QUESTIONS}

    assert run(test(), 60) == QUESTIONS


@pytest.mark.slow
def test_a_client_takes_no_answer_for_a_deny(client, tmp_path):
    question = ("User:ada", "read", "Page:home")

    status, told = run(ask(client, f"unix:{tmp_path / 'nobody.sock'}", question), 60)

    assert (status, told) == (4, "")
