"""Small policies with their tests, and what coverage says of them."""

from pdp.folder import load_sources
from pdp.source import Source
from pdp.terms import Policy
from pdp.testing import Runner
from pdp.testing.coverage import Coverage, Report

WORLD = """
type Group
type Folder
type User in Group { admin: Bool, level: Int, nick?: String }
type Robot
type Doc in Folder { public: Bool, kind: Kind }
enum Kind { note, plan, bill }
session { actor?: Robot }
action read, write on Doc by User, Robot
"""

GIVEN = """
  given User "ada" in Group "staff" { admin: true, level: 3, nick: "a" }
        User "bo" { admin: false, level: 1 }
        User "cy" in Group "staff" { admin: false, level: 5 }
        Robot "r"
        Doc "open" in Folder "top" { public: true, kind: note }
        Doc "shut" { public: false, kind: plan }
"""


def policy_of(*texts: str) -> Policy:
    policy, _ = load_sources([Source(f"{'abcd'[at]}.pdp", text) for at, text in enumerate(texts)]).require()
    return policy


def asked(*expectations: str) -> str:
    """Write one test in the small world, with an expectation of each line."""
    lines = "\n".join(f"  {each}" for each in expectations)
    return f'test "t":{GIVEN}{lines}\n'


def cover(policy: Policy) -> Report:
    coverage = Coverage(policy)
    for _ in coverage.watch(Runner(policy), policy.tests):
        pass
    return coverage.report()


def report_of(rules: str, *expectations: str) -> Report:
    return cover(policy_of(WORLD + rules + (asked(*expectations) if expectations else "")))


def remarks_of(report: Report) -> dict[str, str]:
    """Return what is said of each point, by its text."""
    return {mark.point.text: mark.remark for mark in report.marks}
