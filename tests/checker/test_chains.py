"""Declarations that name each other in long chains: what is too long is told, whichever end stands first."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.errors import Diagnostic
from pdp.folder import load_sources
from pdp.schema import EntityType, Schema
from pdp.source import Source
from pdp.types import RecordType

WORLD = "type User\ntype Page\naction a0 on Page by User\n"
LIMIT = 64


def found_in(*texts: str) -> list[Diagnostic]:
    return list(load_sources([Source(f"{number}.pdp", text) for number, text in enumerate(texts)]).diagnostics)


def groups(count: int) -> list[str]:
    return ["actions g0 = a0\n"] + [f"actions g{number} = g{number - 1}\n" for number in range(1, count)]


def roles(count: int) -> list[str]:
    return ["role g0 on Page: a0\n"] + [f"role g{number} on Page: g{number - 1}\n" for number in range(1, count)]


@pytest.mark.parametrize("chain", [groups, roles])
def test_the_order_of_declarations_does_not_tell_how_long_a_chain_may_be(chain):
    for count, codes in ((LIMIT + 1, []), (LIMIT + 2, ["nested_too_deep"])):
        declared = chain(count)
        middle = declared[count // 2 :] + declared[: count // 2]
        for written in (declared, declared[::-1], middle, declared[::2] + declared[1::2]):
            assert [each.code for each in found_in(WORLD + "".join(written))] == codes


@pytest.mark.parametrize("chain", [groups, roles])
def test_the_order_of_files_does_not_tell_how_long_a_chain_may_be(chain):
    declared = chain(LIMIT + 2)

    for texts in ((WORLD, *declared), (*declared[::-1], WORLD)):
        assert [each.code for each in found_in(*texts)] == ["nested_too_deep"]


def test_a_chain_of_groups_that_is_too_long_says_where_and_what_would_help():
    (found,) = found_in(WORLD + "".join(groups(LIMIT + 2)))

    assert (found.message, found.span.text, found.help) == (
        "groups and roles contain each other more than 64 deep",
        f"g{LIMIT}",
        "name the actions directly",
    )


@pytest.mark.parametrize(
    "text",
    [
        WORLD + "".join(groups(20_000)),
        WORLD + "".join(reversed(groups(20_000))),
        WORLD + "".join(f"actions g{number} = g{(number + 1) % 20_000}\n" for number in range(20_000)),
        WORLD + "".join(roles(20_000)),
    ],
    ids=["groups", "groups_backwards", "a_ring_of_groups", "roles"],
)
def test_twenty_thousand_groups_in_each_other_are_told_in_moments(text):
    began = time.process_time()

    found = found_in(text)

    assert {each.code for each in found} <= {"nested_too_deep", "too_many_errors"}
    assert found
    assert time.process_time() - began < 10


# ---------------------------------------------------------------------------------------- types inside one another

TYPES = 20_000
SHAPES = {
    "a_chain": lambda number: f" in T{number + 1}" if number + 1 < TYPES else "",
    "a_chain_backwards": lambda number: f" in T{number - 1}" if number else "",
    "a_ring": lambda number: f" in T{(number + 1) % TYPES}",
    "a_ladder": lambda number: f" in T{number + 1}, T{number + 2}" if number + 2 < TYPES else "",
    "all_in_one_and_one_in_all": lambda number: (
        " in T0" if number else " in " + ", ".join(f"T{n}" for n in range(TYPES))
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_twenty_thousand_types_in_each_other_are_checked_in_moments(shape):
    types = "".join(f"type T{number}{SHAPES[shape](number)}\n" for number in range(TYPES))
    rule = 'rule r:\n  permit User in T1 "x" to read on Page\n'
    began = time.process_time()

    found = found_in("type User in T0\ntype Page\naction read on Page by User\n" + types + rule)

    # Where each type is in the one before it, a user is in T0 and never in T1.
    assert [each.code for each in found] == (["impossible_scope"] if shape == "a_chain_backwards" else [])
    assert time.process_time() - began < 10


names = st.sampled_from("ABCDEFGH")


@given(st.dictionaries(names, st.frozensets(names), min_size=1))
def test_what_can_be_in_a_type_is_what_a_way_leads_to(parents):
    schema = Schema(
        entities={
            name: EntityType(name=name, parents=above, attributes=RecordType({})) for name, above in parents.items()
        },
        enums={}, actions={}, groups={}, roles={}, obligations={},
    )  # fmt: skip

    def ways(name: str) -> set[str]:
        seen, work = {name}, [name]
        while work:
            new = [each for each in parents.get(work.pop(), ()) if each in parents and each not in seen]
            seen.update(new)
            work += new
        return seen

    above = {name: ways(name) for name in parents}
    assert {name: schema.members[name] for name in parents} == {
        name: frozenset(each for each in parents if name in above[each]) for name in parents
    }
    for member in parents:
        for parent in parents:
            assert schema.can_be_in(member, parent) is (parent in above[member])
