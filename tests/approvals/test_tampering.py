"""Whoever can write the file, and knows how it is chained, makes no approval of it, and hides nothing in its midst."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdp
from pdp.approvals.events import LAYOUT, Event, EventKind, message
from pdp.model import Mark
from pdp.values import Datetime
from tests.approvals.places import HOUR, Place, signer, user

Row = tuple[str, bytes]


def rows_of(path: Path) -> list[Row]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT event, signature FROM facts ORDER BY sequence").fetchall()
    connection.close()
    return found


def rewrite(path: Path, rows: Sequence[Row]) -> None:
    """Put other events into a store, and chain them as the store does."""
    connection = sqlite3.connect(path, isolation_level=None)
    (digest,) = connection.execute("SELECT id FROM record").fetchone()
    connection.execute("DELETE FROM facts")
    for number, row in enumerate(rows, 1):
        digest = LAYOUT.chained(digest, number, row)
        connection.execute("INSERT INTO facts VALUES (?, ?, ?, ?)", (number, *row, digest))
    connection.execute("UPDATE record SET sequence = ?, digest = ?", (len(rows), digest))
    connection.close()


def events(place: Place) -> None:
    """Have something of everything on record; ada may restart in the end, by what bo approved."""
    for asks, decides in (("ada", "cy"), ("cy", "dee")):
        wanted = place.ask(by=asks)
        place.approve(wanted, decides)
        place.store.reject(place.engine, wanted, signer=signer("bo"), why="no")
    taken = place.ask()
    place.approve(taken, "cy")
    place.store.withdraw(place.engine, taken, signer=signer("ada"))
    wanted = place.ask()
    place.approve(wanted, "cy")
    place.store.withdraw(place.engine, wanted, signer=signer("cy"))
    place.approve(wanted, "bo")
    place.store.close()


@pytest.fixture(scope="module")
def whole() -> Sequence[Path]:
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        events(place)
        place.engine = place.engine_of(())
        yield Path(folder)


def copied(whole: Path, folder: str) -> Path:
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    return Path(folder, "a.db")


def known(path: Path) -> list[pdp.Approval] | None:
    """Return the approvals that a new engine would know of; None where it could not tell."""
    try:
        store = pdp.ApprovalStore(path, keys=path.parent / "keys.json")
    except pdp.RecordError:
        return None
    try:
        return [*store.read(Mark())[0]]
    except pdp.RecordError:
        return None
    finally:
        store.close()


SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(st.data())
def test_no_character_of_an_event_is_another_one(whole: Path, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = copied(whole, folder)
        rows = rows_of(path)
        number = data.draw(st.integers(0, len(rows) - 1))
        text, signature = rows[number]
        if data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(text) - 1))
            char = data.draw(st.characters(codec="ascii").filter(lambda char: char != text[at]))
            rows[number] = text[:at] + char + text[at + 1 :], signature
        else:
            at, bit = data.draw(st.integers(0, len(signature) - 1)), data.draw(st.integers(0, 7))
            changed = bytearray(signature)
            changed[at] ^= 1 << bit
            rows[number] = text, bytes(changed)
        rewrite(path, rows)

        assert known(path) is None


@SLOW
@given(st.data())
def test_no_event_is_missing_in_the_midst_moved_or_there_twice(whole: Path, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = copied(whole, folder)
        before = rows_of(path)
        order = data.draw(st.lists(st.integers(0, len(before) - 1), max_size=len(before) + 2))
        rewrite(path, [before[number] for number in order])

        found = known(path)

        # A store that ends early is whole by itself: who has seen more finds that out.
        assert (found is None) is (order != [*range(len(order))])


def test_a_store_that_ends_early_is_found_out_by_who_has_seen_more(whole: Path, tmp_path: Path) -> None:
    path = copied(whole, str(tmp_path))
    store = pdp.ApprovalStore(path, keys=path.parent / "keys.json")
    _, mark = store.read(Mark())
    store.close()
    rewrite(path, rows_of(path)[:-1])

    with pytest.raises(pdp.RecordError, match="ends at fact 12, and fact 13 was seen before") as caught:
        pdp.ApprovalStore(path, keys=path.parent / "keys.json").read(mark)
    assert caught.value.lasting


def test_an_event_is_of_no_use_in_another_store(whole: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.store.close()

    rewrite(place.path, rows_of(whole / "a.db"))

    assert known(place.path) is None


def test_bytes_of_the_file_that_are_changed_make_no_approval_more(whole: Path, tmp_path: Path) -> None:
    path = copied(whole, str(tmp_path))
    bytes_, expected = path.read_bytes(), known(path)
    assert expected

    for at in range(100, len(bytes_), 37):
        path.write_bytes(bytes_[:at] + bytes([bytes_[at] ^ 0x11]) + bytes_[at + 1 :])

        assert known(path) in (None, expected)


Forge = Callable[[str], Event]


def _event(kind: EventKind, id: str, by: str, key: str, at: int = 0, **more: object) -> Event:
    now = Datetime.parse("2026-11-23T09:00:00Z").micros + at
    return Event(kind=kind, id=id, by=user(by), key=signer(key).key, at=Datetime(now), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("forge", "key"),
    [
        (lambda id: _event(EventKind.APPROVED, id, "bo", "mallory"), "mallory"),
        (lambda id: _event(EventKind.APPROVED, id, "bo", "cy"), "cy"),
        (lambda id: _event(EventKind.APPROVED, id, "ada", "ada"), "ada"),
        (lambda id: _event(EventKind.APPROVED, id, "bo", "bo", -1), "bo"),
        (lambda id: _event(EventKind.APPROVED, id, "bo", "bo", 7_200_000_000), "bo"),
        (lambda id: _event(EventKind.APPROVED, "other", "bo", "bo"), "bo"),
        (lambda id: _event(EventKind.APPROVED, id, "eve", "eve"), "eve"),
    ],
    ids=["unregistered", "of another", "their own", "too early", "too late", "of no request", "in no scope"],
)
def test_what_is_signed_and_yet_not_right_approves_nothing(place: Place, forge: Forge, key: str) -> None:
    wanted = place.ask()
    place.store.close()
    event, rows = forge(wanted), rows_of(place.path)
    connection = sqlite3.connect(place.path)
    (before,) = connection.execute("SELECT digest FROM facts").fetchone()
    connection.close()

    rewrite(place.path, [*rows, (event.text, signer(key).sign(message(event.text, 2, before)))])
    place.engine.refresh()

    assert place.engine.approvals_failure is None
    assert not place.allows()
    place.approve(wanted, "dee")
    assert place.allows()


def test_who_names_the_key_of_another_makes_the_store_unreadable(place: Place) -> None:
    place.approve(place.ask(), "bo")
    before = place.allows()
    wanted = place.ask(lasts=3 * HOUR)
    place.store.close()
    event, rows = _event(EventKind.APPROVED, wanted, "cy", "cy"), rows_of(place.path)

    rewrite(place.path, [*rows, (event.text, signer("mallory").sign(message(event.text, 4, b"x" * 32)))])
    place.engine.refresh()

    assert before
    assert not place.allows()
    assert "is not signed by the key that it names" in (place.engine.approvals_failure or "")


def test_what_is_signed_wrong_is_not_put_on_record(place: Place) -> None:
    class Careless:
        key = signer("bo").key

        def sign(self, message: bytes) -> bytes:
            return signer("bo").sign(message[1:])

    wanted = place.ask()

    with pytest.raises(pdp.RecordError, match=r"this is not put on record: .* is not signed by the key") as caught:
        place.store.approve(place.engine, wanted, signer=Careless())

    assert not caught.value.lasting
    assert not place.allows()
    place.approve(wanted, "bo")
    assert place.allows()
