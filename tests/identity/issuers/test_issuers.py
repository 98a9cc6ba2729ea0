"""A token becomes an identity, once verified it is known by its text, and nothing that was refused ever is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp import Engine, Entity, ref
from pdp.configuration import ConfigurationError
from pdp.errors import TokenError
from pdp.identity.issuers import Issuers
from pdp.identity.known import Tokens
from pdp.identity.proof.proofs import Proofs
from pdp.identity.proof.record import FileReplays
from pdp.identity.proof.thumbprints import encoded
from pdp.identity.who import Actor, Shown
from pdp.values import DATETIME_MAX
from tests.identity.issuers.scene import ISSUER, PEOPLE, SECOND, Keys, Scene, access, claims, done, public
from tests.identity.tokens import NOW, private_key, token

PROOFS = Proofs(private_key("ES256"), now=lambda: NOW)
CERTIFICATE = hashlib.sha256(b"certificate").digest()
OTHER = hashlib.sha256(b"another").digest()
BOUND = {"cnf": {"x5t#S256": encoded(CERTIFICATE)}}
WORKLOADS = '[[workloads]]\ntrust_domain = "example.org"\ntype = "Workload"\n'


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def refused(read, *arguments: object) -> TokenError:
    with pytest.raises(TokenError) as caught:
        read(*arguments)
    return caught.value


# ---------------------------------------------------------------------------------------------------------- identities


def test_a_token_says_whom_it_speaks_for(scene):
    found = scene.issuers.identify(access(amr=["mfa"], auth_time=NOW - 300))

    assert (found.principal, found.ref) == (ref("User", "ada"), ref("User", "ada"))
    assert (found.issuer, found.subject, found.token_id) == (ISSUER, "ada", "t1")
    assert found.until == (NOW + 240) * SECOND
    assert (found.session["mfa"], found.session["bound"]) == (True, False)
    assert found.claims == claims(amr=["mfa"], auth_time=NOW - 300)


def test_who_acts_is_in_the_session_and_all_who_do_are_told(tmp_path):
    scene = Scene(tmp_path, PEOPLE + 'actor = { type = "Agent", id = "agent:{sub}" }\n')

    found = scene.issuers.identify(access(act={"sub": "bot", "act": {"sub": "older"}}))

    assert found.session["actor"] == ref("Agent", "agent:bot")
    assert found.actors == (
        Actor(subject="bot", issuer=ISSUER, ref=ref("Agent", "agent:bot")),
        Actor(subject="older", issuer=ISSUER),
    )


def test_whoever_acts_where_nobody_may_is_refused(scene):
    assert refused(scene.issuers.identify, access(act={"sub": "bot"})).code == "invalid_claims"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"aud": "other"}, "wrong_audience"),
        ({"iss": "https://other.example.org"}, "unknown_issuer"),
        ({"exp": NOW - 60, "iat": NOW - 120}, "token_expired"),
        ({"exp": NOW - 1}, "token_expired"),
        ({"exp": NOW}, "token_expired"),
        ({"exp": NOW + 9000}, "token_lives_too_long"),
        ({"sub": ...}, "invalid_claims"),
    ],
)
def test_what_is_not_taken_is_refused_each_time_and_never_known(scene, more, code):
    for _ in range(2):
        assert refused(scene.issuers.identify, access(**more)).code == code

    assert len(scene.issuers._tokens) == 0


@pytest.mark.parametrize("junk", ["", "a.b.c", "x" * 9000, None, 5, b"abc", [], {}, ("a",)])
def test_what_is_no_token_is_refused(scene, junk):
    assert refused(scene.issuers.identify, junk).code in ("malformed_token", "token_too_large")


def test_a_token_of_a_key_that_is_not_there_is_refused(scene):
    error = refused(scene.issuers.identify, access("k2"))

    assert (error.code, error.passing) == ("unknown_key", False)


# ------------------------------------------------------------------------------------------------------ what is known


def test_a_token_that_is_known_is_not_verified_again(scene):
    first = scene.issuers.identify(access())

    assert scene.issuers.identify(access()) is first
    assert scene.keys.looked == ["k1"]


def test_another_text_is_another_token(scene):
    scene.issuers.identify(access())

    for text in (access() + "=", access() + "\n", " " + access(), access()[:-1]):
        assert refused(scene.issuers.identify, text).code in ("malformed_token", "wrong_signature")


def test_a_token_that_is_known_counts_until_it_ends_and_no_longer(scene):
    scene.issuers.identify(access())

    scene.clock.go_on(239.999_999)
    assert scene.issuers.identify(access())
    scene.clock.go_on(0.000_001)
    assert refused(scene.issuers.identify, access()).code == "token_expired"


def test_a_token_that_is_known_counts_no_longer_than_its_key(scene):
    scene.issuers.identify(access())
    scene.keys.held.clear()

    assert scene.issuers.identify(access())
    scene.clock.go_on(1)
    assert refused(scene.issuers.identify, access()).code == "unknown_key"


def test_a_key_of_the_same_name_that_is_another_ends_what_is_known(scene):
    scene.issuers.identify(access())
    scene.keys.held["k1", "RS256"] = public("k2")

    scene.clock.go_on(1)

    assert refused(scene.issuers.identify, access()).code == "wrong_signature"


def test_a_key_that_was_read_again_is_the_same_key(scene):
    first = scene.issuers.identify(access())
    scene.keys.held["k1", "RS256"] = public("k1")

    scene.clock.go_on(1)

    assert scene.issuers.identify(access()) is first


def test_a_clock_that_is_put_back_makes_no_token_count_longer_than_its_key(scene):
    written = access()
    scene.issuers.identify(written)
    scene.keys.held.clear()
    scene.clock.go_on(-30)

    assert refused(scene.issuers.identify, written).code == "unknown_key"


def test_a_token_that_another_thread_takes_out_is_verified_anew(scene, monkeypatch):
    written = access()
    scene.issuers.identify(written)
    scene.clock.go_on(2)
    found = Tokens.__contains__

    def taken_out(self, text):
        there = found(self, text)
        if there and not self._lock.locked():
            self.forget(text)
        return there

    monkeypatch.setattr(Tokens, "__contains__", taken_out)

    assert scene.issuers.identify(written).subject == "ada"


def test_what_a_caller_does_with_claims_changes_nothing_of_what_is_known(scene):
    written = access(**BOUND)
    who = scene.issuers.identify(written, Shown(certificate=CERTIFICATE))
    who.claims.pop("cnf")

    assert refused(scene.issuers.identify, written).code == "proof_missing"


def test_so_many_tokens_are_known_and_no_more(tmp_path):
    scene = Scene(tmp_path, "kept = 3\n" + PEOPLE)

    for number in range(10):
        scene.issuers.identify(access(jti=f"t{number}"))

    known = scene.issuers._tokens
    assert [each.identity.token_id for each in known.values()] == ["t7", "t8", "t9"]
    assert known.at_once.keys() == {*known}


def test_nothing_is_kept_where_nothing_is_to_be(tmp_path):
    scene = Scene(tmp_path, "kept = 0\n" + PEOPLE)

    assert scene.issuers.identify(access()) == scene.issuers.identify(access())
    assert not scene.issuers._tokens


def test_what_has_run_out_is_forgotten_though_nobody_asks(scene):
    for number in range(3):
        scene.issuers.identify(access(jti=f"t{number}"))

    scene.clock.go_on(300)
    scene.issuers.identify(access(iat=NOW + 299, exp=NOW + 400, jti="later"))

    assert [each.identity.token_id for each in scene.issuers._tokens.values()] == ["later"]
    assert len(scene.issuers._tokens.at_once) == 1


# ------------------------------------------------------------------------------------------------------------ proof


def test_a_token_that_is_bound_to_a_key_is_never_answered_without_proof(scene):
    bound = access(**BOUND)

    for _ in range(2):
        found = scene.issuers.identify(bound, Shown(certificate=CERTIFICATE))
        assert (found.session["bound"], found.session["key_id"]) == (True, encoded(CERTIFICATE))
        assert refused(scene.issuers.identify, bound).code == "proof_missing"
        assert refused(scene.issuers.identify, bound, Shown(certificate=OTHER)).code == "wrong_proof"
    assert scene.issuers._tokens.at_once == {}


def test_an_event_loop_goes_on_while_another_has_the_file_of_proofs(tmp_path, monkeypatch):
    scene = Scene(tmp_path, f'{PEOPLE}\n[replay]\nfile = "{tmp_path}/proofs.db"\n')
    bound, url, went_on = access(cnf={"jkt": PROOFS.thumbprint}), "https://api.example.org/deploy", threading.Event()
    shown = Shown(proofs=(PROOFS.make("POST", url, bound),), method="POST", url=url)
    use = FileReplays.use

    def slow(replays, *given):
        assert went_on.wait(5)
        use(replays, *given)

    monkeypatch.setattr(FileReplays, "use", slow)

    async def run():
        asyncio.get_running_loop().call_later(0.01, went_on.set)
        return await scene.issuers.identify_async(bound, shown)

    assert asyncio.run(run()).session["key_id"] == PROOFS.thumbprint
    assert refused(lambda: asyncio.run(scene.issuers.identify_async(bound, shown))).code == "proof_replayed"
    scene.issuers.close()


def test_a_proof_is_taken_once_whether_or_not_its_token_is_known(scene):
    bound, url = access(cnf={"jkt": PROOFS.thumbprint}), "https://api.example.org/deploy"

    def shown() -> Shown:
        return Shown(proofs=(PROOFS.make("POST", url, bound),), method="POST", url=url)

    for _ in range(2):
        used = shown()
        assert scene.issuers.identify(bound, used).session["key_id"] == PROOFS.thumbprint
        assert refused(scene.issuers.identify, bound, used).code == "proof_replayed"
        assert (
            refused(lambda used=used: asyncio.run(scene.issuers.identify_async(bound, used))).code == "proof_replayed"
        )
    assert refused(scene.issuers.identify, bound).code == "proof_missing"
    assert scene.issuers._tokens.at_once == {}


def test_a_token_that_is_bound_is_verified_once(scene):
    bound, shown = access(**BOUND), Shown(certificate=CERTIFICATE)

    first = scene.issuers.identify(bound, shown)

    assert scene.issuers.identify(bound, shown) is first


def test_a_proof_with_a_token_that_is_bound_to_nothing_is_refused_though_the_token_is_known(scene):
    scene.issuers.identify(access())

    error = refused(scene.issuers.identify, access(), Shown(proofs=("a.b.c",)))

    assert error.code == "wrong_proof"


def test_a_certificate_beside_a_token_that_is_bound_to_nothing_changes_nothing(scene):
    found = scene.issuers.identify(access(), Shown(certificate=CERTIFICATE))

    assert found.session["bound"] is False


def test_a_token_that_has_to_be_bound_is_refused_without_a_key(tmp_path):
    scene = Scene(tmp_path, PEOPLE + "proof = { required = true }\n")

    assert refused(scene.issuers.identify, access(), Shown(certificate=CERTIFICATE)).code == "token_not_bound"


# -------------------------------------------------------------------------------------------------- keys on their way


def coming_after(keys: Keys, seconds: float, *names: str) -> None:
    """Bring keys some seconds after somebody looked for one."""
    flights: list[Future[None]] = []

    def coming() -> Future[None]:
        flight: Future[None] = Future()
        flights.append(flight)

        def land() -> None:
            keys.held.update({(name, "RS256"): public(name) for name in names})
            keys.coming = lambda: None
            flight.set_result(None)

        threading.Timer(seconds, land).start()
        return flight

    keys.coming = coming


def test_keys_that_are_coming_are_waited_for(scene):
    coming_after(scene.keys, 0.05, "k2")

    assert scene.issuers.identify(access("k2")).subject == "ada"


def test_keys_that_are_coming_are_waited_for_so_long_and_no_longer(tmp_path):
    scene = Scene(tmp_path, wait=0.05)
    scene.keys.coming = Future

    began = time.monotonic()
    error = refused(scene.issuers.identify, access("k2"))

    assert (error.code, error.passing) == ("unknown_key", True)
    assert time.monotonic() - began < 2


def test_who_always_promises_keys_is_not_waited_for_for_ever(scene):
    scene.keys.coming = done

    assert refused(scene.issuers.identify, access("k2")).code == "unknown_key"
    assert len(scene.keys.looked) == 3


def test_a_token_whose_key_is_known_waits_for_nobody(scene):
    scene.keys.coming = Future
    stuck = threading.Thread(target=lambda: refused(scene.issuers.identify, access("k2")), daemon=True)
    stuck.start()

    began = time.monotonic()
    assert scene.issuers.identify(access())

    assert time.monotonic() - began < 1
    assert stuck.is_alive()


def test_a_signature_that_is_wrong_brings_one_look_at_newer_keys(scene):
    scene.keys.held["k1", "RS256"] = public("old")
    coming_after(scene.keys, 0.01, "k1")

    assert scene.issuers.identify(access()).subject == "ada"


def test_in_an_event_loop_others_go_on_while_keys_are_coming(scene):
    coming_after(scene.keys, 0.1, "k2")
    seen: list[str] = []

    async def ask(name: str) -> None:
        found = await scene.issuers.identify_async(access(name))
        seen.append(f"{name} {found.subject}")

    async def both() -> None:
        await asyncio.gather(ask("k2"), ask("k1"))

    asyncio.run(both())

    assert seen == ["k1 ada", "k2 ada"]


def test_in_an_event_loop_keys_are_waited_for_so_long_and_no_longer(tmp_path):
    scene = Scene(tmp_path, wait=0.05)
    scene.keys.coming = Future

    error = refused(lambda: asyncio.run(scene.issuers.identify_async(access("k2"))))

    assert (error.code, error.passing) == ("unknown_key", True)


def test_whoever_gives_up_waiting_takes_the_keys_from_nobody(scene):
    coming_after(scene.keys, 0.1, "k2")
    flight = scene.keys.coming()
    scene.keys.coming = lambda: flight

    async def run() -> str:
        gives_up = asyncio.create_task(scene.issuers.identify_async(access("k2")))
        stays = asyncio.create_task(scene.issuers.identify_async(access("k2", jti="t2")))
        await asyncio.sleep(0.02)
        gives_up.cancel()
        return (await stays).subject

    assert asyncio.run(run()) == "ada"
    assert not flight.cancelled()


@pytest.mark.parametrize("make", [access, lambda: access(**BOUND), lambda: access("k2"), lambda: "junk"])
def test_the_event_loop_gets_the_answers_that_threads_get(tmp_path, make):
    def told(read):
        try:
            return read()
        except TokenError as error:
            return error.code

    scene = Scene(tmp_path)
    for _ in range(2):
        waited = told(lambda: scene.issuers.identify(make()))
        assert told(lambda: asyncio.run(scene.issuers.identify_async(make()))) == waited


def test_keys_that_come_when_the_event_loop_has_ended_disturb_nobody(tmp_path, caplog):
    scene, flight = Scene(tmp_path, wait=0.01), Future()
    scene.keys.coming = lambda: flight
    refused(lambda: asyncio.run(scene.issuers.identify_async(access("k2"))))

    flight.set_result(None)

    assert caplog.records == []


# ---------------------------------------------------------------------------------------------- many at once, children


def test_many_threads_get_the_identity_of_their_own_token(tmp_path):
    scene = Scene(tmp_path, "kept = 8\n" + PEOPLE)
    tokens = {access(sub=f"u{number}", jti=f"t{number}"): f"u{number}" for number in range(24)}

    def ask(seed: int) -> bool:
        pairs = list(tokens.items())
        return all(scene.issuers.identify(text).subject == who for text, who in (pairs * 4)[seed:] + pairs)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(32)))
    assert len(scene.issuers._tokens) == len(scene.issuers._tokens.at_once) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no children to fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_child_that_was_forked_while_another_thread_wrote_can_still_verify(scene):
    scene.issuers.identify(access())

    with scene.issuers._tokens._lock:
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(20)
                scene.issuers.identify(access(jti="t2"))
                os._exit(len(scene.issuers._tokens))
            finally:
                os._exit(99)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["ask", "later", "drop", "bring"]), st.integers(0, 3)), max_size=12))
def test_what_is_known_never_tells_more_than_a_look_would(tmp_path_factory, steps):
    scene = Scene(tmp_path_factory.mktemp("known"), "kept = 2\n" + PEOPLE, "k0", "k1")
    texts = [access(f"k{number % 2}", jti=f"t{number}", exp=NOW + 100 * (number + 1)) for number in range(4)]

    for step, number in steps:
        if step == "later":
            scene.clock.go_on(50)
        elif step == "drop":
            scene.keys.held.pop((f"k{number % 2}", "RS256"), None)
            scene.clock.go_on(1)
        elif step == "bring":
            scene.keys.held[f"k{number % 2}", "RS256"] = public(f"k{number % 2}")
        else:
            counts = scene.clock() < (NOW + 100 * (number + 1)) * SECOND
            held = (f"k{number % 2}", "RS256") in scene.keys.held
            try:
                assert scene.issuers.identify(texts[number]).token_id == f"t{number}"
                assert counts and held
            except TokenError:
                assert not (counts and held)


# -------------------------------------------------------------------------------------------- whoever is asked as well


class Asked:
    """Somebody who is asked whether a token counts."""

    def __init__(self) -> None:
        self.counts, self.asked, self.problem, self.revoker, self.closed = True, 0, None, None, False

    def confirm(self, token: str, claims: object) -> None:
        self.asked += 1
        if not self.counts:
            raise TokenError("it counts no longer", code="token_inactive")

    async def confirm_async(self, token: str, claims: object) -> None:
        self.confirm(token, claims)

    def close(self) -> None:
        self.closed = True


def asked_about(scene: Scene) -> tuple[Issuers, Asked]:
    """Return the issuers of a scene where somebody is asked about each token."""
    from pdp.classes import replace

    asked = Asked()
    entries = [replace(each, confirmers=(asked,)) for each in scene.issuers._entries.values()]
    return Issuers(scene.issuers.configuration, entries, now=scene.clock), asked


def test_whoever_is_asked_about_tokens_is_asked_about_each_though_it_is_known(scene):
    issuers, asked = asked_about(scene)

    first = issuers.identify(access())
    assert issuers.identify(access()) is first
    asked.counts = False

    assert refused(issuers.identify, access()).code == "token_inactive"
    assert refused(lambda: asyncio.run(issuers.identify_async(access()))).code == "token_inactive"
    assert asked.asked == 4


def test_a_token_that_runs_out_while_somebody_is_asked_about_it_is_not_taken(scene, monkeypatch):
    issuers, asked = asked_about(scene)
    text = access()
    known = issuers.identify(text)

    monkeypatch.setattr(asked, "confirm", lambda *_: setattr(scene.clock, "micros", known.until))

    assert refused(issuers.identify, text).code == "token_expired"


def test_what_is_asked_is_taken_for_so_long_and_of_others_for_good(tmp_path):
    asked = 'introspection = { url = "https://id.example.org/i", client_id = "pdp", client_secret = { env = "S" }'
    text = f"{PEOPLE}{asked}, keep = 7 }}\n" + PEOPLE.replace(ISSUER, "https://other.example.org").replace(
        '"User"', '"Robot"'
    )

    (tmp_path / "identity.toml").write_text(text, "utf-8")
    issuers = Issuers.load(tmp_path / "identity.toml", keys_of=lambda _: Keys("k1"), environment={"S": "secret"})

    assert issuers.lent(ISSUER) == 7 * SECOND
    assert issuers.lent("https://other.example.org") is None
    issuers.close()


def test_nobody_is_asked_about_a_token_that_is_not_verified(scene):
    issuers, asked = asked_about(scene)

    refused(issuers.identify, access("k2"))

    assert asked.asked == 0


def test_what_is_wrong_is_told_by_the_name_of_the_issuer(scene):
    issuers, asked = asked_about(scene)
    asked.problem, scene.keys.problem = "it does not answer", "they cannot be had"
    engine = Engine.from_text("type User")

    issuers.revoke_by(engine)
    issuers.close()

    assert issuers.problems() == (f"{ISSUER}: they cannot be had", f"{ISSUER}: it does not answer")
    assert asked.revoker is engine
    assert asked.closed and scene.keys.closed


SECRET = 'client_secret = { env = "SECRET" }'
UNUSABLE = [
    (f'introspection = {{ url = "https://x/", client_id = "a", ca = "/etc/hostname", {SECRET} }}\n', "no_certificates"),
    ('[replay]\nfile = "/nowhere/replay.db"\n', "no_proofs"),
]


@pytest.mark.parametrize(("more", "code"), UNUSABLE)
def test_what_cannot_be_used_is_told_when_it_is_loaded(tmp_path, more, code):
    text = more + PEOPLE if more.startswith("[") else PEOPLE + more
    (tmp_path / "identity.toml").write_text(text, "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        Issuers.load(tmp_path / "identity.toml", environment={"SECRET": "s3cret"}, keys_of=lambda _: Keys("k1"))

    assert [each.code for each in caught.value.diagnostics] == [code]


def test_issuers_are_ready_once_all_keys_are_there_or_could_not_be_had(tmp_path):
    scene = Scene(
        tmp_path,
        PEOPLE
        + PEOPLE.replace("https://id", "https://other").replace('"sub"', '"x:{sub}"').replace('"User"', '"Robot"'),
    )
    flights: list[Future[None]] = [Future(), Future()]
    waiting = iter(flights)
    scene.keys.start = lambda: next(waiting)

    ready = scene.issuers.start()

    assert not ready.done()
    flights[0].set_result(None)
    assert not ready.done()
    flights[1].set_result(None)
    assert ready.result(1) is None


def test_without_issuers_of_tokens_everything_is_ready_at_once(tmp_path):
    assert Scene(tmp_path, WORKLOADS).issuers.start().done()


# ---------------------------------------------------------------------------------------------------------- workloads


def test_a_certificate_names_a_workload(tmp_path):
    scene = Scene(tmp_path, WORKLOADS + 'groups = { Team = ["ci"] }\n')

    begins, ends = NOW * SECOND, 2 * NOW * SECOND

    found = scene.issuers.certified(("spiffe://example.org/ci/build",), CERTIFICATE, issued_at=begins, until=ends)

    assert found.principal == Entity("Workload", "spiffe://example.org/ci/build", {}, (ref("Team", "ci"),))
    assert (found.issuer, found.subject) == ("spiffe://example.org", "spiffe://example.org/ci/build")
    session = dict(found.session)
    assert session["authenticated_at"].micros == session["issued_at"].micros == begins
    assert session["expires_at"].micros == found.until == ends
    assert (session["bound"], session["mfa"], session["methods"]) == (True, False, [])
    assert session["key_id"] == encoded(CERTIFICATE)


def test_a_certificate_of_a_clock_that_is_ahead_makes_no_session_of_the_future(tmp_path):
    issuers = Scene(tmp_path, WORKLOADS).issuers

    found = issuers.certified(("spiffe://example.org/a",), None, issued_at=(NOW + 5) * SECOND)

    assert found.session["issued_at"].micros == NOW * SECOND


def test_a_certificate_of_which_nothing_else_is_known_names_a_workload_as_well(tmp_path):
    found = Scene(tmp_path, WORKLOADS).issuers.certified(("spiffe://example.org/a",), None)

    assert found.principal == ref("Workload", "spiffe://example.org/a")
    assert {*found.session} == {"bound", "mfa", "methods", "issuer"}
    assert found.until == DATETIME_MAX


@pytest.mark.parametrize(
    "identities",
    [
        (),
        ("spiffe://example.org/a", "spiffe://example.org/b"),
        ("spiffe://example.org",),
        ("spiffe://example.org/",),
        ("spiffe://example.org/../a",),
        ("spiffe://other.org/a",),
        ("https://example.org/a",),
        ("spiffe://Example.org/a",),
        ("",),
    ],
)
def test_a_certificate_that_names_nobody_is_refused(tmp_path, identities):
    scene = Scene(tmp_path, WORKLOADS)

    assert refused(scene.issuers.certified, identities, CERTIFICATE).code == "wrong_certificate"


def test_a_certificate_that_has_run_out_is_refused(tmp_path):
    scene = Scene(tmp_path, WORKLOADS)

    error = refused(lambda: scene.issuers.certified(("spiffe://example.org/a",), None, until=NOW * SECOND))

    assert error.code == "wrong_certificate"


def test_a_clock_is_that_of_the_system_where_nobody_gives_one(tmp_path):
    (tmp_path / "identity.toml").write_text(PEOPLE, "utf-8")
    issuers = Issuers.load(tmp_path / "identity.toml", keys_of=lambda _: Keys("k1"))
    now = int(time.time())
    text = token(claims(iat=now, exp=now + 300), {"typ": "at+jwt"})

    first = issuers.identify(text)

    assert issuers.identify(text) is first
    assert issuers._tokens.at_once[text][2] > time.time_ns()


def test_a_clock_that_is_ahead_of_an_issuer_is_within_the_leeway(scene):
    assert scene.issuers.identify(access(iat=NOW + 29)).session["issued_at"].micros == NOW * SECOND
    assert refused(scene.issuers.identify, access(iat=NOW + 31, exp=NOW + 60)).code == "token_not_yet_valid"


def test_an_identity_names_its_token_and_does_not_hold_it(scene):
    text = access()

    found = scene.issuers.identify(text)

    assert found.digest == hashlib.sha256(text.encode()).hexdigest()
    assert text not in repr(found) and found.digest not in repr(found)
