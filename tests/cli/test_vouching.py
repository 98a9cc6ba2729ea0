"""`pdp request`, `approve`, `reject`, `withdraw` by a token: whom it speaks for does it, and a desk vouches for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.issuing import PAST, Issuing
from tests.cli.test_access import CHANGE, Shell, timeless

ISSUER = "https://login.example.com"


class Desk(Shell):
    """A folder of policies with keys, and a desk whose key vouches for people."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.issuing = Issuing(folder, actor="")
        self.key = self.json("pdp key new --for Service:desk --key desk.pem")["key"]
        self.vouch({"User": [ISSUER]})

    def vouch(self, may_vouch: Any) -> None:
        path = self.folder / "policies.keys.json"
        keys = json.loads(path.read_text())
        path.write_text(json.dumps(keys | {"Service:desk": [{"key": self.key, "may_vouch": may_vouch}]}))

    def by(self, name: str, line: str, **claims: Any) -> Result:
        return self(f"{line} --token-file {self.issuing.file(name, **claims)}", "desk")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_access_is_asked_for_approved_and_taken_back_with_tokens(desk: Desk) -> None:
    asked = desk.by("ada", f"pdp request policies deploy Service:api --for 2h --why INC-42 {CHANGE}")
    id_ = desk("pdp pending policies").stdout[:8]
    before = desk.decide()
    approved = desk.by("bo", f"pdp approve policies {id_}")
    during = desk.decide()
    withdrawn = desk.by("bo", f"pdp withdraw policies {id_}")

    head = 'ID: User "ada" to deploy on Service "api", of "c1", until TIME\n'
    by = f'  asked by User "ada", with a token of {ISSUER} and a second factor, at TIME: INC-42\n'
    assert (before, during, desk.decide()) == (2, 0, 2)
    assert timeless(asked.stdout, id_).startswith(f"requested {head}")
    assert timeless(approved.stdout, id_) == (
        f'approved {head}{by}  approved by User "bo", with a token of {ISSUER} and a second factor, at TIME\n'
    )
    assert timeless(withdrawn.stdout, id_) == f"withdrew the approval of {head}{by}"
    assert {done.stderr for done in (asked, approved, withdrawn)} == {""}


def test_whoever_shows_a_token_may_ask_for_another(desk: Desk) -> None:
    asked = desk.by("bo", f"pdp request policies User:ada deploy Service:api --for 2h --why INC-42 {CHANGE} --json")

    found = json.loads(asked.stdout)
    assert (found["principal"], found["asked_by"]) == ('User "ada"', 'User "bo"')
    assert found["tokens"]['User "bo"']["subject"] == "bo"


def test_a_rejection_with_a_token_closes_a_request(desk: Desk) -> None:
    id_ = desk.ask()

    rejected = desk.by("cy", f"pdp reject policies {id_} --why 'not today'")

    assert (rejected.exit_code, desk("pdp pending policies").stdout) == (0, "nothing is pending\n")


def test_whom_a_token_speaks_for_has_to_be_somebody_who_may(desk: Desk) -> None:
    id_ = desk.ask()

    answers = [
        desk.by("eve", f"pdp approve policies {id_}"),
        desk.by("ada", f"pdp approve policies {id_}"),
        desk.by("bo", f"pdp approve policies {id_}", **PAST),
    ]

    assert [each.exit_code for each in answers] == [3, 3, 2]
    assert [each.stderr.splitlines()[0] for each in answers] == [
        'error: no rule asks User "eve" to approve this; asked are Group "reviewers"',
        'error: User "ada" asked for it, and does not approve it',
        "error: the token has run out (`exp`)",
    ]
    assert desk.decide() == 2


def test_the_key_has_to_be_one_that_vouches(desk: Desk) -> None:
    id_ = desk.ask()
    token = desk.issuing.file("bo")

    own = desk(f"pdp approve policies {id_} --token-file {token}", "bo")
    alone = desk(f"pdp approve policies {id_}", "desk")
    desk.vouch({"User": ["https://other.example.com"]})
    other = desk(f"pdp approve policies {id_} --token-file {token}", "desk")

    assert [each.exit_code for each in (own, alone, other)] == [3, 3, 3]
    assert "help: write `may_vouch` beside it, for whom and by which issuers" in own.stderr
    assert "help: it vouches for others, who show a token" in alone.stderr
    assert other.stderr == f'error: Service "desk" may not vouch for User "bo" by a token of {ISSUER}\n'


def test_who_is_revoked_approves_nothing_with_a_token(desk: Desk) -> None:
    id_ = desk.ask()
    record = desk.folder / "r.db"
    desk(f"pdp revoke {record} --create --token t-bo --issuer {ISSUER}")

    refused = desk.by("bo", f"pdp approve policies {id_} --revocations {record}")

    assert (refused.exit_code, refused.stderr) == (3, 'error: the token of User "bo" is revoked\n')


def test_no_request_is_made_without_all_of_its_names(desk: Desk) -> None:
    refused = desk("pdp request policies User:ada deploy --for 1h --why x", "ada")

    assert (refused.exit_code, refused.stderr.splitlines()[0]) == (3, "error: missing argument RESOURCE")
