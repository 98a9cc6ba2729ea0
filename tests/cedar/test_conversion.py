"""Policies of Cedar as rules of pdp: what they come to, what is told of it, and that the decisions are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conformance.corpus import Row, rows
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pdp.cedar.conversion import Converted, convert
from pdp.cedar.conversion.facts import data_of
from pdp.cedar.loading import Texts, read
from pdp.cedar.reading import read_context
from pdp.cedar.schemas import action_text
from pdp.engine import Engine
from pdp.folder import load_sources
from pdp.loaded import Loaded
from pdp.model import Reason
from pdp.schema import Schema
from pdp.source import Source
from pdp.syntax.printer import reformat
from pdp.values import EntityRef
from peers import PEER_DATA

SCHEMA = """
entity Team in [Team];
entity Robot;
entity User in [Team] { level: Long, nick?: String, team: Team, since: datetime } tags String;
entity Page in [Page] { owner: User, open: Bool, teams: Set<Team>, readers: Set<User>, labels: Set<String>,
  price: decimal, odd: { "a b": Long, c?: { d: Bool } } };
entity Mode enum ["fast", "slow"];
action look, "the other";
action read in [look] appliesTo { principal: [User, Robot], resource: [Page], context: { ip: ipaddr, mode: Mode } };
action edit appliesTo { principal: [User], resource: [Page], context: { ip: ipaddr, took: duration, note?: String } };
"""


def converted(policies: str, schema: str = SCHEMA, entities: str = "[]", links: str | None = None) -> Converted:
    """Convert texts that are sound."""
    found = read(
        Texts(
            policies=(Source("policies.cedar", policies),),
            schemas=(Source("schema.cedarschema", schema),),
            entities=(Source("entities.json", entities),),
            links=() if links is None else (Source("links.json", links),),
        )
    )
    assert found.sound, [*map(str, found.diagnostics)]
    result = convert(found)
    assert result is not None
    return result


def loaded(found: Converted) -> Loaded:
    """Load what was converted, as `pdp check` does."""
    return load_sources([Source(name, text) for name, text in found.files().items()])


def rules_of(found: Converted) -> str:
    """Return the rules alone, with the comments before them."""
    declared = found.policy.rpartition("\naction ")[2]
    return declared.partition("\n\n")[2]


def conditions(text: str, scope: str = 'principal is User, action == Action::"edit", resource') -> list[str]:
    """Return the clauses that a condition of a permit comes to."""
    found = converted(f"permit ({scope}) when {{ {text} }};")
    assert found.diagnostics == ()
    assert loaded(found).errors == ()
    return [line.strip() for line in rules_of(found).splitlines()[2:] if "when" in line]


# ------------------------------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("cedar", "pdp"),
    [
        ("principal.level > 3 && resource.open", "principal.level > 3 and resource.open"),
        (
            "principal.level > 3 || (resource.open && principal.level < 9)",
            "principal.level > 3 or (resource.open and p",
        ),
        ("!resource.open", "not resource.open"),
        ("principal.level + 2 * 3 - principal.level == -7", "principal.level + 2 * 3 - principal.level == -7"),
        ("resource.owner == principal", "resource.owner == principal"),
        ("resource.owner != principal", "resource.owner != principal"),
        ('principal in Team::"a"', 'principal in Team "a"'),
        ('principal in [Team::"a", Team::"b"]', 'principal in [Team "a", Team "b"]'),
        ("principal in resource.teams", "principal in resource.teams"),
        ("resource.readers.contains(principal)", "principal in resource.readers"),
        ("resource.teams.contains(principal.team)", "any each in resource.teams: each == principal.team"),
        (
            "resource.open && resource.teams.contains(principal.team)",
            "resource.open and (any each in resource.teams: each == principal.team)",
        ),
        ('resource.labels.containsAny(["a", "b"])', 'resource.labels containsAny ["a", "b"]'),
        ("resource.labels.isEmpty()", "resource.labels is empty"),
        ('resource.labels.contains("x\\u{1f511}\\"")', "in resource.labels"),
        ('principal has nick && principal.nick like "a\\*b*"', 'principal has nick and principal.nick like "a\\*b*"'),
        ('resource.odd["a b"] == 1', 'resource.odd["a b"] == 1'),
        ("resource has odd.c.d && resource.odd.c.d", "resource.odd has c and resource.odd.c.d"),
        ('context.ip.isInRange(ip("10.0.0.0/8"))', "context.ip in 10.0.0.0/8"),
        ("context.ip.isLoopback()", "context.ip in [127.0.0.0/8, ::1]"),
        ("context.ip.isIpv6()", "context.ip in ::/0"),
        ('resource.price.lessThan(decimal("10.5"))', "resource.price < 10.5"),
        ('context.took <= duration("1h30m")', "context.took <= 1h30m"),
        (
            'principal.since.offset(duration("1d")) > datetime("2026-01-01")',
            "principal.since + 1d > 2026-01-01T00:00:00Z",
        ),
        (
            "if resource.open then principal.level > 1 else principal.level > 2",
            "if resource.open then principal.level > 1 else principal.level > 2",
        ),
        ("if resource.open then true else principal.level > 2", "resource.open or principal.level > 2"),
    ],
)
def test_a_condition_is_said_as_pdp_says_it(cedar: str, pdp: str) -> None:
    (found,) = conditions(cedar)

    assert found.startswith(f"when {pdp}") or (pdp.startswith("in ") and pdp in found)


@pytest.mark.parametrize(
    "cedar",
    [
        "true",
        "principal is User",
        "principal has level",
        "!(principal has nothing)",
        "principal == principal",
        'principal has nick && principal.nick like "*" || true',
        'action == Action::"edit"',
        'action in [Action::"edit", Action::"look"]',
        "1 == 1",
    ],
)
def test_what_is_the_same_for_every_request_is_left_out(cedar: str) -> None:
    assert conditions(f"resource.open && ({cedar})") == ["when resource.open"]


def test_a_test_that_makes_sense_for_one_type_alone_asks_for_the_type() -> None:
    found = conditions("resource.owner == principal || resource.open", 'principal, action in Action::"look", resource')

    assert found == ["when (principal is User and resource.owner == principal) or resource.open"]


def test_where_types_differ_in_more_than_a_test_each_has_a_rule() -> None:
    found = converted(
        'permit (principal, action in Action::"look", resource in Page::"home")'
        " when { resource.owner == principal || principal has level };"
    )

    assert rules_of(found) == (
        '# the Cedar policy `policy0`\nrule policy0:\n  permit User to look on Page in Page "home"\n'
    ).replace("# the Cedar policy `policy0`\n", "")
    assert loaded(found).errors == ()


def test_an_enumerated_type_that_only_attributes_have_is_an_enum() -> None:
    found = converted('permit (principal, action == Action::"read", resource) when { context.mode == Mode::"fast" };')

    assert "enum Mode { fast, slow }" in found.policy
    assert "when context.mode == Mode.fast" in found.policy
    assert loaded(found).errors == ()


# ------------------------------------------------------------------------------------------------- scopes and actions


@pytest.mark.parametrize(
    ("cedar", "pdp"),
    [
        ("principal, action, resource", "permit anyone to any on anything"),
        ('principal, action in Action::"look", resource', "permit anyone to look on anything"),
        ('principal in Team::"a", action == Action::"edit", resource', 'permit Team "a" to edit on anything'),
        ('principal is User in Team::"a", action, resource', 'permit User in Team "a" to any on anything'),
        ("principal is Robot, action, resource is Page", "permit Robot to any on Page"),
        (
            'principal, action in [Action::"edit", Action::"look"], resource in Page::"home"',
            'permit anyone to look, edit on Page "home"',
        ),
    ],
)
def test_a_scope_is_said_as_pdp_says_it(cedar: str, pdp: str) -> None:
    found = converted(f"permit ({cedar});")

    assert rules_of(found) == f"rule policy0:\n  {pdp}\n"
    assert loaded(found).errors == ()


def test_one_entity_of_a_type_that_nothing_is_in_is_a_scope_that_stands() -> None:
    found = converted('@id("ada reads") permit (principal == User::"ada", action, resource);')

    assert rules_of(found) == (
        "# the Cedar policy `ada reads`\n"
        "rule ada_reads:\n"
        '  permit User "ada" to any on anything\n'
        '  standing because "converted from the Cedar policy ada reads"\n'
    )
    assert loaded(found).errors == ()


def test_one_entity_of_a_type_that_others_are_in_is_a_condition() -> None:
    found = converted('permit (principal, action, resource == Page::"home");')

    assert rules_of(found) == (
        "rule policy0:\n"
        "  permit anyone to any on Page\n"
        "  # pdp's scope would hold all that is in it, too\n"
        '  when resource == Page "home"\n'
    )
    assert loaded(found).errors == ()


def test_a_condition_on_the_action_parts_a_policy_into_rules() -> None:
    found = converted('permit (principal, action, resource) when { action == Action::"edit" || resource.open };')

    assert found.rules == {"policy0": ("policy0__1", "policy0__2")}
    assert "rule policy0__1:\n  permit anyone to edit on anything\n" in found.policy
    assert "rule policy0__2:\n  permit anyone to read on anything\n  when resource.open\n" in found.policy
    assert loaded(found).errors == ()


def test_the_rules_of_a_policy_take_no_name_of_another() -> None:
    found = converted(
        '@id("a") permit (principal, action, resource) when { action == Action::"edit" || resource.open };'
        '@id("a__1") permit (principal, action, resource);'
    )

    assert found.rules == {"a": ("a__1_2", "a__2"), "a__1": ("a__1",)}
    assert loaded(found).errors == ()


def test_a_policy_that_applies_to_no_request_needs_no_rule() -> None:
    found = converted('permit (principal is Robot, action == Action::"read", resource) when { principal is User };')

    assert found.rules == {"policy0": ()}
    assert "# not needed: the Cedar policy `policy0` applies to no request" in found.policy


# --------------------------------------------------------------------------------------------------- words and effects


def test_comments_and_annotations_stay() -> None:
    found = converted(
        "// Everybody reads.\n"
        '@id("open") @description("what is open") @owner("the team")\n'
        "permit (principal, action, resource) when { resource.open };\n"
        '@id("shut") @reason("it is shut")\n'
        'forbid (principal, action == Action::"edit", resource)'
        " when { resource.open } unless { principal.level > 3 };\n"
        'forbid (principal, action == Action::"read", resource);\n'
    )

    assert rules_of(found) == (
        "# @owner: the team\n"
        "## Everybody reads.\n"
        "## what is open\n"
        "rule open:\n"
        "  permit anyone to any on anything\n"
        "  when resource.open\n"
        "\n"
        "rule shut:\n"
        "  forbid anyone to edit on anything\n"
        "  when resource.open\n"
        "  unless principal.level > 3\n"
        '  because "it is shut"\n'
        "\n"
        "rule policy2:\n"
        "  forbid anyone to read on anything\n"
        '  because "the Cedar policy policy2 forbids it"\n'
    )
    assert loaded(found).errors == ()


def test_a_linked_template_is_a_rule_and_one_without_links_is_none() -> None:
    links = [{"template_id": "t", "link_id": "l", "args": {"?principal": 'Team::"a"'}}]
    text = (
        '@id("t") permit (principal in ?principal, action, resource);'
        '@id("u") permit (principal, action, resource == ?resource);'
    )

    found = converted(text, links=json.dumps(links))

    assert 'rule l:\n  permit Team "a" to any on anything\n' in found.policy
    assert "# not needed: the template `u` has no link" in found.policy
    assert "template `t`" not in found.policy


# ------------------------------------------------------------------------------------------------------- differences


@pytest.mark.parametrize(
    ("policy", "kind", "message"),
    [
        (
            'forbid (principal, action == Action::"edit", resource) when { principal.level + 1 > 3 };',
            "forbid_denies",
            "Cedar skips this forbid where",
        ),
        (
            "permit (principal, action, resource) when { resource.owner.level > 3 || resource.open };",
            "or",
            "an `or` is true where any side of it is, also where one before it cannot be evaluated",
        ),
        (
            "permit (principal, action, resource) unless { resource.owner.level > 3 && resource.open };",
            "and",
            "an `and` is false where any side of it is, also where one before it cannot be evaluated",
        ),
        (
            'permit (principal, action, resource) when { context.ip.isInRange(ip("10.1.2.3/8")) };',
            "host_bits",
            "the range is written without its host bits; it holds the same addresses",
        ),
    ],
)
def test_a_difference_is_told_at_its_place_and_as_data(policy: str, kind: str, message: str) -> None:
    found = converted(policy)

    told = [each for each in found.differences if each.subject == "policy0"]
    assert [each.kind for each in told] == [kind]
    assert told[0].message.startswith(message)
    assert f"# differs from Cedar: {message}" in " ".join(rules_of(found).split())
    assert loaded(found).errors == ()


@pytest.mark.parametrize(
    ("condition", "text", "message"),
    [
        ('principal.hasTag("x")', 'principal.hasTag("x")', "in pdp, entities have no tags"),
        ("principal.since.toDate() == principal.since", "principal.since.toDate()", "pdp has nothing that is `toDate`"),
        (
            'principal.since < datetime("0000-01-01")',
            'datetime("0000-01-01")',
            "in pdp, an instant is of the years 1 to 9999",
        ),
        (
            'context.ip == ip("10.0.0.1/8")',
            'ip("10.0.0.1/8")',
            "in pdp, a range of addresses has no host bits",
        ),
        (
            'context.ip == ip("::ffff:a00:1")',
            'ip("::ffff:a00:1")',
            "in pdp, an IPv4 address that is written as one of version 6 is the IPv4 address",
        ),
        ('principal == User::""', 'User::""', "the id is empty"),
        ("[action].contains(action)", "action", "nobody can tell what is looked for here"),
        (
            "resource.owner.team == resource.owner.team",
            "resource.owner.team",
            "this is the same for every request for which it can be evaluated",
        ),
    ],
)
def test_what_pdp_cannot_say_is_told_and_left_as_a_comment(condition: str, text: str, message: str) -> None:
    policy = f'permit (principal is User, action == Action::"edit", resource) when {{ {condition} }};'

    found = converted(f'{policy}\n@id("next") permit (principal, action, resource);')

    (diagnostic,) = found.diagnostics
    assert diagnostic.code == "not_converted"
    assert diagnostic.message == f"the policy `policy0` is not converted: {message}"
    assert diagnostic.span is not None
    assert diagnostic.span.text == text
    assert f"# not converted: the Cedar policy `policy0`: {message}" in found.policy
    assert condition in found.policy
    assert "rule next:" in found.policy
    assert loaded(found).errors == ()


def test_tags_are_left_out_with_a_comment() -> None:
    found = converted("permit (principal, action, resource);")

    assert "# differs from Cedar: entities have no tags; they are left out\ntype User in Team" in found.policy
    assert ("User", "tags") in [(each.subject, each.kind) for each in found.differences]


def test_entities_become_an_entity_file() -> None:
    team = {"uid": {"type": "Team", "id": "a"}, "attrs": {}, "parents": []}
    ada = {
        "uid": {"type": "User", "id": "ada"},
        "attrs": {
            "level": 3,
            "team": {"__entity": {"type": "Team", "id": "a"}},
            "since": {"__extn": {"fn": "datetime", "arg": "2026-01-01"}},
        },
        "parents": [{"type": "Team", "id": "a"}],
        "tags": {"x": "y"},
    }
    nobody = {"uid": {"type": "Team", "id": ""}, "attrs": {}, "parents": []}

    found = converted("permit (principal, action, resource);", entities=json.dumps([team, ada, nobody]))

    assert json.loads(found.entities) == {
        "entities": [
            {"type": "Team", "id": "a"},
            {
                "type": "User",
                "id": "ada",
                "in": [{"type": "Team", "id": "a"}],
                "attributes": {"level": 3, "team": {"type": "Team", "id": "a"}, "since": "2026-01-01T00:00:00Z"},
            },
        ]
    }
    assert [each.message for each in found.diagnostics] == ['the entity `Team::""` is left out: the id is empty']
    assert ('User::"ada"', "tags") in [(each.subject, each.kind) for each in found.differences]
    assert loaded(found).errors == ()


# ------------------------------------------------------------------------------------------------------------- names


NAMES = st.sampled_from(
    ["User", "user", "USER", "A::User", "A::B::User", "String", "None", "_x", "X", "x", "Ip", "T_x"]
)
IDS = st.text(st.sampled_from('aB_ -"9é\n'), max_size=4) | st.sampled_from(["any", "all", "default", "permit", "when"])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def test_what_two_namespaces_declare_has_the_namespace_before_its_name() -> None:
    body = "entity User; entity Page; action read, edit appliesTo { principal: User, resource: Page };"
    schema = f"namespace Shop {{ {body} }} namespace Bank::Small {{ {body.replace('edit', 'pay')} entity Till; }}"

    found = converted("permit (principal, action, resource);", schema)

    assert found.names.types == {
        "Shop::User": "Shop_User",
        "Shop::Page": "Shop_Page",
        "Bank::Small::User": "Bank_Small_User",
        "Bank::Small::Page": "Bank_Small_Page",
        "Bank::Small::Till": "Till",
    }
    assert sorted(found.names.actions.values()) == ["Bank_Small_read", "Shop_read", "edit", "pay"]
    assert "# Bank::Small::Till in Cedar\ntype Till\n" in found.policy
    assert loaded(found).errors == ()


@settings(max_examples=60, deadline=None)
@given(
    types=st.lists(NAMES, min_size=1, max_size=8, unique=True), ids=st.lists(IDS, min_size=1, max_size=6, unique=True)
)
def test_names_stay_apart_whatever_they_are(types: list[str], ids: list[str]) -> None:
    spaces: dict[str, list[str]] = {}
    for name in types:
        spaces.setdefault(name.rpartition("::")[0], []).append(name.rpartition("::")[2])
    every = ", ".join(types)
    schema = "".join(
        f"namespace {space} {{ {' '.join(f'entity {name};' for name in names)} }}\n"
        if space
        else " ".join(f"entity {name};" for name in names) + "\n"
        for space, names in spaces.items()
    )
    schema += "".join(
        f"action {json.dumps(each)} appliesTo {{ principal: [{every}], resource: [{every}] }};\n" for each in ids
    )
    policies = "".join(
        f"@id({json.dumps(each)}) permit (principal, action == Action::{json.dumps(each)}, resource);\n" for each in ids
    )
    found = read(Texts(policies=(Source("a.cedar", policies),), schemas=(Source("a.cedarschema", schema),)))
    # A name that hides another is none to Cedar.
    assume(found.schema is not None and found.sound)

    result = convert(found)

    assert result is not None
    assert result.diagnostics == ()
    assert len(set(result.names.types.values())) == len(types)
    assert len(set(result.names.actions.values())) == len(ids)
    assert len({name for names in result.rules.values() for name in names}) == len(ids)
    assert loaded(result).errors == ()
    assert reformat(Source("policy.pdp", result.policy))[0] == result.policy


# ------------------------------------------------------------------------------------------------------ the decisions


def _entity(kind: str, id_: str, attrs: dict[str, Any] | None = None, *parents: tuple[str, str]) -> dict[str, Any]:
    above = [{"type": each, "id": name} for each, name in parents]
    return {"uid": {"type": kind, "id": id_}, "attrs": attrs or {}, "parents": above}


def _refs(kind: str, *ids: str) -> list[dict[str, Any]]:
    return [{"__entity": {"type": kind, "id": each}} for each in ids]


WORLD = [
    _entity("Team", "a"),
    _entity("Team", "b", {}, ("Team", "a")),
    _entity("Robot", "r"),
    *(
        _entity(
            "User",
            name,
            {"level": level, "team": _refs("Team", team)[0], "since": "2026-01-01", **more},
            ("Team", team),
        )
        for name, level, team, more in (("u", 1, "a", {}), ("v", 5, "b", {"nick": "x"}), ("w", 9, "b", {"nick": "yy"}))
    ),
    *(
        _entity(
            "Page",
            name,
            {
                "owner": _refs("User", owner)[0],
                "open": owner == "u",
                "teams": _refs("Team", "a"),
                "readers": _refs("User", "v"),
                "labels": ["l"] if owner == "v" else [],
                "price": "1.5",
                "odd": {"a b": 1, **({} if owner == "w" else {"c": {"d": owner == "v"}})},
            },
            *([("Page", "p")] if name != "p" else []),
        )
        for name, owner in (("p", "u"), ("q", "v"), ("s", "w"))
    ),
]

ATOMS = st.sampled_from(
    [
        "resource.open",
        "principal == resource.owner",
        "resource.owner != principal",
        "principal is User",
        "principal is Robot",
        "principal has level",
        "principal has nick",
        "principal is User && principal.level > 3",
        "principal has level && principal.level <= 5",
        'principal has nick && principal.nick == "x"',
        'principal has nick && principal.nick like "y*"',
        'principal in Team::"a"',
        'principal in Team::"b"',
        'principal in [Team::"b", User::"u"]',
        'principal is User in Team::"b"',
        "principal in resource.teams",
        'resource == Page::"p"',
        'resource in Page::"p"',
        'action == Action::"read"',
        'action in [Action::"look"]',
        "principal is User && resource.readers.contains(principal)",
        "principal is User && resource.teams.contains(principal.team)",
        'resource.labels.contains("l")',
        "resource.labels.isEmpty()",
        "resource.odd has c",
        "resource.odd has c.d && resource.odd.c.d",
        "resource has odd.c && !resource.odd.c.d",
        'resource.odd["a b"] == 1',
        'context.ip.isInRange(ip("10.0.0.0/8"))',
        "context.ip.isLoopback()",
        'context has note && context.note == "n"',
        'context has mode && context.mode == Mode::"fast"',
        'resource.price.greaterThan(decimal("1.4999"))',
        "true",
        "false",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({}) && ({})".format, inner, inner),
        st.builds("({}) || ({})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("if {} then {} else {}".format, inner, inner, inner),
    ),
    max_leaves=5,
)
POLICIES = st.builds(
    "{} ({}, {}, {}) {} {{ {} }};".format,
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(["principal", "principal is User", 'principal in Team::"a"', 'principal == User::"v"']),
    st.sampled_from(["action", 'action == Action::"edit"', 'action in Action::"look"']),
    st.sampled_from(["resource", "resource is Page", 'resource == Page::"p"', 'resource in Page::"p"']),
    st.sampled_from(["when", "unless"]),
    CONDITIONS,
)
CONTEXTS = {
    "read": [
        {"ip": "10.0.0.1", "mode": {"type": "Mode", "id": "fast"}},
        {"ip": "::1", "mode": {"type": "Mode", "id": "slow"}},
    ],
    "edit": [{"ip": "10.0.0.1", "took": "1h"}, {"ip": "127.0.0.1", "took": "5m", "note": "n"}],
}


@settings(max_examples=80, deadline=None)
@given(policies=st.lists(POLICIES, min_size=1, max_size=4))
def test_whatever_is_asked_the_rules_decide_as_the_policies_do(policies: list[str]) -> None:
    named = [f'@id("p{number}") {policy}' for number, policy in enumerate(policies)]
    found = converted("\n".join(named), entities=json.dumps(WORLD))
    there = loaded(found)
    kept = [policy for number, policy in enumerate(named) if f"p{number}" in found.rules]
    cedar, native = Engine.load_cedar("\n".join(kept), SCHEMA, WORLD), Engine(*there.require())

    for principal in (EntityRef("User", "u"), EntityRef("User", "v"), EntityRef("User", "w"), EntityRef("Robot", "r")):
        for action, contexts in CONTEXTS.items():
            for context in contexts:
                for page in "pqs":
                    wanted = cedar.decide(principal, action, EntityRef("Page", page), context)
                    plain: dict[str, Any] = {**context}
                    if "mode" in context:
                        plain["mode"] = context["mode"]["id"]
                    told = native.decide(principal, action, EntityRef("Page", page), plain)

                    if wanted.reason is not Reason.INVALID_REQUEST:
                        assert not wanted.erring_rules
                        assert told.outcome is wanted.outcome, (str(principal), action, page, context, found.policy)
    assert reformat(Source("policy.pdp", found.policy))[0] == found.policy


def _named(row: Row) -> tuple[str, str, list[Any]]:
    """Return policies, schema and entities of a row, in which nobody is called nothing: in pdp, that is no id."""
    policies = row.policies.replace('::""', '::"nobody"').replace("\\0", "0")
    schema = row.schema.replace('[""', '["nobody"').replace("\\0", "0").replace("\0", "0")
    entities = json.loads(_called(json.dumps(row.entities)))
    return policies, schema, [each for each in entities if not each["uid"]["type"].endswith("Action")]


def _called(text: str) -> str:
    return text.replace('"id": ""', '"id": "nobody"').replace("\\u0000", "0")


def _ref(ref: EntityRef) -> EntityRef:
    return EntityRef(ref.type, (ref.id or "nobody").replace("\0", "0"))


def _differing(row: Row, tally: dict[str, int]) -> Iterator[str]:
    policies, schema, entities = _named(row)
    found = read(
        Texts(
            policies=(Source("policies.cedar", policies),),
            schemas=(Source("schema.cedarschema", schema),),
            entities=(Source("entities.json", json.dumps(entities)),),
        )
    )
    if not found.sound or found.schema is None:
        return
    result = convert(found)
    assert result is not None
    tally["policies"] += len(found.policies)
    tally["converted"] += len(result.rules)
    there = loaded(result)
    yield from map(str, there.errors)
    if reformat(Source("policy.pdp", result.policy))[0] != result.policy:
        yield "the text is not in the canonical layout"
    if there.errors or len(result.rules) < len(found.policies):
        return
    cedar, native = Engine.load_cedar(policies, schema, entities), Engine(*there.require())
    for asked in row.requests:
        principal, resource = _ref(asked.principal), _ref(asked.resource)
        context = json.loads(_called(json.dumps(asked.context)))
        wanted = cedar.decide(principal, action_text(asked.action), resource, context)
        try:
            brought = _plain(context, asked.action, found.schema, result)
        except Exception:
            # What pdp has no value for, nobody can ask of it.
            continue
        names = result.names
        told = native.decide(
            EntityRef(names.types[principal.type], principal.id),
            names.actions[asked.action],
            EntityRef(names.types[resource.type], resource.id),
            brought,
        )
        tally["decisions"] += 1
        stated = told.reason is Reason.UNKNOWN_ENTITY or (wanted.erring_rules and result.differences)
        if told.outcome is not wanted.outcome and not stated:
            yield f"{row.name}: pdp says {told.outcome} ({told.reason}), and Cedar {wanted.outcome}"


def _plain(context: Any, action: EntityRef, schema: Schema, result: Converted) -> dict[str, Any]:
    declared = schema.actions[schema.resolve_action(action_text(action))].context
    return {name: data_of(value, result.names) for name, value in read_context(context, declared, schema).items()}


@pytest.mark.parametrize(
    ("name", "every", "least"), [("handwritten.jsonl", 1, 1.0), ("corpus-sample.jsonl.gz", 5, 0.85)]
)
def test_what_is_converted_decides_as_cedar_does(name: str, every: int, least: float) -> None:
    path = Path(PEER_DATA, "cedar", name)
    if not path.exists():
        pytest.skip(f"no peer data `cedar/{name}`: set PDP_PEER_DATA to its folder")
    tally = dict.fromkeys(("policies", "converted", "decisions"), 0)

    wrong = [
        odd
        for number, row in enumerate(rows(path))
        if row.validates and number % every == 0
        for odd in _differing(row, tally)
    ]

    print(f"{name}: {tally['converted']} of {tally['policies']} policies converted, {tally['decisions']} decisions")
    assert wrong == []
    assert tally["converted"] >= least * tally["policies"]


def test_a_membership_in_what_no_data_holds_is_told_as_lost() -> None:
    # The type of the missing one has something to know, so that pdp takes no entity that is in it.
    schema = (
        "entity Org { name: String }; entity User in [Org]; action a appliesTo { principal: User, resource: User };"
    )
    user = {"uid": {"type": "User", "id": "u"}, "attrs": {}, "parents": [{"type": "Org", "id": "gone"}]}

    found = converted("permit (principal, action, resource);", schema, json.dumps([user]))

    (lost,) = found.diagnostics
    assert (lost.code, lost.message) == (
        "not_converted",
        '`User::"u"` is in `Org::"gone"`, which no entity data holds',
    )
    assert lost.help == "put it into the data: in pdp, nobody is in what nothing holds"
    assert loaded(found).store is not None
