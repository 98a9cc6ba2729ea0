"""Nobody makes a denial, a task or a request look like another, and no body is an approval."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp.approvals.asking import approved
from pdp.values import Datetime
from pdp_sidecar.authzen.denials import Denials, WrongDenialError, digest
from pdp_sidecar.authzen.requests import rule_of
from pdp_sidecar.authzen.tasks import LENGTH, Names
from pdp_sidecar.desk import Conflict, Wish
from tests.approvals.places import ADA, API, HOUR, NOW, Place, signer
from tests.identity.tokens import encode
from tests.sidecar.authzen.serving import EVALUATION
from tests.sidecar.authzen.test_requests import RESTART, Office, identity

BASE = "https://pdp.example.com"
WHERE = f"{BASE}/access/v1/requests"
MICROS = Datetime.of(NOW).micros
DENIALS = Denials(bytes(32), BASE, WHERE)
MADE = DENIALS.sign("a digest", "a_rule", now=MICROS, seconds=600)
NAMES = Names(bytes(32))
ID = "k3v9x2m7" * 3 + "k3"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


# -------------------------------------------------------------------------------------------------------------- denials


@given(st.data())
def test_a_denial_that_is_changed_is_none(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(MADE.token) - 1))
    letter = data.draw(st.characters(blacklist_characters=MADE.token[at]))
    token = MADE.token[:at] + data.draw(st.sampled_from([letter, letter + MADE.token[at], ""])) + MADE.token[at + 1 :]

    with pytest.raises(WrongDenialError):
        DENIALS.read(token)


@given(st.text(max_size=200))
def test_what_is_no_denial_is_none(token: str) -> None:
    with pytest.raises(WrongDenialError):
        DENIALS.read(token)


@pytest.mark.parametrize(
    "other",
    [
        Denials(b"x" * 32, BASE, WHERE),
        Denials(bytes(32), "https://other.example.com", WHERE),
        Denials(bytes(32), BASE, f"{WHERE}/"),
    ],
)
def test_a_denial_of_another_decision_point_is_none(other: Denials) -> None:
    with pytest.raises(WrongDenialError):
        other.read(MADE.token)


@pytest.mark.parametrize("more", [{"typ": "at+jwt"}, {"alg": "none"}, {"kid": "k1"}, {"crit": ["b64"], "b64": False}])
def test_what_the_same_key_signs_with_another_header_is_no_denial(more: dict[str, Any]) -> None:
    head, body, _ = MADE.token.split(".")
    header = json.loads(urlsafe_b64decode(head + "=="))
    text = f"{encode(json.dumps(header | more, sort_keys=True, separators=(',', ':')).encode())}.{body}"

    with pytest.raises(WrongDenialError):
        DENIALS.read(f"{text}.{encode(DENIALS._signer.sign(text.encode()))}")


@given(JSON, JSON)
def test_only_the_same_data_has_the_same_digest(left: Any, right: Any) -> None:
    # By text and not by `==`: for Python, `True` is `1` and `1` is `1.0`.
    same = json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)

    assert (digest(left) == digest(right)) is same


# ---------------------------------------------------------------------------------------------------------------- names


@given(st.text(), st.text(), st.text(), st.text())
def test_a_task_is_found_by_whoever_asked_and_by_its_rule(whose: str, other: str, rule: str, another: str) -> None:
    name = NAMES.task(ID, rule, whose)
    handle = NAMES.handle(name, whose)

    assert handle is not None
    assert (len(name), handle.request, NAMES.rule(handle, [another, rule])) == (LENGTH, ID, rule)
    assert (NAMES.handle(name, other) is None) is (other != whose)
    assert (NAMES.rule(handle, [another]) is None) is (another != rule)


@given(st.text(max_size=LENGTH + 4))
def test_what_nobody_was_told_is_no_task(name: str) -> None:
    assert NAMES.handle(name, "ada") is None


def test_parts_of_a_name_are_not_moved_from_one_to_the_next() -> None:
    assert NAMES.request("ab", "c", "d")[0] != NAMES.request("a", "bc", "d")[0]
    assert NAMES.request("a", "b", "c")[0] == NAMES.request("a", "b", "d")[0]
    assert NAMES.request("a", "b", "c")[1] != NAMES.request("a", "b", "d")[1]


# ------------------------------------------------------------------------------------------------------------- the desk


def wish(key: str, id: str) -> Wish:
    request = pdp.Request(ADA, "restart", API, {}, identity("ada").session)
    return Wish(request=request, rule="restarted", lasts=2 * HOUR, why="INC-42", key=key, id=id)


def test_of_those_who_ask_at_once_under_one_key_one_asks(tmp_path: Path) -> None:
    office = Office(tmp_path)
    wishes = [wish("key", f"key{number}") for number in range(8)]

    def ask(each: Wish) -> str | None:
        try:
            return office.desk.ask(identity("ada"), each, most=100).id
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(ask, wishes)]

    (waiting,) = office.store.pending()
    assert [each for each in found if each is not None] == [waiting.id]


def test_of_those_who_ask_at_once_no_more_than_the_bound_do(tmp_path: Path) -> None:
    office = Office(tmp_path)

    def ask(number: int) -> bool:
        try:
            office.desk.ask(identity("ada"), wish(f"key{number}", f"key{number}"), most=3)
        except Exception:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 3

    assert len(office.store.pending()) == 3


def test_what_a_desk_signs_for_its_secrets_is_the_same_each_time(tmp_path: Path) -> None:
    desk, again = Office(tmp_path).desk, pdp.Signer.of_seed(b"desk".ljust(32, b"."))

    assert desk.secret("denials") == desk.secret("denials") != desk.secret("tasks")
    assert again.key == signer("desk").key


# ----------------------------------------------------------------------------------------------------- enough of it

LIFTED = """
type Group
type User in Group
type Service
action restart on Service by User
rule restarted:
  permit User to restart on Service
  needs 2 approvals from Group "reviewers" for 4h
  needs approval from User "eve" for 1h
rule frozen:
  forbid User to restart on Service
  unless approval from User "bo" for 1h
  unless approval from User "cy" for 2h
  because "frozen"
"""


class Lifted(Place):
    def engine_of(self, source: Any, **options: Any) -> pdp.Engine:
        people = [pdp.Entity("Group", "reviewers"), pdp.Entity("User", "ada"), pdp.Entity("User", "eve")]
        people += [pdp.Entity("User", name, parents=[pdp.ref("Group", "reviewers")]) for name in ("bo", "cy", "dee")]
        return pdp.Engine.from_text(LIFTED, approvals=source, entities=people, clock=lambda: self.now)


def test_each_need_of_a_permit_has_to_be_met_and_one_unless_of_a_forbid(tmp_path: Path) -> None:
    place = Lifted(tmp_path)
    id_ = place.ask()
    wanted = place.store.find(id_).wanted
    found = []

    for name in ("bo", "cy", "eve"):
        place.approve(id_, name)
        now = place.store.now()
        found.append([approved(place.engine, wanted, rule, now) for rule in ("restarted", "frozen", "no_rule")])

    ends = [[None if each is None else str(each.until) for each in row] for row in found]
    assert ends == [
        [None, "2026-11-23T10:00:00Z", None],
        [None, "2026-11-23T11:00:00Z", None],
        ["2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", None],
    ]
    assert place.allows()


def test_a_remedy_that_takes_anything_but_approvals_is_not_offered(tmp_path: Path) -> None:
    place = Lifted(tmp_path)
    (remedy,) = place.engine.decide(ADA, "restart", API).remedies
    need = pdp.Need(rule="restarted", text="sign in again")

    assert rule_of(remedy) == "restarted"
    assert rule_of(pdp.Remedy(rule="restarted", needs=(*remedy.needs, need), lifts=remedy.lifts)) is None
    assert rule_of(pdp.Remedy(rule="restarted", needs=(), lifts=remedy.lifts)) == "frozen"
    assert rule_of(pdp.Remedy(rule="restarted", needs=(), lifts=(pdp.Lift(rule="f", one_of=(need,)),))) is None


BROUGHT = """
type Group
type User in Group
type Service { tier: Int }
action restart on Service by User
rule restarted: permit User to restart on Service when resource.tier < 3 needs approval from Group "reviewers" for 4h
"""


class Brought(Office):
    def engine_of(self, source: Any, **options: Any) -> pdp.Engine:
        people = [pdp.Entity("Group", "reviewers"), pdp.Entity("User", "ada")]
        return pdp.Engine.from_text(BROUGHT, approvals=source, entities=people, clock=lambda: self.now)


def test_what_only_the_request_brings_no_approver_finds_and_so_it_is_not_offered(tmp_path: Path) -> None:
    office = Brought(tmp_path)
    body = {**RESTART, "resource": {"type": "Service", "id": "new", "properties": {"tier": 1}}}

    context = office.ask_about(body)["context"]

    assert [each["rule"] for each in context["pdp"]["remedies"]] == ["restarted"]
    assert "access_request" not in context


# ------------------------------------------------------------------------------------------------------------- any body


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    yield Office(tmp_path_factory.mktemp("office"))


PARTS = ("subject", "action", "resource", "context", "denial", "requested_access", "client", "items")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(changes=st.dictionaries(st.sampled_from(PARTS), JSON, min_size=1, max_size=3), key=st.text("abc", max_size=3))
def test_whatever_is_sent_nothing_is_approved_and_no_more_is_asked_than_was_denied(
    office: Office, changes: dict[str, Any], key: str
) -> None:
    submission = {**office.submission(), **changes}

    status, told = office.post("/access/v1/requests", submission, idempotency_key=key)

    assert status in (202, 400, 403, 409, 429)
    assert status != 202 or told["task"]["status"] == "pending"
    for each in office.store.pending():
        assert (each.asked_by, each.wanted.principal, each.wanted.action, each.wanted.resource) == (
            ADA,
            ADA,
            "restart",
            API,
        )
    assert office.ask_about()["decision"] is False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(approval=JSON, reasons=st.sampled_from(["true", "false"]))
def test_whatever_a_client_calls_an_approval_it_is_none(office: Office, approval: Any, reasons: str) -> None:
    status, told = office.post(EVALUATION, {**RESTART, "context": {"approval": approval}}, x_pdp_reasons=reasons)

    assert (status, told["decision"]) == (200, False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(body=st.binary(max_size=200) | JSON.map(lambda each: json.dumps(each).encode()))
def test_no_body_is_an_error_of_the_server(office: Office, body: bytes) -> None:
    assert office.post("/access/v1/requests", body)[0] in (400, 403)
