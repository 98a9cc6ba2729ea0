import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pdp
from pdp import resources

ROOT = Path(__file__).resolve().parent.parent

# Each word is put together here, so that this file does not hold it.
PEER_DATA = b"../" + b"shared"
FORBIDDEN = [
    PEER_DATA,
    *(b"/%b/" % folder for folder in (b"work", b"root")),
    *(b".".join(host) for host in ((b"pypi", b"org"), (b"pythonhosted", b"org"), (b"npmjs", b"org"))),
    *(b".".join(host) for host in ((b"npmjs", b"com"), (b"deb", b"debian", b"org"), (b"crates", b"io"))),
]
ALLOWED = {("tests/peers.py", PEER_DATA)}


def files_of_the_repository() -> list[str]:
    """Name what git tracks and what it would add, so that a breach shows before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return sorted(name for name in set(run.stdout.split("\0")) if name and (ROOT / name).is_file())


def test_the_grammar_is_found():
    path = resources.grammar("pdp.lark")

    assert path.is_file()
    assert path.parent.name == "grammar"


@pytest.mark.parametrize("find", [resources.grammar, resources.proto])
def test_a_missing_file_is_named(find):
    with pytest.raises(FileNotFoundError, match=f"no {find.__name__} file `missing.txt` in "):
        find("missing.txt")


def test_a_folder_is_not_a_file():
    with pytest.raises(FileNotFoundError):
        resources.grammar("")


def test_the_version_stands_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert importlib.metadata.version("pdp-engine") == project["version"]
    assert pdp.__version__ == project["version"]


def test_the_package_says_that_it_is_typed():
    assert (Path(pdp.__file__).parent / "py.typed").is_file()


def test_no_file_names_a_place_of_one_machine():
    found = [
        f"{name} holds {word.decode()}"
        for name in files_of_the_repository()
        for word in FORBIDDEN
        if (name, word) not in ALLOWED and word in (ROOT / name).read_bytes()
    ]

    assert not found, "\n".join(found)


def test_import_pdp_imports_no_module_that_nobody_asked_for():
    code = "import sys, pdp; print(*sorted(name for name in sys.modules if name.startswith('pdp.')))"

    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout.split() == []


@pytest.mark.parametrize("name", pdp.__all__)
def test_each_public_name_is_found_when_it_is_asked_for(name):
    assert getattr(pdp, name).__name__ == name
    assert name in dir(pdp)


def test_a_name_that_is_not_public_is_named_by_the_error():
    with pytest.raises(AttributeError, match="module `pdp` has no attribute `Enginee`"):
        _ = pdp.Enginee
