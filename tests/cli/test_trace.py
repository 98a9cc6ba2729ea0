"""`pdp trace`: every rule in scope, every clause with its values, what decided."""

import json

import pytest

from tests.cli.conftest import ALLOWED, APPROVED, AT, INSIDE, OUTSIDE, SIGNED_IN, start

WIDE = {"COLUMNS": "120"}
SHOP = ["User:ada", "deploy", "Service:shop"]


@pytest.fixture
def trace(run, folder):
    """Trace a request to the folder, at a fixed time, on a wide terminal."""

    def ask(*arguments, at=AT, env=WIDE, **options):
        return run("trace", folder, *arguments, *(["--at", at] if at else []), env=env, **options)

    return ask


def test_a_trace_shows_what_denied_first_and_then_the_rest(trace):
    result = trace(*SHOP, "--context", OUTSIDE)

    assert result.exit_code == 2
    assert result.stdout == (
        "deny (forbidden) by from_inside\n"
        '  asked: User "ada" to deploy on Service "shop", at 2026-11-23T09:00:00Z\n'
        "\n"
        "DENIES: forbid from_inside  policy.pdp:25  because production is deployed from inside\n"
        "  ✓ when resource.stage == production   resource.stage = Stage.production\n"
        "  ✗ unless context.ip in 10.0.0.0/8     context.ip = 192.0.2.1   else connect to the company network\n"
        "\n"
        "nearest: permit owners_deploy  policy.pdp:17\n"
        "  ✓ when principal in resource.owner                            "
        '  principal = User "ada", resource.owner = Team "shop"\n'
        "  ? needs session.mfa                                             session.mfa = unknown\n"
        "      else sign in with a second factor\n"
        '  ✗ needs approval of context.change from Team "release" for 1h   approvals = 0, context.change = "c1"\n'
        "\n"
        "to be allowed: context.ip = 10.0.0.1, session.mfa = true  (caller)\n"
        '               approval of "c1" by User "bo"  (approver)\n'
    )
    assert len(result.stdout.splitlines()) == 15


def test_an_allow_shows_the_permit_and_what_it_obliges_to(trace):
    result = trace(*ALLOWED, "--handles", "notify")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    asked = '  asked: User "ada" to deploy on Service "beta", at 2026-11-23T09:00:00Z'
    assert lines[:3] == [
        "allow (permitted) by owners_deploy",
        f"{asked}; valid until 2026-11-23T09:05:00Z",
        '  must do: notify { channel: "#ops", urgent: true }',
    ]
    assert lines[4] == "ALLOWS: permit owners_deploy  policy.pdp:17"
    assert "  ✓ needs session.mfa                                             session.mfa = true" in lines
    assert len(lines) <= 15


def test_a_forbid_that_is_unknown_says_that_it_denies_for_that(trace):
    result = trace(*SHOP, "--context", '{"change": "c1"}')

    assert result.exit_code == 2
    assert "\nDENIES, being unknown: forbid from_inside  policy.pdp:25  because" in result.stdout
    assert "  ? unless context.ip in 10.0.0.0/8     context.ip = unknown   else connect" in result.stdout


def test_a_deny_without_a_rule_in_scope_says_so_and_what_permits(trace):
    result = trace("Workload:ci", "deploy", "Service:beta", "--context", INSIDE)

    assert result.exit_code == 2
    # The forbid is about anyone.
    assert "does not apply: forbid from_inside" in result.stdout

    nothing = trace("Workload:ci", "read", "Service:shop")

    assert nothing.stdout == (
        "deny (default): no permit applies\n"
        '  asked: Workload "ci" to read on Service "shop", at 2026-11-23T09:00:00Z\n'
        "\n"
        "no rule is in scope: none is about this principal, action and resource\n"
        "what permits read:\n"
        '  grant reader on Service "shop" to Team "support"\n'
        "to be allowed: no change of up to 4 facts does it, of the values that were tried\n"
    )


def test_a_rule_that_might_have_been_meant_is_named_with_its_scope(run, tmp_path):
    rules = "".join(f'rule r{n}:\n  permit User in Team "t{n}" to read on Page\n  via Bot\n' for n in range(5))
    world = ("type Bot", "type Team", "type User in Team", "type Page", "session { actor?: Bot }")
    text = "\n".join([*world, "action read on Page by User", rules])
    (tmp_path / "policy.pdp").write_text(text, encoding="utf-8")

    result = run("trace", tmp_path, "User:ada", "read", "Page:p", "--entities", '[{"type": "User", "id": "ada"}]')

    assert result.stdout.endswith(
        "\n"
        "nearest: permit r0  policy.pdp:7\n"
        '  ✗ principal is out of User in Team "t0"   User "ada", in nothing\n'
        "  ✗ via Bot   nobody acts for them\n"
        "\n"
        'to be allowed: User "ada" in Team "t0", session.actor = Bot "other"  (caller)\n'
    )


def test_where_no_rule_could_ever_be_meant_those_that_permit_are_named(run, tmp_path):
    rules = "".join(f'rule r{n}:\n  permit User in Team "t{n}" to read on Page\n' for n in range(5))
    world = ("type Team", "type User in Team", "type Bot", "type Page", "action read on Page by User, Bot")
    (tmp_path / "policy.pdp").write_text("\n".join([*world, rules]), encoding="utf-8")

    result = run("trace", tmp_path, "Bot:b", "read", "Page:p")

    assert result.stdout.endswith(
        "what permits read:\n"
        '  r0: User in Team "t0" on Page\n'
        '  r1: User in Team "t1" on Page\n'
        '  r2: User in Team "t2" on Page\n'
        "  … and 2 more\n"
        "to be allowed: no change of up to 4 facts does it, of the values that were tried\n"
    )


def test_who_acts_for_the_principal_is_said_and_what_that_means(trace):
    delegated = [*SHOP, "--context", INSIDE, "--session", '{"mfa": true, "actor": "Agent:bot"}']

    result = trace(*delegated)

    assert result.exit_code == 2
    assert result.stdout.startswith(
        "deny (default): no permit applies\n"
        '  asked: User "ada" to deploy on Service "shop", at 2026-11-23T09:00:00Z\n'
        '  acting for them: Agent "bot", so that only permits with `via` apply\n'
    )
    assert json.loads(trace(*delegated, "--json").stdout)["request"]["actor"] == 'Agent "bot"'
    assert "actor" not in json.loads(trace(*SHOP, "--json").stdout)["request"]


def test_a_request_that_no_rule_sees_says_why(trace):
    result = trace("User:zoe", "read", "Service:shop")

    assert result.exit_code == 2
    assert result.stdout == (
        'deny (unknown_entity): nothing holds User "zoe"\n'
        '  asked: User "zoe" to read on Service "shop", at 2026-11-23T09:00:00Z\n'
        "  no rule was looked at: the request was refused before\n"
        "\n"
        'nearest: grant reader on Service "shop" to Team "support"  policy.pdp:14\n'
        '  ✗ principal is out of Team "support"   User "zoe", in nothing\n'
        "\n"
        'to be allowed: User "zoe" on record, User "zoe" in Team "support"  (administrator)\n'
    )


def test_values_go_below_their_clause_where_the_terminal_is_narrow(trace):
    result = trace(*SHOP, "--context", OUTSIDE, env={"COLUMNS": "60"})

    assert "  ✓ when resource.stage == production\n      resource.stage = Stage.production\n" in result.stdout


def test_a_terminal_without_the_marks_gets_ascii(folder):
    process = start("trace", folder, *SHOP, "--at", AT, "--context", OUTSIDE, env={"PYTHONIOENCODING": "ascii"})

    text = process.stdout.decode("ascii")
    assert process.returncode == 2
    assert "  + when resource.stage == production" in text
    assert "  x unless context.ip in 10.0.0.0/8" in text
    assert "  ? needs session.mfa" in text


def test_a_terminal_without_a_character_gets_its_escape(folder):
    process = start("trace", folder, "User:zoë", "read", "Service:shop", env={"PYTHONIOENCODING": "ascii"})

    assert process.returncode == 2
    assert 'nothing holds User "zo\\xeb"' in process.stdout.decode("ascii")


def test_the_times_of_calendar_tests_and_of_grants_are_shown(run, tmp_path):
    (tmp_path / "policy.pdp").write_text(
        """
type User
type Page
action read on Page by User
role reader on Page: read
grant reader on Page "p" to User "ada" until 2026-12-24
rule nights:
  forbid User to read on Page
  when now["Europe/Berlin"].hour < 6 and now.weekday == mon
  because "people sleep"
""",
        encoding="utf-8",
    )

    result = run("trace", tmp_path, "User:ada", "read", "Page:p", "--at", AT, env=WIDE)

    assert result.exit_code == 0
    assert "  ✓ until 2026-12-24\n" in result.stdout
    assert '   now["Europe/Berlin"].hour = 10, now.weekday = Weekday.mon\n' in result.stdout


def test_a_very_long_value_is_cut_in_text_and_whole_in_json(trace):
    change = json.dumps({"ip": "10.0.0.1", "change": "c" * 5000})

    text = trace(*SHOP, "--context", change)
    data = trace(*SHOP, "--context", change, "--json")

    assert f'context.change = "{"c" * 119}…' in text.stdout
    assert f'"{"c" * 5000}' in json.dumps(json.loads(data.stdout)["rules"]).replace(chr(92), "")


def test_json_has_every_rule_and_clause(trace):
    result = trace(*SHOP, "--context", OUTSIDE, "--session", SIGNED_IN, "--approvals", APPROVED, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert found["request"] == {
        "principal": 'User "ada"',
        "action": "deploy",
        "resource": 'Service "shop"',
        "now": "2026-11-23T09:00:00Z",
    }
    assert found["decision"]["determining_rules"] == ["from_inside"]
    assert [(rule["id"], rule["applies"], rule["determining"]) for rule in found["rules"]] == [
        ("from_inside", True, True),
        ("owners_deploy", True, False),
    ]
    assert found["rules"][0]["clauses"][1] == {
        "kind": "unless",
        "text": "context.ip in 10.0.0.0/8",
        "truth": False,
        "remedy": "connect to the company network",
        "place": "policy.pdp:28:3",
        "values": [{"text": "context.ip", "value": "192.0.2.1", "known": True}],
    }
    assert found["notes"] == []


def test_an_obligation_that_is_unknown_keeps_a_permit_from_applying(run, tmp_path):
    (tmp_path / "policy.pdp").write_text(
        """
type User
type Page
context { channel: String }
action read on Page by User
obligation tell { channel: String }
rule r:
  permit User to read on Page
  oblige tell { channel: context.channel }
""",
        encoding="utf-8",
    )

    result = run("trace", tmp_path, "User:ada", "read", "Page:p")

    assert result.exit_code == 2
    assert "nearest: permit r  policy.pdp:7\n  ? oblige tell.channel, which is unknown\n" in result.stdout
    assert result.stdout.endswith('to be allowed: context.channel = "other"  (caller)\n')


def test_a_trace_is_coloured_when_asked_for(trace):
    result = trace(*SHOP, "--context", OUTSIDE, "--color", "always")

    assert result.stdout.startswith("\x1b[1;31mdeny\x1b[0m (forbidden)")
    assert "\x1b[32m✓\x1b[0m when" in result.stdout
    assert "\x1b[31m✗\x1b[0m unless" in result.stdout
    assert "\x1b[33m?\x1b[0m needs" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["User:ada"], 3, "error: missing argument ACTION\n"),
        ([*SHOP, "--context", "{"], 3, "error[invalid_json]: the JSON ends too early\n"),
        ([*SHOP, "--at", "x"], 3, "error: `--at`: `x` is not a Datetime"),
    ],
)
def test_a_trace_refuses_what_decide_refuses(trace, arguments, status, said):
    result = trace(*arguments, at=None)

    assert result.exit_code == status
    assert result.stderr.startswith(said)


def test_a_policy_that_does_not_load_is_an_error(run, tmp_path):
    result = run("trace", tmp_path / "absent", *SHOP)

    assert result.exit_code == 4


def test_rules_that_say_little_are_counted_and_shown_when_asked_for(run, tmp_path):
    rules = "".join(f"rule r{n}:\n  permit User to read on Page\n  when principal.level > {n}\n" for n in range(9))
    world = ("type User { level: Int }", "type Page", "action read on Page by User")
    (tmp_path / "policy.pdp").write_text("\n".join([*world, rules]), encoding="utf-8")
    ask = ["trace", tmp_path, "User:ada", "read", "Page:p", "--at", AT]
    ada = ["--entities", '[{"type": "User", "id": "ada", "attributes": {"level": 0}}]']

    short, whole = run(*ask, *ada, env=WIDE), run(*ask, *ada, "--all", env=WIDE)

    assert short.stdout == (
        "deny (default): no permit applies\n"
        '  asked: User "ada" to read on Page "p", at 2026-11-23T09:00:00Z\n'
        "\n"
        "nearest: permit r0  policy.pdp:4\n"
        "  ✗ when principal.level > 0   principal.level = 0\n"
        "… and 8 more rules in scope: `--all` shows them\n"
        "\n"
        'to be allowed: User "ada".level = 1  (caller)\n'
    )
    assert "does not apply: permit r8" in whole.stdout
    assert "`--all`" not in whole.stdout


def test_json_has_the_nearest_rule_and_the_changes(trace):
    result = trace(*SHOP, "--context", OUTSIDE, "--json")

    found = json.loads(result.stdout)
    assert found["nearest"]["id"] == "owners_deploy"
    assert found["flips"]["to"] == "allow"
    assert [(each["who"], each["kind"], each["name"]) for each in found["flips"]["smallest"]] == [
        ("caller", "context", "ip"),
        ("caller", "session", "mfa"),
        ("approver", "approval", '"c1"'),
    ]
    assert found["flips"]["without_administrator"] is None
    assert found["flips"]["complete"] is True
    assert {"kind", "name", "subject", "text", "value", "who"} == found["flips"]["smallest"][0].keys()


def test_a_page_is_written_beside_what_is_printed(trace, tmp_path):
    page = tmp_path / "trace.html"

    result = trace(*SHOP, "--context", OUTSIDE, "--html", str(page))

    assert result.exit_code == 2
    assert result.stdout.startswith("deny (forbidden) by from_inside\n")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "resource.stage == production" in text


def test_a_page_that_cannot_be_written_is_an_error(trace, tmp_path):
    result = trace(*SHOP, "--html", str(tmp_path / "absent" / "trace.html"))

    assert result.exit_code == 3
    assert "cannot be written: no such file or directory" in result.stderr
    assert result.stdout == ""


def test_of_cedars_policies_no_change_is_searched_and_the_trace_says_so(run, tmp_path):
    (tmp_path / "p.cedar").write_text('permit (principal == User::"ada", action, resource);', encoding="utf-8")

    result = run("trace", tmp_path / "p.cedar", "User:bo", "read", "Page:p", env=WIDE)

    assert result.stdout.endswith("what it would take to be allowed is not known: policies of Cedar are not searched\n")
