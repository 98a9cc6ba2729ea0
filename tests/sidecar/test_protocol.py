"""The protobuf files hold up, and what is generated of them is what is committed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pdp_sidecar.generated import admin_service_pb2, check_pb2, decision_service_pb2, value_pb2

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "sidecar" / "pdp_sidecar" / "generated"
MODULES = (admin_service_pb2, check_pb2, decision_service_pb2, value_pb2)


def buf() -> str | None:
    """Return the program that lints protobuf files, where there is one."""
    folders = (ROOT / ".node" / "node_modules" / ".bin", ROOT / "node_modules" / ".bin")
    return shutil.which("buf") or next((found for each in folders if (found := shutil.which("buf", path=each))), None)


def test_what_is_committed_is_what_is_generated(tmp_path):
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True, timeout=60)

    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}

    assert made.keys() == {path.name for path in GENERATED.iterdir()} - {"__init__.py", "__pycache__"}
    assert [name for name, text in made.items() if text != (GENERATED / name).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_zero_of_every_enum_says_nothing(module):
    for enum in module.DESCRIPTOR.enum_types_by_name.values():
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


def test_the_files_are_written_as_buf_wants_them():
    found = buf()
    if found is None:
        pytest.skip("buf is not installed: `make proto-check` installs it")

    done = subprocess.run([found, "lint"], cwd=ROOT / "proto", capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "")


def test_a_field_of_another_number_breaks_clients(tmp_path):
    found = buf()
    if found is None:
        pytest.skip("buf is not installed: `make proto-check` installs it")
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    changed = tmp_path / "proto" / "pdp" / "v1" / "check.proto"
    text = changed.read_text(encoding="utf-8")
    changed.write_text(text.replace("Decision decision = 1;", "Decision decision = 14;"), encoding="utf-8")

    done = subprocess.run(
        [found, "breaking", "--against", str(ROOT / "proto")],
        cwd=tmp_path / "proto",
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode != 0 and "decision" in done.stdout
