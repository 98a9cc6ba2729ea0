"""The todo scenario of AuthZEN, by the command that a reader runs."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peers import require

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "examples" / "todo" / "run.py"
PUBLISHED = "authzen/decisions-authorization-api-1_0-02.json"


@pytest.fixture(scope="module")
def todo():
    spec = importlib.util.spec_from_file_location("examples_todo_run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def published():
    return json.loads(require(PUBLISHED).read_text(encoding="utf-8"))


def folder_with(tmp_path, data):
    place = tmp_path / PUBLISHED
    place.parent.mkdir(parents=True)
    place.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return str(tmp_path)


def test_one_command_answers_every_published_request():
    folder = require(PUBLISHED).parent.parent
    environment = {**os.environ, "PDP_PEER_DATA": str(folder), "PYTHONPATH": str(ROOT)}

    run = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "43 of 43\n", "")


def test_the_published_requests_are_40_evaluations_and_3_batches(published):
    assert (len(published["evaluation"]), len(published["evaluations"])) == (40, 3)


@pytest.mark.parametrize("index", range(40))
def test_an_answer_that_is_not_as_published_fails_the_command(todo, published, index, tmp_path, capsys):
    case = published["evaluation"][index]
    case["expected"] = not case["expected"]

    status = todo.main([folder_with(tmp_path, published)])

    assert status == 1
    assert capsys.readouterr().out.endswith("\n42 of 43\n")


def test_a_batch_is_right_only_as_a_whole(todo, published, tmp_path, capsys):
    published["evaluations"][0]["expected"][1]["decision"] = False

    status = todo.main([folder_with(tmp_path, published)])

    assert status == 1
    assert capsys.readouterr().out.endswith("\n42 of 43\n")


def test_a_request_that_is_missing_makes_the_count_short(todo, published, tmp_path, capsys):
    del published["evaluation"][7]

    status = todo.main([folder_with(tmp_path, published)])

    assert (status, capsys.readouterr().out) == (1, "42 of 43\n")


def test_what_an_item_of_a_batch_says_replaces_the_whole_default(todo):
    engine = todo.pdp.Engine.load(SCRIPT.parent)
    morty = "CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"
    batch = {
        "subject": {"type": "user", "id": morty},
        "action": {"name": "can_update_todo"},
        "resource": {"type": "todo", "id": "t1", "properties": {"ownerID": "morty@the-citadel.com"}},
        "evaluations": [{}, {"resource": {"type": "todo", "id": "t1"}}],
    }

    found = todo.evaluate_all(engine, batch)

    assert found == [{"decision": True}, {"decision": False}]


def test_a_subject_that_the_policy_folder_does_not_hold_is_denied(todo):
    engine = todo.pdp.Engine.load(SCRIPT.parent)
    request = {
        "subject": {"type": "user", "id": "nobody", "properties": {"roles": ["admin"]}},
        "action": {"name": "can_read_todos"},
        "resource": {"type": "todo", "id": "t1"},
    }

    assert todo.evaluate(engine, request) is False


def test_the_command_says_what_it_misses(todo, monkeypatch, capsys):
    monkeypatch.delenv("PDP_PEER_DATA", raising=False)

    status = todo.main([])

    assert status == 1
    assert "PDP_PEER_DATA" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "[", '{"evaluation": '])
def test_the_command_says_that_the_data_cannot_be_read(todo, text, tmp_path, capsys):
    folder = str(tmp_path / "nowhere") if text is None else folder_with(tmp_path, text)

    status = todo.main([folder])

    assert status == 1
    assert "cannot be read" in capsys.readouterr().err
