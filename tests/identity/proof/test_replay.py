"""A proof is taken once, for as long as it counts, and what cannot be remembered is not taken."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pdp.errors import TokenError
from pdp.identity.options import ReplayOptions
from pdp.identity.proof.record import _ENDED, FileReplays, replays_of
from pdp.identity.proof.replay import MOST, MemoryReplays, Replays, share_of

KEY, OTHER = "a-key", "another-key"


@pytest.fixture(params=["memory", "file"])
def make(request: Any, tmp_path: Path) -> Any:
    def make(most: int = MOST) -> Any:
        return MemoryReplays(most) if request.param == "memory" else FileReplays(tmp_path / "proofs.db", most)

    return make


def refusal(replays: Replays, key: str, jti: str, until: int, now: int) -> str | None:
    try:
        replays.use(key, jti, until, now)
    except TokenError as error:
        return error.code
    return None


def test_a_proof_is_taken_once(make):
    replays = make()

    assert refusal(replays, KEY, "a", 100, 0) is None
    assert refusal(replays, KEY, "a", 100, 0) == "proof_replayed"
    assert refusal(replays, KEY, "a", 100, 99) == "proof_replayed"
    assert refusal(replays, KEY, "a", 200, 99) == "proof_replayed"


def test_a_name_is_that_of_one_key(make):
    replays = make()

    assert refusal(replays, KEY, "a", 100, 0) is None
    assert refusal(replays, OTHER, "a", 100, 0) is None
    assert refusal(replays, KEY, "b", 100, 0) is None


def test_a_proof_that_counts_no_more_is_not_taken(make):
    replays = make()

    assert refusal(replays, KEY, "a", 100, 100) == "proof_replayed"
    assert refusal(replays, KEY, "b", 100, 101) == "proof_replayed"


def test_a_proof_is_forgotten_when_it_counts_no_more(make):
    replays = make()

    for number in range(50):
        assert refusal(replays, KEY, str(number), number * 10 + 10, number * 10) is None

    assert len(replays) == 1


def test_a_clock_that_is_put_back_brings_no_proof_back(make):
    replays = make()
    replays.use(KEY, "a", 100, 0)
    replays.use(KEY, "b", 200, 150)

    assert refusal(replays, KEY, "a", 100, 50) == "proof_replayed"
    assert refusal(replays, KEY, "new", 101, 50) is None


def test_no_proof_that_counts_is_forgotten_for_another(make):
    replays = make(8)
    for key in "abcd":
        for jti in "xy":
            assert refusal(replays, key, jti, 100, 0) is None

    with pytest.raises(TokenError) as caught:
        replays.use("e", "new", 100, 0)

    assert (caught.value.code, caught.value.passing) == ("proofs_full", True)
    assert str(caught.value) == "as many proofs as can be remembered were used, and they still count"
    assert refusal(replays, "a", "x", 100, 0) == "proof_replayed"
    assert refusal(replays, "e", "new", 200, 100) is None


def test_one_key_does_not_fill_it_for_others(make):
    replays = make(8)
    assert [refusal(replays, KEY, jti, 100, 0) for jti in "abc"] == [None, None, "proofs_full"]

    assert refusal(replays, OTHER, "a", 100, 0) is None


@pytest.mark.parametrize("jti", ["", "é", "\0", "x" * 256, "'; DROP TABLE used; --"])
def test_a_name_may_be_any_text(make, jti):
    replays = make()

    assert refusal(replays, KEY, jti, 100, 0) is None
    assert refusal(replays, KEY, jti, 100, 0) == "proof_replayed"


def test_of_many_at_once_one_is_taken(make):
    replays = make()
    begin = threading.Barrier(8)

    def use(_: int) -> list[str | None]:
        begin.wait()
        return [refusal(replays, KEY, str(number), 100, 0) for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(use, range(8)))

    for each in zip(*found, strict=True):
        assert sorted(map(str, each)) == ["None", *["proof_replayed"] * 7]
    assert len(replays) == 40


class Model:
    """What there is to say of proofs, said slowly."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.live: dict[tuple[str, str], int] = {}
        self.forgotten = 0

    def use(self, key: str, jti: str, until: int, now: int) -> str | None:
        ended = [each for each, end in self.live.items() if end <= now]
        self.forgotten = max([self.forgotten, *(self.live.pop(each) for each in ended)])
        if (key, jti) in self.live or until <= max(now, self.forgotten):
            return "proof_replayed"
        if len(self.live) >= self.most or sum(each == key for each, _ in self.live) >= share_of(self.most):
            return "proofs_full"
        self.live[key, jti] = until
        return None


class Compared(RuleBasedStateMachine):
    """Compared with a model, by a clock that may be put back."""

    most = 8

    def make(self) -> Any:
        return MemoryReplays(self.most)

    def __init__(self) -> None:
        super().__init__()
        self.replays, self.model = self.make(), Model(self.most)
        self.taken: list[tuple[str, str, int]] = []
        self.now = 0

    @rule(by=st.integers(-50, 50))
    def is_later(self, by: int) -> None:
        self.now = max(self.now + by, 0)

    @rule(key=st.sampled_from("abcde"), jti=st.sampled_from("vwxyz"), age=st.integers(-5, 40))
    def uses(self, key: str, jti: str, age: int) -> None:
        found = refusal(self.replays, key, jti, self.now + age, self.now)

        assert found == self.model.use(key, jti, self.now + age, self.now)
        if found is None:
            self.taken.append((key, jti, self.now + age))

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def uses_again(self, data: Any) -> None:
        proof = data.draw(st.sampled_from(self.taken))

        found = refusal(self.replays, *proof, self.now)

        # INVARIANT: whatever the clock says, no proof is taken twice.
        assert found is not None
        assert found == self.model.use(*proof, self.now)

    @invariant()
    def is_bounded(self) -> None:
        assert len(self.replays) == len(self.model.live) <= self.most


class ComparedFile(Compared):
    def make(self) -> Any:
        self.folder = tempfile.TemporaryDirectory()
        return FileReplays(Path(self.folder.name) / "proofs.db", self.most)

    @rule()
    def begins_again(self) -> None:
        self.replays.close()
        self.replays = FileReplays(Path(self.folder.name) / "proofs.db", self.most)

    def teardown(self) -> None:
        self.replays.close()
        self.folder.cleanup()


TestCompared = Compared.TestCase
TestComparedFile = ComparedFile.TestCase
TestComparedFile.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


def test_a_fork_while_another_thread_uses_it_holds_up_nobody(make):
    replays = make()
    replays.use(KEY, "a", 100, 0)
    replays._lock.acquire()

    child = os.fork()
    if not child:
        # The lock is held by nobody here.
        found = [refusal(replays, KEY, jti, 100, 0) for jti in "ab"]
        os._exit(0 if found == ["proof_replayed", None] else 1)
    _, status = os.waitpid(child, 0)
    replays._lock.release()

    assert status == 0
    assert refusal(replays, KEY, "a", 100, 0) == "proof_replayed"


class TestFile:
    def test_one_process_knows_what_the_other_has_taken(self, tmp_path):
        one, other = (FileReplays(tmp_path / "proofs.db") for _ in range(2))
        one.use(KEY, "a", 100, 0)

        assert refusal(other, KEY, "a", 100, 0) == "proof_replayed"
        one.close(), other.close()

    def test_of_several_processes_one_takes_it(self, tmp_path):
        read, write = os.pipe()
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                replays = FileReplays(tmp_path / "proofs.db")
                for number in range(25):
                    if refusal(replays, KEY, str(number), 100, 0) is None:
                        os.write(write, b"%d " % number)
                os._exit(0)
            children.append(child)
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        os.close(write)

        with open(read, "rb") as taken:  # noqa: PTH123
            assert sorted(map(int, taken.read().split())) == list(range(25))

    def test_is_its_owners_alone(self, tmp_path):
        path = tmp_path / "proofs.db"
        replays = FileReplays(path)
        replays.use(KEY, "a", 100, 0)

        assert all(each.stat().st_mode & 0o077 == 0 for each in tmp_path.iterdir())
        replays.close()

    def test_holds_nothing_of_a_proof_but_digests(self, tmp_path):
        replays = FileReplays(tmp_path / "proofs.db")
        replays.use(KEY, "a-name-of-a-proof", 100, 0)
        replays.close()

        assert b"a-name-of-a-proof" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())

    @pytest.mark.parametrize("mode", [0o604, 0o602, 0o640, 0o660])
    def test_that_others_may_use_is_refused(self, tmp_path, mode):
        path = tmp_path / "proofs.db"
        FileReplays(path).close()
        path.chmod(mode)

        with pytest.raises(TokenError) as caught:
            FileReplays(path)

        said = "it is no file that is its owner's alone (help: `chmod 600`)"
        assert str(caught.value) == f"the file of proofs that were used cannot be had: {said}"
        assert (caught.value.code, caught.value.passing) == ("proofs_unavailable", True)

    def test_that_a_link_leads_to_is_refused(self, tmp_path):
        FileReplays(tmp_path / "proofs.db").close()
        (tmp_path / "link.db").symlink_to(tmp_path / "proofs.db")

        with pytest.raises(TokenError, match="its owner's alone"):
            FileReplays(tmp_path / "link.db")

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
    def test_in_a_folder_that_others_write_to_is_refused(self, tmp_path, mode):
        tmp_path.chmod(mode)

        with pytest.raises(TokenError, match="others may write to its folder"):
            FileReplays(tmp_path / "proofs.db")

    def test_is_not_looked_through_for_what_has_ended(self, tmp_path):
        replays = FileReplays(tmp_path / "proofs.db")

        plan = replays._connection.execute(f"EXPLAIN QUERY PLAN {_ENDED}", (0,)).fetchall()

        assert any("SEARCH used USING" in each[-1] and "INDEX ends (until<?)" in each[-1] for each in plan)
        replays.close()

    def test_without_a_folder_is_refused(self, tmp_path):
        with pytest.raises(TokenError, match="No such file or directory"):
            FileReplays(tmp_path / "none" / "proofs.db")

    @pytest.mark.parametrize("data", [b"junk" * 1000, b"SQLite format 3\0" + b"\0" * 100], ids=["junk", "zeros"])
    def test_that_is_another_file_is_refused(self, tmp_path, data):
        path = tmp_path / "proofs.db"
        path.touch(mode=0o600)
        path.write_bytes(data)

        with pytest.raises(TokenError) as caught:
            FileReplays(path)

        assert caught.value.code == "proofs_unavailable"

    def test_of_another_application_is_refused(self, tmp_path):
        path = tmp_path / "proofs.db"
        path.touch(mode=0o600)
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE used (x)")
        connection.close()

        with pytest.raises(TokenError, match="it is another file"):
            FileReplays(path)

    def test_that_is_taken_away_or_replaced_takes_no_proof(self, tmp_path):
        path = tmp_path / "proofs.db"
        replays = FileReplays(path)
        replays.use(KEY, "a", 100, 0)
        path.rename(tmp_path / "away.db")
        assert refusal(replays, KEY, "a", 100, 0) == "proofs_unavailable"

        other = FileReplays(path)

        assert refusal(replays, KEY, "b", 100, 0) == "proofs_unavailable"
        replays.close(), other.close()

    def test_that_cannot_be_written_takes_no_proof_until_it_can(self, tmp_path):
        replays = FileReplays(tmp_path / "proofs.db")
        replays._connection.execute("PRAGMA query_only = 1")
        assert refusal(replays, KEY, "a", 100, 0) == "proofs_unavailable"

        replays._connection.execute("PRAGMA query_only = 0")

        assert refusal(replays, KEY, "a", 100, 0) is None
        replays.close()

    def test_that_is_full_takes_no_proof_until_there_is_room(self, tmp_path):
        replays = FileReplays(tmp_path / "proofs.db")
        pages = replays._connection.execute("PRAGMA page_count").fetchone()[0]
        replays._connection.execute(f"PRAGMA max_page_count = {pages}")
        found = [refusal(replays, KEY, str(number), 100, 0) for number in range(300)]
        assert "proofs_unavailable" in found
        room = found.index("proofs_unavailable")

        replays._connection.execute("PRAGMA max_page_count = 100000")

        assert refusal(replays, KEY, str(room), 100, 0) is None
        assert refusal(replays, KEY, "0", 100, 0) == "proof_replayed"
        replays.close()

    def test_that_another_holds_for_too_long_takes_no_proof(self, tmp_path, monkeypatch):
        monkeypatch.setattr("pdp.identity.proof.record._PATIENCE", 0.0)
        one, other = (FileReplays(tmp_path / "proofs.db") for _ in range(2))
        one._connection.execute("BEGIN IMMEDIATE")

        assert refusal(other, KEY, "a", 100, 0) == "proofs_unavailable"

        one._connection.execute("ROLLBACK")
        assert refusal(other, KEY, "a", 100, 0) is None
        one.close(), other.close()


def test_a_configuration_says_where_proofs_are_remembered(tmp_path):
    path = tmp_path / "proofs.db"

    kept = replays_of(ReplayOptions(file=str(path)))

    assert isinstance(replays_of(ReplayOptions()), MemoryReplays)
    assert isinstance(kept, FileReplays) and path.exists()
    kept.close()


def test_a_configuration_says_how_many_are_remembered():
    replays = replays_of(ReplayOptions(most=4))

    assert [refusal(replays, each, "x", 100, 0) for each in "abcde"] == [*[None] * 4, "proofs_full"]
