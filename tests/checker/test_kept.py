"""What is checked anew beside what is kept comes to the same as if all of it were checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdp import build, folder
from pdp.checker import expansion

DECLARED = """
type User { level: Int, on: Bool }
type Page
action read on Page by User
define senior = principal.level > 3
define spare = principal.level > 4
"""
RULE = "rule {name}:\n  permit User to read on Page\n  when {condition}\n"


def load(root: Path, cache: Path) -> list[tuple[str, str]]:
    found = folder.load(root, cache=cache).diagnostics
    assert [(each.code, each.message) for each in found] == [
        (each.code, each.message) for each in folder.load(root, cache="off").diagnostics
    ]
    return [(each.code, each.span.text if each.span else "") for each in found]


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        (root / f"{name}.pdp").write_text(text, encoding="utf-8")


@pytest.fixture
def rebuilt(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Tell of each load that builds on what is kept whether that went well."""
    found: list[bool] = []
    rebuild = build.rebuild

    def seen(*given: object) -> build.Built | None:
        built = rebuild(*given)  # type: ignore[arg-type]  # handed on as it came
        found.append(built is not None)
        return built

    monkeypatch.setattr(build, "rebuild", seen)
    monkeypatch.setattr("pdp.cache.writing.rebuild", seen)
    return found


def test_a_define_that_only_a_kept_file_uses_is_used(tmp_path: Path, rebuilt: list[bool]) -> None:
    root, cache = tmp_path / "policies", tmp_path / "cache"
    root.mkdir()
    cache.mkdir(mode=0o700)
    write(
        root, a=DECLARED, b=RULE.format(name="b", condition="senior"), c=RULE.format(name="c", condition="session.mfa")
    )

    first = load(root, cache)
    write(root, c=RULE.format(name="c", condition="not session.mfa"))
    second = load(root, cache)

    assert (first, second) == ([("unused_define", "spare")], [("unused_define", "spare")])
    assert rebuilt == [True]


def test_what_kept_files_wrote_out_counts(tmp_path: Path, rebuilt: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MAX_ADDED", 36)
    monkeypatch.setattr(expansion, "ADDED_PER_CHARACTER", 0)
    root, cache = tmp_path / "policies", tmp_path / "cache"
    root.mkdir()
    cache.mkdir(mode=0o700)
    many = "".join(RULE.format(name=f"b{index}", condition="senior and spare") for index in range(3))
    write(root, a=DECLARED, b=many, c=RULE.format(name="c", condition="session.mfa"))

    first = load(root, cache)
    write(root, c=RULE.format(name="c", condition="session.mfa and senior and spare"))
    second = load(root, cache)

    assert (first, second) == ([], [("expansion_too_large", "spare")])
    assert rebuilt == [False]
