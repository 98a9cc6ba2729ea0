"""Policies of Cedar in an engine: what Cedar says of them, whoever answers, and what pdp adds around it."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pdp
from pdp.engine import Engine
from pdp.errors import FactsError, PolicyError, RequestError
from pdp.model import Decision, Entity, Request
from pdp.values import Decimal, EntityRef, Ip

ADA, BOB = EntityRef("User", "ada"), EntityRef("User", "bob")
PLAN, SECRET = EntityRef("Doc", "plan"), EntityRef("Doc", "secret")

SCHEMA = """
entity Group in [Group];
entity User in [Group] { level: Long, nick?: String } tags String;
entity Doc { owner: User, secret: Bool };
action read, write in [all] appliesTo { principal: User, resource: Doc, context: { ip?: ipaddr, score?: decimal } };
action all;
"""

ENTITIES = [
    {"uid": {"type": "User", "id": "ada"}, "attrs": {"level": 3}, "parents": [{"type": "Group", "id": "staff"}]},
    {"uid": {"type": "User", "id": "bob"}, "attrs": {"level": 1, "nick": "b"}, "parents": [], "tags": {"team": "red"}},
    {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": [{"type": "Group", "id": "everybody"}]},
    {
        "uid": {"type": "Doc", "id": "plan"},
        "attrs": {"owner": {"type": "User", "id": "ada"}, "secret": False},
        "parents": [],
    },
    {
        "uid": {"type": "Doc", "id": "secret"},
        "attrs": {"owner": {"type": "User", "id": "bob"}, "secret": True},
        "parents": [],
    },
]

EVERYTHING = "permit (principal, action, resource);"

Load = Callable[..., Engine]


@pytest.fixture(params=[True, False], ids=["compiled", "interpreter"])
def load(request: pytest.FixtureRequest) -> Load:
    """Load policies, with the schema and the entities above unless others are given."""

    def load(policies: str, schema: Any = SCHEMA, entities: Any = ENTITIES, **options: Any) -> Engine:
        return Engine.load_cedar(policies, schema, entities, compiled=request.param, **options)

    return load


def told(decision: Decision) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    return str(decision.outcome), str(decision.reason), decision.determining_rules, decision.erring_rules


# ------------------------------------------------------------------------------------------------------- semantics


def test_a_forbid_that_fails_is_skipped_and_reported(load: Load) -> None:
    engine = load(EVERYTHING + "forbid (principal, action, resource) when { principal.nick == context.nick };", None)

    decision = engine.decide(ADA, "read", PLAN)

    assert told(decision) == ("allow", "permitted", ("policy0",), ("policy1",))
    assert engine.allows(ADA, "read", PLAN)


def test_a_forbid_that_fails_denies_where_the_language_is_that_of_pdp() -> None:
    engine = Engine.from_text(
        "type User { nick?: String }\ntype Doc\naction read on Doc by User\n"
        "rule reads: permit User to read on Doc\n"
        'rule not_b: forbid User to read on Doc when principal.nick == "b" because "b is out"',
        entities=[Entity("User", "ada")],
    )

    assert told(engine.decide(ADA, "read", PLAN)) == ("deny", "forbidden", ("not_b",), ("not_b",))


def test_conditions_are_asked_from_left_to_right(load: Load) -> None:
    policies = """
    @id("fails first") permit (principal, action, resource) when { principal.nick == "x" && false };
    @id("false first") permit (principal, action, resource) when { false && principal.nick == "x" };
    @id("true first") permit (principal, action, resource) when { true || principal.nick == "x" };
    @id("clauses") permit (principal, action, resource) when { principal.nick == "x" } unless { true };
    """

    decision = load(policies).decide(ADA, "read", PLAN)

    assert told(decision) == ("allow", "permitted", ("true first",), ("clauses", "fails first"))


def test_what_nothing_holds_has_no_attributes_and_is_in_nothing(load: Load) -> None:
    policies = """
    @id("has") permit (principal, action, resource) when { principal has level };
    @id("in") permit (principal, action, resource) when { principal in Group::"staff" };
    @id("itself") permit (principal, action, resource) when { principal in User::"nobody" };
    @id("reads") permit (principal, action, resource) when { principal.level > 0 };
    """

    decision = load(policies).decide(EntityRef("User", "nobody"), "read", PLAN)

    assert told(decision) == ("allow", "permitted", ("itself",), ("reads",))


def test_a_chain_of_parents_ends_where_nothing_is_held(load: Load) -> None:
    engine = load('permit (principal in Group::"everybody", action, resource);')

    assert engine.allows(ADA, "read", PLAN)
    assert not engine.allows(BOB, "read", PLAN)


def test_a_scope_with_two_equals_signs_holds_nothing_but_the_entity_itself(load: Load) -> None:
    inside = [{"uid": {"type": "User", "id": "eve"}, "attrs": {}, "parents": [{"type": "User", "id": "ada"}]}]
    engine = load('permit (principal == User::"ada", action, resource);', None, inside)

    assert engine.allows(ADA, "read", PLAN)
    assert not engine.allows(EntityRef("User", "eve"), "read", PLAN)


def test_one_and_true_are_two_elements(load: Load) -> None:
    engine = load('permit (principal, action, resource) when { [1, "1"].contains(context.x) };', None)

    assert [engine.allows(ADA, "read", PLAN, {"x": x}) for x in (1, True, "1")] == [True, False, True]


def test_tags_are_read_by_a_name_that_is_computed(load: Load) -> None:
    engine = load(
        "permit (principal, action, resource)"
        'when { principal.hasTag("team") && principal.getTag(if resource.secret then "x" else "team") like "r*" };'
    )

    assert engine.allows(BOB, "read", PLAN)
    assert not engine.allows(ADA, "read", PLAN)


def test_actions_are_in_groups_and_are_values(load: Load) -> None:
    engine = load('permit (principal, action in Action::"all", resource) when { action != Action::"write" };')

    assert engine.allows(ADA, "read", PLAN)
    assert not engine.allows(ADA, "write", PLAN)


@pytest.mark.parametrize("name", ["read", 'Action::"read"'])
def test_an_action_is_named_by_its_id_or_in_full(load: Load, name: str) -> None:
    assert load('permit (principal, action == Action::"read", resource);').allows(ADA, name, PLAN)


def test_the_context_is_a_record_like_any_other(load: Load) -> None:
    engine = load(
        "permit (principal, action, resource) when { context == {a: 1} && [context].contains({a: 1}) };", None
    )

    assert engine.allows(ADA, "read", PLAN, {"a": 1})
    assert not engine.allows(ADA, "read", PLAN, {"a": True})


def test_numbers_of_64_bits_do_not_wrap(load: Load) -> None:
    engine = load("permit (principal, action, resource) when { context.n + 1 > context.n };", None)

    assert engine.allows(ADA, "read", PLAN, {"n": 2**63 - 2})
    assert told(engine.decide(ADA, "read", PLAN, {"n": 2**63 - 1})) == ("deny", "default", (), ("policy0",))


def test_a_long_chain_is_no_deep_one(load: Load) -> None:
    chain = " || ".join(f"principal.level == {number}" for number in range(100, 5_000)) + " || principal.level == 3"

    assert load(f"permit (principal, action, resource) when {{ {chain} }};").allows(ADA, "read", PLAN)


# -------------------------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("question", "detail"),
    [
        ((ADA, "read", PLAN, {"ip": "10.0.0.300"}), "the context cannot be read: `ip`"),
        ((ADA, "read", PLAN, {"score": 0.5}), "the context cannot be read: `score`"),
        ((ADA, "read", PLAN, {"other": 1}), "the context cannot be read: "),
        ((ADA, "erase", PLAN), "the action `erase` is not declared"),
        ((PLAN, "read", PLAN), "`read` is not asked by a `Doc`"),
        ((EntityRef("Robot", "r"), "read", PLAN), "the type `Robot` is not declared"),
        ((EntityRef("User", "\ud800"), "read", PLAN), "the principal is no entity: `id`: "),
    ],
)
def test_a_request_that_does_not_conform_to_the_schema_is_denied(load: Load, question: Any, detail: str) -> None:
    engine = load("permit (principal, action, resource);")

    decision = engine.decide(*question)

    assert told(decision) == ("deny", "invalid_request", (), ())
    assert decision.detail.startswith(detail)
    assert not engine.allows(*question)


@pytest.mark.parametrize(
    "context", [{"x": None}, {"x": 1.0}, {"x": 2**63}, {"x": {"__extn": {"fn": "ip", "arg": "x"}}}, 5]
)
def test_a_context_that_is_no_json_of_cedar_is_denied_without_a_schema_too(load: Load, context: Any) -> None:
    engine = load("permit (principal, action, resource);", None)

    assert told(engine.decide(ADA, "read", PLAN, context)) == ("deny", "invalid_request", (), ())
    assert not engine.allows(ADA, "read", PLAN, context)


def test_a_missing_attribute_of_the_context_is_denied_where_the_schema_asks_for_it(load: Load) -> None:
    schema = "entity U, R; action a appliesTo { principal: U, resource: R, context: { n: Long } };"
    engine = load("permit (principal, action, resource);", schema, [])
    question = EntityRef("U", "u"), "a", EntityRef("R", "r")

    assert told(engine.decide(*question)) == ("deny", "invalid_request", (), ())
    assert not engine.allows(*question)
    assert engine.allows(*question, {"n": 1})


def test_a_hundred_policies_ask_for_the_context_too(load: Load) -> None:
    # So many rules are looked up, and a rule without a condition needs no context of its own.
    schema = "entity U, R; action a appliesTo { principal: U, resource: R, context: { n: Long } };"
    policies = "".join(f'permit (principal == U::"u{number}", action, resource);' for number in range(100))
    engine = load(policies, schema, [])
    question = EntityRef("U", "u7"), "a", EntityRef("R", "r")

    assert told(engine.decide(*question)) == ("deny", "invalid_request", (), ())
    assert not engine.allows(*question)
    assert engine.allows(*question, {"n": 1})


def test_values_of_pdp_stand_for_those_of_cedar(load: Load) -> None:
    engine = load(
        "permit (principal, action, resource)"
        'when { context.ip.isInRange(ip("10.0.0.0/8")) && context.score.lessThan(decimal("0.5")) };'
    )

    assert engine.allows(ADA, "read", PLAN, {"ip": "10.1.2.3", "score": "0.25"})
    assert engine.allows(ADA, "read", PLAN, {"ip": Ip.parse("10.1.2.3"), "score": Decimal.parse("0.25")})
    assert engine.allows(ADA, "read", PLAN, {"ip": {"__extn": {"fn": "ip", "arg": "10.1.2.3"}}, "score": "0.25"})


def test_without_a_schema_anything_can_be_asked(load: Load) -> None:
    one = '@id("one") forbid (principal, action == Action::"read", resource);'
    engine = load(f'@id("any") {EVERYTHING} {one}', None, None)

    strange = engine.decide(EntityRef("X::Y", ""), 'Z::Action::"odd one"', EntityRef("Q", "q"))

    assert told(strange) == ("allow", "permitted", ("any",), ())
    assert told(engine.decide(ADA, "read", PLAN)) == ("deny", "forbidden", ("one",), ())
    assert engine.allows(ADA, "an action that nobody names", PLAN)


def test_an_action_that_no_policy_names_is_still_a_value(load: Load) -> None:
    engine = load("permit (principal, action, resource) when { action == context.same };", None, None)

    assert engine.allows(ADA, "odd", PLAN, {"same": {"__entity": {"type": "Action", "id": "odd"}}})
    assert not engine.allows(ADA, "even", PLAN, {"same": {"__entity": {"type": "Action", "id": "odd"}}})


def test_entities_that_a_request_brings_are_read_as_cedar_has_them(load: Load) -> None:
    engine = load("permit (principal, action, resource) when { principal.level >= 9 };")
    boss = Entity("User", "boss", {"level": 9})

    assert engine.allows(boss, "read", PLAN)
    assert told(engine.decide(Entity("User", "boss", {"level": "9"}), "read", PLAN))[1] == "invalid_request"


# ------------------------------------------------------------------------------------------- what pdp adds around it


def test_a_session_that_has_ended_is_denied(load: Load) -> None:
    now = datetime.datetime(2026, 11, 23, 9, tzinfo=datetime.UTC)
    engine = load("permit (principal, action, resource);")
    session = {"mfa": True, "methods": [], "authenticated_at": now, "expires_at": now + datetime.timedelta(hours=1)}

    valid = engine.decide(ADA, "read", PLAN, session=session, now=now)
    ended = engine.decide(ADA, "read", PLAN, session=session, now=now + datetime.timedelta(hours=1))

    assert valid
    assert valid.valid_until == now + datetime.timedelta(hours=1)
    assert told(ended) == ("deny", "session_expired", (), ())


def test_a_revoked_principal_is_denied(load: Load) -> None:
    engine = load("permit (principal, action, resource);", revoked=[ADA])

    assert told(engine.decide(ADA, "read", PLAN)) == ("deny", "principal_revoked", (), ())
    assert not engine.allows(ADA, "read", PLAN)


class Failing:
    """A provider that has gone away."""

    def entity(self, ref: EntityRef) -> Entity | None:
        raise OSError("gone")


def test_a_source_that_fails_denies_rather_than_skips_a_forbid(load: Load) -> None:
    forbid = "forbid (principal, action, resource) when { principal.level < 2 };"
    engine = load(EVERYTHING + forbid, providers=[Failing()])
    stranger = EntityRef("User", "stranger")

    assert told(engine.decide(stranger, "read", PLAN)) == ("deny", "internal_error", (), ())
    assert not engine.allows(stranger, "read", PLAN)


# ---------------------------------------------------------------------------------------------------------- changes


def test_an_entity_that_changes_is_seen_at_once(load: Load) -> None:
    engine = load('permit (principal in Group::"staff", action, resource) when { principal.level > 2 };')
    new = Entity("User", "new", {"level": 5}, [EntityRef("Group", "staff")])

    before = engine.allows(new.ref, "read", PLAN)
    engine.upsert_entity(new)
    during = engine.allows(new.ref, "read", PLAN)
    engine.remove_entity(new.ref)
    after = engine.allows(new.ref, "read", PLAN)

    assert [before, during, after] == [False, True, False]


def test_a_group_that_comes_to_be_held_is_seen_by_all_that_are_in_it(load: Load) -> None:
    engine = load('permit (principal in Group::"everybody", action, resource);', SCHEMA, ENTITIES[:1])

    before = engine.allows(ADA, "read", PLAN)
    engine.upsert_entity(Entity("Group", "staff", {}, [EntityRef("Group", "everybody")]))

    assert [before, engine.allows(ADA, "read", PLAN)] == [False, True]


def test_without_a_schema_a_group_is_seen_too(load: Load) -> None:
    engine = load('permit (principal in Anything::"top", action, resource);', None, ENTITIES[:1])

    before = engine.allows(ADA, "read", PLAN)
    engine.upsert_entity(Entity("Group", "staff", {}, [EntityRef("Anything", "top")]))

    assert [before, engine.allows(ADA, "read", PLAN)] == [False, True]


def test_an_action_stays_what_it_was_when_the_policies_were_read(load: Load) -> None:
    engine = load('permit (principal, action in Action::"all", resource);', None)

    with pytest.raises(RequestError, match="in other groups than when the policies were loaded"):
        engine.upsert_entity(Entity("Action", "read", {}, [EntityRef("Action", "all")]))
    with pytest.raises(RequestError, match="in other groups"):
        engine.replace_entities([Entity("Action", "read", {}, [EntityRef("Action", "all")])])
    assert not engine.allows(ADA, "read", PLAN)


def test_an_action_of_the_policies_is_not_removed(load: Load) -> None:
    engine = load('permit (principal, action in Action::"all", resource);')

    with pytest.raises(RequestError, match="is an action of the policies"):
        engine.remove_entity(EntityRef("Action", "read"))
    assert engine.allows(ADA, "read", PLAN)


def test_entities_given_as_objects_replace_the_others_and_leave_the_actions(load: Load) -> None:
    engine = load('permit (principal in Group::"staff", action in Action::"all", resource);')

    engine.replace_entities([Entity("User", "bob", {"level": 1}, [EntityRef("Group", "staff")])])

    assert [engine.allows(who, "read", PLAN) for who in (ADA, BOB)] == [False, True]


def test_another_policy_is_answered_by_at_once(load: Load) -> None:
    engine = load("permit (principal, action, resource);")
    other = load("forbid (principal, action, resource);")

    engine.replace_policy(other.policy)

    assert told(engine.decide(ADA, "read", PLAN)) == ("deny", "forbidden", ("policy0",), ())


def test_another_policy_brings_its_own_actions(load: Load) -> None:
    engine = load('permit (principal, action in Action::"all", resource);')
    schema = SCHEMA.replace(
        "action all;", 'action erase in ["all"] appliesTo { principal: User, resource: Doc }; action all;'
    )
    schema = schema.replace("read, write in [all]", "read, write")

    engine.replace_policy(load('permit (principal, action in Action::"all", resource);', schema).policy)

    assert [engine.allows(ADA, action, PLAN) for action in ("read", "erase")] == [False, True]


def test_entities_that_do_not_fit_another_policy_keep_the_one_there_is(load: Load) -> None:
    engine = load(EVERYTHING)
    schema = SCHEMA.replace("level: Long", "level: String")

    with pytest.raises(RequestError, match="does not fit the policy"):
        engine.replace_policy(load(EVERYTHING, schema, []).policy)

    assert engine.allows(ADA, "read", PLAN)


WITH_RECORD = """
entity U, R;
action a appliesTo { principal: U, resource: R, context: { r: { s: Set<Long>, d: duration, u: U } } };
"""


@pytest.mark.usefixtures("compiled_rules")
@pytest.mark.parametrize("schema", [None, WITH_RECORD], ids=["no schema", "schema"])
def test_what_a_set_of_policies_comes_to_is_learnt_from_any_context(schema: str | None) -> None:
    condition = 'context.r.s.contains(1) && context.r.d < duration("1h") && context.r.u == principal'
    policy = f'permit (principal is U, action == Action::"a", resource is R) when {{ {condition} }};'
    engine = Engine.load_cedar(policy, schema)
    user = {"__entity": {"type": "U", "id": "u"}}
    context = {"r": {"s": [1, 2], "d": {"__extn": {"fn": "duration", "arg": "5m"}}, "u": user}}
    question = EntityRef("U", "u"), "a", EntityRef("R", "r"), context

    assert engine.allows(*question)
    assert engine.decide(*question)

    cell = engine._world.held[question[0]].doors["a"]["R"]
    assert len(cell.leaves) == 1


# ---------------------------------------------------------------------------------------------------------- loading


def test_templates_are_policies_once_they_are_linked(load: Load) -> None:
    template = '@id("reader") permit (principal == ?principal, action == Action::"read", resource == ?resource);'
    links = [
        {
            "template_id": "reader",
            "link_id": "ada reads the plan",
            "args": {"?principal": 'User::"ada"', "?resource": 'Doc::"plan"'},
        }
    ]

    engine = load(template, links=links)

    assert told(engine.decide(ADA, "read", PLAN)) == ("allow", "permitted", ("ada reads the plan",), ())
    assert not engine.allows(ADA, "read", SECRET)
    assert not engine.allows(BOB, "read", PLAN)
    assert not load(template).allows(ADA, "read", PLAN)


def folder_of(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return path


def test_a_folder_is_loaded_as_any_other(tmp_path: Path) -> None:
    import json

    folder = folder_of(
        tmp_path / "app",
        a__cedar='@id("staff reads") permit (principal in Group::"staff", action == Action::"read", resource);',
        b__cedar="forbid (principal, action, resource) when { resource.secret };",
        app__cedarschema=SCHEMA,
        entities__json=json.dumps(ENTITIES),
    )

    engine = Engine.load(folder, cache="off")

    assert told(engine.decide(ADA, "read", PLAN)) == ("allow", "permitted", ("staff reads",), ())
    assert told(engine.decide(ADA, "read", SECRET)) == ("deny", "forbidden", ("b.policy0",), ())
    assert engine.policy.revision == Engine.load(folder, cache="off").policy.revision


def test_what_is_kept_of_a_folder_answers_as_the_texts_do(tmp_path: Path) -> None:
    import json

    text = """
    permit (principal, action, resource) when { principal.hasTag("team") && principal.getTag("team") == "red" };
    permit (principal is User in Group::"staff", action in [Action::"all"], resource)
    when { if resource.secret then principal.level + 1 > 9 else resource has owner.nick || true }
    unless { datetime("0000-01-01") > datetime("2020-01-01").offset(duration("-9223372036854775808ms")) };
    forbid (principal, action, resource) when { ip("10.1.2.3/8") == ip("10.0.0.0/8") };
    forbid (principal, action, resource) when { resource.owner is User in principal && context has ip };
    """
    folder = folder_of(tmp_path / "app", a__cedar=text, s__cedarschema=SCHEMA, entities__json=json.dumps(ENTITIES))
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    questions = [
        Request(who, action, what, context)
        for who in (ADA, BOB, EntityRef("User", "x"))
        for action in ("read", "write")
        for what in (PLAN, SECRET, EntityRef("Doc", "x"))
        for context in (None, {"ip": "10.0.0.1"})
    ]
    answers = [Engine.load(folder, cache="off").decide_many(questions)]

    answers += [Engine.load(folder, cache=cache).decide_many(questions) for _ in range(2)]

    assert answers[0] == answers[1] == answers[2]
    assert len({decision.outcome for decision in answers[0]}) == 2


def test_what_is_kept_and_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "app", a__cedar="permit (principal, action, resource);")
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    Engine.load(folder, cache=cache)
    (kept,) = [path for path in cache.rglob("*") if path.is_file()]
    kept.write_bytes(kept.read_bytes()[:-9] + b"\0" * 9)

    assert Engine.load(folder, cache=cache).allows(ADA, "read", PLAN)


def test_a_change_of_any_file_is_seen_through_the_cache(tmp_path: Path) -> None:
    import json

    folder = folder_of(tmp_path / "app", a__cedar='permit (principal in Group::"staff", action, resource);')
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)

    before = Engine.load(folder, cache=cache).allows(ADA, "read", PLAN)
    (folder / "entities.json").write_text(json.dumps(ENTITIES), encoding="utf-8")
    after = Engine.load(folder, cache=cache).allows(ADA, "read", PLAN)
    (folder / "a.cedar").write_text("forbid (principal, action, resource);", encoding="utf-8")

    assert [before, after, Engine.load(folder, cache=cache).allows(ADA, "read", PLAN)] == [False, True, False]


def test_policies_of_pdp_and_of_cedar_are_not_one_set(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "app", a__cedar="permit (principal, action, resource);", b__pdp="type User\n")

    with pytest.raises(PolicyError) as raised:
        Engine.load(folder, cache="off")

    (wrong,) = raised.value.diagnostics
    assert (wrong.code, wrong.message) == ("mixed_policies", "`a.cedar` is a policy of Cedar, and `b.pdp` one of pdp")


def test_two_policies_of_one_id_in_two_files_are_an_error(tmp_path: Path) -> None:
    text = '@id("one") permit (principal, action, resource);'
    folder = folder_of(tmp_path / "app", a__cedar=text, b__cedar=text)

    with pytest.raises(PolicyError) as raised:
        Engine.load(folder, cache="off")

    (wrong,) = raised.value.diagnostics
    assert (wrong.code, wrong.message) == ("duplicate_policy_id", "two policies have the id `one`")


def test_what_is_wrong_with_policies_and_entities_is_raised_with_its_place() -> None:
    with pytest.raises(PolicyError, match=r"policies\.cedar:1:8"):
        Engine.load_cedar("permit principal, action, resource);")
    with pytest.raises(FactsError, match=r"entities\.json"):
        Engine.load_cedar("permit (principal, action, resource);", SCHEMA, [{"uid": {"type": "User", "id": "a"}}])
    with pytest.raises(RequestError, match="no JSON"):
        Engine.load_cedar("permit (principal, action, resource);", None, [object()])
    with pytest.raises(RequestError, match="neither a text nor the path"):
        Engine.load_cedar(5)  # type: ignore[arg-type]


def test_entities_may_be_objects_of_pdp(load: Load) -> None:
    policy = 'permit (principal, action, resource) when { principal.getTag("team") == "blue" };'
    engine = load(policy, SCHEMA, [Entity("User", "ada", {"level": 3}, [], {"team": "blue"})])

    assert engine.allows(ADA, "read", PLAN)


def test_the_public_surface_has_what_a_user_of_cedar_needs() -> None:
    engine = pdp.Engine.load_cedar('permit (principal == User::"ada", action, resource);')

    assert engine.allows(pdp.ref("User", "ada"), "view", pdp.ref("Photo", "x"))
    assert engine.policy.schema.is_cedar
