"""A part of Cedar's corpus in the suite; `make conformance` goes through all of it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from conformance import __main__ as command
from conformance.corpus import Row, rows
from conformance.judging import Tally, judged, verdict

import peers

EVERY = 12
PARTS = 6


def told(found: list[Row]) -> tuple[list[str], Tally]:
    tally, wrong = Tally(), []
    for row in found:
        wrong += [*judged(row, tally), *verdict(row, tally)]
    return wrong, tally


@pytest.mark.parametrize("part", range(PARTS))
def test_decisions_and_verdicts_are_those_of_cedar(part: int) -> None:
    path = peers.require("cedar/corpus-sample.jsonl.gz")
    found = [row for number, row in enumerate(rows(path)) if number % (EVERY * PARTS) == part * EVERY]

    wrong, tally = told(found)

    assert wrong == []
    assert tally["decisions"] == sum(len(row.requests) for row in found) > 0
    assert tally["verdicts"] == len(found)


def test_what_was_written_by_hand_is_decided_as_by_cedar() -> None:
    found = [*rows(peers.require("cedar/handwritten.jsonl"))]

    wrong, tally = told(found)

    assert wrong == []
    assert tally["decisions"] == 74
    assert tally["by compiled rules"] == 74


ROW: dict[str, Any] = {
    "name": "one",
    "policies": "permit (principal, action, resource);",
    "schema": "entity U; action a appliesTo { principal: U, resource: U };",
    "entities": [],
    "shouldValidate": True,
    "requests": [
        {
            "principal": {"type": "U", "id": "u"},
            "action": {"type": "Action", "id": "a"},
            "resource": {"type": "U", "id": "v"},
            "context": {},
            "decision": "allow",
            "reason": ["policy0"],
            "errors": [],
        }
    ],
}


def data(folder: Path, *found: dict[str, Any]) -> Path:
    (folder / "cedar").mkdir()
    text = "".join(f"{json.dumps(row)}\n" for row in found)
    with gzip.open(folder / "cedar" / "corpus-sample.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    (folder / "cedar" / "handwritten.jsonl").write_text(text, encoding="utf-8")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, least: int) -> int:
    monkeypatch.setattr(command, "PEER_DATA", folder)
    monkeypatch.setattr(command, "LEAST", {name: {"decisions": least} for name in command.LEAST})
    return command.main()


def test_the_command_passes_where_everything_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, data(tmp_path, ROW), least=1) == 0
    assert "corpus-sample.jsonl.gz: 1 of 1 decisions" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": [ROW["requests"][0] | {"decision": "deny", "reason": []}]},
        {"requests": [ROW["requests"][0] | {"reason": []}]},
        {"requests": [ROW["requests"][0] | {"errors": ["policy0"]}]},
        {"requests": [ROW["requests"][0] | {"context": {"n": 1}}]},
        {"shouldValidate": False},
        {"policies": "permit;"},
    ],
)
def test_the_command_fails_where_anything_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    assert run(monkeypatch, data(tmp_path, ROW, ROW | wrong), least=1) == 1


def test_the_command_fails_where_there_is_less_than_was_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, data(tmp_path, ROW), least=2) == 1


def test_the_command_fails_where_there_is_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, least=0) == 1
    assert "there is no such file in the peer data" in capsys.readouterr().out
