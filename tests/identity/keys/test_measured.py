"""The measurement of floods measures what it says."""

from __future__ import annotations

from benchmarks.identity import keys


def test_a_flood_is_measured_for_both() -> None:
    ours = keys.measure(keys.ours, tokens=200, takes=0.3, cooldown=0.05)
    theirs = keys.measure(keys.theirs, tokens=40, takes=0.3, cooldown=0.05)

    assert ours["fetches"] >= 1
    assert ours["median"] < 0.3e6 / 2
    # All of them wait for the one that does not know its key.
    assert theirs["longest"] > 0.3e6 / 2
