"""`n` role rules: each gives a group one of three roles on a project. Services are in projects, users in groups.

A group has five rules and a user two groups, whatever `n` is: only the number of rules grows.
"""

from __future__ import annotations

import random

from benchmarks.workloads.world import Ask, Name, Thing, Workload, balanced, some

TYPES = """\
type Group
type User in Group
type Project
type Service in Project

action read, restart, deploy on Service by User

role viewer on Service: read
role operator on Service: viewer, restart
role deployer on Service: operator, deploy
"""

ROLES = {"viewer": ("read",), "operator": ("read", "restart"), "deployer": ("read", "restart", "deploy")}
RULES_OF_A_GROUP = 5
PEOPLE = 100
FILES = 100
SLOW = 10_000
"""From so many rules on, few requests are asked of all engines."""

FEW = 20

Rule = tuple[str, str, str]
"""A group, a role and a project."""


def rules(n: int) -> list[Rule]:
    """Return `n` role rules; no two are for the same group and project."""
    kinds = tuple(ROLES)
    projects = max(RULES_OF_A_GROUP, n // RULES_OF_A_GROUP)
    return [
        (f"group{i // RULES_OF_A_GROUP}", kinds[i * 7 % 3], f"project{(i // 5 + i % 5) % projects}") for i in range(n)
    ]


def grant(rule: Rule) -> str:
    """Write a rule as pdp has it."""
    group, role, project = rule
    return f'grant {role} on Project "{project}" to Group "{group}" standing because "the team owns it"\n'


def permit(rule: Rule) -> str:
    """Write a rule as Cedar has it."""
    group, role, project = rule
    actions = ", ".join(f'Action::"{action}"' for action in ROLES[role])
    return f'permit (principal in Group::"{group}", action in [{actions}], resource in Project::"{project}");\n'


def split(lines: list[str], files: int = FILES) -> dict[str, str]:
    """Spread lines over files."""
    size = -(-len(lines) // files)
    return {f"grants{i:03}.pdp": "".join(lines[i * size : (i + 1) * size]) for i in range(-(-len(lines) // size))}


def build(n: int) -> Workload:
    """Build a world of `n` role rules."""
    name = f"roles_{n}"
    chance = random.Random(name)
    found = rules(n)
    groups = n // RULES_OF_A_GROUP
    users: list[Name] = [("User", f"user{i}") for i in range(PEOPLE)]
    member = {user: sorted(chance.sample(range(groups), min(groups, 2))) for user in users}
    # The services that are asked about are those of the groups that the users are in, and of their neighbours.
    projects = sorted({found[min(n - 1, g * 5 + k)][2] for gs in member.values() for g in gs for k in range(5)})
    services: list[Name] = [("Service", f"service-{project}") for project in projects]
    project_of = dict(zip(services, projects, strict=True))

    def draw(chance: random.Random) -> Ask:
        user, action = chance.choice(users), chance.choice(ROLES["deployer"])
        mine = [rule for g in member[user] for rule in found[g * RULES_OF_A_GROUP : (g + 1) * RULES_OF_A_GROUP]]
        near = chance.random() < 0.8
        target: Name = ("Service", f"service-{chance.choice(mine)[2]}") if near else chance.choice(services)
        project = project_of[target]
        allowed = any(action in ROLES[role] and project == where for _, role, where in mine)
        # Casbin's fast look-up is by equality, so that it is told the project: the caller has looked it up.
        return Ask(principal=user, action=action, resource=target, allowed=allowed, row=(user[1], project, action))

    asks = balanced(name, draw)
    return Workload(
        name=name,
        files={"types.pdp": TYPES, **split([grant(rule) for rule in found])},
        cedar="".join(permit(rule) for rule in found),
        things=(
            *(Thing(name=user, parents=tuple(("Group", f"group{g}") for g in member[user])) for user in users),
            *(Thing(name=each, parents=(("Project", project_of[each]),)) for each in services),
        ),
        asks=asks,
        few=some(asks, FEW) if n >= SLOW else (),
        casbin_rows=tuple((group, project, action) for group, role, project in found for action in ROLES[role]),
        casbin_members=tuple((user[1], f"group{g}") for user in users for g in member[user]),
    )
