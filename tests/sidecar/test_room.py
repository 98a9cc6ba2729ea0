"""A process may open as many files as it lets connections in."""

from __future__ import annotations

import resource

import pytest

from pdp_sidecar.room import make_room

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "raised", "found"),
    [
        ((1024, 524_288), (5000, 524_288), 5000),
        ((1024, 2000), (2000, 2000), 2000),
        ((1024, ENDLESS), (5000, ENDLESS), 5000),
        ((20_000, 20_000), None, 5000),
        ((ENDLESS, ENDLESS), None, 5000),
    ],
)
def test_the_limit_is_raised_to_what_is_needed_where_it_may_be(limits, raised, found):
    seen = []

    may = make_room(5000, lambda _: limits, lambda _, both: seen.append(both))

    assert may == found
    assert seen == ([] if raised is None else [raised])


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_what_may_not_be_raised_stays_as_it_is(error):
    def refuse(*_):
        raise error

    assert make_room(5000, lambda _: (1024, 4096), refuse) == 1024
