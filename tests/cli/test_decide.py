"""`pdp decide`: the exit status is the answer, and nothing but an allow that counts is 0."""

import json

import pytest

from pdp.engine import Engine
from pdp.model import Decision, Outcome, Reason
from pdp.trace import Trace
from tests.cli.conftest import ALLOWED, APPROVED, AT, INSIDE, OUTSIDE, SIGNED_IN

# ------------------------------------------------------------------------------------------------------ the answers


def test_an_allow_by_a_grant_says_which_and_why(decide):
    result = decide("User:sam", "read", "Service:shop", "--context", '{"ip": "10.0.0.1"}')

    assert result.exit_code == 0
    assert result.stdout == (
        'allow (permitted) by grant reader on Service "shop" to Team "support"\n'
        '  grant reader on Service "shop" to Team "support": support answers for the shop\n'
    )
    assert result.stderr == ""


def test_an_allow_with_a_handled_obligation_counts(decide):
    result = decide(*ALLOWED, "--handles", "notify")

    assert result.exit_code == 0
    assert result.stdout == (
        "allow (permitted) by owners_deploy\n"
        '  must do: notify { channel: "#ops", urgent: true }\n'
        "  valid until 2026-11-23T09:05:00Z\n"
    )


def test_an_allow_with_an_unhandled_obligation_does_not_count(decide):
    text = decide(*ALLOWED)
    data = json.loads(decide(*ALLOWED, "--json").stdout)

    assert text.exit_code == 2
    assert text.stdout.startswith("allow (permitted) by owners_deploy, with an obligation that nobody handles\n")
    assert "  not allowed before you say that you do it: `--handles notify`\n" in text.stdout
    assert (data["decision"], data["allowed"], data["unhandled_obligations"]) == ("allow", False, ["notify"])


def test_a_deny_tells_what_it_would_take(decide):
    result = decide("User:ada", "deploy", "Service:shop", "--context", OUTSIDE)

    assert result.exit_code == 2
    assert result.stdout == (
        "deny (forbidden) by from_inside\n"
        "  from_inside: production is deployed from inside\n"
        "  what it would take, by owners_deploy:\n"
        '    - 1 approval of "c1" from Team "release" (1 of 1 missing)\n'
        "    - sign in with a second factor\n"
        "    - connect to the company network (lifts from_inside)\n"
    )


def test_a_forbid_that_nobody_can_tell_denies_and_says_so(decide):
    result = decide("User:ada", "deploy", "Service:shop", "--context", '{"change": "c1"}')

    assert result.exit_code == 2
    assert "  unknown: whether from_inside applies, so it denies\n" in result.stdout
    assert result.stderr == "note: context: the attribute `ip` is missing\n"


def test_a_default_deny_says_so(decide):
    result = decide("User:sam", "deploy", "Service:beta", "--context", INSIDE)

    assert (result.exit_code, result.stdout) == (2, "deny (default): no permit applies\n")


def test_json_is_the_decision_and_whether_it_counts(decide):
    result = decide(*ALLOWED, "--handles", "notify", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {name: found[name] for name in list(found) if "revision" not in name} == {
        "allowed": True,
        "decision": "allow",
        "reason": "permitted",
        "determining_rules": ["owners_deploy"],
        "erring_rules": [],
        "obligations": [{"name": "notify", "arguments": {"channel": "#ops", "urgent": True}}],
        "unhandled_obligations": [],
        "remedies": [],
        "valid_until": "2026-11-23T09:05:00Z",
        "notes": [],
    }
    assert found["revision"] and found["facts_revision"]


def test_the_time_is_now_by_default(decide):
    result = decide(*ALLOWED, "--handles", "notify", at=None)

    # The approval lapsed long ago, or is yet to come.
    assert result.exit_code == 2


def test_approvals_are_of_the_value_that_they_name(decide):
    other = APPROVED.replace("c1", "c2")

    result = decide(*ALLOWED[:-1], other, "--handles", "notify")

    assert result.exit_code == 2


def test_approvals_can_be_of_another_request(decide):
    other = APPROVED.replace('"of"', '"resource": "Service:shop", "of"')

    result = decide(*ALLOWED[:-1], other, "--handles", "notify")

    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, 0),
        ({"until": "2026-11-23T09:00:01Z", "asked_by": "User:ada"}, 0),
        ({"until": AT}, 2),
        ({"asked_by": "User:bo"}, 2),
        ({"actor": "Agent:helper"}, 2),
    ],
)
def test_approvals_say_until_when_they_hold_who_asked_and_for_whom_who_acts(decide, more, status):
    (approval,) = json.loads(APPROVED)
    asked = ["User:ada", "deploy", "Service:beta", "--context", INSIDE, "--session", SIGNED_IN, "--handles", "notify"]

    result = decide(*asked, "--approvals", json.dumps([{**approval, **more}]))

    assert result.exit_code == status, result.output


def test_an_approval_is_read_as_the_rule_asks_for_it(run, tmp_path):
    (tmp_path / "policy.pdp").write_text(
        """
type Team
type User
type Day { on: Datetime, ip: Ip, by: User, size: Int }
action open on Day by User with { which: String }
rule r:
  permit User to open on Day
  needs approval of resource.on from User for 9999d
  needs approval of resource.ip from User for 9999d
  needs approval of resource.by from User for 9999d
  needs approval of resource.size from User for 9999d
  needs approval of context.which from User for 9999d
""",
        encoding="utf-8",
    )
    day = {"on": "2026-11-23T00:00:00Z", "ip": "10.0.0.1", "by": 'User "x"', "size": 7}
    request = {
        "principal": "User:ada",
        "action": "open",
        "resource": {"type": "Day", "id": "d", "attributes": day},
        "context": {"which": "w"},
        "now": AT,
        "approvals": [
            {"approver": "User:bo", "at": "2026-11-23", "of": value}
            for value in ("2026-11-23T01:00:00+01:00", "10.0.0.1", {"type": "User", "id": "x"}, 7, "w")
        ],
    }

    whole = run("decide", tmp_path, "--request", json.dumps(request))
    less = [
        run("decide", tmp_path, "--request", json.dumps({**request, "approvals": request["approvals"][:n]})).exit_code
        for n in range(5)
    ]

    assert (whole.exit_code, less) == (0, [2, 2, 2, 2, 2])


def test_a_membership_of_a_brought_entity_ends(decide):
    entities = json.dumps([{"type": "User", "id": "tom", "in": ['Team "support" until 2026-11-24']}])
    keyed = json.dumps(
        {"entities": [{"type": "User", "id": "tom", "in": [{"type": "Team", "id": "support", "until": "2026-11-24"}]}]}
    )

    during, same = (
        decide("User:tom", "read", "Service:shop", "--entities", each, "--json") for each in (entities, keyed)
    )
    after = decide("User:tom", "read", "Service:shop", "--entities", entities, at="2026-11-24T00:00:00Z")

    assert (during.exit_code, same.exit_code, after.exit_code) == (0, 0, 2)
    assert json.loads(during.stdout)["valid_until"] == json.loads(same.stdout)["valid_until"] == "2026-11-24T00:00:00Z"


def test_an_actor_is_named_as_the_principal_is(decide):
    spelled = ['{"actor": "Agent:bot"}', '{"actor": "Agent \\"bot\\""}', '{"actor": {"type": "Agent", "id": "bot"}}']

    statuses = [decide("User:sam", "read", "Service:shop", "--session", each).exit_code for each in spelled]

    # Known, and not served: no permit is for agents.
    assert statuses == [2, 2, 2]


def test_a_reference_may_be_spelled_as_in_policies(decide):
    result = decide('User "sam"', "read", 'Service "shop"')

    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (Decision(outcome=Outcome.ALLOW, reason=Reason.PERMITTED), 0),
        (Decision(outcome=Outcome.ALLOW, reason=Reason.PERMITTED, unhandled=("notify",)), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.FORBIDDEN), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.DEFAULT), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.UNKNOWN_ENTITY), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.SESSION_EXPIRED), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.SESSION_NOT_YET_VALID), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.SESSION_REVOKED), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.PRINCIPAL_REVOKED), 2),
        (Decision(outcome=Outcome.DENY, reason=Reason.INVALID_REQUEST), 3),
        (Decision(outcome=Outcome.DENY, reason=Reason.INVALID_SESSION), 3),
        (Decision(outcome=Outcome.DENY, reason=Reason.INTERNAL_ERROR), 4),
    ],
    ids=lambda value: value if isinstance(value, int) else f"{value.outcome}-{value.reason}-{len(value.unhandled)}",
)
@pytest.mark.parametrize("command", ["decide", "trace"])
def test_each_reason_has_its_status(decide, run, folder, monkeypatch, command, decision, status):
    trace = Trace(decision=decision, principal="p", action="a", resource="r", now=None, rules=())
    monkeypatch.setattr(Engine, "answer", lambda self, request: decision)
    monkeypatch.setattr(Engine, "explain", lambda self, request: trace)

    text = run(command, folder, "User:sam", "read", "Service:shop")
    data = run(command, folder, "User:sam", "read", "Service:shop", "--json")

    assert (text.exit_code, data.exit_code) == (status, status)
    assert text.stdout.startswith(f"{decision.outcome} ({decision.reason})")


# ------------------------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "error: missing argument PRINCIPAL\nhelp: write PATH PRINCIPAL ACTION RESOURCE"),
        (["User:ada"], "error: missing argument ACTION\n"),
        (["User:ada", "read"], "error: missing argument RESOURCE\n"),
        (
            ["User:ada", "read", "Service:shop", "now"],
            "error: got unexpected extra argument (now)\nhelp: see `pdp decide",
        ),
        (["ada", "read", "Service:shop"], 'error: PRINCIPAL: `ada` names no entity: write `Type "id"` or `Type:id`\n'),
        (["User:ada", "read", "shop"], "error: RESOURCE: `shop` names no entity: "),
        (
            ["Usr:ada", "read", "Service:shop"],
            "error: PRINCIPAL: `Usr:ada`: there is no entity type `Usr`\nhelp: did you mean `User`?\n",
        ),
        (["User:", "read", "Service:shop"], "error: PRINCIPAL: `User:`: the id is empty\n"),
        ([*ALLOWED[:3], "--at", "noon"], "error: `--at`: `noon` is not a Datetime"),
        ([*ALLOWED[:3], "--at", "2026-11-23T09:00:00"], "error: `--at`: `2026-11-23T09:00:00` is not a Datetime"),
        (
            [*ALLOWED[:3], "--handles", "notfy"],
            "error: `--handles`: there is no obligation `notfy`\nhelp: did you mean `notify`?\n",
        ),
        (
            [*ALLOWED[:3], "--request", "{}"],
            "error: `--request` holds the whole request: it goes without `PRINCIPAL`\n",
        ),
        (
            ["--request", "{}", "--session", "{}"],
            "error: `--request` holds the whole request: it goes without `--session`\n",
        ),
        ([*ALLOWED[:3], "--sesion", "{}"], "error: no such option '--sesion'"),
        ([*ALLOWED[:3], "--context"], "error: option '--context' requires an argument\n"),
        ([*ALLOWED[:3], "--color", "red"], "error: invalid value for '--color': 'red' is not one of"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_a_command_line_that_makes_no_sense_says_why(decide, arguments, said):
    result = decide(*arguments, at=None)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith(said)


def test_errors_of_the_command_line_come_as_json_too(decide):
    result = decide("User:ada", "--json", at=None)

    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "error": {
            "code": "invalid_usage",
            "message": "missing argument ACTION",
            "help": "write PATH PRINCIPAL ACTION RESOURCE, as in `. User:ada read Page:home`, or use `--request`",
        }
    }


@pytest.mark.parametrize(
    ("arguments", "reason", "detail", "note"),
    [
        (["User:ada", "deply", "Service:shop"], "invalid_request", "the action `deply` is not declared", "`deploy`?"),
        (["Team:a", "read", "Service:shop"], "invalid_request", "`read` is not asked by a `Team`", None),
        (["User:ada", "read", "Team:a"], "invalid_request", "`read` is not asked on a `Team`", None),
        (
            [*ALLOWED[:3], "--session", '{"expires_at": "x"}'],
            "invalid_session",
            "the session's `expires_at`",
            "Datetime",
        ),
    ],
)
def test_a_request_that_cannot_be_asked_is_a_deny_of_its_own_status(decide, arguments, reason, detail, note):
    result = decide(*arguments, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (found["decision"], found["reason"], found["allowed"]) == ("deny", reason, False)
    assert found["detail"].startswith(detail)
    assert note is None or any(note in each for each in found["notes"])


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["User:adda", "read", "Service:shop"], "did you mean `ada`?"),
        (["User:zzz", "read", "Service:shop"], 'no entity file holds User "zzz"; `--entities` brings entities along'),
        (
            [*ALLOWED[:3], "--context", '{"chnge": "c1"}'],
            "context.chnge: there is no such attribute, did you mean `change`?",
        ),
        (
            [*ALLOWED[:3], "--context", '{"ip": 1}'],
            'context.ip is unknown: expected `Ip`, found the number `1`; an Ip is text such as `"10.1.2.3"`',
        ),
        (
            [*ALLOWED[:3], "--session", '{"mfa": "yes"}'],
            'session.mfa is unknown: expected `Bool`, found the string `"yes"`',
        ),
        (
            [*ALLOWED[:3], "--entities", '[{"type": "User", "id": "ada"}]'],
            'User "ada" is held by the policy folder: what the request says of it is not used',
        ),
        (
            [*ALLOWED[:3], "--entities", '[{"type": "Service", "id": "x", "attributes": {"stage": "prod"}}]'],
            'Service "x".stage is unknown: `prod` is no member of the enum `Stage`',
        ),
    ],
)
def test_what_is_odd_and_no_error_is_noted_beside_the_answer(decide, arguments, note):
    text, data = decide(*arguments), decide(*arguments, "--json")

    assert text.exit_code == 2
    assert f"note: {note}" in text.stderr
    assert any(each.startswith(note) for each in json.loads(data.stdout)["notes"])
