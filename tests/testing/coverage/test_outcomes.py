"""What counts as seen: of rules, scopes, clauses, operands and roles, one small policy each."""

import pickle

import pytest

from pdp import terms
from pdp.folder import load
from pdp.testing import Runner
from pdp.testing.coverage import Coverage, Kind
from pdp.testing.coverage.points import BOTH, HOLDS
from tests.testing.coverage.policies import WORLD, asked, cover, policy_of, remarks_of, report_of

ADMINS = """
rule admins:
  permit User to read on Doc
  when principal.admin
"""

YES = 'expect allow User "ada" to read on Doc "open"'
NO = 'expect deny User "bo" to read on Doc "open"'


def test_a_suite_of_no_tests_covers_nothing():
    report = report_of(ADMINS)

    assert (report.covered, report.wanted, report.ratio) == (0, 4, 0.0)
    assert remarks_of(report) == {"admins": "never in scope", "when principal.admin": "never looked at"}


def test_a_condition_that_is_never_false_is_not_covered():
    report = report_of(ADMINS, YES)

    assert (report.covered, report.wanted) == (2, 4)
    assert remarks_of(report) == {"admins": "never seen not to apply", "when principal.admin": "never false"}


def test_a_condition_that_is_never_true_is_not_covered():
    report = report_of(ADMINS, NO)

    assert remarks_of(report) == {"admins": "never applies", "when principal.admin": "never true"}


def test_both_outcomes_cover_a_rule():
    report = report_of(ADMINS, YES, NO)

    assert report.percent == "100.0"
    assert report.meets(100)
    assert report.missing == ()


def test_an_answer_that_came_before_the_rules_shows_nothing_of_them():
    report = report_of(ADMINS, 'expect deny User "nobody" to read on Doc "open"')

    assert report.covered == 0


def test_unknown_is_neither_true_nor_false():
    rule = 'rule named:\n  forbid User to read on Doc\n  when principal.nick == "a"\n  because "b"\n'

    report = report_of(rule, NO)

    assert remarks_of(report) == {"named": "only unknown", 'when principal.nick == "a"': "only unknown"}


def test_a_forbid_that_errs_at_times_is_shown_as_such_though_it_is_covered():
    rule = 'rule named:\n  forbid User to read on Doc\n  when principal.nick == "a"\n  because "b"\n'
    given = asked(YES.replace("allow", "deny"), NO, 'expect deny User "cy" to read on Doc "open"')

    report = cover(policy_of(WORLD + rule + given.replace("level: 5", 'level: 5, nick: "c"')))

    assert report.meets(100)
    assert remarks_of(report) == {"named": "", 'when principal.nick == "a"': "unknown at times"}


def test_a_permit_that_cannot_say_what_it_obliges_to_was_not_seen_to_apply():
    text = WORLD + "obligation log { level: Int }\n" + ADMINS + "  oblige log { level: principal.level }\n"
    unlevelled = asked(YES.replace("allow", "deny")).replace("{ admin: true, level: 3,", "{ admin: true,")

    report = cover(policy_of(text + unlevelled))

    assert remarks_of(report) == {"admins": "only unknown", "when principal.admin": "never false"}


# ---------------------------------------------------------------------------------------------------------- clauses


TWO = """
rule both:
  permit User to read on Doc
  when principal.admin
  when resource.public
"""


def test_a_clause_that_is_false_beside_another_shows_nothing():
    report = report_of(TWO, YES, 'expect deny User "bo" to read on Doc "shut"')

    assert remarks_of(report) == {
        "both": "",
        "when principal.admin": "false only where something else settles it",
        "when resource.public": "false only where something else settles it",
    }


def test_each_clause_false_alone_covers_both():
    report = report_of(TWO, YES, NO, 'expect deny User "ada" to read on Doc "shut"')

    assert report.meets(100)


def test_needs_do_not_hide_one_another_since_remedies_tell_of_each():
    rule = TWO.replace("when principal.admin", 'needs principal.admin else "a"').replace(
        "when resource.public", 'needs resource.public else "b"'
    )

    report = report_of(rule, YES, 'expect deny User "bo" to read on Doc "shut" needs "a", "b"')

    assert report.meets(100)


def test_what_lifts_a_forbid_counts_alone():
    rule = """
rule shut:
  forbid User to read on Doc
  when principal.level < 9
  unless principal.admin
  unless resource.public
  because "b"
"""
    said = ["expect deny " + who for who in ('User "bo" to read on Doc "shut"', 'User "ada" to read on Doc "open"')]

    hidden = remarks_of(report_of(rule, *said))
    shown = remarks_of(report_of(rule, *said, 'expect deny User "ada" to read on Doc "shut"', NO))

    assert hidden["unless principal.admin"] == hidden["unless resource.public"]
    assert hidden["unless principal.admin"] == "true only where something else settles it"
    assert (shown["unless principal.admin"], shown["unless resource.public"]) == ("", "")


# --------------------------------------------------------------------------------------------------------- operands


OPERANDS = """
rule either:
  permit User to read on Doc
  when principal.admin and (resource.public or resource.kind == plan)
"""


def test_operands_are_points_of_their_own():
    report = report_of(OPERANDS, YES, NO)

    assert remarks_of(report) == {
        "either": "",
        "when principal.admin and (resource.public or resource.kind == plan)": "",
        "principal.admin": "",
        "resource.public or resource.kind == plan": "never false",
        "resource.public": "never false",
        "resource.kind == plan": "never true; false only where something else settles it",
    }


def test_operands_behind_one_that_settles_cedars_conditions_are_not_looked_at():
    first, second = (terms.Attribute(base=terms.Root(name=terms.RootName.PRINCIPAL), name=n) for n in ("a", "b"))
    clause = terms.Clause(kind=terms.ClauseKind.WHEN, condition=terms.AndThen(operands=(first, second)))
    policy = policy_of(WORLD + ADMINS + asked(NO))
    rule = terms.Rule(
        id="r",
        effect=policy.rules[0].effect,
        principals=(terms.Scope(type="User"),),
        actions=frozenset({"read"}),
        resources=(terms.Scope(),),
        clauses=(clause,),
    )
    by_hand = terms.Policy(schema=policy.schema, rules=(rule,), tests=policy.tests)

    report = cover(by_hand)

    assert [mark.remark for mark in report.of_kind(Kind.OPERAND).marks] == ["only unknown", "never looked at"]
    assert [mark.point.line for mark in report.marks] == [1, 1, 1, 1]


def test_what_a_define_says_is_one_point_wherever_it_is_used():
    text = """
define special = principal.admin and resource.public
rule one:
  permit User to read on Doc
  when special
rule other:
  permit User to write on Doc
  when special
"""
    report = report_of(text, YES, 'expect deny User "ada" to write on Doc "shut"')

    operands = report.of_kind(Kind.OPERAND)
    assert [(mark.point.line, mark.point.text) for mark in operands.marks] == [
        (11, "principal.admin"),
        (11, "resource.public"),
    ]
    assert remarks_of(report)["resource.public"] == ""


def test_a_choice_is_covered_by_both_of_its_ways():
    rule = """
rule chosen:
  permit User to read on Doc
  when if principal.admin then resource.public else principal.level > 4
"""
    said = remarks_of(report_of(rule, YES, NO))

    assert said["principal.admin"] == ""
    assert said["resource.public"] == "never false"
    assert said["principal.level > 4"] == "never true"


# ----------------------------------------------------------------------------------------------------------- scopes


SCOPED = """
rule staff_reads:
  permit User in Group "staff" to read on Doc in Folder "top"
"""


def test_a_scope_with_an_entity_needs_somebody_in_it_and_somebody_outside():
    report = report_of(SCOPED, YES)

    assert remarks_of(report) == {
        "staff_reads": "never seen not to apply",
        'User in Group "staff"': "never outside of it",
        'Doc in Folder "top"': "never outside of it",
    }


def test_who_is_outside_shows_nothing_where_the_resource_is_outside_too():
    report = report_of(SCOPED, YES, 'expect deny User "bo" to read on Doc "shut"')

    said = remarks_of(report)
    assert said['User in Group "staff"'] == "outside of it only where something else settles it"
    assert said["staff_reads"] == ""


def test_who_is_outside_shows_nothing_where_a_clause_would_fail():
    rule = SCOPED + "  when principal.admin\n"

    report = report_of(rule, YES, NO, 'expect deny User "cy" to read on Doc "open"')

    assert remarks_of(report)['User in Group "staff"'] == "outside of it only where something else settles it"


def test_somebody_of_another_type_shows_nothing_of_a_scope():
    report = report_of(SCOPED, YES, 'expect deny Robot "r" to read on Doc "open"')

    assert remarks_of(report)['User in Group "staff"'] == "never outside of it"


def test_both_sides_are_covered_one_at_a_time():
    report = report_of(SCOPED, YES, NO, 'expect deny User "ada" to read on Doc "shut"')

    assert report.meets(100)


def test_of_several_scopes_each_has_to_hold_alone():
    rule = 'rule some: permit User in Group "staff", User in Group "crew" to read on Doc\n'
    given = asked(YES, NO).replace('"ada" in Group "staff"', '"ada" in Group "staff", Group "crew"')

    report = cover(policy_of(WORLD + rule + given))

    said = remarks_of(report)
    assert said['User in Group "staff"'] == "in it only where something else settles it"
    assert said['User in Group "crew"'] == "in it only where something else settles it"


def test_scopes_are_where_they_are_written():
    report = report_of(SCOPED, YES)

    spans = {mark.point.span.text: mark.point.line for mark in report.of_kind(Kind.SCOPE).marks}
    assert spans == {'User in Group "staff"': 12, 'Doc in Folder "top"': 12}


def test_whoever_acts_for_a_principal_is_a_scope_as_well():
    text = WORLD.replace("type Robot", "type Robot in Group")
    rule = 'rule helped:\n  permit User to read on Doc\n  via Robot in Group "staff"\n'
    given = asked(
        'expect allow User "bo" to read on Doc "open" as { actor: Robot "r" }',
        'expect deny User "bo" to read on Doc "open"',
    ).replace('Robot "r"\n', 'Robot "r" in Group "staff"\n        Robot "x"\n', 1)

    alone = cover(policy_of(text + rule + given))
    both = cover(
        policy_of(text + rule + given + '  expect deny User "bo" to read on Doc "open" as { actor: Robot "x" }\n')
    )

    assert remarks_of(alone) == {"helped": "", 'Robot in Group "staff"': "never outside of it"}
    assert both.meets(100)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("rule every: permit anyone to read on Doc\n", HOLDS),
        ("rule every: permit User, Robot to read on Doc\n", HOLDS),
        ("rule every: permit User to read on Doc\n", BOTH),
        ("rule every: permit User to read on Doc\n  via Robot\n", BOTH),
    ],
)
def test_a_rule_that_never_fails_need_not_be_seen_to(rule, wanted):
    report = report_of(rule)

    assert [mark.point.wanted for mark in report.marks] == [wanted]


def test_a_rule_without_conditions_is_covered_by_a_question_that_is_out_of_its_scope():
    report = report_of(
        "rule every: permit User to read on Doc\n", YES, 'expect deny Robot "r" to read on Doc "open" by default'
    )

    assert report.meets(100)


# ------------------------------------------------------------------------------------------------- roles and grants


ROLES = """
role reader on Doc: read
role writer on Doc: reader, write
grant reader on Folder "top" to Group "staff" standing because "b"
"""


def test_each_action_of_a_role_is_seen_through_a_grant_of_it():
    text = (
        WORLD
        + ROLES
        + asked('expect allow User "bo" to write on Doc "open"').replace(
            'Doc "shut"', 'grant writer on Folder "top" to User "bo" until 2027-01-01\n        Doc "shut"'
        )
    )

    report = cover(policy_of(text))

    assert [(mark.point.owner, mark.point.text, mark.complete) for mark in report.marks] == [
        ("reader", "read", False),
        ("writer", "read", False),
        ("writer", "write", True),
    ]


def test_a_role_is_not_covered_by_a_grant_that_has_ended():
    text = (
        WORLD
        + ROLES
        + asked('expect deny User "bo" to write on Doc "open"').replace(
            'Doc "shut"', 'grant writer on Folder "top" to User "bo" until 2025-01-01\n        Doc "shut"'
        )
    )

    assert cover(policy_of(text)).covered == 0


def test_grants_of_the_policy_are_points_only_where_tests_can_reach_them():
    policy = policy_of(WORLD + ROLES)

    apart, beside = Coverage(policy).report(), Coverage(policy, grants=True).report()

    assert (apart.wanted, beside.wanted) == (3, 4)
    assert beside.of_kind(Kind.GRANT).missing[0].remark == "never applies"


def test_a_test_beside_the_folder_covers_its_grants():
    policy = policy_of(WORLD + ROLES + asked(YES))
    tests = [terms.Test(name=each.name, stages=each.stages, beside=True) for each in policy.tests]
    coverage = Coverage(policy, grants=True)

    list(coverage.watch(Runner(policy), tests))

    report = coverage.report()
    assert report.of_kind(Kind.GRANT).meets(100)
    assert report.of_kind(Kind.ROLE).covered == 1


# ------------------------------------------------------------------------------------------------ sums and processes


def test_percent_is_cut_off_and_never_lifted():
    actions = ", ".join(f"a{at}" for at in range(2499))
    rules = "".join(f"rule r{at}: permit anyone to a{at} on Doc\n" for at in range(2499))
    policy = policy_of(
        f'type User\ntype Doc\naction {actions} on Doc by User\n{rules}test "t":\n'
        + "".join(f'  expect allow User "a" to a{at} on Doc "d"\n' for at in range(2498))
    )

    report = cover(policy)

    assert (report.covered, report.wanted, report.percent) == (2498, 2499, "99.9")
    assert not report.meets(100)
    assert not report.meets(99.97)
    assert report.meets(99.95)


@pytest.mark.parametrize("threshold", [-1, 100.5, float("nan"), float("inf")])
def test_a_threshold_that_is_none_is_refused(threshold):
    report = report_of(ADMINS, YES, NO)

    with pytest.raises(ValueError):
        report.meets(threshold)


def test_a_policy_with_nothing_to_cover_is_covered():
    report = cover(policy_of(WORLD))

    assert (report.wanted, report.percent, report.files) == (0, "100.0", ())
    assert report.meets(100)


def test_what_was_seen_goes_to_another_process():
    policy = policy_of(WORLD + ADMINS + asked(YES, NO))
    worker, here = Coverage(policy), Coverage(policy)
    list(worker.watch(Runner(policy), policy.tests))

    here.merge(pickle.loads(pickle.dumps(worker.seen)))

    assert here.report() == worker.report()


def test_what_was_seen_of_another_policy_is_refused():
    one, other = (Coverage(policy_of(WORLD + ADMINS.replace("admins", name))) for name in ("one", "other"))

    with pytest.raises(ValueError, match="another policy"):
        one.merge(other)


def test_a_policy_of_cedar_is_covered_at_the_places_of_its_text(tmp_path):
    (tmp_path / "p.cedar").write_text(
        '@id("mine")\npermit (principal == User::"ada", action, resource in Folder::"top")\n'
        "when { resource has open && resource.open }\nunless { principal.away };\n"
    )
    policy, _ = load(tmp_path, cache="off").require()

    report = Coverage(policy).report()

    found = [(mark.point.line, str(mark.point.kind), mark.point.text) for mark in report.marks]
    assert found == [
        (1, "rule", "mine"),
        (2, "scope", 'principal == User::"ada"'),
        (2, "scope", 'resource in Folder::"top"'),
        (3, "clause", "when { resource has open && resource.open } unless { principal.away }"),
        (3, "operand", "resource has open && resource.open"),
        (3, "operand", "resource has open"),
        (3, "operand", "resource.open"),
        (4, "operand", "unless { principal.away }"),
    ]
