"""Policy folders to edit, and everything that a load of one comes to, told so that any difference shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pdp.classes import fields
from pdp.folder import Loaded, load
from pdp.source import Span
from pdp.values import Record, ValueSet

TYPES = """namespace base
type Group in Group
type User in Group { level: Int, email?: String }
type Agent
enum Env { dev, prod }
type Service { env: Env, owner: Group, opened?: Datetime }
context { ip: Ip, size?: Int }
session { actor?: Agent }
action read, deploy on Service by User
"""

# What may stand in files of the namespace that declares the world, and in files of another, which imports it.
DECLARATIONS = [
    "actions operate = read, deploy\n",
    "role viewer on Service: read\n",
    "role editor on Service: read, deploy\n",
    "obligation notify { channel: String }\n",
    "obligation notify { channel: String, urgent?: Bool }\n",
    'define busy = now["Europe/Berlin"].hour >= 8\n',
    "define busy = principal.level > 3\n",
    "define far(n: Int) = principal.level > n + 1\n",
    "type Spare\n",
    "## Words about it.\ntype Team in Group\n",
]
RULES = [
    "rule {0}:\n  permit User to read on Service\n",
    "rule {0}:\n  permit User to deploy on Service\n  when resource.env == dev\n  recheck every 5m\n",
    "## Words about it.\nrule {0}:\n  permit User to any on Service\n  when busy\n",
    "rule {0}:\n  permit User to read on Service\n  when far(2) and context.ip in 10.0.0.0/8\n",
    'rule {0}:\n  forbid anyone to deploy on Service\n  when resource.env == prod\n  because "why"\n',
    'rule {0}:\n  forbid anyone to operate on Service\n  unless session.mfa else "sign in"\n  because "why"\n',
    'rule {0}:\n  forbid User to read on Service\n  when principal has email\n  because "a warning"\n',
    'rule {0}:\n  permit User to read on Service\n  oblige notify {{ channel: "a" }}\n  via Agent\n',
    'rule {0}:\n  permit User to read on Service\n  needs 2 approvals of 1 from Group "g" for 4h\n',
    "rule {0}:\n  permit User to read on Service\n  when any n in [1, 2]: n == principal.level\n",
    'rule {0}:\n  permit User to read on Service\n  when principal has email and principal.email like "*@x"\n',
    "rule {0}:\n  permit User to read on Service\n  when resource has opened and now - resource.opened < 1h\n",
]
GRANTS = [
    'grant viewer on Service "{0}" to User "u" until 2027-01-01\n',
    'grant viewer on Service "{0}" to User "u" from 2027-01-01 until 2027-02-01\n',
    'grant editor on Service "{0}" to Group "g" standing because "why"\n',
    'grant editor on Service "{0}" to User "v" from 2027-01-01 until 2027-02-01\n',
]
TESTS = [
    'test "{0}":\n  given User "u" {{ level: 1 }}\n        Service "a" {{ env: dev, owner: Group "g" }}\n'
    '  expect allow User "u" to read on Service "a" by {1}\n',
    'test "{0}":\n  given User "u" in Group "g" {{ level: 1 }}\n        Service "a" {{ env: prod, owner: Group "g" }}\n'
    '        grant viewer on Service "a" to User "u" until 2027-01-01\n'
    '  expect deny User "u" to deploy on Service "a" with {{ ip: 10.0.0.1 }} by default\n',
]
FAULTS = [
    "rule broken:\n  permit Usr to read on Service\n",
    "rule {\n",
    "type User\n",
    "role viewer on Nothing: read\n",
    "namespace late\n",
]
NAMES = ["alpha", "beta", "gamma"]
HEADS = [
    "namespace base\n",
    "namespace base\n",
    "namespace base\n# A comment.\n",
    "namespace shop\nimport base: User, Agent, Service, Group, Env, read, deploy, operate, viewer, editor, busy, far, "
    "notify\n",
]
ENTITIES: dict[str, Any] = {
    "entities": [
        {"type": "Group", "id": "g"},
        {"type": "User", "id": "u", "in": ['Group "g"'], "attributes": {"level": 4}},
        {"type": "Service", "id": "a", "attributes": {"env": "dev", "owner": 'Group "g"'}},
    ]
}

WORLD = (
    TYPES
    + "".join(DECLARATIONS[at] for at in (0, 1, 2, 3, 5, 7))
    + "".join(rule.format(f"r{number}") for number, rule in enumerate(RULES[:8]))
)
PEOPLE = (
    "namespace base\n"
    + "".join(grant.format("a") for grant in GRANTS)
    + TESTS[0].format("one", "r0")
    + TESTS[1].format("two", "")
)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Let a folder hold these files and no others."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def small(folder: Path) -> Path:
    """Write a folder that holds something of everything, and no mistake."""
    return write(folder, {"a.pdp": WORLD, "b.pdp": PEOPLE, "entities.json": json.dumps(ENTITIES)})


def outcome(folder: Path, cache: Path | str) -> Any:
    """Load a folder, and tell what comes of it."""
    return told(load(folder, cache=cache))


def told(loaded: Loaded) -> Any:
    """Tell everything that a load comes to: each object by class and attribute, each span by place and text."""
    store = loaded.store
    return {
        "policy": tell(loaded.policy),
        "store": None if store is None else [store.revision, *map(tell, store)],
        "diagnostics": [tell(each) for each in loaded.diagnostics],
        "files": loaded.files,
    }


def tell(value: Any) -> Any:
    """Tell a value by its class and all that it holds, in the order in which it holds it."""
    kind = type(value).__name__
    if value is None or isinstance(value, bool | int | bytes):
        return kind, value
    if isinstance(value, str):
        return kind, str(value)
    if isinstance(value, Span):
        return kind, value.source.path, value.start, value.end, value.text, value.line
    if isinstance(value, frozenset):
        return kind, sorted(map(tell, value))
    if isinstance(value, Record):
        return kind, [(name, tell(value[name])) for name in value]
    if isinstance(value, Mapping):
        return kind, [(name, tell(each)) for name, each in value.items()]
    if isinstance(value, ValueSet | Sequence):
        return kind, [tell(each) for each in value]
    if hasattr(type(value), "__pdp_fields__"):
        return kind, [(each.name, tell(getattr(value, each.name))) for each in fields(value) if each.name != "_late"]
    return kind, repr(value)
