"""Questions that seem to be about something else than a forbid names, and ways to lose one."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from pdp import folder
from pdp.engine import Engine
from pdp.errors import PolicyError, RequestError
from pdp.model import Decision, Entity
from pdp.values import EntityRef

ADA, DOC = EntityRef("User", "ada"), EntityRef("Doc", "plan")
EVERYTHING = "permit (principal, action, resource);"

Load = Callable[..., Engine]


@pytest.fixture(params=[True, False], ids=["compiled", "interpreter"])
def load(request: pytest.FixtureRequest) -> Load:
    """Load policies without a schema, for compiled rules and for the interpreter."""
    return lambda policies, *rest, **options: Engine.load_cedar(policies, *rest, compiled=request.param, **options)


def told(decision: Decision) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    return str(decision.outcome), str(decision.reason), decision.determining_rules, decision.erring_rules


# ------------------------------------------------------------------------------------------- names without a schema


@pytest.mark.parametrize(
    "name", ["read", 'Action::"read"', 'Action :: "read"', 'Action::"rea\\u{64}"', 'Action::\n"read"']
)
def test_an_action_is_the_same_however_it_is_spelt(load: Load, name: str) -> None:
    engine = load(f'{EVERYTHING} forbid (principal, action == Action::"read", resource);')

    assert told(engine.decide(ADA, name, DOC)) == ("deny", "forbidden", ("policy1",), ())
    assert not engine.allows(ADA, name, DOC)


def test_an_id_alone_is_of_no_namespace_where_several_actions_have_it(load: Load) -> None:
    policies = """
        permit (principal, action in [Action::"read", Shop::Action::"read"], resource);
        forbid (principal, action == Action::"read", resource);
    """

    assert told(load(policies).decide(ADA, "read", DOC)) == ("deny", "forbidden", ("policy1",), ())


@pytest.mark.parametrize("name", ['"', '""', '"""'])
def test_no_name_is_that_of_what_stands_for_all_other_actions(load: Load, name: str) -> None:
    quoted = name.replace('"', '\\"')
    engine = load(f'{EVERYTHING} forbid (principal, action, resource) when {{ action == Action::"{quoted}" }};')
    other = load(f"{EVERYTHING} forbid (principal, action, resource) when {{ [action].containsAny([principal]) }};")

    for _ in range(2):
        assert told(engine.decide(ADA, name, DOC)) == ("deny", "forbidden", ("policy1",), ())
        assert told(other.decide(ADA, name, DOC)) == ("allow", "permitted", ("policy0",), ())


@pytest.mark.parametrize("name", ['Action::"read', 'Action::read"', '::"read"', 'Action::"\\q"', "half \ud800"])
def test_what_is_no_name_of_an_action_is_denied(load: Load, name: str) -> None:
    decision = load(EVERYTHING).decide(ADA, name, DOC)

    assert told(decision) == ("deny", "invalid_request", (), ())
    assert decision.detail.startswith("the action has no name: ")


@pytest.mark.parametrize(
    "kind", ["User ", " User", "Shop::", "", "if", "Shop::__cedar", "\uff35ser", "U\ud800", "User\n"]
)
def test_a_type_that_cannot_be_one_is_asked_about_nothing(load: Load, kind: str) -> None:
    engine = load(
        f"{EVERYTHING} forbid (principal is User, action, resource); forbid (principal, action, resource is User);"
    )

    for asked in (EntityRef(kind, "ada"), Entity(kind, "ada")):
        assert told(engine.decide(asked, "read", DOC)) == ("deny", "invalid_request", (), ())
        assert told(engine.decide(DOC, "read", asked)) == ("deny", "invalid_request", (), ())


# --------------------------------------------------------------------------------------------- entities that are listed

LISTED = """
entity User;
entity Status enum ["open", "done"];
action read appliesTo { principal: [User, Status], resource: [Status] };
"""


def test_an_entity_that_its_type_does_not_list_is_asked_about_nothing(load: Load) -> None:
    engine = load(EVERYTHING, LISTED)
    gone = EntityRef("Status", "gone")

    for _ in range(2):
        for question in ((ADA, "read", gone), (gone, "read", EntityRef("Status", "open"))):
            assert told(engine.decide(*question)) == ("deny", "invalid_request", (), ())
            assert not engine.allows(*question)


def test_a_condition_may_name_an_entity_that_its_type_does_not_list(load: Load) -> None:
    engine = load(f'{EVERYTHING} forbid (principal, action, resource) when {{ Status::"gone" in resource }};', LISTED)

    for _ in range(2):
        assert engine.allows(ADA, "read", EntityRef("Status", "open"))


# --------------------------------------------------------------------------------------------------- other policies

DANGEROUS = [{"uid": {"type": "Action", "id": "read"}, "attrs": {"danger": True}, "parents": []}]
GROUPED = [{"uid": {"type": "Action", "id": "read"}, "attrs": {}, "parents": [{"type": "Action", "id": "all"}]}]
CAREFUL = f"{EVERYTHING} forbid (principal, action, resource) when {{ action.danger && !(principal is Robot) }};"
CLOSED = "entity User; entity Doc; action read appliesTo { principal: User, resource: Doc };"


def test_an_action_keeps_its_attributes_under_another_policy(load: Load) -> None:
    engine = load(EVERYTHING, None, DANGEROUS)

    engine.replace_policy(load(CAREFUL, None, []).policy)

    assert told(engine.decide(ADA, "read", DOC)) == ("deny", "forbidden", ("policy1",), ())


def test_a_policy_that_knows_nothing_of_a_group_of_actions_is_refused(load: Load) -> None:
    engine = load(EVERYTHING, None, GROUPED)
    other = f'{EVERYTHING} forbid (principal, action in Action::"all", resource);'

    with pytest.raises(RequestError, match='Action "read" does not fit the policy: there it is not in Action "all"'):
        engine.replace_policy(load(other, None, []).policy)

    engine.replace_policy(load(other, None, GROUPED).policy)
    assert told(engine.decide(ADA, "read", DOC)) == ("deny", "forbidden", ("policy1",), ())


def test_a_schema_has_no_room_for_an_action_with_attributes(load: Load) -> None:
    engine = load(EVERYTHING, None, DANGEROUS)

    with pytest.raises(RequestError, match='Action "read" does not fit the policy: there it is not with attributes'):
        engine.replace_policy(load(CAREFUL, CLOSED, []).policy)

    assert engine.allows(ADA, "read", DOC)


ADDRESSED = """
type Group { name?: String }
type User in Group { ip?: Ip }
type Doc
action read on Doc by User
rule ours: permit User to read on Doc
rule inside: forbid User to read on Doc
  when principal.ip in 10.0.0.0/8
  because "from inside only"
"""


def test_policies_of_pdp_take_no_parent_that_nobody_holds_from_cedar(load: Load) -> None:
    lost = {"uid": {"type": "User", "id": "ada"}, "attrs": {}, "parents": [{"type": "Group", "id": "gone"}]}
    engine = load(EVERYTHING, None, [lost])

    with pytest.raises(RequestError, match='User "ada" is in Group "gone", which the engine does not hold'):
        engine.replace_policy(Engine.from_text(ADDRESSED).policy)

    assert told(engine.decide(ADA, "read", DOC)) == ("allow", "permitted", ("policy0",), ())


def test_policies_of_pdp_read_an_address_of_cedar_as_their_own(load: Load) -> None:
    mapped = {"__extn": {"fn": "ip", "arg": "::ffff:a00:1"}}
    engine = load(EVERYTHING, None, [{"uid": {"type": "User", "id": "ada"}, "attrs": {"ip": mapped}, "parents": []}])

    engine.replace_policy(Engine.from_text(ADDRESSED).policy)

    assert told(engine.decide(ADA, "read", DOC)) == ("deny", "forbidden", ("inside",), ())


# ------------------------------------------------------------------------------------------- actions of other sources


class Source:
    """Holds one entity."""

    def __init__(self, entity: Entity) -> None:
        self._entity = entity

    def entity(self, ref: EntityRef) -> Entity | None:
        return self._entity if ref == self._entity.ref else None


def test_a_request_brings_no_group_of_an_action(load: Load) -> None:
    engine = load(f'{EVERYTHING} forbid (principal, action in Action::"all", resource);')
    brought = Entity("Action", "read", {}, [EntityRef("Action", "all")])

    decision = engine.decide(ADA, "read", DOC, entities=[brought])

    assert told(decision) == ("deny", "invalid_request", (), ())
    assert decision.detail == 'Action "read" is in other groups than when the policies were loaded'


def test_a_source_that_says_otherwise_of_an_action_is_one_that_fails(load: Load) -> None:
    source = Source(Entity("Action", "read", {}, [EntityRef("Action", "all")]))
    engine = load(f"{EVERYTHING} forbid (principal, action, resource) when {{ action.danger }};", providers=[source])

    assert told(engine.decide(ADA, "read", DOC)) == ("deny", "internal_error", (), ())


# -------------------------------------------------------------------------------------------------------- a folder


@pytest.mark.parametrize("name", ["A.CEDARSCHEMA", "a.cedarschema.JSON", "Links.json", "a.Links.json", "Entities.json"])
def test_what_stands_beside_policies_is_not_passed_over_for_capital_letters(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.cedar").write_text(EVERYTHING)
    (tmp_path / name).write_text("[]")

    loaded = folder.load(tmp_path, cache="off")

    assert loaded.policy is None
    assert [(each.code, each.message, each.help) for each in loaded.errors] == [
        (
            "misnamed_policy",
            "the name is that of a file that is read, but for capital letters",
            f"call it `{name.lower()}`",
        )
    ]
    assert all(each.span is not None and each.span.source.path == name for each in loaded.errors)


def test_policies_of_pdp_have_nothing_of_the_kind_beside_them(tmp_path: Path) -> None:
    (tmp_path / "a.pdp").write_text("type User\n")
    (tmp_path / "Links.json").write_text("[]")

    assert not folder.load(tmp_path, cache="off").errors


# ---------------------------------------------------------------------------------------------------- bounded work


def test_a_long_chain_of_groups_of_actions_takes_no_room_for_all_that_is_in_each(load: Load) -> None:
    chain = "".join(f"action g{number} in [g{number - 1}];" for number in range(1, 3_000))
    read = "action read in [g2999] appliesTo { principal: User, resource: Doc };"
    schema = f"entity User; entity Doc; action g0; {chain} {read}"

    tracemalloc.start()
    try:
        engine = load('permit (principal, action in Action::"g0", resource);', schema)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert engine.allows(ADA, "read", DOC)
    assert peak < 100 * 1024 * 1024


# ----------------------------------------------------------------------------------------------- the language of pdp

DECLARED = "type User\ntype Doc\naction read on Doc by User\n"


@pytest.mark.parametrize("condition", ["action == 1", "action has x", "action.x == 1", "action is User"])
def test_the_action_is_no_value_in_the_language_of_pdp(condition: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Engine.from_text(f"{DECLARED}rule ours: permit User to read on Doc\n  when {condition}\n")

    (found,) = caught.value.diagnostics
    assert found.message == "`action` is not declared"
    assert found.span is not None and found.span.text == "action"
    assert found.help == "a bare name is a parameter, a define or a member of an enum; a text stands in quotes"


def test_a_define_of_pdp_may_be_called_action() -> None:
    define = "define action = principal.level == 3\n"
    policy = DECLARED.replace("type User", "type User { level: Int }") + define
    engine = Engine.from_text(
        f"{policy}rule ours: permit User to read on Doc\n  when action\n",
        entities=[Entity("User", "ada", {"level": 3}), Entity("User", "bob", {"level": 1})],
    )

    assert engine.allows(ADA, "read", DOC)
    assert not engine.allows(EntityRef("User", "bob"), "read", DOC)


def test_an_entity_of_pdp_has_no_tags() -> None:
    engine = Engine.from_text(
        "type User { level: Int }\naction read on User by User\nrule r: permit User to read on User"
    )

    with pytest.raises(RequestError, match="entities have no tags"):
        engine.upsert_entity(Entity("User", "ada", {"level": 1}, [], {"team": "red"}))


def test_an_action_whose_id_reads_like_a_full_name_is_not_taken_for_another() -> None:
    schema = 'entity U; action "Action::\\"zz\\"" appliesTo { principal: U, resource: U };'
    engine = Engine.load_cedar("permit (principal, action, resource);", schema)
    user = EntityRef("U", "u")

    assert not engine.allows(user, 'Action::"zz"', user)
    assert engine.allows(user, r'Action::"Action::\"zz\""', user)


def test_a_template_that_no_link_fills_is_told(tmp_path: Path) -> None:
    text = '@id("t") forbid (principal == ?principal, action, resource);'
    (tmp_path / "a.cedar").write_text(text, encoding="utf-8")

    found = [each for each in folder.load(tmp_path, validate=True).diagnostics if each.code == "unlinked_template"]

    (told,) = found
    assert told.message == "the template `t` is linked nowhere, so that it forbids nothing"
    assert told.span is not None
    assert told.span.text == text
    assert told.help == "link it in a file that is called `links.json`, or remove it"
