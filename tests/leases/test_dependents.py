"""What depends on what, beside a model that keeps nothing but who was added, and follows everything each time."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from pdp.leases.dependents import Dependents, Key, Proof
from pdp.values import EntityRef

REFS = [EntityRef(type_, f"{letter}{number}") for type_ in ("User", "Group") for letter in "ab" for number in range(3)]
NAMES = [f"s:{number}" for number in range(4)]
PROOFS = [Proof(tuple(NAMES[begin:end])) for begin in range(3) for end in range(begin + 1, 5)]
KEYS: list[Key] = [*REFS, *PROOFS, "?"]
LEASES = range(5)

Parents = dict[EntityRef, tuple[EntityRef, ...]]


class Model:
    """Leases by where they start; what things are in is what they were in when somebody last took note."""

    def __init__(self) -> None:
        self.starts: dict[Key, set[int]] = {}
        self.noted: dict[Key, frozenset[Key]] = {}

    def add(self, lease: int, keys: Iterable[Key], parents: Parents) -> None:
        for key in keys:
            if key not in self.starts:
                self.starts[key] = set()
                self.noted[key] = above(key, parents)
            self.starts[key].add(lease)

    def remove(self, lease: int, keys: Iterable[Key]) -> None:
        for key in keys:
            self.starts.get(key, set()).discard(lease)
            if not self.starts.get(key, {lease}):
                del self.starts[key], self.noted[key]

    def renew(self, ref: EntityRef, parents: Parents) -> None:
        for key in self.starting(ref):
            self.noted[key] = above(key, parents)

    def starting(self, key: Key) -> set[Key]:
        return {start for start, noted in self.noted.items() if start == key or key in noted}

    def of(self, key: Key) -> set[int]:
        return {lease for start in self.starting(key) for lease in self.starts[start]}


def above(key: Key, parents: Parents) -> frozenset[Key]:
    if isinstance(key, Proof):
        return frozenset(key.names)
    if not isinstance(key, EntityRef):
        return frozenset()
    found: set[Key] = set()
    work = [key]
    while work:
        for parent in parents.get(work.pop(), ()):
            if parent not in found:
                found.add(parent)
                work.append(parent)
    return frozenset(found - {key})


class Both:
    """The index and its model, told the same."""

    def __init__(self) -> None:
        self.held, self.model = Dependents[int](), Model()
        self.parents: Parents = {}
        self.added: dict[int, list[Key]] = {lease: [] for lease in LEASES}

    def above(self, ref: EntityRef) -> tuple[EntityRef, ...]:
        return tuple(each for each in above(ref, self.parents) if isinstance(each, EntityRef))

    def add(self, lease: int, keys: list[Key]) -> None:
        self.held.add(lease, keys, self.above)
        self.model.add(lease, keys, self.parents)
        self.added[lease] += keys

    def remove(self, lease: int, keys: list[Key]) -> None:
        self.held.remove(lease, keys)
        self.model.remove(lease, keys)

    def move(self, ref: EntityRef, parents: list[EntityRef]) -> None:
        """Let an entity be in others now, with or without cycles, and take note of that."""
        self.parents[ref] = tuple(parents)
        self.held.renew(ref, self.above)
        self.model.renew(ref, self.parents)

    def move_unseen(self, ref: EntityRef, parents: list[EntityRef]) -> None:
        """Let an entity be in others now; nobody takes note until somebody does of all."""
        self.parents[ref] = tuple(parents)

    def renew_all(self) -> None:
        self.held.renew_all(self.above)
        for key in self.model.noted:
            self.model.noted[key] = above(key, self.parents)

    def compare(self) -> None:
        held, model = self.held, self.model
        assert len(held) == len(model.starts)
        for key in (*KEYS, *NAMES):
            assert sorted(set(held.of(key))) == sorted(model.of(key)), key
            assert {*held.starts(key)} == model.starting(key), key
            assert {*held.at(key)} == model.starts.get(key, set()), key
        for beginning in ("", "a", "b1"):
            found = {ref for ref in REFS if ref in model.starts and ref.type == "User" and ref.id.startswith(beginning)}
            assert {*held.beginning("User", beginning)} == found
        assert sorted(held.all()) == sorted(lease for leases in model.starts.values() for lease in leases)


leases, keys, refs = st.sampled_from(LEASES), st.lists(st.sampled_from(KEYS), max_size=5), st.sampled_from(REFS)
parents = st.lists(refs, max_size=3, unique=True)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), leases, keys),
        st.tuples(st.just("remove"), leases, keys),
        st.tuples(st.just("move"), refs, parents),
        st.tuples(st.just("move_unseen"), refs, parents),
        st.tuples(st.just("renew_all")),
    ),
    max_size=30,
)


@given(steps)
def test_whatever_is_added_and_moved_is_found_as_a_naive_model_finds_it(
    steps: list[tuple[object, ...]],
) -> None:
    both = Both()

    for name, *arguments in steps:
        getattr(both, str(name))(*arguments)

        both.compare()


@given(steps)
def test_nothing_is_left_of_leases_that_are_all_removed(steps: list[tuple[object, ...]]) -> None:
    both = Both()
    for name, *arguments in steps:
        getattr(both, str(name))(*arguments)

    for lease, keys in both.added.items():
        both.remove(lease, keys)

    both.compare()
    assert not both.held._starts
    assert not both.held._below


def test_one_lease_takes_no_set_and_the_last_of_many_gives_it_back() -> None:
    held, ada, staff = Dependents[int](), EntityRef("User", "ada"), EntityRef("Group", "staff")

    held.add(1, [ada], lambda _: (staff,))
    held.add(2, [ada], lambda _: (staff,))
    assert held._starts[ada].leases == {1, 2}
    held.remove(1, [ada])

    assert held._starts[ada].leases == 2
    assert held._below[staff] == ada


def test_what_many_are_in_is_kept_once() -> None:
    held, staff = Dependents[int](), EntityRef("Group", "staff")
    refs = [EntityRef("User", f"u{number}") for number in range(3)]

    for number, ref in enumerate(refs):
        held.add(number, [ref], lambda _: (staff,))

    assert len({id(held._starts[ref].above) for ref in refs}) == 1
