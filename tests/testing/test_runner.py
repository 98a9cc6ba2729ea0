"""What a test expects is held against the judgement, part by part, in the world of its stage."""

import pytest

from pdp import terms
from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing import Result, run
from tests.testing.conftest import WORLD

GIVEN = """
test "asked":
  given User "ada" in Group "editors" until 2026-12-24
        User "ben"
        Page "home" { public: true, note: "hello" }
        Page "odd" { public: true }
        session { session_id: "s-1", authenticated_at: 2026-11-23T08:00:00Z, mfa: true }
  at 2026-11-23T09:00:00Z
"""
EDIT = 'User "ada" to edit on Page "home" with { ip: 10.1.2.3 }'


def results_of(text: str) -> list[Result]:
    loaded = load_sources([Source("wiki.pdp", WORLD + GIVEN + text)])
    policy, _ = loaded.require()
    return list(run(policy))


def wrong(expectation: str) -> list[str]:
    (result,) = results_of(f"  expect {expectation}\n")
    return list(result.differences)


@pytest.mark.parametrize(
    "expectation",
    [
        f"allow {EDIT}",
        f"allow {EDIT} by editors errs nothing needs nothing oblige log until 2026-12-24",
        'allow User "ben" to read on Page "home" by public_pages errs nothing oblige nothing standing',
        'deny User "ben" to read on Page "odd" by secret errs secret',
        f'deny {EDIT} as {{ mfa: false }} by default needs "use a second factor"',
    ],
)
def test_what_comes_true_passes(expectation):
    assert wrong(expectation) == []


@pytest.mark.parametrize(
    ("expectation", "difference"),
    [
        (f"deny {EDIT}", "expected deny, found allow (permitted) by editors"),
        (
            'allow User "ben" to edit on Page "home"',
            "expected allow, found deny (forbidden) by inside",
        ),
        (
            'allow User "eve" to read on Page "home"',
            'expected allow, found deny (unknown_entity: nothing holds User "eve") by default',
        ),
        (f"allow {EDIT} by inside", "expected by inside, found by editors"),
        (f"allow {EDIT} by default", "expected by default, found by editors"),
        (f"allow {EDIT} errs secret", "expected that secret errs, found nothing"),
        ('deny User "ben" to read on Page "odd" errs nothing', "expected that nothing errs, found secret"),
        (f'allow {EDIT} needs "a badge"', 'expected the remedy "a badge", found nothing'),
        (
            f"deny {EDIT} as {{ mfa: false }} needs nothing",
            'expected no remedy, found "use a second factor"',
        ),
        (f"allow {EDIT} oblige nothing", "expected the obligations nothing, found log"),
        ('allow User "ben" to read on Page "home" oblige log', "expected the obligations log, found nothing"),
        (f"allow {EDIT} until 2026-12-25", "expected until 2026-12-25T00:00:00Z, found 2026-12-24T00:00:00Z"),
        (f"allow {EDIT} standing", "expected no end, found until 2026-12-24T00:00:00Z"),
        (
            'allow User "ben" to read on Page "home" until 2026-12-25',
            "expected until 2026-12-25T00:00:00Z, found no end",
        ),
    ],
)
def test_what_does_not_come_true_is_told(expectation, difference):
    assert wrong(expectation) == [difference]


def test_several_things_may_be_wrong_at_once():
    found = wrong(f"deny {EDIT} by inside oblige nothing standing")

    assert len(found) == 4


def test_a_failure_names_its_place_and_its_test():
    (result,) = results_of(f"  expect deny {EDIT}\n")

    line = (WORLD + GIVEN).count("\n") + 1
    assert str(result) == f"wiki.pdp:{line}:3: asked: expected deny, found allow (permitted) by editors"


# ------------------------------------------------------------------------------------------------------------ steps


def outcomes(text: str) -> list[str]:
    return [str(result.judgement.outcome) for result in results_of(text)]


def test_access_ends_with_time():
    story = f"  expect allow {EDIT}\n  then at 2026-12-24 expect deny {EDIT}\n"

    assert outcomes(story) == ["allow", "deny"]


def test_a_revocation_reaches_what_was_proved_up_to_it_and_what_is_asked_after():
    story = f"""
  expect allow {EDIT}
  then revoke principal User "ada" expect deny {EDIT}
  then at 2026-11-23T10:00:00Z
       given session {{ session_id: "s-2", authenticated_at: 2026-11-23T09:30:00Z, mfa: true }}
  expect allow {EDIT}
"""

    assert outcomes(story) == ["allow", "deny", "allow"]


@pytest.mark.parametrize(
    "revoked", ['principal User "ada"', 'group Group "editors"', 'workload User "ad"', 'session "s-1"', 'token "t"']
)
def test_each_kind_of_revocation_reaches_whom_it_names(revoked):
    session = '{ session_id: "s-1", token_id: "t", authenticated_at: 2026-11-23T08:00:00Z, mfa: true }'
    story = f"  expect allow {EDIT} as {session}\n  then revoke {revoked}\n  expect deny {EDIT} as {session}\n"

    assert outcomes(story) == ["allow", "deny"]


def test_a_revocation_of_somebody_else_reaches_nobody_else():
    story = f'  expect allow {EDIT}\n  then revoke principal User "ben", session "s-2" expect allow {EDIT}\n'

    assert outcomes(story) == ["allow", "allow"]


def test_what_a_step_gives_once_more_takes_the_place_of_what_was_before():
    story = f'  expect allow {EDIT}\n  then given User "ada"\n  expect deny {EDIT}\n'

    assert outcomes(story) == ["allow", "deny"]


def test_what_a_step_changes_stays_for_the_steps_after_it():
    read = 'User "ben" to read on Page "plan"'
    story = f"""
  expect deny {read}
  then given Page "plan" {{ public: false, note: "" }} grant reader on Page "plan" to User "ben" until 2027-01-01
  expect allow {read} by reader
  then at 2026-12-31T23:59:59Z expect allow {read} by reader until 2027-01-01
  then at 2027-01-01 expect deny {read} by default
"""

    assert outcomes(story) == ["deny", "allow", "allow", "deny"]
    assert all(result.passed for result in results_of(story))


def test_the_world_before_a_step_is_not_changed_by_it():
    policy, _ = load_sources(
        [Source("wiki.pdp", f'{WORLD}{GIVEN}  expect allow {EDIT}\n  then given User "ada" expect deny {EDIT}\n')]
    ).require()

    (test,) = policy.tests

    assert isinstance(test, terms.Test)
    assert [len(next(iter(stage.entities)).parents) for stage in test.stages] == [1, 0]
