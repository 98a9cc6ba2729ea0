"""Whatever is edited in a folder: a load by what is kept comes to what a load of the texts alone comes to."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdp.cache import writing
from tests.cache.folders import (
    DECLARATIONS,
    ENTITIES,
    FAULTS,
    GRANTS,
    HEADS,
    NAMES,
    PEOPLE,
    RULES,
    TESTS,
    TYPES,
    WORLD,
    outcome,
    small,
    write,
)

Files = dict[str, str]


@st.composite
def texts(draw: st.DrawFn, name: str) -> str:
    """Draw the text of a file. Its names are mostly its own, so that most folders hold up."""
    head = draw(st.sampled_from(HEADS))
    kinds = st.sampled_from([RULES, RULES, RULES, RULES, GRANTS, GRANTS, TESTS, DECLARATIONS if name == "n" else RULES])
    written = [head]
    rules = [] if "shop" in head else ["open"]
    for number, kind in enumerate(draw(st.lists(kinds, max_size=4))):
        own = f"{name}{number}" if draw(st.integers(0, 5)) else draw(st.sampled_from(NAMES))
        text = draw(st.sampled_from(kind))
        rule = draw(st.sampled_from(rules or ["nowhere"]))
        written.append(text if kind is DECLARATIONS else text.format(own, rule))
        rules += [own] if kind is RULES else []
    if not draw(st.integers(0, 30)):
        written.append(draw(st.sampled_from(FAULTS)))
    return "".join(written)


@st.composite
def edits(draw: st.DrawFn, files: Files) -> Files:
    """Draw what a folder is after an edit, by hand, by a merge, by a move."""
    changed = dict(files)
    name = draw(st.sampled_from(sorted(files)))
    lines = changed[name].splitlines(keepends=True)
    at = draw(st.integers(0, len(lines)))
    match draw(
        st.sampled_from(["write", "append", "comment", "cut", "swap", "remove", "add", "move", "none", "spaces"])
    ):
        case "write":
            changed[name] = draw(texts(name[0]))
        case "append":
            own = draw(st.sampled_from([*NAMES, "added"]))
            changed[name] += draw(st.sampled_from([*RULES, *TESTS])).format(own, draw(st.sampled_from(NAMES)))
        case "comment":
            changed[name] = "".join([*lines[:at], draw(st.sampled_from(["# é\n", "## Said.\n", "\n"])), *lines[at:]])
        case "cut":
            changed[name] = "".join([*lines[:at], *lines[at + 1 :]])
        case "swap":
            other = draw(st.sampled_from(sorted(files)))
            changed[name], changed[other] = changed[other], changed[name]
        case "remove" if len(changed) > 1:
            del changed[name]
        case "add":
            changed[draw(st.sampled_from(["new.pdp", "0.pdp"]))] = draw(texts("n"))
        case "move":
            changed[draw(st.sampled_from(["z.pdp", "moved.pdp"]))] = changed.pop(name)
        case "spaces":
            changed[name] = changed[name].replace("\n", draw(st.sampled_from(["\n\n", "\r\n", " \n"])))
    return changed


@st.composite
def histories(draw: st.DrawFn) -> list[Files]:
    """Draw a folder and what becomes of it."""
    declared = [DECLARATIONS[at] for at in (0, 1, 2, 3, 5, 7)]
    if not draw(st.integers(0, 15)):
        declared = draw(st.lists(st.sampled_from(DECLARATIONS), unique=True))
    files = {"a.pdp": "".join([TYPES, *declared, RULES[0].format("open")])}
    for name in draw(st.lists(st.sampled_from("bcde"), unique=True, min_size=1)):
        files[f"{name}.pdp"] = draw(texts(name))
    found = [files]
    for _ in range(draw(st.integers(1, 4))):
        found.append(draw(edits(found[-1])))
    return found


SEEN: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def ways() -> Any:
    """Count the ways that loads took: a property that takes one of them only shows nothing of the other."""
    rebuild = writing.rebuild_changed

    def counted(*arguments: Any) -> Any:
        built = rebuild(*arguments)
        SEEN["all anew" if built is None else "in part"] += 1
        return built

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "rebuild_changed", counted)
        yield


@settings(max_examples=250)
@given(histories())
def test_what_is_kept_comes_to_what_the_texts_come_to(history: list[Files]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place, "policies"), Path(place, "cache")
        for files in history:
            write(folder, files)

            fresh = outcome(folder, "off")

            SEEN["sound" if fresh["policy"][1] is not None else "unsound"] += 1
            assert outcome(folder, cache) == fresh
            assert outcome(folder, cache) == fresh


def test_the_property_has_gone_every_way() -> None:
    if SEEN["sound"] + SEEN["unsound"] == 0:
        pytest.skip("the property did not run in this process")

    assert min(SEEN[way] for way in ("sound", "unsound", "in part", "all anew")) > 50, SEEN


# --------------------------------------------------------------------------------------- one edit, and what it touches


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Name the files that are parsed whole."""
    names: list[str] = []

    def watch(home: str) -> None:
        module = __import__(home, fromlist=["parse"])
        parse = module.parse

        def counted(source: Any) -> Any:
            names.append(source.path)
            return parse(source)

        monkeypatch.setattr(module, "parse", counted)

    watch("pdp.build")
    watch("pdp.cache.writing")
    return names


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_of_a_folder_that_has_not_changed_nothing_is_parsed(tmp_path: Path, parsed: list[str]) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    first = outcome(folder, cache)
    parsed.clear()

    again = outcome(folder, cache)

    assert (again, parsed) == (first, [])
    assert [each[1] for each in first["diagnostics"]] != []
    assert first["policy"][1] is not None


def test_of_a_folder_with_one_edited_file_that_one_is_parsed(tmp_path: Path, parsed: list[str]) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    outcome(folder, cache)
    append(folder / "b.pdp", 'grant viewer on Service "c" to User "u" until 2027-01-01\n')
    parsed.clear()

    edited = outcome(folder, cache)

    assert parsed == ["b.pdp"]
    assert edited == outcome(folder, "off")


def test_where_a_file_declares_something_else_all_are_parsed(tmp_path: Path, parsed: list[str]) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    outcome(folder, cache)
    (folder / "a.pdp").write_text(WORLD.replace("level: Int", "level: Int, rank: Int"), encoding="utf-8")
    parsed.clear()

    outcome(folder, cache)

    assert set(parsed) == {"a.pdp", "b.pdp"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("rule r0:", "rule renamed:", "unknown_rule"),
        ("rule r0:", 'grant viewer on Service "a" to User "u" until 2026-12-31\nrule r0:', "duplicate_grant"),
        ("rule r1:", "rule r0:", "duplicate_declaration"),
        ("level: Int", "rank: Int", "unknown_attribute"),
        ("role viewer", "role looker", "unknown_role"),
    ],
)
def test_a_mistake_that_an_edit_makes_elsewhere_is_told(tmp_path: Path, old: str, new: str, code: str) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    outcome(folder, cache)
    (folder / "a.pdp").write_text(WORLD.replace(old, new), encoding="utf-8")

    broken = outcome(folder, cache)

    assert code in [dict(each[1])["code"][1] for each in broken["diagnostics"]]
    assert broken == outcome(folder, "off")


OPEN = "rule open:\n  permit User to read on Service\n"
SHOP = "namespace shop\nimport base: User, Service, read\nrule {0}:\n  permit User to read on Service\n"


@pytest.mark.parametrize(("before", "after"), [("own", "open"), ("open", "own")])
def test_a_rule_is_called_by_what_others_are_called_now(tmp_path: Path, before: str, after: str) -> None:
    folder, cache = tmp_path / "policies", tmp_path / "cache"
    write(folder, {"a.pdp": TYPES, "b.pdp": "namespace base\n" + OPEN, "c.pdp": SHOP.format(before)})
    outcome(folder, cache)
    (folder / "c.pdp").write_text(SHOP.format(after), encoding="utf-8")

    found = outcome(folder, cache)

    assert found == outcome(folder, "off")
    assert ("base.open" in str(found)) == (after == "open")


def test_a_define_that_has_moved_is_told_where_it_is_now(tmp_path: Path) -> None:
    folder, cache = tmp_path / "policies", tmp_path / "cache"
    text = TYPES + "action note on Service by User\n" + OPEN + "define high = principal.level > 3\n"
    user = "namespace base\nrule uses:\n  permit User to read on Service\n  when high\n"
    write(folder, {"a.pdp": text, "b.pdp": user})
    outcome(folder, cache)
    (folder / "a.pdp").write_text(text.replace("rule open", "rule opened_up"), encoding="utf-8")

    assert outcome(folder, cache) == outcome(folder, "off")


def test_a_mistake_that_is_mended_is_not_told_again(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    sound = outcome(folder, cache)
    append(folder / "b.pdp", FAULTS[0])
    broken = outcome(folder, cache)
    (folder / "b.pdp").write_text(PEOPLE, encoding="utf-8")

    mended = outcome(folder, cache)

    assert broken["policy"][1] is None
    assert mended == sound


def test_a_text_that_is_back_where_it_was_comes_to_what_it_was(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    first = outcome(folder, cache)
    for text in (PEOPLE + RULES[0].format("more"), PEOPLE):
        (folder / "b.pdp").write_text(text, encoding="utf-8")
        last = outcome(folder, cache)

    assert last == first


# ------------------------------------------------------------------------------------------------------------ entities


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the times that entity files are read."""
    times: list[int] = []
    find = writing.read_entities

    def counted(*arguments: Any) -> Any:
        times.append(1)
        return find(*arguments)

    monkeypatch.setattr(writing, "read_entities", counted)
    return times


def test_entities_that_have_not_changed_are_not_read_again(tmp_path: Path, read: list[int]) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    first = outcome(folder, cache)

    again = outcome(folder, cache)
    append(folder / "b.pdp", RULES[0].format("more"))
    edited = outcome(folder, cache)

    assert read == [1]
    assert first["store"] == again["store"] == edited["store"]


@pytest.mark.parametrize("edited", ["entities", "schema", "added", "removed"])
def test_entities_are_read_again_where_they_or_what_they_are_read_by_has_changed(
    tmp_path: Path, read: list[int], edited: str
) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    outcome(folder, cache)
    match edited:
        case "entities":
            more = [*ENTITIES["entities"], {"type": "Group", "id": "h"}]
            (folder / "entities.json").write_text(json.dumps({"entities": more}), encoding="utf-8")
        case "schema":
            (folder / "a.pdp").write_text(WORLD.replace("level: Int", "level: Int, rank?: Int"), encoding="utf-8")
        case "added":
            more = [{"type": "Group", "id": "h"}]
            (folder / "more.entities.json").write_text(json.dumps({"entities": more}), encoding="utf-8")
        case "removed":
            (folder / "entities.json").unlink()

    found = outcome(folder, cache)

    assert len(read) == 2
    assert found == outcome(folder, "off")
    assert outcome(folder, cache) == found
    assert len(read) == 2, "and kept anew"


def test_entities_that_do_not_fit_the_schema_any_more_are_told(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    outcome(folder, cache)
    (folder / "a.pdp").write_text(WORLD.replace("enum Env { dev,", "enum Env { test,").replace("== dev", "== test"))

    found = outcome(folder, cache)

    assert found["store"] is None
    assert found == outcome(folder, "off")
