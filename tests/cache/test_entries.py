"""Whatever an entry of the cache has become: it is as if it were not there. Never an error, never an allow."""

from __future__ import annotations

import datetime
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import pytest

import pdp
from pdp.cache import packs, shelf
from pdp.cache.shelf import MAGIC
from tests.cache.folders import outcome, small, tell, told, write

START = len(MAGIC) + 32

TINY = """type Group
type User in Group { level: Int }
type Page { open: Bool }
action read, edit on Page by User
role reader on Page: read
grant reader on Page "home" to Group "staff" until 2099-01-01
rule r:
  permit User to edit on Page
  when principal.level > 1
  needs session.mfa else "sign in"
rule f:
  forbid anyone to edit on Page
  when not resource.open
  unless principal in Group "staff" else "join"
  because "why"
"""
OTHER = "rule o:\n  permit User to read on Page\n  when resource.open and principal.level > 5\n"
PEOPLE = (
    '{"entities": [{"type": "Group", "id": "staff"}, {"type": "User", "id": "u", "in": ["Group \\"staff\\""], '
    '"attributes": {"level": 3}}, {"type": "User", "id": "v", "attributes": {"level": 3}}, '
    '{"type": "Page", "id": "home", "attributes": {"open": true}}, '
    '{"type": "Page", "id": "shut", "attributes": {"open": false}}]}'
)
ASKED = [
    (user, action, page, session)
    for user in "uvw"
    for action in ("read", "edit")
    for page in ("home", "shut")
    for session in (None, {"mfa": True}, {"mfa": False})
]


class Kept(NamedTuple):
    """A folder, where it is kept, its entry, and what it comes to."""

    folder: Path
    cache: Path
    entry: Path
    payload: bytes
    fresh: Any


def keep(folder: Path, cache: Path) -> Kept:
    fresh = outcome(folder, "off")
    assert outcome(folder, cache) == fresh
    (entry,) = cache.iterdir()
    return Kept(folder, cache, entry, entry.read_bytes()[START:], fresh)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Keep a folder that is small, so that every byte of its entry can be tried."""
    return keep(
        write(tmp_path / "policies", {"a.pdp": TINY, "b.pdp": OTHER, "entities.json": PEOPLE}), tmp_path / "cache"
    )


@pytest.fixture
def varied(tmp_path: Path) -> Kept:
    """Keep a folder that holds something of everything."""
    return keep(small(tmp_path / "policies"), tmp_path / "cache")


def sealed(payload: bytes) -> bytes:
    return MAGIC + blake2b(payload, digest_size=32).digest() + payload


def put(kept: Kept, data: bytes) -> None:
    # In place, so that the entry stays the user's own and closed to others.
    kept.entry.write_bytes(data)


def edit(kept: Kept) -> None:
    """Edit one file, so that the other is taken from what is kept of it."""
    (kept.folder / "b.pdp").write_text(OTHER.replace("5", "6"), encoding="utf-8")


def decisions(folder: Path, cache: Path | str, **options: Any) -> list[dict[str, Any]]:
    engine = pdp.Engine.load(folder, cache=cache, **options)
    return [
        engine.decide(pdp.ref("User", user), action, pdp.ref("Page", page), session=session).to_json()
        for user, action, page, session in ASKED
    ]


def test_the_questions_of_this_page_are_answered_in_more_than_one_way(kept: Kept) -> None:
    said = [each["decision"] for each in decisions(kept.folder, "off")]

    assert said.count("allow") > 2
    assert said.count("deny") > 2
    assert decisions(kept.folder, kept.cache) == decisions(kept.folder, "off")


# ------------------------------------------------------------------------------------------------ broken on the way


def test_a_flip_of_any_byte_is_seen(kept: Kept) -> None:
    whole = kept.entry.read_bytes()

    for at in range(len(whole)):
        put(kept, whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert shelf.Shelf(str(kept.cache)).read(kept.entry.stem) is None, at
        if at % 16 == 0:
            assert outcome(kept.folder, kept.cache) == kept.fresh, at
            assert kept.entry.read_bytes() == whole, "what was broken is kept anew"


def test_an_entry_cut_short_anywhere_is_seen(kept: Kept) -> None:
    whole = kept.entry.read_bytes()

    for length in range(len(whole)):
        put(kept, whole[:length])
        assert shelf.Shelf(str(kept.cache)).read(kept.entry.stem) is None, length
        if length % 16 == 0:
            assert outcome(kept.folder, kept.cache) == kept.fresh, length


def test_an_entry_with_more_behind_it_is_seen(kept: Kept) -> None:
    for more in (b"\0", b"\xc0", kept.entry.read_bytes()):
        put(kept, kept.entry.read_bytes() + more)
        assert outcome(kept.folder, kept.cache) == kept.fresh

        put(kept, sealed(kept.payload + more))
        assert outcome(kept.folder, kept.cache) == kept.fresh


def test_an_entry_of_another_folder_is_none_of_this_one(kept: Kept, tmp_path: Path) -> None:
    looser = TINY.replace('needs session.mfa else "sign in"', "")
    other = keep(write(tmp_path / "other", {"a.pdp": looser, "b.pdp": OTHER}), tmp_path / "elsewhere")
    shutil.copy(other.entry, kept.entry)

    assert outcome(kept.folder, kept.cache) == kept.fresh
    assert other.fresh != kept.fresh


@pytest.mark.parametrize("other", ["FORMAT", "sys.version", "files", "magic"])
def test_an_entry_of_another_version_is_made_anew(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    before = kept.entry.read_bytes()
    match other:
        case "FORMAT":
            monkeypatch.setattr(packs, "FORMAT", packs.FORMAT + 1)
        case "sys.version":
            monkeypatch.setattr(sys, "version", f"{sys.version} (another)")
        case "files":
            shutil.copytree(Path(packs.__file__).parents[1], tmp_path / "pdp")
            monkeypatch.setattr(packs, "__file__", str(tmp_path / "pdp" / "cache" / "packs.py"))
        case "magic":
            monkeypatch.setattr(shelf, "MAGIC", b"pdp cache 2\n")

    found = outcome(kept.folder, kept.cache)

    assert found == kept.fresh
    assert kept.entry.read_bytes() != before
    assert outcome(kept.folder, kept.cache) == kept.fresh


@pytest.mark.parametrize("ending", [".py", ".pyc", ".so"])
@pytest.mark.parametrize("folder", packs.FOLDERS)
def test_a_compiler_is_told_from_another_by_every_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, ending: str
) -> None:
    for each in packs.FOLDERS:
        (tmp_path / "pdp" / each).mkdir(parents=True, exist_ok=True)
        (tmp_path / "pdp" / each / f"module{ending}").write_text("old")
    monkeypatch.setattr(packs, "__file__", str(tmp_path / "pdp" / "cache" / "packs.py"))
    before = packs.compiler()
    again = packs.compiler()

    (tmp_path / "pdp" / folder / f"module{ending}").write_text("newer")

    assert before == again != packs.compiler()


def test_where_the_package_is_no_files_nothing_is_kept(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.entry.unlink()
    monkeypatch.setattr(packs, "__file__", "/nowhere/pdp.zip/pdp/cache/packs.py")

    found = outcome(kept.folder, kept.cache)

    assert found == kept.fresh
    assert [*kept.cache.iterdir()] == []


# --------------------------------------------------------------------- whole, but nothing that any compiler has written

BOMBS = {
    "10 000 arrays in one another": b"\x91" * 10_000 + b"\xc0",
    "10 000 maps in one another": b"\x81\xa1a" * 10_000 + b"\xc0",
    "an array that says it has 4 G elements": b"\xdd\xff\xff\xff\xff",
    "a map that says it has 4 G entries": b"\xdf\xff\xff\xff\xff",
    "a text that says it has 4 GB": b"\xdb\xff\xff\xff\xff",
    "bytes that say they are 4 GB": b"\xc6\xff\xff\xff\xff",
    "an extension that says it has 4 GB": b"\xc9\xff\xff\xff\xff\x05",
    "an extension": b"\xd4\x05\x00",
    "a time": b"\xd6\xff\x00\x00\x00\x00",
    "a time that is none": b"\xd8\xff" + b"\xff" * 16,
    "a map with a key twice": b"\x82\xa1a\x01\xa1a\x02",
    "a map with a list for a key": b"\x81\x90\x01",
    "text that is no UTF-8": b"\xa2\xff\xfe",
    "half of a character": b"\xa3\xed\xa0\x80",
    "a number that is none": b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    "a code that is never used": b"\xc1",
    "nothing": b"",
    "nil": b"\xc0",
    "an empty array": b"\x90",
}
RULES, GRANTS, TESTS, PART = 3, 4, 5, 6
BLOBS = ("rules", "grants", "schema", "diagnostics", "nodes", "part")


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("place", ["whole", *BLOBS])
def test_data_that_no_compiler_writes_is_passed_over_and_costs_nothing(kept: Kept, bomb: str, place: str) -> None:
    payload = BOMBS[bomb] if place == "whole" else _with_blob(kept.payload, place, BOMBS[bomb])
    put(kept, sealed(payload))
    fresh = kept.fresh
    if place == "part":
        # It is read when another file has changed.
        edit(kept)
        fresh = outcome(kept.folder, "off")
    begun = time.perf_counter()

    found = outcome(kept.folder, kept.cache)

    assert found == fresh
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("edited", [False, True])
def test_what_is_read_late_and_cannot_be_is_made_of_the_texts(kept: Kept, bomb: str, edited: bool) -> None:
    data = msgpack.unpackb(kept.payload)
    for blob in (RULES, GRANTS):
        rules = msgpack.unpackb(data[1][0][blob])
        for row in rules[1]:
            row[-1] = BOMBS[bomb]
        data[1][0][blob] = msgpack.packb(rules)
    data[1][0][TESTS] = BOMBS[bomb] or b"\xc0"
    put(kept, sealed(msgpack.packb(data)))
    fresh = kept.fresh
    if edited:
        edit(kept)
        fresh = outcome(kept.folder, "off")

    assert decisions(kept.folder, kept.cache) == decisions(kept.folder, "off")
    assert outcome(kept.folder, kept.cache) == fresh


def _with_blob(payload: bytes, place: str, blob: bytes) -> bytes:
    data = msgpack.unpackb(payload)
    match place:
        case "schema":
            data[2] = blob
        case "diagnostics":
            data[3] = blob
        case "nodes":
            data[4][0][2] = blob
        case _:
            data[1][0][{"rules": RULES, "grants": GRANTS, "part": PART}[place]] = blob
    found: bytes = msgpack.packb(data)
    return found


WRONG: list[Any] = [True, 1, 2**40, -1, 1.5, "x", b"x", [], [[]], {}, {"a": 1}, msgpack.ExtType(5, b"x")]


def test_data_of_a_wrong_type_lets_nobody_in_wherever_it_stands(kept: Kept) -> None:
    fresh = decisions(kept.folder, "off")
    tried = 0

    for number, payload in enumerate(_with_wrong_types(kept.payload)):
        put(kept, sealed(payload))
        for asked, found, right in zip(ASKED, decisions(kept.folder, kept.cache, compiled=False), fresh, strict=True):
            assert found["decision"] in ("deny", right["decision"]), (number, asked)
        tried += 1

    assert tried > 500


def _with_wrong_types(payload: bytes) -> Iterator[bytes]:
    """Yield data in which each thing in turn, those in data of their own included, is of another type."""

    def places(data: Any) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        yield data, lambda other: other
        if isinstance(data, list):
            for at, each in enumerate(data):
                for inner, put in places(each):
                    yield inner, lambda other, at=at, put=put: [*data[:at], put(other), *data[at + 1 :]]
        elif isinstance(data, bytes) and len(data) > 32:
            for inner, put in places(msgpack.unpackb(data)):
                yield inner, lambda other, put=put: msgpack.packb(put(other))

    for number, (data, put) in enumerate(places(msgpack.unpackb(payload))):
        wrong = [each for each in WRONG if type(each) is not type(data)]
        yield msgpack.packb(put(wrong[number % len(wrong)]))
        # What is easily taken for the right thing: a list takes True for 1, and bytes are numbers.
        if type(data) in (int, list):
            yield msgpack.packb(put(bool(data) if type(data) is int else bytes(2)))


def test_no_flip_beneath_the_seal_is_an_error(kept: Kept) -> None:
    for at in range(0, len(kept.payload), 11):
        flipped = kept.payload[:at] + bytes([kept.payload[at] ^ (1 << at % 8)]) + kept.payload[at + 1 :]
        put(kept, sealed(flipped))
        decisions(kept.folder, kept.cache, compiled=False)


# -------------------------------------------------------------------------------------------------- read when asked for


def test_what_is_read_late_is_what_is_read_at_once(varied: Kept) -> None:
    from pdp.folder import load

    fresh = load(varied.folder, cache="off").policy
    for name in ("clauses", "obligations", "recheck", "because", "standing", "docs", "span", "via", "role"):
        late = load(varied.folder, cache=varied.cache).policy
        assert late is not None
        assert fresh is not None
        assert late._late is not None
        assert [tell(getattr(rule, name)) for rule in late.rules] == [tell(getattr(rule, name)) for rule in fresh.rules]
    assert late.tests == fresh.tests
    assert late == fresh
    assert hash(late.rules) == hash(fresh.rules)


def test_a_policy_whose_texts_are_gone_is_still_whole(varied: Kept) -> None:
    from pdp.folder import load

    late = load(varied.folder, cache=varied.cache)
    shutil.rmtree(varied.folder)
    shutil.rmtree(varied.cache)

    assert told(late) == varied.fresh


def test_rules_are_read_late_by_many_threads_at_once(varied: Kept) -> None:
    import threading

    from pdp.folder import load

    for _ in range(20):
        policy = load(varied.folder, cache=varied.cache).policy
        gate, found = threading.Barrier(8), []

        def ask(policy: Any = policy, gate: Any = gate, found: Any = found) -> None:
            gate.wait()
            found.append(tell(policy))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [varied.fresh["policy"]] * 8


def test_a_rule_from_the_cache_is_copied_and_pickled_like_any_other(varied: Kept) -> None:
    import copy
    import pickle

    from pdp.classes import replace
    from pdp.folder import load

    def rule() -> Any:
        policy = load(varied.folder, cache=varied.cache).policy
        assert policy is not None
        return policy.rules[1]

    first = rule()
    first.clauses  # noqa: B018

    assert copy.copy(rule()) == copy.deepcopy(rule()) == first
    assert replace(rule(), id="other").clauses == first.clauses
    assert pickle.loads(pickle.dumps(rule())) == first
    assert repr(rule()) == repr(first)


CLOCK = """type User
type Page
action read, edit on Page by User
rule mornings:
  permit User to any on Page
  when now["Europe/Berlin"].hour >= 1
rule nights:
  forbid User to edit on Page
  when now["Europe/Paris"].hour == 3
  because "it is night"
"""


@pytest.mark.parametrize("compiled", [False, True])
def test_a_time_zone_that_is_gone_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    folder, cache = write(tmp_path / "policies", {"a.pdp": CLOCK.replace(">= 1", ">= 1")}), tmp_path / "cache"
    noon = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
    ask = pdp.ref("User", "u"), "edit", pdp.ref("Page", "p")
    before = pdp.Engine.load(folder, cache=cache).decide(*ask, now=noon)

    def gone(name: str) -> Any:
        raise ValueError(f"there is no time zone `{name}`")

    monkeypatch.setattr("pdp.zones.zone", gone)
    after = pdp.Engine.load(folder, cache=cache, compiled=compiled).decide(*ask, now=noon)

    assert bool(before)
    assert not after
    assert set(after.erring_rules) == {"mornings", "nights"} or after.reason == pdp.Reason.INTERNAL_ERROR
