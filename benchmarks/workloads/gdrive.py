"""Google Drive of the Cedar paper (OOPSLA 2024), rebuilt: documents in folders in folders, shared by views.

Each user has a view and an edit list. What is shared with a user is in one of them, or in a folder that is.
`n` is the number of users, of folders and of documents.
"""

from __future__ import annotations

import random

from benchmarks.workloads.world import Ask, Name, Thing, Workload, balanced, closure

PDP = """\
type View
type User { views: View, edits: View }
type Folder in Folder, View
type Document in Folder, View { owner: User, public: Bool }

action read, write, share, delete on Document by User

rule public_is_readable:
  permit User to read on Document
  when resource.public

rule viewers_read:
  permit User to read on Document
  when resource in principal.views or resource in principal.edits

rule editors_write:
  permit User to write on Document
  when resource in principal.edits

rule owners_do_anything:
  permit User to any on Document
  when resource.owner == principal
"""

CEDAR = """\
permit (principal, action == Action::"read", resource) when { resource.public };
permit (principal, action == Action::"read", resource)
when { resource in principal.views || resource in principal.edits };
permit (principal, action == Action::"write", resource) when { resource in principal.edits };
permit (principal, action, resource) when { resource.owner == principal };
"""

SCHEMA = """\
entity View;
entity User { views: View, edits: View };
entity Folder in [Folder, View];
entity Document in [Folder, View] { owner: User, public: Bool };

action read, write, share, delete appliesTo { principal: User, resource: Document };
"""

ACTIONS = ("read", "write", "share", "delete")


def build(n: int) -> Workload:
    """Build a world of `n` users, folders and documents."""
    name = f"gdrive_{n}"
    chance = random.Random(name)
    users: list[Name] = [("User", f"user{i}") for i in range(n)]
    folders: list[Name] = [("Folder", f"folder{i}") for i in range(n)]
    documents: list[Name] = [("Document", f"document{i}") for i in range(n)]
    views = {each: {"views": ("View", f"{each[1]}-views"), "edits": ("View", f"{each[1]}-edits")} for each in users}
    parents: dict[Name, list[Name]] = {}
    for i, folder in enumerate(folders):
        parents[folder] = chance.sample(folders[i + 1 :], min(n - i - 1, chance.randint(0, 1)))
    for document in documents:
        parents[document] = [chance.choice(folders)]
    for view in views.values():
        for kind, shared in (("views", 3), ("edits", 2)):
            for each in chance.sample((*folders, *documents), shared):
                parents[each].append(view[kind])
    facts = {each: {"owner": chance.choice(users), "public": chance.random() < 0.1} for each in documents}

    def draw(chance: random.Random) -> Ask:
        user, action, target = chance.choice(users), chance.choice(ACTIONS), chance.choice(documents)
        around, fact = closure(parents, target), facts[target]
        edits = views[user]["edits"] in around
        reads = bool(fact["public"]) or edits or views[user]["views"] in around
        allowed = fact["owner"] == user or (action == "read" and reads) or (action == "write" and edits)
        return Ask(principal=user, action=action, resource=target, allowed=allowed)

    return Workload(
        name=name,
        files={"policy.pdp": PDP},
        cedar=CEDAR,
        cedar_schema=SCHEMA,
        things=(
            *(Thing(name=name) for view in views.values() for name in view.values()),
            *(Thing(name=each, attributes=views[each]) for each in users),
            *(Thing(name=each, parents=tuple(parents[each])) for each in folders),
            *(Thing(name=each, parents=tuple(parents[each]), attributes=facts[each]) for each in documents),
        ),
        asks=balanced(name, draw),
    )
