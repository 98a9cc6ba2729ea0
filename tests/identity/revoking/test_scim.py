"""Whoever a directory says has left is revoked, however it says so, and whatever else it says."""

from __future__ import annotations

import datetime
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp.configuration.secret import Secret
from pdp.errors import RecordError, RequestError
from pdp.identity.options import ScimOptions
from pdp.identity.revoking.scim.bodies import MOST
from pdp.identity.revoking.scim.directory import Directory, MovedError
from pdp.identity.revoking.scim.endpoints import Answer, Endpoints
from pdp.identity.revoking.scim.users import SCHEMA, User
from tests.identity.revoking.revoked import Noted
from tests.identity.tokens import NOW

UNTIL = datetime.datetime.fromtimestamp(NOW + 30, datetime.UTC)
USERS = "/scim/v2/Users"


class Scene:
    """A directory that has been told of Ada, whose id is here `ada`, and what was revoked since."""

    def __init__(self, path: Path, id_: Any = "userName") -> None:
        self.revoker, self.notices = Noted(), []
        self.path = path
        self.directory = Directory(path)
        self.id = id_
        self.endpoints = Endpoints(
            ScimOptions(type="User", id=id_, token=Secret(env="SCIM")),
            self.directory,
            revoker=self.revoker,
            now=lambda: NOW * 1_000_000,
            leeway=30,
            notice=self.notice,
        )
        self.ada = self.ask("POST", USERS, {"userName": "ada", "externalId": "e-1"}).document["id"]

    def notice(self, event: str, /, **fields: str) -> None:
        self.notices.append((event, fields))

    def ask(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.endpoints.answer(method, path, query, content)

    def patch(self, *operations: Any) -> Answer:
        return self.ask("PATCH", f"{USERS}/{self.ada}", {"schemas": [PATCH], "Operations": list(operations)})

    def user(self) -> Any:
        return self.ask("GET", f"{USERS}/{self.ada}").document

    @property
    def left(self) -> list[str]:
        """The names of those who were revoked."""
        for each in self.revoker.told:
            assert each.keys() == {"principal", "not_before"} and each["not_before"] == UNTIL
            assert each["principal"].type == "User"
        return [each["principal"].id for each in self.revoker.told]


PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    found = Scene(tmp_path / "users.db")
    yield found
    found.directory.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One for all examples of a property: each of these begins by making Ada anew."""
    found = Scene(tmp_path_factory.mktemp("scim") / "users.db")
    yield found
    found.directory.close()


def again(scene: Scene) -> None:
    scene.ask("DELETE", f"{USERS}/{scene.ada}")
    for each in list(scene.directory):
        scene.directory.remove(each)
    scene.ada = scene.ask("POST", USERS, {"userName": "ada", "externalId": "e-1"}).document["id"]
    scene.revoker.told.clear()
    scene.notices.clear()


# ------------------------------------------------------------------------------------------------------- who leaves

SHAPES = {
    "Entra ID": [{"op": "Replace", "path": "active", "value": "False"}],
    "Entra ID, as the standard has it": [{"op": "replace", "path": "active", "value": False}],
    "Entra ID, before": [{"op": "Replace", "path": "active", "value": [{"$ref": None, "value": "False"}]}],
    "Okta": [{"op": "replace", "value": {"active": False}}],
    "an add": [{"op": "Add", "path": "active", "value": False}],
    "by the full name": [{"op": "replace", "path": f"{SCHEMA}:active", "value": False}],
    "by the full name in an object": [{"op": "replace", "value": {f"{SCHEMA}:active": False}}],
    "under the schema": [{"op": "replace", "value": {SCHEMA: {"active": False}}}],
    "in another case": [{"OP": "REPLACE", "Path": "Active", "Value": "FALSE"}],
    "in an object in another case": [{"op": "replace", "value": {"ACTIVE": "false"}}],
    "a value path": [{"op": "replace", "path": 'active[value eq "True"].value', "value": "False"}],
    "a number": [{"op": "replace", "path": "active", "value": 0}],
    "null": [{"op": "replace", "path": "active", "value": None}],
    "removed": [{"op": "remove", "path": "active"}],
    "among others": [
        {"op": "replace", "path": "displayName", "value": "Ada"},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "ada@example.org"},
        {"op": "replace", "path": "active", "value": False},
    ],
    "and back again": [
        {"op": "replace", "path": "active", "value": False},
        {"op": "replace", "path": "active", "value": True},
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_whoever_is_patched_to_be_inactive_is_revoked(scene, shape):
    answer = scene.patch(*SHAPES[shape])

    assert answer.status == 200
    assert scene.left == ["ada"]
    assert scene.user()["active"] is (shape == "and back again")


def test_operations_may_be_called_otherwise_and_be_one(scene):
    body = {"operations": {"op": "replace", "path": "active", "value": False}}

    assert scene.ask("PATCH", f"{USERS}/{scene.ada}", body).status == 200
    assert scene.left == ["ada"]


@pytest.mark.parametrize("value", [False, "False", "false", 0])
def test_whoever_is_replaced_by_somebody_inactive_is_revoked(scene, value):
    answer = scene.ask("PUT", f"{USERS}/{scene.ada}", {"userName": "ada", "active": value})

    assert answer.status == 200
    assert scene.left == ["ada"]
    assert (scene.user()["active"], scene.user()["externalId"]) == (False, "e-1")


def test_whoever_is_deleted_is_revoked_by_the_name_that_was_kept(scene):
    answer = scene.ask("DELETE", f"{USERS}/{scene.ada}")

    assert answer == Answer(204)
    assert scene.left == ["ada"]
    assert scene.ask("GET", f"{USERS}/{scene.ada}").status == 404


def test_whoever_is_created_inactive_is_revoked(scene):
    first = scene.ask("POST", USERS, {"userName": "ben", "active": False})
    second = scene.ask("POST", USERS, {"userName": "ada", "active": False})

    assert (first.status, first.document["active"], second.status) == (201, False, 409)
    assert scene.left == ["ben", "ada"]


def test_by_whichever_attribute_principals_are_named(tmp_path):
    scene = Scene(tmp_path / "users.db", "externalId")

    scene.patch({"op": "replace", "path": "active", "value": False})
    scene.directory.close()

    assert scene.left == ["e-1"]


def test_whoever_is_active_again_has_to_sign_in_again(scene):
    scene.patch(*SHAPES["Okta"])

    answer = scene.patch({"op": "replace", "path": "active", "value": "True"})

    assert answer.document["active"] is True
    assert scene.left == ["ada"]


def test_whoever_is_called_otherwise_is_revoked_by_the_old_name(scene):
    answer = scene.patch({"op": "replace", "path": "userName", "value": "ada.b"})

    assert (answer.status, answer.document["userName"]) == (200, "ada.b")
    assert scene.left == ["ada"]
    assert scene.ask("GET", USERS, query='filter=userName+eq+"ADA.B"').document["totalResults"] == 1
    assert scene.ask("GET", USERS, query='filter=userName+eq+"ada"').document["totalResults"] == 0


def test_whoever_leaves_under_another_name_is_revoked_by_both(scene):
    scene.patch({"op": "replace", "value": {"active": False, "userName": "gone-ada"}})

    assert scene.left == ["ada", "gone-ada", "ada"]


def test_the_rest_of_a_body_may_be_wrong_and_whoever_leaves_is_revoked(scene):
    answer = scene.patch({"op": "explode"}, {"op": "replace", "path": "active", "value": False}, 7)

    assert answer.status == 400
    assert scene.left == ["ada"]


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
def test_of_a_user_that_nobody_knows_those_who_run_it_are_told(scene, method):
    body = {"active": False, "Operations": SHAPES["Okta"]}

    answer = scene.ask(method, f"{USERS}/who", body)

    assert answer.status == 404
    assert scene.notices == [("scim_unknown_user", {"method": method, "id": "who"})]
    assert scene.left == []


def test_of_a_user_that_nobody_knows_what_the_body_names_is_revoked(scene):
    assert scene.ask("PUT", f"{USERS}/who", {"userName": "ben", "active": False}).status == 404
    assert scene.left == ["ben"]


def test_where_ids_are_names_an_id_that_nobody_knows_is_revoked(tmp_path):
    scene = Scene(tmp_path / "users.db", "id")

    statuses = [scene.ask("DELETE", f"{USERS}/ben").status, scene.ask("DELETE", f"{USERS}/{scene.ada}").status]
    scene.directory.close()

    assert statuses == [404, 204]
    assert scene.left == ["ben", scene.ada]


@pytest.mark.parametrize(("error", "status"), [(RecordError("disk"), 503), (RequestError("no type"), 500)])
def test_what_is_not_revoked_is_not_said_to_be(scene, error, status):
    scene.revoker.fails = error

    answers = [scene.patch(*SHAPES["Okta"]), scene.ask("DELETE", f"{USERS}/{scene.ada}")]

    assert [each.status for each in answers] == [status, status]
    assert scene.user()["active"] is True
    assert len(scene.notices) == 2


# -------------------------------------------------------------------------------------------- whatever is sent

falses = st.sampled_from([False, "False", "false", "FALSE", 0, "0", None, [], [{"value": "False"}], {"value": False}])
paths = st.sampled_from(["active", "Active", " active", f"{SCHEMA}:active", f"{SCHEMA.upper()}:ACTIVE", "active.value"])
kinds = st.sampled_from(["replace", "Replace", "REPLACE", "add", "Add"])
endings = (
    st.builds(lambda op, path, value: {"op": op, "path": path, "value": value}, kinds, paths, falses)
    | st.builds(lambda op, path, value: {"op": op, "value": {path: value}}, kinds, paths, falses)
    | st.builds(lambda op, value: {"op": op, "value": {SCHEMA: {"active": value}}}, kinds, falses)
    | st.builds(lambda path: {"op": "remove", "path": path}, paths)
)
words = st.sampled_from(
    [
        "op",
        "path",
        "value",
        "active",
        "userName",
        "externalId",
        "replace",
        "remove",
        "Operations",
        SCHEMA,
        "ada",
        "x[",
        "",
    ]
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(before=st.lists(junk, max_size=3), ending=endings, after=st.lists(junk, max_size=3))
def test_a_patch_that_ends_somebody_always_does(shared, before, ending, after):
    again(shared)

    answer = shared.patch(*before, ending, *after)

    assert answer.status in (200, 400, 409)
    assert "ada" in shared.left


@settings(deadline=None)
@given(method=st.sampled_from(["POST", "PUT", "PATCH"]), body=junk)
def test_whatever_a_body_is_it_is_answered(shared, method, body):
    again(shared)
    path = USERS if method == "POST" else f"{USERS}/{shared.ada}"

    answer = shared.ask(method, path, body)

    assert answer.status in (200, 201, 400, 409)
    assert json.dumps(answer.document)
    assert isinstance(body, dict) or answer.status == 400


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "get"]),
    path=st.text(max_size=20) | st.sampled_from(["Users", "Users/x", "Groups", "Schemas/x", "Users/.search", "Bulk"]),
    query=st.text(max_size=30) | st.sampled_from(["filter=", "count=x", "startIndex=-1", "count=\u0663"]),
    body=st.binary(max_size=40),
)
def test_whatever_is_asked_it_is_answered(shared, method, path, query, body):
    again(shared)

    answer = shared.endpoints.answer(method, f"/scim/v2/{path}", query, body)

    assert answer.status in (200, 400, 404, 405, 501)
    assert json.dumps(answer.document)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"active": true, "active": false}',
        b"\xff",
        b'{"a":' * 20_000,
        b"[" * 100_000,
        b'{"userName": "ada", "x": ' + b"9" * 5000 + b"}",
        b'{"userName": "\\ud800"}',
    ],
)
def test_what_is_no_document_changes_nothing(scene, body):
    for method in ("PUT", "PATCH"):
        answer = scene.ask(method, f"{USERS}/{scene.ada}", body)

        assert (answer.status, answer.document["scimType"]) == (400, "invalidSyntax")
    assert scene.user()["active"] is True


@pytest.mark.parametrize(
    ("operations", "kind"),
    [
        ([], "invalidSyntax"),
        ([7], "invalidSyntax"),
        ([{"path": "active", "value": True}], "invalidSyntax"),
        ([{"op": "remove"}], "noTarget"),
        ([{"op": "replace", "path": "", "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": 7, "value": 1}], "invalidPath"),
        ([{"op": "replace", "value": "active"}], "invalidValue"),
        ([{"op": "replace", "path": "active", "value": "perhaps"}], "invalidValue"),
        ([{"op": "replace", "path": "active", "value": {"is": True}}], "invalidValue"),
        ([{"op": "replace", "path": "userName", "value": ""}], "invalidValue"),
        ([{"op": "replace", "path": "userName", "value": "a\u202eb"}], "invalidValue"),
        ([{"op": "replace", "path": "userName", "value": " ada"}], "invalidValue"),
        ([{"op": "replace", "path": "userName", "value": ["a", "b"]}], "invalidValue"),
        ([{"op": "remove", "path": "userName"}], "invalidValue"),
        ([{"op": "add", "path": "title", "value": "x"}] * (MOST + 1), "tooMany"),
    ],
)
def test_what_is_no_change_changes_nothing(scene, operations, kind):
    before = scene.user()

    answer = scene.patch(*operations)

    assert (answer.status, answer.document["scimType"]) == (400, kind)
    assert answer.document["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (scene.user(), scene.left) == (before, [])


# ------------------------------------------------------------------------------------------------------ setting it up


def test_a_user_is_found_by_its_names(scene):
    for query in ('filter=userName eq "ADA"', 'filter=externalId%20Eq%20"e-1"', f'filter=id eq "{scene.ada}"'):
        (found,) = scene.ask("GET", USERS, query=query).document["Resources"]

        assert found == scene.user()
    assert scene.user() == {
        "schemas": [SCHEMA],
        "id": scene.ada,
        "externalId": "e-1",
        "userName": "ada",
        "active": True,
        "meta": {
            "resourceType": "User",
            "location": f"{USERS}/{scene.ada}",
            "created": "2026-11-28T10:00:00.000Z",
            "lastModified": "2026-11-28T10:00:00.000Z",
        },
    }


@pytest.mark.parametrize(
    "text", ["", "userName", "userName co x", 'userName co "a"', 'title eq "x"', 'userName eq "\\x"']
)
def test_another_filter_is_refused(scene, text):
    answer = scene.ask("GET", USERS, query=f"filter={text}")

    assert (answer.status, answer.document["scimType"]) == (400, "invalidFilter")


def test_users_are_listed_in_pages(scene):
    for number in range(4):
        scene.ask("POST", USERS, {"userName": f"u{number}"})

    pages = [scene.ask("GET", USERS, query=f"startIndex={first}&count=2").document for first in (1, 3, 5, 7)]

    assert [(each["totalResults"], each["itemsPerPage"]) for each in pages] == [(5, 2), (5, 2), (5, 1), (5, 0)]
    assert len({user["id"] for each in pages for user in each["Resources"]}) == 5
    assert scene.ask("GET", USERS, query="count=-1").document["Resources"] == []


def test_a_user_needs_what_principals_are_named_by(tmp_path):
    scene = Scene(tmp_path / "users.db", "externalId")

    answers = [
        scene.ask("POST", USERS, {"userName": "ben"}),
        scene.ask("POST", USERS, {"externalId": "e-2"}),
        scene.patch({"op": "remove", "path": "externalId"}),
    ]
    scene.directory.close()

    assert [each.status for each in answers] == [400, 400, 400]
    assert "`externalId`" in answers[0].document["detail"]


def test_no_two_users_have_one_name(scene):
    ben = scene.ask("POST", USERS, {"userName": "ben"}).document["id"]

    taken = [
        scene.ask("POST", USERS, {"userName": "ADA"}),
        scene.ask("PUT", f"{USERS}/{ben}", {"userName": "ada"}),
    ]

    assert [(each.status, each.document["scimType"]) for each in taken] == [(409, "uniqueness")] * 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "ServiceProviderConfig", 200),
        ("GET", "ResourceTypes", 200),
        ("GET", "ResourceTypes/User", 200),
        ("GET", "ResourceTypes/Group", 404),
        ("GET", "Schemas", 200),
        ("GET", f"Schemas/{SCHEMA}", 200),
        ("GET", "Groups", 200),
        ("POST", "Groups", 501),
        ("PATCH", "Groups/1", 501),
        ("POST", "Bulk", 501),
        ("POST", "Users/.search", 501),
        ("DELETE", "Users", 405),
        ("POST", "Users/x", 405),
        ("POST", "Schemas", 405),
        ("GET", "Users/x/y", 404),
        ("GET", "nothing", 404),
    ],
)
def test_what_directories_ask_when_they_are_set_up(scene, method, path, status):
    assert scene.ask(method, f"/scim/v2/{path}", {}).status == status


# ------------------------------------------------------------------------------------------------------------ on record


def test_who_is_known_is_known_after_a_restart(scene):
    scene.patch({"op": "replace", "path": "active", "value": False})
    gone = scene.ask("POST", USERS, {"userName": "ben"}).document["id"]
    scene.ask("DELETE", f"{USERS}/{gone}")

    directory = Directory(scene.path)
    found = list(directory)
    directory.close()

    assert [(each.id, each.user_name, each.external_id, each.active) for each in found] == [
        (scene.ada, "ada", "e-1", False)
    ]


def test_the_file_is_its_owners_alone(scene):
    assert stat.S_IMODE(scene.path.stat().st_mode) == 0o600

    scene.path.chmod(0o644)

    assert scene.patch(*SHAPES["Okta"]).status == 503
    with pytest.raises(RecordError, match="others may use the file"):
        Directory(scene.path)


def test_processes_that_share_the_file_know_of_each_others_users(scene):
    other = Scene.__new__(Scene)
    other.__dict__ |= scene.__dict__
    other.directory = Directory(scene.path)
    other.endpoints = Endpoints(
        ScimOptions(type="User", token=Secret(env="SCIM")),
        other.directory,
        revoker=other.revoker,
        now=lambda: NOW * 1_000_000,
        leeway=30,
        notice=other.notice,
    )

    ben = scene.ask("POST", USERS, {"userName": "ben"}).document["id"]
    answer = other.ask("DELETE", f"{USERS}/{ben}")
    other.directory.close()

    assert answer.status == 204
    assert scene.left == ["ben"]
    assert scene.ask("GET", f"{USERS}/{ben}").status == 404


def test_what_another_process_did_meanwhile_is_looked_at_anew(scene):
    other = Directory(scene.path)
    other.put(User(id="b", user_name="ben"))
    other.close()

    with pytest.raises(MovedError):
        scene.directory.put(User(id="c", user_name="ben"))
    answer = scene.ask("POST", USERS, {"userName": "ben"})

    assert answer.status == 409


def test_what_did_not_change_is_not_written_again(scene):
    size = _facts(scene.path)

    for _ in range(3):
        scene.ask("PUT", f"{USERS}/{scene.ada}", {"userName": "ada", "externalId": "e-1", "active": True})

    assert _facts(scene.path) == size


def _facts(path: Path) -> int:
    import sqlite3

    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT count(*) FROM facts").fetchone()
    connection.close()
    return int(found)


def test_a_leaver_is_denied_from_then_on(scene):
    engine = pdp.Engine.from_text("""
        type User
        type Page
        action read on Page by User
        rule everybody_reads: permit User to read on Page
    """)
    scene.endpoints._revoker = engine
    began = datetime.datetime.fromtimestamp(NOW - 60, datetime.UTC)

    def allowed(name: str, at: datetime.datetime = began) -> bool:
        session = {"mfa": True, "methods": ["otp"], "authenticated_at": at, "issued_at": at}
        now = datetime.datetime.fromtimestamp(NOW + 120, datetime.UTC)
        return bool(engine.decide(pdp.ref("User", name), "read", pdp.ref("Page", "home"), session=session, now=now))

    before = allowed("ada")
    scene.patch(*SHAPES["Entra ID"])
    scene.patch({"op": "replace", "path": "active", "value": True})

    assert before
    assert not allowed("ada")
    assert allowed("ben")
    # Whoever is let in again signs in anew.
    assert allowed("ada", datetime.datetime.fromtimestamp(NOW + 31, datetime.UTC))
