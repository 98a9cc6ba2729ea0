"""Which files of a policy folder count, and what is wrong with a folder as such."""

from __future__ import annotations

from pathlib import Path

import pytest

import pdp
from pdp.errors import DiagnosticError
from pdp.folder import load

POLICY = "type User\ntype Page\naction read on Page by User\nrule r:\n  permit User to read on Page\n"


def told(path: Path | str) -> list[tuple[str, str, str, str | None]]:
    """Code, message, place and help of each error; of a path that is at fault there is no text to underline."""
    return [
        (each.code, each.message, each.span.source.path if each.span else "", each.help)
        for each in load(path).diagnostics
    ]


def test_policies_are_found_in_folders_below_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.pdp").write_text(POLICY)
    (tmp_path / ".hidden.pdp").write_text("this is no policy")

    loaded = load(tmp_path)

    assert (loaded.diagnostics, loaded.files) == ((), 1)


def test_a_path_that_is_not_there_a_folder_without_a_policy_and_another_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    nowhere, notes = tmp_path / "nowhere", tmp_path / "notes.txt"
    assert told(nowhere) == [("no_such_path", "there is no such file or folder", str(nowhere), "check the path")]
    assert told(tmp_path) == [
        (
            "no_policy",
            "the folder holds no file that ends in `.pdp` or `.cedar`",
            str(tmp_path),
            "write one, or start with `pdp init`",
        )
    ]
    assert told(notes) == [
        ("no_policy", "the file is no policy", str(notes), "a policy ends in `.pdp`, or in `.cedar`")
    ]


def test_an_empty_path_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)
    monkeypatch.chdir(tmp_path)

    found = told("")

    assert found == [("no_such_path", "the path is empty", '""', "`.` is the folder that you are in")]
    assert load(".").diagnostics == load(f"{tmp_path}/").diagnostics == ()


def test_a_policy_whose_ending_is_in_upper_case_is_an_error_since_its_forbids_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)
    (tmp_path / "guards.PDP").write_text(POLICY)

    found = told(tmp_path)

    assert found == [
        ("misnamed_policy", "the name ends in `.PDP`, and that of a policy in `.pdp`", "guards.PDP", "rename the file")
    ]


def test_a_linked_folder_is_an_error_since_its_forbids_would_be_lost(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "policies" / "a.pdp").write_text(POLICY)
    (tmp_path / "policies" / "guards").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DiagnosticError) as raised:
        pdp.Engine.load(tmp_path / "policies")

    (found,) = told(tmp_path / "policies")
    assert [each.code for each in raised.value.diagnostics] == ["unreadable_folder"]
    assert found == (
        "unreadable_folder",
        "the folder is a link",
        "guards",
        "put the folder itself there: links are not followed",
    )


@pytest.mark.parametrize(("unlisted", "shown"), [("below/guards", "below/guards"), ("", ".")])
def test_a_folder_that_cannot_be_listed_is_an_error(
    unlisted: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdp").write_text(POLICY)

    def walk(root: Path, onerror: object) -> list[tuple[str, list[str], list[str]]]:
        assert callable(onerror)
        onerror(PermissionError(13, "denied", str(tmp_path / unlisted)))
        return [(str(root), [], ["a.pdp"])]

    monkeypatch.setattr("pdp.folder.os.walk", walk)

    assert told(tmp_path) == [
        ("unreadable_folder", "the folder cannot be listed", shown, "check its permissions"),
    ]


def test_too_many_files_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pdp.folder.MAX_FILES", 1)
    for name in ("a.pdp", "b.pdp"):
        (tmp_path / name).write_text("")

    assert told(tmp_path) == [
        ("too_many_files", "the folder holds over 1 files", str(tmp_path), "split it into several folders")
    ]
