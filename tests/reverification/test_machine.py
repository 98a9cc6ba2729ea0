"""Whatever happens in whatever order: what is allowed, and what those who watch know, is what a small model says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import pdp
from pdp.engine import Engine
from tests.reverification.model import SESSION, Model, Signed, Wanted

START = datetime(2026, 11, 28, 12, tzinfo=UTC)
USERS = ("ada", "ben", "cy")
PEOPLE = (*USERS, "grace")
ACTIONS = ("read", "operate", "deploy")
API = pdp.ref("Service", "api")
POLICY = """
type Group
type User in Group
type Service
action read, operate, deploy on Service by User
role operator on Service: operate
rule members_read: permit User in Group "staff" to read on Service
rule reviewed: permit User to deploy on Service needs approval from Group "reviewers" for 4h
"""
KEYS = {name: pdp.Signer(Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))) for name in PEOPLE}

users = st.sampled_from(USERS)
minutes = st.sampled_from([1, 30, 59, 60, 240, 600]).map(lambda count: timedelta(minutes=count))
ends = st.none() | minutes


def ref(name: str) -> pdp.EntityRef:
    return pdp.ref("User", name)


def done(step: Callable[[], object]) -> bool:
    try:
        step()
    except pdp.RequestError:
        return False
    return True


class Access(RuleBasedStateMachine):
    """An engine with a record and a store on disk, its answers watched, and the model to which the same happens."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="pdp-machine-"))
        (self.folder / "keys.json").write_text(json.dumps({f"User:{name}": [key.key] for name, key in KEYS.items()}))
        self.model = Model(START)
        self.wall = START
        self.ids: list[str] = []
        self.sessions: list[Signed] = []
        self.begin(create=True)

    def teardown(self) -> None:
        self.end()
        shutil.rmtree(self.folder)

    # ---------------------------------------------------------------------------------------------- life of an engine

    def begin(self, *, create: bool = False) -> None:
        """Begin an engine on what is on disk, and watch everything."""
        self.write()
        self.store = pdp.ApprovalStore(
            self.folder / "approvals.db", keys=self.folder / "keys.json", create=create, clock=lambda: self.model.now
        )
        self.record = pdp.RevocationLog(self.folder / "revocations.db", create=create)
        self.engine = Engine.load(
            self.folder / "policy", cache="off", approvals=self.store, revocations=self.record, clock=self.clock
        )
        self.watches: dict[tuple[Signed, str], pdp.Watch] = {}
        self.told: dict[tuple[Signed, str], str] = {}
        self.model.states.clear()
        for session in self.sessions:
            self.watch(session)

    def end(self) -> None:
        for watch in self.watches.values():
            watch.close()
        self.store.close()
        self.record.close()

    def clock(self) -> datetime:
        return self.wall

    def watch(self, session: Signed) -> None:
        for action in ACTIONS:
            key = session, action
            watch = self.watches[key] = self.engine.watch(
                pdp.Request(ref(session.user), action, API, session=given(session))
            )
            self.told[key] = str(watch.listen(self.listener(key)).state)
            self.model.states[key] = self.model.verdict(session, action)

    def listener(self, key: tuple[Signed, str]) -> Callable[[pdp.Change | None], None]:
        told = self.told

        def listen(change: pdp.Change | None) -> None:
            if change is not None:
                assert told[key] == change.before
                told[key] = str(change.state)

        return listen

    def write(self) -> None:
        """Put policy and entities, as they are to be, into the folder."""
        place = self.folder / "policy"
        place.mkdir(exist_ok=True)
        (place / "policy.pdp").write_text(self.policy())
        people = [
            {"type": "User", "id": name, "in": [self.membership(name)] if name in self.model.members else []}
            for name in USERS
        ]
        groups = [{"type": "Group", "id": name} for name in ("staff", "reviewers")]
        grace = {"type": "User", "id": "grace", "in": ['Group "reviewers"']}
        (place / "entities.json").write_text(json.dumps({"entities": [*groups, *people, grace]}))

    def policy(self) -> str:
        grants = self.model.grants.items()
        return POLICY + "".join(
            f'grant operator on Service "api" to User "{name}" until {text(end)}\n' for name, end in grants
        )

    def membership(self, name: str) -> object:
        end = self.model.members[name]
        return 'Group "staff"' if end is None else {"type": "Group", "id": "staff", "until": text(end)}

    # -------------------------------------------------------------------------------------------------------- steps

    @initialize()
    def sign_in_everybody(self) -> None:
        for user in USERS:
            self.sign_in(user)

    @precondition(lambda self: len(self.sessions) < 12)
    @rule(user=users)
    def sign_in(self, user: str) -> None:
        """Begin a session: what was revoked before does not reach one that begins later."""
        session = Signed(user, f"s-{len(self.sessions)}", self.model.now)
        self.sessions.append(session)
        self.watch(session)

    @rule(user=users)
    def revoke(self, user: str) -> None:
        self.engine.revoke(principal=ref(user), why="her laptop is lost")
        self.model.revoked[user] = self.model.now

    @rule()
    def revoke_the_reviewer(self) -> None:
        self.engine.revoke(principal=ref("grace"))
        self.model.revoked["grace"] = self.model.now

    @rule(number=st.integers(0, 11), elsewhere=st.booleans())
    def revoke_session(self, number: int, elsewhere: bool) -> None:
        name = f"s-{number}"
        if elsewhere:
            # Another process writes it; this one hears of it when it asks.
            record = pdp.RevocationLog(self.folder / "revocations.db")
            record.publish(pdp.Revocation(pdp.RevocationKind.SESSION, name))
            record.close()
            self.engine.refresh()
        else:
            self.engine.revoke(session=name)
        self.model.revoked_sessions.add(name)

    @rule(user=users, lasts=ends)
    def join(self, user: str, lasts: timedelta | None) -> None:
        end = self.model.members[user] = None if lasts is None else self.model.now + lasts
        until = None if end is None else pdp.values.Datetime.of(end)
        self.engine.upsert_entity(pdp.Entity("User", user, parents=[pdp.Membership(pdp.ref("Group", "staff"), until)]))

    @rule(user=users)
    def leave(self, user: str) -> None:
        self.model.members.pop(user, None)
        self.engine.upsert_entity(pdp.Entity("User", user))

    @rule(user=users, lasts=minutes)
    def grant(self, user: str, lasts: timedelta) -> None:
        self.model.grants[user] = self.model.now + lasts
        self.engine.replace_policy(Engine.from_text(self.policy()).policy)

    @rule(user=users)
    def take_back(self, user: str) -> None:
        self.model.grants.pop(user, None)
        self.engine.replace_policy(Engine.from_text(self.policy()).policy)

    @rule(user=users, other=users, lasts=minutes)
    def reload(self, user: str, other: str, lasts: timedelta) -> None:
        """Change grants and members at once, in the files."""
        self.model.grants = {user: self.model.now + lasts}
        self.model.members = {other: None}
        self.write()
        self.engine.reload(self.folder / "policy")

    @rule(user=users, lasts=minutes, approved=st.booleans())
    def ask(self, user: str, lasts: timedelta, approved: bool) -> None:
        # Whoever was revoked proves anew who they are.
        request = pdp.Request(ref(user), "deploy", API, session={"authenticated_at": self.model.now})

        def ask() -> None:
            wanted = self.store.request(self.engine, request, signer=KEYS[user], lasts=lasts, why="INC-42")
            self.ids.append(wanted.id)

        assert done(ask) is self.model.can_ask(user)
        if self.model.can_ask(user):
            self.model.requests.append(Wanted(user, self.model.now + lasts))
            if approved:
                self.decide(-1)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        self.decide(data.draw(st.integers(0, len(self.ids) - 1)))

    def decide(self, number: int) -> None:
        """Have the reviewer approve a request, where she can."""
        wanted = self.model.requests[number]
        can = self.model.can_approve(wanted)
        assert done(lambda: self.store.approve(self.engine, self.ids[number], signer=KEYS["grace"])) is can
        if can:
            wanted.approved = self.model.now

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), by_grace=st.booleans())
    def withdraw(self, data: st.DataObject, by_grace: bool) -> None:
        """Take back the approval, or the whole request."""
        number = data.draw(st.integers(0, len(self.ids) - 1))
        wanted = self.model.requests[number]
        can = not wanted.closed and (not by_grace or wanted.approved is not None)
        signer = KEYS["grace" if by_grace else wanted.user]
        assert done(lambda: self.store.withdraw(self.engine, self.ids[number], signer=signer)) is can
        if can and by_grace:
            wanted.approved = None
        elif can:
            wanted.closed = True

    @rule(step=minutes)
    def wait(self, step: timedelta) -> None:
        self.model.now = self.wall = self.model.now + step

    @rule(step=minutes)
    def put_the_clock_back(self, step: timedelta) -> None:
        """The engine does not follow: what has ended stays so."""
        self.wall -= step

    @rule()
    def restart(self) -> None:
        # An engine that begins knows of no time before.
        self.wall = self.model.now
        self.end()
        self.begin()

    # ---------------------------------------------------------------------------------------------------- agreement

    @invariant()
    def the_engine_and_those_who_watch_know_what_the_model_says(self) -> None:
        self.model.look()
        for (session, action), state in self.model.states.items():
            asked = f"{session} {action}"
            allowed = self.engine.allows(ref(session.user), action, API, session=given(session))
            assert allowed is (self.model.verdict(session, action) == "allowed"), asked
            assert self.watches[session, action].state == state, asked
            assert self.told[session, action] == state, asked


def given(session: Signed) -> dict[str, object]:
    return {"session_id": session.name, "authenticated_at": session.at, "expires_at": session.at + SESSION}


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


LIMITS = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    # What fails is long, and takes minutes to be made shorter: the steps stand there in any case.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_access_is_what_the_model_says() -> None:
    run_state_machine_as_test(Access, settings=LIMITS)


def nothing(*_: object, **__: object) -> tuple[()]:
    return ()


BROKEN = {
    "a revocation touches nobody": ["pdp.leases.touching.revoked"],
    "an entity that changes touches nobody": ["pdp.leases.touching.changed_entities"],
    "a rule that changes touches nobody": ["pdp.leases.touching.actions"],
    "an approval touches nobody": ["pdp.leases.touching.questions"],
    "a lease has no end": ["pdp.leases.watches.Watches._is_over", "pdp.leases.wheel.Wheel.advance"],
    "a new engine reads no record": ["pdp.revocation.feed.Feed.refresh"],
}


@pytest.mark.parametrize("places", BROKEN.values(), ids=BROKEN.keys())
def test_the_model_finds_a_mechanism_that_is_broken(places: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for place in places:
        monkeypatch.setattr(place, nothing)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Access, settings=settings(LIMITS, derandomize=True, database=None))
