"""Many rules in a hundred files, half of them grants and half of them rules with conditions: what is loaded."""

from __future__ import annotations

from benchmarks.workloads import conditions, roles

FILES = 100

TYPES = """\
context { ip: Ip }
enum Env { dev, staging, prod }
type Group
type User in Group { team: String, level: Int, oncall: Bool }
type Project
type Service in Project { team: String, env: Env, owner: User, tier: Int, frozen: Bool }

action read, restart, deploy on Service by User

role viewer on Service: read
role operator on Service: viewer, restart
role deployer on Service: operator, deploy
"""


def files(count: int) -> dict[str, str]:
    """Return policy files with `count` rules, half of them grants; a multiple of 16."""
    grants = [roles.grant(rule) for rule in roles.rules(count // 2)]
    teams = conditions.rules(count // 2)
    found = {"types.pdp": TYPES}
    for i in range(FILES):
        found[file_name(i)] = "".join(_share(grants, i)) + "".join(_share(teams, i))
    return found


def cedar(count: int) -> str:
    """Return the same rules in Cedar's language."""
    grants = [roles.permit(rule) for rule in roles.rules(count // 2)]
    return "".join(grants) + "".join(conditions.policies(count // 2))


def cedar_policies(count: int) -> str:
    """Return so many policies in Cedar's language, half of them with conditions."""
    half = count // 2
    conditional = conditions.policies(-(-half // conditions.RULES_OF_A_TEAM) * conditions.RULES_OF_A_TEAM)
    return "".join([*map(roles.permit, roles.rules(count - half)), *_policies("".join(conditional))[:half]])


def _policies(text: str) -> list[str]:
    return [f"{each};\n" for each in text.split(";\n") if each.strip()]


def file_name(number: int) -> str:
    """Return the name of one of the files."""
    return f"rules{number:03}.pdp"


def new_rule(number: int) -> str:
    """Return a rule that stands in no file."""
    return f'\ngrant viewer on Project "new{number}" to Group "new" standing because "they asked"\n'


def _share(texts: list[str], number: int) -> list[str]:
    return texts[number * len(texts) // FILES : (number + 1) * len(texts) // FILES]
