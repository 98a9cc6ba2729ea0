"""A start from the cache loads nothing that is there for texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pdp.cache.packs import FOLDERS
from tests.cache.folders import ENTITIES, PEOPLE, WORLD, small, write

ROOT = Path(__file__).resolve().parents[2]

FOR_TEXTS = (
    "pdp.build",
    "pdp.cache.declarations",
    "pdp.cache.writing",
    "pdp.checker",
    "pdp.entities.csvfile",
    "pdp.entities.jsonfile",
    "pdp.entities.loading",
    "pdp.entities.yamlfile",
    "pdp.syntax.lexer",
    "pdp.syntax.parser",
    "pdp.syntax.printer",
    "pdp.syntax.tree",
)
HEAVY = ("_hashlib", "click", "dataclasses", "inspect", "json", "pickle", "rich", "yaml", "zoneinfo")
LOAD = """
import sys, pdp
engine = pdp.Engine.load({folder!r}, cache={cache!r})
{more}
print(*sys.modules)
"""


def loaded(folder: Path, cache: Path, more: str = "") -> set[str]:
    """Name the modules that a load loads, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(folder=str(folder), cache=str(cache), more=more)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


@pytest.mark.parametrize("kind", ["json", "yaml", "csv", "none"])
def test_a_load_from_the_cache_loads_no_parser_no_checker_and_no_reader(tmp_path: Path, kind: str) -> None:
    folder, cache = write(tmp_path / "policies", {"a.pdp": WORLD, "b.pdp": PEOPLE}), tmp_path / "cache"
    match kind:
        case "json":
            small(folder)
        case "yaml":
            (folder / "entities.yaml").write_text(json.dumps(ENTITIES), encoding="utf-8")
        case "csv":
            (folder / "entities").mkdir()
            (folder / "entities" / "Group.csv").write_text("id\ng\n", encoding="utf-8")

    first = loaded(folder, cache)
    again = loaded(folder, cache, 'engine.decide(pdp.ref("User", "u"), "read", pdp.ref("Service", "a"))')

    assert {"pdp.syntax.parser", "pdp.checker", "pdp.entities.loading"} <= first
    assert "pdp.cache.loading" in again
    assert not {each for each in again if each.startswith(FOR_TEXTS)}


def test_a_load_from_the_cache_loads_little_of_the_standard_library_and_no_terminal(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    bare = loaded(folder, cache)

    again = loaded(folder, cache)

    assert "json" in bare
    assert not again & set(HEAVY)


def test_only_the_reader_of_what_has_changed_is_loaded(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    loaded(folder, cache)
    (folder / "entities.json").write_text('{"entities": []}', encoding="utf-8")

    found = loaded(folder, cache)

    assert "pdp.entities.jsonfile" in found
    assert not found & {"pdp.entities.yamlfile", "pdp.entities.csvfile", "yaml"}


def test_an_engine_from_the_cache_reads_no_condition_before_it_is_asked(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    loaded(folder, cache)

    found = loaded(folder, cache, "print(*['late' if each._late else 'read' for each in engine.policy.rules])")

    # What has obligations is looked at by whoever sorts rules by them.
    assert "late" in found


def test_every_module_that_makes_what_is_kept_has_a_say_in_whether_it_is_used(tmp_path: Path) -> None:
    folder, cache = small(tmp_path / "policies"), tmp_path / "cache"
    more = "import pdp.entities.csvfile, pdp.entities.jsonfile, pdp.entities.yamlfile\n"
    more += "print(*[each.__file__ for name, each in [*sys.modules.items()] if name.startswith('pdp')])"

    files = {Path(each) for each in loaded(folder, cache, more) if each.endswith(".py")}

    # The engine reads what is kept, and is none of it.
    others = {"approvals", "codegen", "revocation"}
    assert len(files) > 50
    assert {file.parent.relative_to(ROOT / "pdp").as_posix() for file in files} - others <= {".", *FOLDERS}
