"""Tests to add: each checks, passes on the policy, and fails on the mutant that it is for."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdp.folder import load_sources, read_folder
from pdp.source import Source
from pdp.syntax.printer import reformat
from pdp.testing.mutation.bench import Bench
from pdp.testing.mutation.mutants import mutants
from pdp.testing.mutation.scribe import Scribe
from pdp.testing.mutation.survey import Surveyor
from pdp.testing.mutation.telling import Teller
from pdp.testing.mutation.worlds import world_of
from pdp.testing.runner import Runner, cases
from pdp.testing.suites import collect
from pdp.values import quote
from tests.properties import worlds
from tests.testing.mutation.conftest import GIVEN, WORLD, alive, policy_of
from tests.testing.mutation.test_operators import CASES, NOBODY

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

# What is searched in the others takes as long as these together.
QUICK = ["01_github", "02_kubernetes", "03_aws_prod", "05_secrets_guard", "10_residency", "12_services", "13_tenants"]


def added_to(sources: list[Source], file: str, text: str) -> list[Source]:
    """Return the texts of a folder with a test at the end of one of them."""
    return [Source(each.path, f"{each.text}\n{text}" if each.path == file else each.text) for each in sources]


@pytest.mark.parametrize("name", QUICK)
def test_the_test_to_add_kills_the_mutant_once_it_stands_in_the_folder(name):
    folder = EXAMPLES / "gallery" / name
    suite = collect(str(folder))
    surveyor = Surveyor(replace(suite, tests=suite.tests[::2]))
    sources, _ = read_folder(folder)
    survivors = [found for number in range(len(surveyor.mutants)) if (found := surveyor.look(number)) is not None]

    shown = [(each.mutant, each.added) for each in survivors if each.added is not None]

    # Where next to nothing of what a rule takes is in any test, the search ends before it is found.
    assert survivors
    assert len(shown) >= 0.8 * len(survivors)
    for mutant, added in shown:
        loaded = load_sources(added_to(sources, added.file, added.text))
        policy, store = loaded.require()
        same = next(each for each in mutants(policy) if str(each) == str(mutant))
        tests = [test for test in policy.tests if f"test {quote(test.name)}:" in added.text]

        assert loaded.diagnostics == ()
        assert all(result.passed for result in Runner(policy, store).run(tests))
        assert Bench(Runner(policy, store), tests).kills(same)
        assert reformat(Source("a.pdp", added.text))[0] == added.text


@pytest.mark.parametrize(("operator", "rule", "text", "good", "bad"), CASES)
def test_for_each_operator_a_request_is_found(operator, rule, text, good, bad):
    source = Source("shop.pdp", f"{WORLD}rule r: {rule}\n{GIVEN}  at 2026-11-23T09:00:00Z\n  {NOBODY}\n")
    policy, store = load_sources([source]).require()
    mutant = next(each for each in mutants(policy) if (each.operator, each.text) == (operator, text))
    teller = Teller(policy, [world_of(case, store) for case in cases(policy.tests)])

    written = Scribe(policy, [source]).tell(mutant, next(teller.find(mutant)), "x")

    assert written is not None
    changed, _ = load_sources(added_to([source], written.file, written.text)).require()
    assert (operator, text) not in {(each.operator, each.text) for each in alive(changed)}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds.rule_sets, st.randoms(use_true_random=False))
def test_what_is_shown_passes_on_the_policy_and_fails_on_the_mutant(rules, chance):
    text = worlds.SCHEMA + "".join(rule.write(None) for rule in rules)
    policy, store = load_sources([Source("a.pdp", text)]).require()
    found = list(mutants(policy))
    teller, scribe = Teller(policy, [], budget=80), Scribe(policy, [Source("a.pdp", text)])

    for mutant in chance.sample(found, min(3, len(found))):
        for told in islice(teller.find(mutant), 2):
            written = scribe.tell(mutant, told, "x")
            if written is None:
                continue
            changed, _ = load_sources([Source("a.pdp", f"{text}\n{written.text}")]).require()
            tests = [mutant.test(test) for test in changed.tests]

            assert [result for result in Runner(changed, store).run(changed.tests) if not result.passed] == []
            assert any(not result.passed for result in Runner(mutant.of(policy)).run(tests))


def test_where_nothing_differs_nothing_is_said():
    # Nobody reaches the second rule: the first forbids it.
    policy = policy_of(
        'rule f: forbid anyone to deploy on Service when resource.env == prod because "never"\n'
        "rule r: permit User to deploy on Service when resource.env in [dev, staging]\n",
        NOBODY,
    )
    mutant = next(each for each in mutants(policy) if each.text == "Env.prod is added to `[dev, staging]`")

    assert list(Teller(policy, [], budget=300).find(mutant)) == []
