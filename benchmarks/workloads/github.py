"""GitHub's permissions of the Cedar paper (OOPSLA 2024), rebuilt: repositories with five roles, issues, teams in teams.

`n` is the number of users, of teams, of repositories and of issues.
"""

from __future__ import annotations

import itertools
import random

from benchmarks.workloads.world import Ask, Name, Thing, Workload, balanced, closure

PDP = """\
type Team in Team
type User in Team
type Repository { readers: Team, triagers: Team, writers: Team, maintainers: Team, admins: Team }
type Issue { repository: Repository, reporter: User }

action pull, fork, push, add_reader, add_triager, add_writer, add_maintainer, add_admin on Repository by User
action edit_issue, delete_issue, assign_issue on Issue by User
actions add_people = add_reader, add_triager, add_writer, add_maintainer, add_admin

rule readers_read:
  permit User to pull, fork on Repository
  when principal in resource.readers

rule writers_push:
  permit User to push on Repository
  when principal in resource.writers

rule admins_add_people:
  permit User to add_people on Repository
  when principal in resource.admins

rule triagers_assign:
  permit User to assign_issue on Issue
  when principal in resource.repository.triagers

rule writers_edit:
  permit User to edit_issue on Issue
  when principal in resource.repository.writers

rule maintainers_delete:
  permit User to delete_issue on Issue
  when principal in resource.repository.maintainers

rule reporters_edit_and_delete:
  permit User to edit_issue, delete_issue on Issue
  when resource.reporter == principal and principal in resource.repository.readers
"""

CEDAR = """\
permit (principal, action in [Action::"pull", Action::"fork"], resource) when { principal in resource.readers };
permit (principal, action == Action::"push", resource) when { principal in resource.writers };
permit (
  principal,
  action in [
    Action::"add_reader", Action::"add_triager", Action::"add_writer", Action::"add_maintainer", Action::"add_admin"
  ],
  resource
) when { principal in resource.admins };
permit (principal, action == Action::"assign_issue", resource) when { principal in resource.repository.triagers };
permit (principal, action == Action::"edit_issue", resource) when { principal in resource.repository.writers };
permit (principal, action == Action::"delete_issue", resource) when { principal in resource.repository.maintainers };
permit (principal, action in [Action::"edit_issue", Action::"delete_issue"], resource)
when { resource.reporter == principal && principal in resource.repository.readers };
"""

SCHEMA = """\
entity Team in [Team];
entity User in [Team];
entity Repository { readers: Team, triagers: Team, writers: Team, maintainers: Team, admins: Team };
entity Issue { repository: Repository, reporter: User };

action pull, fork, push, add_reader, add_triager, add_writer, add_maintainer, add_admin
  appliesTo { principal: User, resource: Repository };
action edit_issue, delete_issue, assign_issue appliesTo { principal: User, resource: Issue };
"""

ROLES = ("readers", "triagers", "writers", "maintainers", "admins")
ON_REPOSITORY = {
    "pull": "readers",
    "fork": "readers",
    "push": "writers",
    **{f"add_{role}": "admins" for role in ("reader", "triager", "writer", "maintainer", "admin")},
}
ON_ISSUE = {"assign_issue": "triagers", "edit_issue": "writers", "delete_issue": "maintainers"}


def build(n: int) -> Workload:
    """Build a world of `n` users, teams, repositories and issues."""
    name = f"github_{n}"
    chance = random.Random(name)
    users: list[Name] = [("User", f"user{i}") for i in range(n)]
    teams: list[Name] = [("Team", f"team{i}") for i in range(n)]
    repositories: list[Name] = [("Repository", f"repo{i}") for i in range(n)]
    parents: dict[Name, list[Name]] = {each: [] for each in (*users, *teams)}
    things: dict[Name, dict[str, Name]] = {}
    for repository in repositories:
        groups: list[Name] = [("Team", f"{repository[1]}-{role}") for role in ROLES]
        # Each role is in the one before it: an admin may what a reader may.
        for lower, higher in itertools.pairwise(groups):
            parents[higher] = [lower]
        parents[groups[0]] = []
        things[repository] = dict(zip(ROLES, groups, strict=True))
        for member in chance.sample((*users, *teams), 5):
            parents[member].append(chance.choice(groups))
    for i, team in enumerate(teams):
        parents[team].extend(chance.sample(teams[i + 1 :], min(n - i - 1, chance.randint(0, 1))))
    for user in users:
        parents[user].append(chance.choice(teams))
    issues: dict[Name, dict[str, Name]] = {
        ("Issue", f"issue{i}"): {"repository": chance.choice(repositories), "reporter": chance.choice(users)}
        for i in range(n)
    }

    def draw(chance: random.Random) -> Ask:
        user = chance.choice(users)
        around = closure(parents, user)
        if chance.random() < 0.5:
            action, target = chance.choice(list(ON_REPOSITORY)), chance.choice(repositories)
            allowed = things[target][ON_REPOSITORY[action]] in around
        else:
            action, target = chance.choice(list(ON_ISSUE)), chance.choice(list(issues))
            teams_of = things[issues[target]["repository"]]
            reported = issues[target]["reporter"] == user and teams_of["readers"] in around
            allowed = teams_of[ON_ISSUE[action]] in around or (action != "assign_issue" and reported)
        return Ask(principal=user, action=action, resource=target, allowed=allowed)

    return Workload(
        name=name,
        files={"policy.pdp": PDP},
        cedar=CEDAR,
        cedar_schema=SCHEMA,
        things=(
            *(Thing(name=each, parents=tuple(dict.fromkeys(above))) for each, above in parents.items()),
            *(Thing(name=each, attributes=attributes) for each, attributes in (things | issues).items()),
        ),
        asks=balanced(name, draw),
    )
