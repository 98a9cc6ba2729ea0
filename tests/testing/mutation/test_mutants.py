"""Mutants: which there are, that the policy itself stays, and that judging a part again judges it all."""

from pathlib import Path

import pytest

from pdp import terms
from pdp.folder import load, load_sources
from pdp.source import Source
from pdp.testing.mutation.bench import Bench
from pdp.testing.mutation.mutants import mutants
from pdp.testing.runner import Runner
from tests.testing.mutation.conftest import policy_of

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FOLDERS = sorted({path.parent for path in EXAMPLES.rglob("*.pdp")} | {EXAMPLES / "photos-cedar"})

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(EXAMPLES).as_posix())


def texts(rule: str) -> list[str]:
    policy = policy_of(f"rule r: {rule}\n", 'expect deny User "eve" to deploy on Service "api"')
    return [mutant.text for mutant in mutants(policy) if mutant.rule == "r"]


@each_folder
def test_what_is_judged_again_in_part_is_as_if_all_were_judged(folder):
    policy, store = load(folder).require()
    tests = policy.tests
    bench = Bench(Runner(policy, store), tests)

    for mutant in mutants(policy):
        changed = tuple(mutant.test(test) for test in tests)
        whole = Runner(mutant.of(policy), store).run(changed)
        expected = {str(result.case.expectation.span) for result in whole if not result.passed}

        assert {str(case.expectation.span) for case in bench.killers(mutant)} == expected, str(mutant)


@each_folder
def test_a_mutant_is_the_policy_but_for_one_rule_or_role(folder):
    policy, _ = load(folder).require()
    before = repr(policy.rules), repr(policy.schema.roles)

    for mutant in mutants(policy):
        found = mutant.of(policy)
        others = [(old, new) for old, new in zip(policy.rules, found.rules, strict=True) if old is not new]

        assert [old.id for old, _ in others] == [new.id for _, new in others]
        assert [old.span for old, _ in others] == [new.span for _, new in others]
        assert all(old != new for old, new in others)
        if mutant.roles:
            assert all(old.role in mutant.roles for old, _ in others)
            assert found.schema.roles != policy.schema.roles
        else:
            assert [old.id for old, _ in others] == [mutant.rule]

    assert (repr(policy.rules), repr(policy.schema.roles)) == before


@each_folder
def test_mutants_are_the_same_each_time_and_say_where_they_are(folder):
    first, second = ([str(mutant) for mutant in mutants(load(folder).require()[0])] for _ in range(2))

    assert first == second
    assert len(set(first)) == len(first)


def test_no_two_mutants_of_a_rule_mean_the_same():
    # `> 2` becomes `>= 2`, which is `> 1`; to negate the clause is to write `<=`.
    assert texts("permit User to deploy on Service when principal.level > 2")[-4:] == [
        "`when principal.level > 2` is dropped",
        "`when principal.level > 2` is negated",
        "`>` becomes `>=`",
        "`2` becomes `3`",
    ]


def test_a_scope_that_could_hold_nothing_more_is_not_widened():
    assert not any("becomes `anyone`" in text for text in texts("permit anyone to restart on Service"))
    assert not any("becomes `anyone`" in text for text in texts("permit User to restart on Service"))


def test_a_scope_is_not_widened_to_those_of_whom_the_rule_knows_nothing():
    assert "`to`: `User` becomes `anyone`" not in texts("permit User to deploy on Service when principal.active")
    assert "`to`: `User` becomes `anyone`" in texts("permit User to deploy on Service when resource.tier > 1")


def test_a_presence_that_only_guards_is_not_dropped():
    guarded = texts('permit User to deploy on Service when context has note and context.note == "x"')
    forbidden = texts(
        'forbid User to deploy on Service when not (context has note and context.note == "x") because "y"'
    )

    assert "`context has note` is dropped" not in guarded
    assert '`context.note == "x"` is dropped' in guarded
    assert "`context has note` is dropped" in forbidden


def test_a_test_that_fails_without_a_mutant_kills_none():
    policy = policy_of(
        "rule r: permit User to deploy on Service\n", 'expect deny User "ada" to deploy on Service "api"'
    )
    bench = Bench(Runner(policy), policy.tests)

    assert not any(bench.kills(mutant) for mutant in mutants(policy))


def test_grants_of_the_folder_are_facts():
    text = "type User type Page action read on Page by User role reader on Page: read "
    text += 'grant reader on Page "home" to User "ada" until 2027-01-01'
    policy, _ = load_sources([Source("a.pdp", text)]).require()

    assert [mutant.text for mutant in mutants(policy)] == ["`read` is dropped from the role"]


def test_what_builds_on_a_role_changes_with_it():
    policy = policy_of("", 'expect deny User "eve" to deploy on Service "api"')

    dropped = next(mutant for mutant in mutants(policy) if mutant.text == "`read` is dropped from the role")

    assert dropped.rule == "viewer"
    assert dropped.roles == {"viewer": frozenset(), "operator": frozenset({"restart"})}


def test_what_is_written_once_changes_everywhere_in_a_rule():
    text = """
    type User { level: Int }
    type Page { low: Int }
    action read on Page by User
    define above(limit: Int) = principal.level > limit
    rule r: permit User to read on Page when above(3) or (above(resource.low) and above(3))
    """
    policy, _ = load_sources([Source("a.pdp", text)]).require()

    (found,) = (mutant for mutant in mutants(policy) if mutant.text == "`>` becomes `<=`")

    ops = [str(each.op) for each in terms.walk(found.after.clauses[0].condition) if isinstance(each, terms.Compare)]
    assert ops == ["<="] * 3
    assert found.span.text == "principal.level > limit"
