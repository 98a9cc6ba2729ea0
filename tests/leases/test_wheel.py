"""The timer wheel agrees with a sorted list, whatever is put in, taken out, and however far time runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pdp.leases.wheel import Wheel

TICK = 1000
LAST = 253_402_300_799_999_999


class Thing:
    """Something due."""

    def __init__(self, due: int) -> None:
        self.due = due


# Near and far, and beside the edges of slots on each level.
DUES = st.one_of(
    st.integers(0, 100_000),
    st.integers(0, LAST),
    st.builds(lambda level, by: 256**level * TICK + by, st.integers(0, 5), st.integers(-2 * TICK, 2 * TICK)),
)


@given(st.integers(0, LAST), st.lists(st.tuples(st.sampled_from(["add", "remove", "advance"]), DUES), max_size=40))
def test_what_is_due_is_returned_once_when_it_is_due_and_not_before(start: int, steps: list[tuple[str, int]]) -> None:
    wheel: Wheel[Thing] = Wheel(start)
    held: list[Thing] = []
    now = start
    for step, number in steps:
        if step == "add":
            held.append(Thing(start + number if number % 3 else number))
            wheel.add(held[-1])
        elif step == "remove" and held:
            wheel.remove(held.pop(number % len(held)))
        elif step == "advance":
            last, now = now, max(now, start + number)
            ripe = wheel.advance(now)
            late = [each for each in held if each.due <= now - TICK and each.due > last]

            assert set(late) <= set(ripe)
            assert all(each.due <= now for each in ripe)
            assert len(set(ripe)) == len(ripe)
            assert set(ripe) <= set(held)
            held = [each for each in held if each not in ripe]

        later = [each.due for each in held if each.due > now + TICK]
        assert (wheel.next is None) == (not held)
        assert not held or wheel.next is not None
        assert not later or wheel.next is None or wheel.next <= min(later) + TICK

    # Whatever is left comes out in the end.
    assert set(wheel.advance(2 * LAST)) == set(held)


@given(st.integers(0, LAST), st.lists(DUES, min_size=1, max_size=20))
def test_to_look_again_whenever_it_says_finds_everything_at_its_time(start: int, dues: list[int]) -> None:
    wheel: Wheel[Thing] = Wheel(start)
    for due in dues:
        wheel.add(Thing(start + due))
    found: list[tuple[int, int]] = []
    looks = 0
    while (at := wheel.next) is not None:
        found += [(at, each.due) for each in wheel.advance(at)]
        looks += 1

    assert sorted(due for _, due in found) == sorted(start + due for due in dues)
    assert all(due <= at < due + 2 * TICK or due <= start for at, due in found)
    # Seven levels, and each is opened once on the way to a thing.
    assert looks <= 8 * len(dues)


def test_a_slot_that_was_emptied_is_gone() -> None:
    wheel: Wheel[Thing] = Wheel(0)
    thing = Thing(10**12)
    wheel.add(thing)

    wheel.remove(thing)
    wheel.remove(thing)

    assert wheel.next is None
    assert not wheel._slots


def test_time_that_goes_back_moves_nothing() -> None:
    wheel: Wheel[Thing] = Wheel(0)
    thing = Thing(5_000_000)
    wheel.add(thing)

    assert wheel.advance(4_000_000) == []
    assert wheel.advance(1_000_000) == []
    wheel.remove(thing)
    assert wheel.advance(9_000_000) == []
