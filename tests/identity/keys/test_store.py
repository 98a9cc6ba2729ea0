"""Keys are at hand without a wait, and read again at their pace."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import Future

import pytest

from pdp.identity.issuer import Key, Keys, UnknownKeyError
from pdp.identity.jwk import KeysError, KeySet
from pdp.identity.keys.store import MOST_ABSENT, KeyStore, Pace
from tests.identity.keys.fakes import PACE, Bench, keys
from tests.identity.tokens import private_key


def refused(store: KeyStore, kid: str, algorithm: str = "ES256") -> UnknownKeyError:
    with pytest.raises(UnknownKeyError) as found:
        store.find(kid, algorithm)
    return found.value


def has(store: KeyStore, kid: str, algorithm: str = "ES256") -> bool:
    try:
        store.find(kid, algorithm)
    except UnknownKeyError:
        return False
    return True


def test_a_store_is_what_verifies_tokens_asks_for() -> None:
    store: Keys = Bench("k1").store

    assert callable(store.find)


# -------------------------------------------------------------------------------------------------------- what is found


def test_a_key_is_found_by_its_name_and_algorithm() -> None:
    bench = Bench("k1", "k2").started()

    found = bench.store.find("k2", "ES256")

    assert found == Key(kid="k2", algorithm="ES256", material=private_key("ES256", "k2").public_key())
    assert bench.source.reads == 1


def test_a_token_that_names_no_key_gets_the_only_one_of_its_algorithm() -> None:
    bench = Bench("k1").started()

    assert bench.store.find("", "ES256").kid == "k1"


def test_a_token_that_names_no_key_gets_none_of_two() -> None:
    bench = Bench("k1", "k2").started()

    found = refused(bench.store, "")

    assert (found.code, str(found)) == ("unknown_key", "the token names no key, and the issuer has not just one")


def test_a_key_is_for_its_own_algorithm_alone() -> None:
    bench = Bench("k1").started()

    found = refused(bench.store, "k1", "ES384")

    assert (found.code, str(found)) == ("wrong_algorithm", "the key that the token names is for another algorithm")


def test_an_unknown_key_is_refused_without_its_name() -> None:
    bench = Bench("k1").started()

    found = refused(bench.store, "../../etc/passwd")

    assert (found.code, str(found)) == ("unknown_key", "the issuer has no such key")


def test_before_keys_are_read_they_are_not_at_hand() -> None:
    bench = Bench("k1")

    found = refused(bench.store, "k1")

    assert (found.code, found.passing) == ("keys_unavailable", True)
    assert str(found) == "the keys of the issuer are not at hand"


# ------------------------------------------------------------------------------------------------------ when it is read


def test_keys_are_read_ahead_of_their_end() -> None:
    bench = Bench("k1").started()

    bench.run(299.0)
    before = bench.source.reads
    bench.run(2.0)

    assert (before, bench.source.reads) == (1, 2)


@pytest.mark.parametrize(
    ("fresh", "seconds"), [(60.0, 60.0), (86400.0, 300.0), (5.0, 30.0), (0.0, 30.0), (None, 300.0)]
)
def test_what_the_server_says_brings_a_read_sooner_but_not_within_the_cooldown(
    fresh: float | None, seconds: float
) -> None:
    """PyJWKClient does not look at Cache-Control."""
    bench = Bench("k1")
    bench.source.fresh = fresh
    bench.started()

    assert bench.store.tick() == seconds


def test_reads_of_many_are_spread() -> None:
    bench = Bench("k1", jitter=0.9).started()

    assert bench.store.tick() == 270.0


def test_an_unknown_key_brings_one_read_in_each_cooldown() -> None:
    """CVE-2026-48524: each unknown key made PyJWKClient ask the server."""
    bench = Bench("k1").started()

    for number in range(10_000):
        refused(bench.store, f"unknown-{number}")
        bench.run(0.003)
    within = bench.source.reads
    bench.run(1.0)
    refused(bench.store, "another")
    bench.run()

    assert (within, bench.source.reads) == (1, 2)


def test_ten_minutes_of_unknown_keys_bring_a_read_in_each_cooldown() -> None:
    bench = Bench("k1").started()

    for number in range(6000):
        refused(bench.store, f"unknown-{number}")
        bench.run(0.1)

    assert bench.source.reads <= 1 + 600 / 30


def test_the_same_unknown_key_brings_reads_ever_more_seldom() -> None:
    bench = Bench("k1").started()

    for _ in range(3600):
        bench.run(1.0)
        refused(bench.store, "gone")

    # The first, those that were due, and what the key brought: after 30, 60, 120, 240, and then every 300 seconds.
    assert bench.source.reads <= 1 + 3600 / 300 + 4 + 3600 / 300


def test_the_names_of_unknown_keys_do_not_pile_up() -> None:
    bench = Bench("k1", pace=Pace(refresh=1.0, cooldown=0.01, max_stale=10.0)).started()

    for number in range(2 * MOST_ABSENT):
        bench.run(0.01)
        refused(bench.store, f"unknown-{number}")

    assert bench.source.reads > MOST_ABSENT
    assert len(bench.store._absent) <= MOST_ABSENT


def test_a_name_that_no_key_could_have_brings_no_read() -> None:
    bench = Bench("k1").started()
    bench.run(100.0)

    found = refused(bench.store, "k" * 2000)

    assert (found.code, found.coming) == ("unknown_key", None)


def test_who_asks_for_an_unknown_key_can_wait_for_what_is_coming() -> None:
    bench = Bench("k1").started()
    bench.run(100.0)
    bench.source.says = keys("k1", "k2")

    first, second = refused(bench.store, "k2"), refused(bench.store, "k2")
    waiting = first.coming
    bench.run()

    assert waiting is not None
    assert waiting is second.coming
    assert waiting.done()
    assert first.passing
    assert bench.store.find("k2", "ES256").kid == "k2"
    assert bench.source.reads == 2


def test_a_key_that_was_asked_for_in_the_midst_of_reads_may_come_with_the_next() -> None:
    """What they brought was perhaps read before the key was there: it is no reason to look for it more seldom."""
    bench = Bench("k1").started()
    bench.source.meanwhile = lambda: refused(bench.store, "k2")
    for number in range(4):
        bench.run(30.0)
        refused(bench.store, f"another-{number}")
        bench.run()
    bench.source.says = keys("k1", "k2")

    bench.run(30.0)
    coming = refused(bench.store, "k2").coming
    bench.run()

    assert coming is not None
    assert has(bench.store, "k2")


def test_nobody_can_cancel_what_others_wait_for() -> None:
    bench = Bench("k1").started()
    bench.run(100.0)
    waiting = refused(bench.store, "k2").coming
    assert waiting is not None

    assert not waiting.cancel()

    bench.run()
    assert waiting.result(0) is None


def test_a_key_that_an_issuer_takes_right_after_its_keys_were_read_again_is_had_at_once() -> None:
    bench = Bench("k1").started()
    bench.run(301.0)
    assert bench.source.reads == 2
    bench.source.says = keys("k1", "k2")

    coming = refused(bench.store, "k2").coming
    bench.run()
    other = refused(bench.store, "k3")

    assert coming is not None
    assert has(bench.store, "k2")
    # Now that a token has brought a read, no other brings one within the cool-down.
    assert other.coming is None
    assert bench.source.reads == 3


def test_within_the_cooldown_nothing_is_coming() -> None:
    bench = Bench("k1").started()
    bench.run(29.0)

    found = refused(bench.store, "k2")

    assert (found.coming, found.passing) == (None, False)


def test_a_key_that_comes_between_two_looks_is_found() -> None:
    bench = Bench("k1").started()
    bench.run(100.0)
    bench.source.says = keys("k1", "k2")
    store = bench.store
    ask = store._ask

    def asked_late(name: tuple[str, str] | None) -> Future[None] | None:
        coming = ask(name)
        bench.run()
        return coming

    store._ask = asked_late  # type: ignore[method-assign]  # Another thread read them just then.

    assert store.find("k2", "ES256").kid == "k2"


# ------------------------------------------------------------------------------------------------------- what goes away


def test_a_removed_key_is_refused_from_the_next_read_on() -> None:
    """PyJWKClient gives out removed keys for ever where it keeps keys (issue 1051)."""
    bench = Bench("k1", "k2").started()
    bench.source.says = keys("k2")

    bench.run(299.0)
    before = has(bench.store, "k1")
    bench.run(1.0)

    assert (before, has(bench.store, "k1"), has(bench.store, "k2")) == (True, False, True)


def test_an_empty_set_revokes_all_keys_at_once() -> None:
    """PyJWKClient takes an empty set for a failure, and goes on with the keys of before."""
    bench = Bench("k1").started()
    bench.source.says = KeySet()

    bench.run(300.0)

    assert refused(bench.store, "k1").code == "unknown_key"
    assert bench.store.problem == "the issuer has no key that is taken"


def test_the_name_of_a_key_may_be_given_to_another() -> None:
    bench = Bench("k1").started()
    old = bench.store.find("k1", "ES256")
    bench.source.says = KeySet(keys=(Key(kid="k1", algorithm="ES256", material="another"),))

    within = bench.store.suspect(old)
    bench.run(30.0)
    coming = bench.store.suspect(old)
    bench.run()
    late = bench.store.suspect(old)

    assert within is None
    assert coming is not None
    assert coming.done()
    assert bench.store.find("k1", "ES256").material == "another"
    assert late is not None
    assert late.done()
    assert bench.source.reads == 2


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_keys_count_while_the_server_is_down_and_then_no_more() -> None:
    bench = Bench("k1").started()
    bench.source.fail()

    bench.run(3599.0)
    before = has(bench.store, "k1")
    bench.run(1.0)

    assert before
    assert refused(bench.store, "k1").code == "keys_unavailable"
    assert bench.store.problem == "the server is down; there are none that count"


def test_a_read_that_fails_for_an_unknown_key_takes_no_known_one_away() -> None:
    """CVE-2026-48524: a failure, which any unknown key could bring about, emptied the cache of PyJWKClient."""
    bench = Bench("k1").started()
    bench.run(100.0)
    bench.source.fail()

    refused(bench.store, "unknown")
    bench.run()

    assert bench.source.reads == 2
    assert has(bench.store, "k1")


def test_keys_count_again_once_the_server_is_back() -> None:
    bench = Bench("k1").started()
    bench.source.fail()
    bench.run(5000.0)
    bench.source.says = keys("k1")

    bench.run(30.0)

    assert has(bench.store, "k1")
    assert bench.store.problem is None


def test_a_server_that_is_down_is_asked_ever_more_seldom_while_keys_count() -> None:
    """PyJWKClient asks a server that is down once for each token."""
    bench = Bench("k1").started()
    bench.source.fail()

    bench.run(3599.0)

    # After 300 seconds, then 30, 60, 120, 240, and every 300.
    assert 12 <= bench.source.reads <= 18


def test_a_server_that_was_never_up_is_asked_soon_and_then_once_in_a_cooldown() -> None:
    bench = Bench()
    bench.source.fail()

    bench.store.start()
    bench.run(30.0)
    within = bench.source.reads
    bench.run(600.0)

    # After 1, 2, 4, 8, 16 and then every 30 seconds.
    assert within == 5
    assert bench.source.reads == 25


def test_tokens_do_not_make_a_server_that_is_down_be_asked_more() -> None:
    quiet, flooded = Bench(), Bench()
    for bench in (quiet, flooded):
        bench.source.fail()
        bench.started()

    for number in range(6000):
        refused(flooded.store, f"unknown-{number}")
        flooded.run(0.1)
    quiet.run(600.0)

    assert flooded.source.reads <= quiet.source.reads + 1


def test_a_read_that_takes_long_is_not_begun_again_at_once() -> None:
    bench = Bench()
    bench.source.fail()

    def late() -> None:
        bench.clock.now += 5.0

    bench.source.meanwhile = late
    bench.store.start()

    assert bench.store.tick() == 1.0


def test_whatever_a_source_raises_is_a_failure() -> None:
    bench = Bench("k1").started()
    bench.source.says = ZeroDivisionError("a secret")

    bench.run(300.0)

    assert has(bench.store, "k1")
    assert bench.store.problem == "reading them failed: ZeroDivisionError; those at hand count for 3300 more seconds"


def test_a_bundle_that_is_older_than_the_one_at_hand_is_not_taken() -> None:
    bench = Bench()
    bench.source.says = keys("k2", spiffe_sequence=5)
    bench.started()
    bench.source.says = keys("k1", spiffe_sequence=4)

    bench.run(300.0)

    assert (has(bench.store, "k1"), has(bench.store, "k2")) == (False, True)
    assert (bench.store.problem or "").startswith("what was read is older than what was read before; ")


def test_an_older_bundle_is_taken_once_nothing_else_counts() -> None:
    bench = Bench()
    bench.source.says = keys("k2", spiffe_sequence=5)
    bench.started()
    bench.source.says = keys("k1", spiffe_sequence=1)

    bench.run(3600.0 + 300.0)

    assert (has(bench.store, "k1"), has(bench.store, "k2")) == (True, False)


def test_keys_are_as_old_as_the_begin_of_their_read() -> None:
    bench = Bench("k1")

    def late() -> None:
        bench.clock.now += 20.0

    bench.source.meanwhile = late
    bench.store.start()
    bench.store.tick()
    bench.clock.now += 3579.0
    before = has(bench.store, "k1")
    bench.clock.now += 1.0

    assert (before, has(bench.store, "k1")) == (True, False)


def test_a_clock_that_gives_no_time_makes_all_keys_too_old() -> None:
    bench = Bench("k1").started()

    bench.clock.now = float("nan")

    assert refused(bench.store, "k1").code == "keys_unavailable"


def test_a_thread_that_cannot_be_had_lets_nobody_wait() -> None:
    bench = Bench("k1")
    bench.hands[0].works = False

    started = bench.store.start()
    found = refused(bench.store, "k1")

    assert started.done()
    assert (found.code, found.coming) == ("keys_unavailable", None)


# ------------------------------------------------------------------------------------------------------------- its life


def test_keys_that_are_there_are_not_read_for_another_start() -> None:
    bench = Bench("k1").started()

    again = bench.store.start()
    bench.run()

    assert again.done()
    assert bench.source.reads == 1


def test_a_start_that_comes_to_nothing_is_done_as_well() -> None:
    bench = Bench()
    bench.source.fail()

    done = bench.store.start()
    bench.run()

    assert done.result(0) is None
    assert bench.store.problem == "the server is down; there are none that count"


def test_who_waits_waits_no_longer_once_it_is_closed() -> None:
    bench = Bench("k1")
    waiting = bench.store.start()

    bench.store.close()

    assert waiting.done()
    assert bench.store.start().done()
    assert refused(bench.store, "k1").coming is None
    assert bench.source.reads == 0


def test_it_may_be_closed_in_the_midst_of_a_read() -> None:
    bench = Bench("k1")
    bench.source.meanwhile = bench.store.close
    waiting = bench.store.start()

    bench.run()

    assert waiting.done()


def test_a_problem_is_told_from_the_start_until_keys_are_there() -> None:
    bench = Bench("k1")

    before = bench.store.problem
    bench.started()

    assert (before, bench.store.problem) == ("the keys were not read yet", None)


def test_keys_that_were_passed_over_are_a_problem() -> None:
    bench = Bench("k1")
    bench.source.says = KeySet(keys=keys("k1").keys, notes=("key 2 is passed over: its name is none",))

    bench.started()

    assert bench.store.problem == "key 2 is passed over: its name is none"


def test_a_store_that_nobody_holds_goes_away() -> None:
    bench = Bench("k1").started()
    gone = weakref.ref(bench.store)

    del bench
    gc.collect()

    assert gone() is None


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (Pace(refresh=0.0), "`refresh` is no number of seconds above nothing"),
        (Pace(cooldown=-1.0), "`cooldown` is no number of seconds above nothing"),
        (Pace(max_stale=float("inf")), "`max_stale` is no number of seconds above nothing"),
        (Pace(max_stale=float("nan")), "`max_stale` is no number of seconds above nothing"),
        (Pace(refresh=10.0), "`cooldown` is longer than `refresh`"),
        (
            Pace(max_stale=100.0),
            "`refresh` is longer than `max_stale`: keys would count no more before they are read again",
        ),
    ],
)
def test_a_pace_that_is_none_is_refused(pace: Pace, said: str) -> None:
    with pytest.raises(KeysError) as found:
        KeyStore(Bench().source, pace)

    assert str(found.value) == said
    PACE.check()
