"""Revocations in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdp.checker.world import SESSION
from pdp.folder import load_sources
from pdp.model import Revocation, RevocationKind
from pdp.revocation.index import Index, Revoked, full_name, spellings
from pdp.schema import Schema
from pdp.source import Source
from pdp.values import Datetime, EntityRef

TEXTS = st.sampled_from(["", "a", "b", "ab", "1:a", "a1:", ":"])
REVOCATIONS = st.builds(
    Revocation,
    st.sampled_from([*RevocationKind]),
    TEXTS,
    TEXTS,
    st.none() | st.integers(0, 3).map(Datetime),
)


def schema(text: str, *more: str) -> Schema:
    sources = [Source(f"{number}.pdp", each) for number, each in enumerate((text, *more))]
    return load_sources(sources).require()[0].schema


@given(st.lists(st.lists(REVOCATIONS, max_size=4), max_size=5), st.none() | st.integers(0, 3))
def test_an_index_holds_what_was_put_into_it_and_none_changes_afterwards(
    steps: list[list[Revocation]], proved: int | None
) -> None:
    indexes, known = [Index.empty()], [list[Revocation]()]
    for step in steps:
        indexes.append(indexes[-1].with_all(step))
        known.append([*known[-1], *step])

    for index, revocations in zip(indexes, known, strict=True):
        for each in (*known[-1], Revocation(RevocationKind.TOKEN, "z")):
            same = [one for one in revocations if (one.kind, one.type, one.value) == (each.kind, each.type, each.value)]
            reaches = any(one.not_before is None or proved is None or proved <= one.not_before.micros for one in same)
            assert index.revokes(each.kind, each.type, each.value, proved) is reaches
            assert index.has(each.kind, each.type, each.value) is bool(same)
        assert len(index) == len({(each.kind, each.type, each.value) for each in revocations})
        assert index.groups is any(each.kind is RevocationKind.GROUP for each in revocations)


def test_what_adds_nothing_is_the_same_index() -> None:
    late, early = Datetime(2), Datetime(1)
    index = Index.of([Revocation(RevocationKind.KEY, "k", not_before=late)])

    assert index.with_all([Revocation(RevocationKind.KEY, "k", not_before=early)]) is index
    assert index.with_all([Revocation(RevocationKind.KEY, "k")]).mark is not index.mark


def test_a_type_is_known_by_each_of_its_names_whatever_the_policy_calls_it() -> None:
    alone = schema("namespace hr\ntype User\n")
    both = schema("namespace hr\ntype User\n", "namespace it\ntype User\n")

    assert (full_name("User", alone), spellings("User", alone)) == ("hr.User", ("User", "hr.User"))
    assert spellings("hr.User", both) == ("User", "hr.User")
    for name in ("User", "hr.User"):
        index = Index.of([Revocation(RevocationKind.PRINCIPAL, "ada", name)])
        assert Revoked(index, alone).entity(EntityRef("User", "ada"), None)
        assert Revoked(index, both).entity(EntityRef("hr.User", "ada"), None)
    of_one = Index.of([Revocation(RevocationKind.PRINCIPAL, "ada", "hr.User")])
    assert not Revoked(of_one, both).entity(EntityRef("it.User", "ada"), None)


def test_a_type_that_lost_its_namespace_is_known_by_the_one_it_had() -> None:
    bare, other = schema("type User\n"), schema("namespace it\ntype User\n")
    beside = schema("type User\n", "namespace hr\ntype User\n")
    index = Index.of([Revocation(RevocationKind.PRINCIPAL, "ada", "hr.User")])

    assert Revoked(index, bare).entity(EntityRef("User", "ada"), None)
    # Where that name is another's, it is no name of this one; nor is that of one namespace a name in another.
    assert not Revoked(index, beside).entity(EntityRef("User", "ada"), None)
    assert not Revoked(index, other).entity(EntityRef("User", "ada"), None)


def test_a_workload_is_told_by_how_its_id_begins() -> None:
    index = Index.of([Revocation(RevocationKind.WORKLOAD, "ci/", "Workload")])
    revoked = Revoked(index, schema("type Workload\ntype Job\n"))

    assert [revoked.entity(EntityRef("Workload", each), 5) for each in ("ci/", "ci/a", "ci", "x/ci/")] == [
        True,
        True,
        False,
        False,
    ]
    assert not revoked.entity(EntityRef("Job", "ci/a"), 5)


def test_what_is_revoked_by_session_is_what_every_session_may_say() -> None:
    assert {"session_id", "token_id", "key_id", "device_id"} <= SESSION.keys()


def test_no_two_kinds_begin_alike() -> None:
    assert len({kind[0] for kind in RevocationKind}) == len(RevocationKind)


def test_to_add_one_copies_one_part_of_many() -> None:
    index = Index.of(Revocation(RevocationKind.TOKEN, f"t{number}") for number in range(20_000))

    after = index.with_all([Revocation(RevocationKind.TOKEN, "new")])

    copied = [part for part, old in zip(after._shards, index._shards, strict=True) if part is not old]
    assert len(copied) == 1
    assert len(copied[0]) < 40
