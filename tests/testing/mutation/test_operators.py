"""Each operator makes a mutant that a good test kills, and that a bad one lets live."""

import inspect
from typing import get_args

import pytest

from pdp import terms
from pdp.testing.mutation.conditions import HANDLED
from pdp.testing.mutation.mutants import mutants
from pdp.testing.mutation.operators import Operator
from tests.testing.mutation.conftest import alive, policy_of

ADA = 'expect allow User "ada" to deploy on Service "api" with { ip: 10.1.2.3, note: "INC-1" }'
ADA_READS = 'expect allow User "ada" to read on Service "api" with { ip: 10.1.2.3 }'
ANY = 'expect deny User "ben" to deploy on Service "pay"'

# Nothing holds her, so that no rule is looked at.
NOBODY = 'expect deny User "eve" to deploy on Service "api"'

# The rule, what is changed in it, an expectation that notices, and one that comes true all the same.
CASES = [
    (Operator.EFFECT, "permit User to deploy on Service", "`permit` becomes `forbid`", ADA, None),
    (
        Operator.COMPARISON,
        "permit User to deploy on Service when principal.level > 2",
        "`>` becomes `>=`",
        ANY,
        ADA,
    ),
    (
        Operator.COMPARISON,
        "permit User to deploy on Service when now - resource.opened < 1h",
        "`<` becomes `<=` for `now`",
        'expect deny User "ada" to deploy on Service "api"',
        'at 2026-11-23T08:30:00Z expect allow User "ada" to deploy on Service "api" by r',
    ),
    (
        Operator.COMPARISON,
        "permit User to deploy on Service when now.hour >= 9",
        "`>=` becomes `>` for `hour`",
        ADA,
        'at 2026-11-23T10:00:00Z expect allow User "ada" to deploy on Service "api" by r',
    ),
    (
        Operator.AND_OR,
        "permit User to deploy on Service when principal.active and resource.env == dev",
        "`and` becomes `or`",
        'expect deny User "ada" to deploy on Service "pay"',
        ADA,
    ),
    (
        Operator.NEGATION,
        "permit User to deploy on Service when not (principal.level < 3)",
        "`not` is dropped from `not (principal.level < 3)`",
        ADA,
        None,
    ),
    (
        Operator.NEGATION,
        "permit User to deploy on Service when principal.active",
        "`when principal.active` is negated",
        ADA,
        None,
    ),
    (
        Operator.CLAUSE,
        "permit User to deploy on Service when principal.active",
        "`when principal.active` is dropped",
        ANY,
        ADA,
    ),
    (
        Operator.CLAUSE,
        "permit User to deploy on Service via Agent",
        "`via` is dropped",
        'expect deny User "ada" to deploy on Service "api"',
        None,
    ),
    (
        Operator.NEED,
        'permit User to deploy on Service needs session.mfa else "sign in"',
        '`needs session.mfa else "sign in"` is dropped',
        ANY,
        'expect allow User "ada" to deploy on Service "api" as { mfa: true }',
    ),
    (
        Operator.OPERAND,
        "permit User to deploy on Service when principal.active and resource.env == dev",
        "`resource.env == dev` is dropped",
        'expect deny User "ada" to deploy on Service "pay"',
        ADA,
    ),
    (
        Operator.SCOPE,
        'permit User in Group "staff" to deploy on Service',
        '`to`: `User in Group "staff"` becomes `User`',
        ANY,
        ADA,
    ),
    (
        Operator.SCOPE,
        'permit User to deploy on Project "x"',
        '`on`: `Project "x"` becomes `Service`',
        ANY,
        ADA,
    ),
    (
        Operator.SCOPE,
        "permit User to deploy on Service",
        "`to`: `User` becomes `anyone`",
        'expect deny Robot "r2" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.NARROWED,
        'permit User in [Group "staff", Group "leads"] to deploy on Service',
        '`to`: `Group "leads"` is dropped',
        'expect allow User "lee" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.BOUNDARY,
        "permit User to deploy on Service when principal.level >= 3",
        "`3` becomes `2`",
        ANY,
        ADA,
    ),
    (
        Operator.BOUNDARY,
        "permit User to deploy on Service when context.ip in 10.1.2.0/24",
        "`10.1.2.0/24` becomes `10.1.2.0/23`",
        'expect deny User "ada" to deploy on Service "api" with { ip: 10.1.3.0 }',
        ADA,
    ),
    (
        Operator.BOUNDARY,
        "permit User to deploy on Service needs 2 approvals from User for 4h",
        "`2 approvals` becomes `1`",
        'expect deny User "ada" to deploy on Service "api"',
        ANY,
    ),
    (
        Operator.BOUNDARY,
        "permit User to deploy on Service needs approval from User for 4h",
        "`for 4h` becomes `for 3h`",
        'at 2026-11-23T11:30:00Z expect allow User "ada" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.BOUNDARY,
        "permit User to deploy on Service when now.weekday in [mon, tue, wed]",
        "`weekday thu` is added",
        'at 2026-11-26 expect deny User "ada" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.ACTION_ADDED,
        "permit User to deploy on Service",
        "`read` is one more action",
        'expect deny User "ada" to read on Service "api"',
        ADA,
    ),
    (
        Operator.ACTION_DROPPED,
        "permit User to deploy, read on Service",
        "the action `read` is dropped",
        ADA_READS,
        ADA,
    ),
    (
        Operator.ACTION_ADDED,
        "permit User to deploy on Service",
        "`deploy` is added to the role",
        'expect allow User "ben" to deploy on Service "api" by r',
        'expect allow User "ben" to restart on Service "api" by operator',
    ),
    (
        Operator.ACTION_DROPPED,
        "permit User to deploy on Service",
        "`restart` is dropped from the role",
        'expect allow User "ben" to restart on Service "api" by operator',
        'expect allow User "ben" to read on Service "api" by operator',
    ),
    (
        Operator.TIME,
        "permit User to deploy on Service recheck every 5m",
        "`recheck every 5m` is dropped",
        f"{ADA} until 2026-11-23T09:05:00Z",
        ADA,
    ),
    (
        Operator.TIME,
        'permit User "ada" to deploy on Service until 2026-12-24',
        "`until 2026-12-24` is dropped",
        'at 2026-12-24 expect deny User "ada" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.APPROVERS,
        'permit User to deploy on Service needs approval from Group "chiefs" for 4h',
        'approvals from `Group "chiefs"` becomes `User`',
        'expect deny User "ada" to deploy on Service "api"',
        ANY,
    ),
    (
        Operator.QUANTIFIER,
        'permit User to deploy on Service when any each in resource.labels: each == "b"',
        "`any` becomes `all`",
        ADA,
        ANY,
    ),
    (
        Operator.QUANTIFIER,
        "permit User to deploy on Service when resource.labels containsAll principal.tags",
        "`containsAll` becomes `containsAny`",
        'expect deny User "ada" to deploy on Service "pay"',
        ADA,
    ),
    (
        Operator.ELEMENT,
        "permit User to deploy on Service when resource.env in [dev, staging]",
        "Env.prod is added to `[dev, staging]`",
        'expect deny User "ada" to deploy on Service "pay"',
        ADA,
    ),
    (
        Operator.ELEMENT,
        'permit User to deploy on Service when principal.name in ["ada", "lee"]',
        '"lee" is dropped from `["ada", "lee"]`',
        'expect allow User "lee" to deploy on Service "api"',
        ADA,
    ),
    (
        Operator.LITERAL,
        "permit User to deploy on Service when resource.env == dev",
        "`Env.dev` becomes `Env.staging`",
        ADA,
        'expect deny User "ada" to deploy on Service "pay"',
    ),
    (
        Operator.PATTERN,
        'permit User to deploy on Service when context has note and context.note like "INC-*"',
        "`INC-*` becomes `*INC-*`",
        'expect deny User "ada" to deploy on Service "api" with { note: "no INC-1" }',
        ADA,
    ),
    (
        Operator.ARITHMETIC,
        "permit User to deploy on Service when principal.level + 1 > resource.tier",
        "`+` becomes `-`",
        'expect allow User "ben" to deploy on Service "pay"',
        ADA,
    ),
    (
        Operator.BRANCHES,
        "permit User to deploy on Service when if principal.active then resource.tier == 1 else resource.tier == 2",
        "`then` and `else` are swapped",
        ADA,
        None,
    ),
    (
        Operator.OBLIGATION,
        'permit User to deploy on Service oblige log { text: "x" }',
        "`oblige log` is dropped",
        f"{ADA} oblige log",
        ADA,
    ),
]


@pytest.mark.parametrize(("operator", "rule", "text", "good", "bad"), CASES)
def test_a_good_test_kills_a_mutant_and_a_bad_one_does_not(operator, rule, text, good, bad):
    noticed, missed = (policy_of(f"rule r: {rule}\n", each) for each in (good, bad or NOBODY))

    assert (operator, text) in {(mutant.operator, mutant.text) for mutant in mutants(noticed)}
    assert (operator, text) not in {(mutant.operator, mutant.text) for mutant in alive(noticed)}
    assert (operator, text) in {(mutant.operator, mutant.text) for mutant in alive(missed)}


def test_each_operator_is_shown():
    assert {case[0] for case in CASES} == set(Operator)


# Of these, what changes is the terms below them, or the clause that they stand in: it is negated, or dropped.
AROUND = {
    terms.Attribute,
    terms.Has,
    terms.HasPath,
    terms.HasTag,
    terms.Holds,
    terms.In,
    terms.IsEmpty,
    terms.RecordOf,
    terms.Root,
    terms.Tag,
    terms.Variable,
    terms.Within,
}


def test_each_kind_of_term_is_thought_of():
    kinds = set(get_args(terms.Term))

    assert all(inspect.isclass(kind) for kind in kinds)
    assert HANDLED.keys() | AROUND == kinds
    assert not HANDLED.keys() & AROUND
