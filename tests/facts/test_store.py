from pathlib import PurePosixPath

import pytest
from facts.worlds import WORLD, entity_type, group, load_text, schema_of, store_of, user
from hypothesis import given
from hypothesis import strategies as st

from pdp.entities import Store, is_entity_file, load
from pdp.model import Membership, Node
from pdp.source import Source
from pdp.types import FieldType, Primitive, SetType
from pdp.values import UNKNOWN, Datetime, Decimal, Duration, EntityRef, EnumMember, Ip, Record, ValueSet


def node(id: str, parents: tuple[Membership, ...] = (), **attributes: object) -> Node:
    return Node(user(id), attributes, parents)


def test_an_empty_store_holds_nothing():
    store = Store.empty()

    assert (len(store), list(store), store.node(user("ada"))) == (0, [], None)


def test_a_store_gives_back_what_it_holds():
    nodes = [node("ada", email="a"), node("bob")]

    store = Store.of(iter(nodes))

    assert list(store) == nodes
    assert len(store) == 2
    assert store.node(user("ada")) is nodes[0]
    assert store.node(group("ada")) is None


def test_a_store_does_not_hold_two_entities_of_one_name():
    with pytest.raises(ValueError, match='User "ada" is there twice'):
        Store.of([node("ada"), node("ada")])


def test_a_revision_is_sixteen_hexadecimal_digits_that_stay_the_same():
    store = Store.of([node("ada", [Membership(group("sre"), Datetime(5))], email="a", level=1)])

    assert store.revision == store.revision == "5b5473884963a6b6"
    assert Store.empty().revision == "bf35f71c2617b1d2"


VARIANTS = [
    node("a"),
    node("b"),
    node("a", x=1),
    node("a", x=True),
    node("a", x="1"),
    node("a", x="true"),
    node("a", x=Decimal(1)),
    node("a", x=Datetime(1)),
    node("a", x=Duration(1)),
    node("a", x=Ip(4, 1, 1)),
    node("a", x=Ip(6, 1, 1)),
    node("a", x=EnumMember("E", "m")),
    node("a", x=EnumMember("Em", "")),
    node("a", x=user("m")),
    node("a", x=ValueSet([])),
    node("a", x=ValueSet([1])),
    node("a", x=ValueSet([True])),
    node("a", x=ValueSet(["a", "bc"])),
    node("a", x=ValueSet(["ab", "c"])),
    node("a", x=Record({})),
    node("a", x=Record({"a": "bc"})),
    node("a", x=Record({"ab": "c"})),
    node("a", x=UNKNOWN),
    node("a", y=1),
    node("a", x=1, y=1),
    node("a", (Membership(user("x")),)),
    node("a", (Membership(user("x"), Datetime(1)),)),
    node("a", (Membership(user("x")), Membership(user("y")))),
    Node(group("a"), {}),
    Node(EntityRef("Us", "era"), {}),
]


def test_what_differs_in_anything_has_another_revision():
    revisions = [Store.of([each]).revision for each in VARIANTS]

    assert len(set(revisions)) == len(revisions)


def test_a_revision_does_not_depend_on_the_order_of_anything():
    parents = [Membership(group("x")), Membership(group("y"), Datetime(1))]
    one = node("a", tuple(parents), x=ValueSet([1, 2]), y=Record({"a": 1, "b": 2}))
    other = Node(user("a"), {"y": Record({"b": 2, "a": 1}), "x": ValueSet([2, 1])}, tuple(reversed(parents)))

    assert Store.of([one, node("b")]).revision == Store.of([node("b"), other]).revision


ids = st.lists(st.text('ab"\\;é', min_size=1, max_size=3), unique=True, min_size=1, max_size=6)


@given(ids, st.randoms(use_true_random=False))
def test_the_order_of_entities_and_files_changes_neither_store_nor_revision(names, random):
    def lines(number: int) -> str:
        chain = [f"in: ['{group(names[number - 1])!s}']"] if number else []
        return "{" + ", ".join(["type: Group", "id: " + group(names[number]).__str__()[6:], *chain]) + "}"

    entities = [lines(number) for number in range(len(names))]
    ordered = store_of("e.yaml", f"entities: [{', '.join(entities)}]")
    random.shuffle(entities)
    cut = random.randint(0, len(entities))
    parts = [entities[:cut], entities[cut:]]
    random.shuffle(parts)

    sources = [Source(f"{n}.yaml", f"entities: [{', '.join(part)}]") for n, part in enumerate(parts)]
    store, found = load(sources, WORLD)

    assert found == []
    assert store.revision == ordered.revision
    assert {each.ref: each for each in store} == {each.ref: each for each in ordered}


def test_a_change_in_a_file_changes_the_revision():
    one = store_of("User.csv", "id,email\nada,a\n")
    other = store_of("User.csv", "id,email\nada,b\n")

    assert one.revision != other.revision


def test_the_same_entities_in_another_format_are_the_same_facts():
    as_csv = store_of("User.csv", "id,email,level\nada,a,1\n")
    as_json = store_of(
        "e.json", '{"entities": [{"attributes": {"level": 1, "email": "a"}, "id": "ada", "type": "User"}]}'
    )

    assert as_csv.revision == as_json.revision


def test_a_file_of_another_ending_is_an_error():
    store, found = load_text("entities.toml", "")

    assert (len(store), [each.code for each in found]) == (0, ["unknown_format"])


def test_no_files_are_an_empty_store():
    store, found = load([], WORLD)

    assert (len(store), found) == (0, [])


def test_the_collector_runs_again_after_a_load():
    import gc

    load_text("e.json", "{")

    assert gc.isenabled()


@pytest.mark.parametrize(
    "path",
    ["entities.json", "entities.yaml", "a/entities.yml", "prod.entities.csv", "entities/User.csv", "entities/a/b.json",
     "x/entities/checkout.Service.csv"],
)  # fmt: skip
def test_a_file_of_entities_is_known_by_its_path(path):
    assert is_entity_file(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    ["User.csv", "entities.pdp", "entities", "entities.toml", "my-entities.json", "entities.json.bak", "entity/a.json",
     "Entities/a.json", "entities.JSON", "pyproject.yaml", ""],
)  # fmt: skip
def test_other_files_are_none(path):
    assert not is_entity_file(PurePosixPath(path))


def test_a_set_of_sets_is_read_and_counts_in_the_revision():
    world = schema_of(entity_type("Grid", rows=FieldType(SetType(SetType(Primitive.INT)))))
    text = '{"entities": [{"type": "Grid", "id": "g", "attributes": {"rows": %s}}]}'

    one, other = (store_of("e.json", text % rows, world).revision for rows in ("[[1, 2], []]", "[[1], [2]]"))

    assert one != other
