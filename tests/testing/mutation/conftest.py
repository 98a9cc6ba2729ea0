"""A small world whose rules are made others, and what is asked of them."""

from pdp import terms
from pdp.folder import load_sources
from pdp.source import Source
from pdp.testing.mutation.bench import Bench
from pdp.testing.mutation.mutants import Mutant, mutants
from pdp.testing.runner import Runner

WORLD = """
enum Env { dev, staging, prod }
type Group in Group
type User in Group { level: Int, active: Bool, name: String, tags: [String], seen?: Datetime }
type Robot
type Agent in Group
type Project
type Service in Project { env: Env, tier: Int, owner: Group, labels: [String], opened: Datetime }
context { ip: Ip, note?: String, cost?: Decimal }
session { actor?: Agent }
action read, deploy on Service by User, Robot
action restart on Service by User
obligation log { text: String }
role viewer on Service: read
role operator on Service: viewer, restart
"""

GIVEN = """
test "asked":
  given User "ada" in Group "staff" { level: 3, active: true, name: "ada", tags: ["a", "b"] }
        User "ben" { level: 2, active: false, name: "ben", tags: [] }
        User "lee" in Group "leads" { level: 3, active: true, name: "lee", tags: [] }
        User "kim" in Group "leads" { level: 3, active: true, name: "kim", tags: [] }
        Service "api" in Project "x" {
          env: dev, tier: 1, owner: Group "staff", labels: ["a", "b"], opened: 2026-11-23T08:00:00Z
        }
        Service "pay" {
          env: prod, tier: 2, owner: Group "leads", labels: ["a"], opened: 2026-11-23T08:00:00Z
        }
        grant operator on Project "x" to User "ben" until 2027-01-01
        approval by User "lee" of User "ada" to deploy on Service "api" at 2026-11-23T08:00:00Z
"""


def policy_of(rules: str, *expectations: str) -> terms.Policy:
    """Return the world with some rules and one test."""
    start = "" if expectations[0].startswith("at ") else "  at 2026-11-23T09:00:00Z\n"
    text = WORLD + rules + GIVEN + start + "".join(f"  {each}\n" for each in expectations)
    policy, _ = load_sources([Source("shop.pdp", text)]).require()
    return policy


def alive(policy: terms.Policy) -> list[Mutant]:
    """Return the mutants that the tests of a policy let live."""
    bench = Bench(Runner(policy), policy.tests)
    return [mutant for mutant in mutants(policy) if not bench.kills(mutant)]
