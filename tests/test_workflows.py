"""The workflow files for CI: they are YAML of the right form, and their commands are ones that pdp has."""

import contextlib
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pdp.cli.commands import commands

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FILES = {
    "github-actions.yml": lambda data: [step.get("run", "") for step in data["jobs"]["policies"]["steps"]],
    "gitlab-ci.yml": lambda data: [line.partition(" || ")[0] for line in data["policies"]["script"]],
}


def read(name):
    # For YAML 1.1, the key `on` is true.
    return yaml.safe_load((EXAMPLES / "ci" / name).read_text(encoding="utf-8"))


@pytest.fixture(params=FILES)
def workflow(request):
    return request.param


def test_a_workflow_checks_lays_out_and_tests_the_policies(workflow):
    ran = [line.split()[:2] for line in FILES[workflow](read(workflow)) if line.startswith("pdp ")]

    assert ran == [["pdp", "check"], ["pdp", "fmt"], ["pdp", "test"], ["pdp", "test"]]


def test_the_commands_of_a_workflow_let_good_policies_through(workflow, tmp_path):
    shutil.copytree(EXAMPLES / "todo", tmp_path / "policies")
    lines = [line for line in FILES[workflow](read(workflow)) if line.startswith("pdp ")]

    with contextlib.chdir(tmp_path):
        ran = [
            CliRunner().invoke(commands, shlex.split(line.replace("$POLICIES", "policies"))[1:], env={"NO_COLOR": "1"})
            for line in lines
        ]

    assert [(done.exit_code, done.output) for done in ran if done.exit_code != 0] == []


def test_a_workflow_runs_on_what_somebody_asks_to_be_taken_over():
    github, gitlab = read("github-actions.yml"), read("gitlab-ci.yml")

    assert "pull_request" in github[True]
    assert github["permissions"] == {"contents": "read"}
    assert any("merge_request_event" in rule["if"] for rule in gitlab["policies"]["rules"])


def test_the_reports_that_are_kept_are_those_that_are_written():
    kept = read("gitlab-ci.yml")["policies"]["artifacts"]["reports"]
    lines = "\n".join(FILES["gitlab-ci.yml"](read("gitlab-ci.yml")))

    assert f"--junit {kept['junit']}" in lines
    assert f"--cobertura {kept['coverage_report']['path']}" in lines
