"""Declarations that name each other in long chains: what is too long is told, whichever end stands first."""

from __future__ import annotations

import time

import pytest

from pdp.errors import Diagnostic
from pdp.folder import load_sources
from pdp.source import Source

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
