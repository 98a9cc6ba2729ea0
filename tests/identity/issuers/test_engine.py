"""An engine takes tokens of configured issuers, and what they prove is what it decides by."""

from __future__ import annotations

import datetime
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import pdp
from pdp import Engine, Entity, RequestError, TokenError, ref
from pdp.configuration import ConfigurationError
from pdp.identity.issuers import Issuers
from pdp.identity.options import IssuerOptions
from tests.identity.issuers.scene import ISSUER, PEOPLE, Keys, Scene, access, claims
from tests.identity.tokens import NOW, token

POLICY = """
type Group
type User in Group { email?: String }
type Robot
type Agent
type Page
action read on Page by User, Robot

rule people_read:
  permit User in Group "staff" to read on Page
  needs session.mfa else "a second factor"

rule robots_read: permit Robot to read on Page
rule agents_read: permit User to read on Page via Agent
"""
MAPPED = PEOPLE.replace('id = "sub"', 'id = "sub", attributes = { email = "email" }, groups = { Group = "groups" }')
HOME = ref("Page", "home")
AT = datetime.datetime.fromtimestamp(NOW, datetime.UTC)


def engine(folder, text: str = MAPPED, **options: object) -> Engine:
    scene = Scene(folder, text)
    return Engine.from_text(POLICY, identity=scene.issuers, clock=lambda: AT, **options)


def asked(engine: Engine, text: str, at: datetime.datetime = AT) -> pdp.Decision:
    found = engine.session_from(text)
    return engine.decide(found.principal, "read", HOME, None, found.session, at)


def test_whom_a_token_speaks_for_is_whom_it_is_decided_for(tmp_path):
    found = engine(tmp_path)

    assert asked(found, access(groups=["staff"], amr=["mfa"]))
    assert asked(found, access(groups=["staff"], amr=["pwd"])).remedies[0].texts == ("a second factor",)
    assert not asked(found, access(groups=["guests"], amr=["mfa"]))


def test_a_token_that_is_not_taken_raises_and_never_decides(tmp_path):
    with pytest.raises(TokenError) as caught:
        engine(tmp_path).session_from(access(aud="other"))

    assert caught.value.code == "wrong_audience"


def test_a_decision_ends_with_its_token(tmp_path):
    found = engine(tmp_path)
    text = access(groups=["staff"], amr=["mfa"])

    assert asked(found, text).valid_until == AT + datetime.timedelta(seconds=240)
    assert asked(found, text, AT + datetime.timedelta(seconds=240)).reason is pdp.Reason.SESSION_EXPIRED


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"token": "t1", "issuer": ISSUER}, pdp.Reason.SESSION_REVOKED),
        ({"token": "t1"}, pdp.Reason.SESSION_REVOKED),
        ({"principal": ref("User", "ada")}, pdp.Reason.PRINCIPAL_REVOKED),
        ({"session": "s1", "issuer": ISSUER}, pdp.Reason.SESSION_REVOKED),
        ({"token": "t1", "issuer": "https://other.example.org"}, None),
        ({"token": "t2", "issuer": ISSUER}, None),
    ],
)
def test_what_is_revoked_is_denied_though_its_token_is_known(tmp_path, target, reason):
    found = engine(tmp_path)
    text = access(groups=["staff"], amr=["mfa"], sid="s1")
    assert asked(found, text)

    found.revoke(**target)

    decision = asked(found, text)
    assert bool(decision) is (reason is None)
    assert reason is None or decision.reason is reason


def test_a_token_without_a_name_is_revoked_with_whom_it_speaks_for(tmp_path):
    text = token(claims(jti=..., client_id="app"), {"typ": "JWT"})
    found = engine(tmp_path, PEOPLE.replace("access-token", "generic").replace("User", "Robot"))
    assert asked(found, text)
    assert found.session_from(text).token_id is None

    found.revoke(principal=ref("Robot", "ada"), not_before=AT)

    assert asked(found, text).reason is pdp.Reason.PRINCIPAL_REVOKED


def test_only_rules_for_actors_apply_where_somebody_acts(tmp_path):
    found = engine(tmp_path, MAPPED + 'actor = { type = "Agent" }\n')

    decision = asked(found, access(act={"sub": "bot"}, amr=["mfa"], groups=["staff"]))

    assert decision.determining_rules == ("agents_read",)


def test_the_store_goes_before_what_a_token_says(tmp_path):
    held = [Entity("User", "ada", {}, [ref("Group", "guests")])]
    scene = Scene(tmp_path, MAPPED)
    found = Engine.from_text(POLICY, entities=held, identity=scene.issuers, clock=lambda: AT)

    assert not asked(found, access(groups=["staff"], amr=["mfa"]))


def test_an_engine_without_issuers_takes_no_token():
    with pytest.raises(RequestError, match="no issuers of tokens are configured"):
        Engine.from_text(POLICY).session_from("a.b.c")


def test_an_engine_reads_its_issuers_from_a_file_and_holds_them_to_its_policy(tmp_path):
    (tmp_path / "identity.toml").write_text(PEOPLE.replace("User", "Usr"), "utf-8")

    with pytest.raises(ConfigurationError, match="did you mean `User`"):
        Engine.from_text(POLICY, identity=tmp_path / "identity.toml")


def test_a_policy_that_does_not_declare_what_issuers_name_is_not_taken(tmp_path):
    found = engine(tmp_path)

    with pytest.raises(ConfigurationError, match="declare no type `Group`"):
        found.replace_policy(Engine.from_text("type User\ntype Page\naction read on Page by User").policy)

    assert asked(found, access(groups=["staff"], amr=["mfa"]))


def test_an_engine_of_another_kind_may_take_tokens_in_its_own_way(tmp_path):
    class Counting(Engine):
        seen = 0

        def session_from(self, token, shown=None):
            self.seen += 1
            return super().session_from(token, shown)

    found = Counting.from_text(POLICY, identity=Scene(tmp_path, MAPPED).issuers)

    assert found.session_from(access()).subject == "ada"
    assert found.seen == 1


def test_an_engine_that_takes_no_tokens_imports_nothing_of_them():
    code = "import pdp, sys; pdp.Engine.from_text('type User'); print(*(n for n in sys.modules if 'identity' in n))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.split() == []


def test_without_the_packages_that_it_takes_an_engine_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pdp.identity.issuers", None)

    with pytest.raises(RequestError, match=r"pip install 'pdp-engine\[identity\]'"):
        Engine.from_text(POLICY, identity=tmp_path / "identity.toml")


def test_many_threads_decide_by_tokens_while_some_are_revoked(tmp_path):
    (tmp_path / "identity.toml").write_text("kept = 16\n" + PEOPLE.replace("User", "Robot"), "utf-8")

    def keys_of(_: IssuerOptions) -> Keys:
        return Keys("k1")

    issuers = Issuers.load(tmp_path / "identity.toml", keys_of=keys_of)
    found = Engine.from_text(POLICY, identity=issuers)
    now = int(time.time())
    texts = [token(claims(sub=f"r{n}", jti=f"t{n}", iat=now - 1, exp=now + 300), {"typ": "at+jwt"}) for n in range(32)]
    for number in range(0, 32, 2):
        found.revoke(token=f"t{number}", issuer=ISSUER)

    def ask(_: int) -> list[bool]:
        told = []
        for text in texts:
            who = found.session_from(text)
            told.append(found.allows(who.principal, "read", HOME, None, who.session))
        return told

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(32)))

    assert answers == [[number % 2 == 1 for number in range(32)]] * 32
