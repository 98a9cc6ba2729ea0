"""Coverage of scopes, case after case, held against that of each case by itself: no rule is left alone too soon."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pdp import terms
from pdp.testing import Runner
from pdp.testing.coverage import Coverage, Kind, Report
from pdp.testing.coverage.points import FAILED_HIDDEN, FAILS
from tests.testing.coverage.policies import policy_of

WORLD = """
type Group
type Folder
type User in Group { level: Int }
type Robot in Group { level: Int }
type Doc in Folder { kind: String }
context { mood: String }
session { actor?: Robot }
action read on Doc by User, Robot
"""

groups, folders = st.sampled_from("abc"), st.sampled_from("xy")
kinds = st.sampled_from(["n", "p"])
levels = st.integers(1, 3)
who = st.one_of(
    st.sampled_from(["anyone", "User", "Robot"]),
    st.builds('{} in Group "{}"'.format, st.sampled_from(["User", "Robot"]), groups),
    st.builds('User in Group "{}", Robot in Group "{}"'.format, groups, groups),
)
what = st.one_of(st.just("Doc"), st.builds('Doc in Folder "{}"'.format, folders))
when = st.one_of(
    st.builds('when resource.kind == "{}" and principal.level > {}'.format, kinds, levels),
    st.builds('when context.mood == "{}" or principal.level > {}'.format, kinds, levels),
    st.builds("when not (principal.level > {})".format, levels),
    st.builds('needs context.mood == "{}" else "cheer up"'.format, kinds),
)
unless = st.one_of(
    st.builds('unless (context.mood == "{}" or principal.level > {}) else "no"'.format, kinds, levels),
    st.builds('unless context.mood == "{}" else "no"'.format, kinds),
)


@st.composite
def rules(draw: st.DrawFn, name: str) -> str:
    if draw(st.booleans()):
        via = draw(st.sampled_from(["", "", "  via Robot\n", '  via Robot in Group "a"\n']))
        lines = "".join(f"  {each}\n" for each in draw(st.lists(when, max_size=1)))
        return f"rule {name}:\n  permit {draw(who)} to read on {draw(what)}\n{lines}{via}"
    lines = "".join(f"  {each}\n" for each in draw(st.lists(unless, max_size=1)))
    return f'rule {name}:\n  forbid {draw(who)} to read on {draw(what)}\n{lines}  because "it is so"\n'


@st.composite
def cases(draw: st.DrawFn, name: str) -> str:
    """Write a case: somebody who is in a group or two, or in none, asks for a document, at times by a robot."""
    kind = draw(st.sampled_from(["User", "Robot"]))
    mine, its = (draw(st.sampled_from(["", *(f' in Group "{each}"' for each in "abc")])) for _ in range(2))
    within = draw(st.sampled_from(["", ' in Folder "x"', ' in Folder "y"']))
    session = draw(st.sampled_from(["", "", "", ' as { actor: Robot "r" }']))
    return (
        f'test "{name}":\n  given {kind} "u"{mine} {{ level: {draw(levels)} }}\n'
        f'        Robot "r"{its} {{ level: {draw(levels)} }}\n'
        f'        Doc "d"{within} {{ kind: "{draw(kinds)}" }}\n'
        f'  expect deny {kind} "u" to read on Doc "d" with {{ mood: "{draw(kinds)}" }}{session}\n'
    )


@st.composite
def policies(draw: st.DrawFn) -> terms.Policy:
    written = [draw(rules(f"r{nth}")) for nth in range(draw(st.integers(1, 2)))]
    asked = [draw(cases(f"t{nth}")) for nth in range(draw(st.integers(2, 10)))]
    return policy_of(WORLD + "".join(written) + "".join(asked))


def report_of(policy: terms.Policy, *asked: terms.Test) -> Report:
    coverage = Coverage(policy)
    list(coverage.watch(Runner(policy), asked))
    return coverage.report()


@settings(max_examples=150, deadline=None)
@given(policy=policies())
def test_one_case_after_the_other_shows_what_each_shows_by_itself(policy):
    together = Coverage(policy)
    for test in policy.tests:
        alone = Coverage(policy)
        list(alone.watch(Runner(policy), [test]))
        together.merge(alone)

    assert report_of(policy, *policy.tests) == together.report()


RULE = """
rule staff:
  permit User in Group "a" to read on Doc
  when resource.kind == "n" and principal.level > 1
"""

OUTSIDE = """
test "{kind}":
  given User "u" {{ level: 2 }}
        Doc "d" {{ kind: "{kind}" }}
  expect deny User "u" to read on Doc "d" with {{ mood: "n" }}
"""


def test_a_clause_that_hid_what_a_scope_does_is_looked_at_again():
    policy = policy_of(WORLD + RULE + OUTSIDE.format(kind="p") + OUTSIDE.format(kind="n"))

    hidden = report_of(policy, policy.tests[0])
    shown = report_of(policy, *policy.tests)

    assert [mark.seen for mark in hidden.marks if mark.point.kind is Kind.SCOPE] == [FAILED_HIDDEN]
    assert [mark.seen for mark in shown.marks if mark.point.kind is Kind.SCOPE] == [FAILS]
