"""The files to deploy by: what they promise stands in them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pdp_sidecar.config.loading import Configuration, Flags, load
from pdp_sidecar.operations.notify import READY

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
UNIT = DEPLOY / "systemd" / "pdp.service"


def unit() -> dict[str, list[str]]:
    """Return the keys of the section `Service`, each with all that it is given."""
    found: dict[str, list[str]] = {}
    section = re.search(r"\[Service\]\n(.*?)\n\[", UNIT.read_text(encoding="utf-8"), re.DOTALL)
    assert section is not None
    for line in section[1].splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "sidecar.yaml").read_text(encoding="utf-8")))


def configured(tmp_path: Path, text: str, *, policy: str | None = None) -> Configuration:
    """Return what a configuration comes to, with policies that are there."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.pdp").write_text(policy or "type User\n", encoding="utf-8")
    (tmp_path / "serve.toml").write_text(text, encoding="utf-8")
    flags = Flags(file=str(tmp_path / "serve.toml"), values={("policies",): ("PATH", str(tmp_path / "policies"))})
    return load(flags, {})


def test_the_service_is_shut_in() -> None:
    service = unit()

    for name, value in {
        "DynamicUser": "yes",
        "RuntimeDirectory": "pdp",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "PrivateTmp": "yes",
        "MemoryMax": "1G",
        "Type": "notify",
        "Restart": "always",
    }.items():
        assert service[name] == [value], name
    assert service["SystemCallFilter"][0] == "@system-service"
    # It would hide from the sidecar who is at the other end of a socket.
    assert "PrivateUsers" not in service
    assert READY == "READY=1"


def test_the_configuration_of_the_service_is_one(tmp_path: Path) -> None:
    found = configured(tmp_path, (DEPLOY / "systemd" / "serve.toml").read_text(encoding="utf-8"))

    assert {each.protocol: str(each.address) for each in found.listeners} == {
        "grpc": "unix:/run/pdp/grpc.sock",
        "frames": "unix:/run/pdp/frames.sock",
        "operations": "127.0.0.1:9464",
    }
    assert found.revocations == "/var/lib/pdp/revocations.db"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_knows_every_word_of_the_unit(tmp_path: Path) -> None:
    # It looks whether what is to be run is there.
    text = UNIT.read_text(encoding="utf-8").replace("/opt/pdp/bin/pdp", sys.executable)
    copy = tmp_path / "pdp.service"
    copy.write_text(text, encoding="utf-8")

    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False, timeout=30
    )

    assert [line for line in found.stderr.splitlines() if "pdp.service" in line] == []


def test_the_pod_has_the_sidecar_before_the_workload_and_to_its_end() -> None:
    pod = documents()[2]["spec"]["template"]["spec"]
    (sidecar,), (workload,) = pod["initContainers"], pod["containers"]

    assert sidecar["restartPolicy"] == "Always"
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in (sidecar, workload):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"name": "socket", "mountPath": "/run/pdp"} in container["volumeMounts"]
    assert [sidecar[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")] == [
        "/readyz",
        "/readyz",
        "/healthz",
    ]
    # A file of a ConfigMap that is mounted by itself is never updated.
    assert all("subPath" not in each for each in sidecar["volumeMounts"])
    assert {each["name"]: next(iter(each.keys() - {"name"})) for each in pod["volumes"]} == {
        "socket": "emptyDir",
        "policies": "configMap",
        "configuration": "configMap",
    }


def test_the_configuration_and_the_policies_of_the_pod_hold_up(tmp_path: Path) -> None:
    policies, configuration = documents()[0]["data"], documents()[1]["data"]

    found = configured(tmp_path, configuration["serve.toml"], policy=policies["orders.pdp"])

    assert [str(each.address) for each in found.listeners if each.protocol == "operations"] == ["0.0.0.0:9464"]
    mounted = {
        each["mountPath"] for each in documents()[2]["spec"]["template"]["spec"]["initContainers"][0]["volumeMounts"]
    }
    assert {"/run/pdp", "/etc/pdp/policies", "/etc/pdp/serve"} == mounted


def test_the_image_is_not_root_and_names_no_registry() -> None:
    lines = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8").splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))

    assert [line for line in lines if line.startswith("FROM ")] == ["FROM ${BASE} AS build", "FROM ${RUNTIME}"]
    assert "USER 65532:65532" in lines[last:]
    assert all(
        line.startswith(("COPY --from=build ", "COPY ")) and "http" not in line for line in lines if "COPY" in line
    )


def test_every_unit_file_can_be_parsed() -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]

    parser.read(UNIT, encoding="utf-8")

    assert parser.sections() == ["Unit", "Service", "Install"]
