"""TinyTodo of the Cedar paper (OOPSLA 2024), rebuilt: users, teams in teams, and lists with readers and editors.

`n` is the number of users, of teams and of lists.
"""

from __future__ import annotations

import random

from benchmarks.workloads.world import Ask, Name, Thing, Workload, balanced, closure

PDP = """\
type Application
type Team in Team, Application
type User in Team, Application
type List in Application { owner: User, readers: Team, editors: Team }

action create_list, get_lists on Application by User
action get_list, update_list, delete_list, create_task, update_task, delete_task, edit_shares on List by User
actions change = update_list, create_task, update_task, delete_task

rule everybody_has_lists:
  permit User to create_list, get_lists on Application "TinyTodo"

rule owners_do_anything:
  permit User to any on List
  when resource.owner == principal

rule readers_read:
  permit User to get_list on List
  when principal in resource.readers or principal in resource.editors

rule editors_edit:
  permit User to change on List
  when principal in resource.editors
"""

CEDAR = """\
permit (principal, action in [Action::"create_list", Action::"get_lists"], resource == Application::"TinyTodo");
permit (principal, action, resource) when { resource has owner && resource.owner == principal };
permit (principal, action == Action::"get_list", resource)
when { principal in resource.readers || principal in resource.editors };
permit (
  principal,
  action in [Action::"update_list", Action::"create_task", Action::"update_task", Action::"delete_task"],
  resource
) when { principal in resource.editors };
"""

SCHEMA = """\
entity Application;
entity Team in [Team, Application];
entity User in [Team, Application];
entity List in [Application] { owner: User, readers: Team, editors: Team };

action create_list, get_lists appliesTo { principal: User, resource: Application };
action get_list, update_list, delete_list, create_task, update_task, delete_task, edit_shares
  appliesTo { principal: User, resource: List };
"""

APPLICATION: Name = ("Application", "TinyTodo")
ON_APPLICATION = ("create_list", "get_lists")
EDITS = ("update_list", "create_task", "update_task", "delete_task")
ON_LIST = ("get_list", "delete_list", "edit_shares", *EDITS)


def build(n: int) -> Workload:
    """Build a world of `n` users, teams and lists."""
    name = f"tinytodo_{n}"
    chance = random.Random(name)
    users: list[Name] = [("User", f"user{i}") for i in range(n)]
    teams: list[Name] = [("Team", f"team{i}") for i in range(n)]
    lists: list[Name] = [("List", f"list{i}") for i in range(n)]
    parents: dict[Name, tuple[Name, ...]] = {}
    for i, team in enumerate(teams):
        # A team is only ever in one with a higher number, so that there is no circle.
        above = teams[i + 1 :]
        parents[team] = (*chance.sample(above, min(len(above), chance.randint(0, 2))), APPLICATION)
    for user in users:
        parents[user] = (*chance.sample(teams, chance.randint(1, 2)), APPLICATION)
    shares = {
        each: {"owner": chance.choice(users), "readers": chance.choice(teams), "editors": chance.choice(teams)}
        for each in lists
    }

    def draw(chance: random.Random) -> Ask:
        user = chance.choice(users)
        if chance.random() < 0.05:
            return Ask(principal=user, action=chance.choice(ON_APPLICATION), resource=APPLICATION, allowed=True)
        action, target = chance.choice(ON_LIST), chance.choice(lists)
        around, share = closure(parents, user), shares[target]
        reads, edits = share["readers"] in around, share["editors"] in around
        allowed = (
            share["owner"] == user
            or (action == "get_list" and (reads or edits))
            or (action in EDITS and edits)
        )  # fmt: skip
        return Ask(principal=user, action=action, resource=target, allowed=allowed)

    return Workload(
        name=name,
        files={"policy.pdp": PDP},
        cedar=CEDAR,
        cedar_schema=SCHEMA,
        things=(
            Thing(name=APPLICATION),
            *(Thing(name=each, parents=parents[each]) for each in (*teams, *users)),
            *(Thing(name=each, parents=(APPLICATION,), attributes=shares[each]) for each in lists),
        ),
        asks=balanced(name, draw),
    )
