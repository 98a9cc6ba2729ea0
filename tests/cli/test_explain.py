"""`pdp explain`: which rules answer a kind of question, and what they are compiled to."""

import gc
import json
import linecache
import traceback
from types import SimpleNamespace

import pytest

from pdp import Engine, Entity, ref
from pdp.cells import Program
from pdp.codegen import functions


def test_the_rules_of_a_kind_of_question_are_listed_with_their_places(run, folder):
    shown = run("explain", folder, "User", "deploy", "Service")

    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == "User to deploy on Service: 2 rules"
    assert [line.split() for line in lines[1:]] == [
        ["forbid", "from_inside", "policy.pdp:25"],
        ["permit", "owners_deploy", "policy.pdp:17"],
    ]


def test_the_id_of_an_entity_may_stand_with_its_type(run, folder):
    assert run("explain", folder, "User:ada", "deploy", "Service:shop").exit_code == 0


def test_rules_that_are_looked_up_are_among_them(run, folder):
    grants = "".join(f'grant reader on Service "s{each}" to Team "support" standing because "x"\n' for each in range(9))
    (folder / "policy.pdp").write_text((folder / "policy.pdp").read_text() + grants)

    shown = run("explain", folder, "User", "read", "Service", "--json")

    assert len(json.loads(shown.stdout)["rules"]) == 10  # nine and the grant that was there


def test_python_stands_beside_the_policy(run, folder):
    shown = run("explain", folder, "User", "deploy", "Service", "--python")

    assert shown.exit_code == 0
    [line] = [line for line in shown.stdout.splitlines() if "in p.over" in line and "if" in line][:1]
    assert line.strip().endswith("policy.pdp:19  when principal in resource.owner")
    assert "def decide(p, r, c, s, n, w):" in shown.stdout
    compile(shown.stdout, "shown", "exec")  # it is Python


def test_json_names_for_each_line_what_it_stands_for(run, folder):
    shown = run("explain", folder, "User", "deploy", "Service", "--python", "--json")

    [function, *_] = json.loads(shown.stdout)["functions"]
    assert function["rules"] == ["from_inside", "owners_deploy"]
    assert {"code": "def decide(p, r, c, s, n, w):", "at": None} in function["lines"]
    assert "policy.pdp:19" in {line["at"] for line in function["lines"]}


@pytest.mark.parametrize(
    ("question", "message", "help_"),
    [
        (("Usr", "deploy", "Service"), "there is no type `Usr`", "did you mean `User`?"),
        (("User", "deploi", "Service"), "there is no action `deploi`", "did you mean `deploy`?"),
        (("Team", "deploy", "Service"), "`deploy` is never asked by `Team`", "it is asked by `User`, `Workload`"),
        (("User", "deploy", "Team"), "`deploy` is never asked on `Team`", "it is asked on `Service`"),
    ],
)
def test_a_question_that_cannot_be_is_refused(run, folder, question, message, help_):
    shown = run("explain", folder, *question)

    assert shown.exit_code == 3
    assert shown.stderr.splitlines() == [f"error: {message}", f"help: {help_}"]


def test_a_policy_that_does_not_load_is_told(run, folder):
    (folder / "policy.pdp").write_text("type User\nrule r:\n  permit User to fly on User\n")

    shown = run("explain", folder, "User", "fly", "User")

    assert shown.exit_code == 4
    assert "error[unknown_action]: " in shown.stderr


def test_rules_that_are_not_compiled_are_listed_and_said_to_be_the_interpreters(run, folder, monkeypatch):
    monkeypatch.setattr(functions, "MAX_WHOLE", 1)

    listed = run("explain", folder, "User", "deploy", "Service")
    shown = run("explain", folder, "User", "deploy", "Service", "--python")

    assert listed.stdout.splitlines()[0] == "User to deploy on Service: 2 rules"
    assert (shown.exit_code, shown.stdout) == (
        0,
        "# User to deploy on Service: there is no function, since the rules are too long or too deep: "
        "the interpreter answers\n",
    )


# ------------------------------------------------------------------------------------------------------ tracebacks

POLICY = """
type User { level: Int }
type Page
action read on Page by User
rule high:
  permit User to read on Page
  when principal.level >= 5
"""


def test_a_traceback_through_a_compiled_rule_shows_the_line_of_the_policy():
    engine = Engine.from_text(POLICY)
    cell = Program(engine.policy).cell("read", "User", "Page")

    odd = SimpleNamespace(a={"level": None})

    with pytest.raises(TypeError) as caught:
        cell.run(odd, odd, None, None, None, None)

    assert "when principal.level >= 5  # policy.pdp:7" in "".join(traceback.format_exception(caught.value))


@pytest.mark.usefixtures("compiled_rules")
def test_the_lines_of_a_policy_leave_with_it():
    engine = Engine.from_text(POLICY, entities=[Entity("User", "ada", {"level": 5}), Entity("Page", "home")])
    before = set(linecache.cache)
    engine.decide(ref("User", "ada"), "read", ref("Page", "home"))
    mine = set(linecache.cache) - before
    assert mine

    engine.replace_policy(Engine.from_text(POLICY.replace("5", "6")).policy)
    gc.collect()
    engine.decide(ref("User", "ada"), "read", ref("Page", "home"))

    assert not mine & set(linecache.cache)
