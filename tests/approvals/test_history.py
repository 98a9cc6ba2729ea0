"""Whatever people do in whatever order: what is allowed is what a model of a few lines says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from tests.approvals.places import HOUR, NOW, PEOPLE, REVIEWERS, Place, signer, user

NEEDED = {"restart": 1, "deploy": 2}


@dataclass
class Wanted:
    by: str
    action: str
    change: str
    until: datetime
    closed: bool = False
    approved: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Model:
    """What is on record, who holds a key, who is revoked since when, and what time it is."""

    requests: list[Wanted] = field(default_factory=list)
    registered: set[str] = field(default_factory=lambda: set(PEOPLE))
    revoked: dict[str, datetime] = field(default_factory=dict)
    now: datetime = NOW

    def ask(self, by: str, action: str, change: str, hours: int) -> bool:
        if by not in self.registered or self.is_revoked(by, self.now) or self.is_revoked("ada", self.now):
            return False
        self.requests.append(Wanted(by, action, change, self.now + hours * HOUR))
        return True

    def may_decide(self, number: int, by: str) -> bool:
        wanted = self.requests[number]
        return (
            {by, wanted.by} <= self.registered
            and by in REVIEWERS
            and by != wanted.by
            and not wanted.closed
            and self.now < wanted.until
            and not self.is_revoked(by, self.now)
            and not self.is_revoked("ada", self.now)
        )

    def approve(self, number: int, by: str) -> bool:
        wanted = self.requests[number]
        # An approval of somebody without a key is none, and may be given again by nobody else.
        if not self.may_decide(number, by) or by in wanted.approved:
            return False
        wanted.approved[by] = self.now
        return True

    def reject(self, number: int, by: str) -> bool:
        if not self.may_decide(number, by):
            return False
        self.requests[number].closed = True
        return True

    def withdraw(self, number: int, by: str) -> bool:
        wanted = self.requests[number]
        if by not in self.registered or wanted.closed:
            return False
        if by == wanted.by:
            wanted.closed = True
            return True
        return wanted.approved.pop(by, None) is not None

    def is_revoked(self, who: str, proved: datetime) -> bool:
        return who in self.revoked and proved <= self.revoked[who]

    def allows(self, action: str, change: str) -> bool:
        found = {
            by
            for wanted in self.requests
            for by, at in wanted.approved.items()
            if (wanted.action, wanted.change) == (action, change)
            and not wanted.closed
            and {by, wanted.by} <= self.registered
            and self.now < min(wanted.until, at + 4 * HOUR)
            and not self.is_revoked(by, at)
        }
        return len(found) >= NEEDED[action]


people = st.sampled_from(PEOPLE)
numbers = st.integers(0, 3)
steps = st.one_of(
    st.tuples(
        st.just("ask"),
        people,
        st.sampled_from([("restart", ""), ("deploy", "c1"), ("deploy", "c2")]),
        st.sampled_from([1, 3, 9]),
    ),
    st.tuples(st.just("approve"), numbers, st.sampled_from(["bo", "cy", "dee", "bo", "cy", "ada", "eve"])),
    st.tuples(st.just("approve"), numbers, st.sampled_from(["bo", "cy", "dee"])),
    st.tuples(st.just("reject"), numbers, people),
    st.tuples(st.just("withdraw"), numbers, people),
    st.tuples(st.just("wait"), st.integers(1, 150)),
    st.tuples(st.just("register"), st.sets(people, min_size=3)),
    st.tuples(st.just("revoke"), st.sampled_from(["bo", "cy", "eve"])),
    st.tuples(st.just("restart")),
)


class History:
    """The place and the model, to which the same happens."""

    def __init__(self, folder: Path) -> None:
        self.place, self.model = Place(folder), Model()
        self.ids: list[str] = []

    def step(self, what: str, *given: object) -> None:
        getattr(self, f"_{what}")(*given)

    def agree(self) -> None:
        for action, change in (("restart", ""), ("deploy", "c1"), ("deploy", "c2")):
            context = {"change": change} if change else {}
            assert self.place.allows(action, **context) is self.model.allows(action, change), (action, change)

    def _ask(self, by: str, what: tuple[str, str], hours: int) -> None:
        action, change = what
        context = {"change": change} if change else {}
        done = self._done(lambda: self.ids.append(self.place.ask(by, action, hours * HOUR, **context)))
        assert done is self.model.ask(by, action, change, hours)

    def _approve(self, number: int, by: str) -> None:
        self._decide("approve", number, by)

    def _reject(self, number: int, by: str) -> None:
        self._decide("reject", number, by, why="no")

    def _withdraw(self, number: int, by: str) -> None:
        self._decide("withdraw", number, by)

    def _decide(self, what: str, number: int, by: str, **more: str) -> None:
        if number >= len(self.ids):
            return
        store, id_ = self.place.store, self.ids[number]
        done = self._done(lambda: getattr(store, what)(self.place.engine, id_, signer=signer(by), **more))
        assert done is getattr(self.model, what)(number, by), (what, by)

    def _done(self, work: object) -> bool:
        try:
            work()  # type: ignore[operator]
        except pdp.RequestError:
            return False
        return True

    def _wait(self, minutes: int) -> None:
        self.place.now += timedelta(minutes=minutes)
        self.model.now = self.place.now

    def _register(self, names: set[str]) -> None:
        self.place.register(tuple(sorted(names)))
        self.place.engine.refresh()
        self.model.registered = names

    def _revoke(self, name: str) -> None:
        self.place.engine.revoke(principal=user(name))
        self.model.revoked[name] = self.place.now

    def _restart(self) -> None:
        self.place.store.close()
        self.place.store = self.place.open()
        self.place.engine = self.place.engine_of(self.place.store)
        for name, at in self.model.revoked.items():
            self.place.engine.revoke(principal=user(name), not_before=at)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=6, max_size=30))
def test_what_is_allowed_is_what_the_model_says(done: list[tuple[object, ...]]) -> None:
    with TemporaryDirectory() as folder:
        history = History(Path(folder))

        for what, *given in done:
            history.step(str(what), *given)

            history.agree()
        history.place.store.close()
