"""Keep `pdp` readable: imports point down, names say what a module holds, modules and functions are short."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pdp

ROOT = Path(__file__).resolve().parent.parent

# Each module and package right under `pdp`. One may import its own layer and those above it in this table.
LAYERS = {
    0: {
        "calendar",
        "classes",
        "clocks",
        "codes",
        "digests",
        "errors",
        "ids",
        "model",
        "patterns",
        "ports",
        "resources",
        "source",
        "shelter",
        "symbols",
        "turns",
        "values",
        "zones",
    },
    1: {"syntax"},
    2: {"checker", "extensions", "linter", "operators", "schema", "terms", "types"},
    3: {"lowering", "tree"},
    4: {"codegen", "evaluation", "interpreter"},
    5: {
        "approvals",
        "audit",
        "build",
        "bundle",
        "cache",
        "cedar",
        "configuration",
        "conform",
        "entities",
        "facts",
        "folder",
        "freshness",
        "health",
        "identity",
        "journal",
        "loaded",
        "revocation",
        "session",
    },
    6: {
        "answers",
        "arguments",
        "cells",
        "engine",
        "flips",
        "holder",
        "keeper",
        "leases",
        "search",
        "trace",
        "wide",
        "world",
    },
    7: {"__main__", "cli", "enforcement", "integrations", "remote", "testing"},
}
LAYER_OF = {name: layer for layer, names in LAYERS.items() for name in names}

# `pdp/__init__.py` may import anything. It is what the edges import, so it counts as one of them.
LAYER_OF_SURFACE = 7

# A command imports what it needs when it runs, so that `pdp --help` starts fast.
MAY_IMPORT_PDP_IN_FUNCTIONS = {"cli"}

# What a start from the cache must not pay for is imported when it is needed: the parser, the checker, each reader.
MAY_IMPORT_LATE = {
    "pdp.answers": {"pdp.cedar.escapes", "pdp.cedar.reading", "pdp.cedar.text"},
    "pdp.cells": {"pdp.cedar.reading"},
    "pdp.engine": {
        "pdp.cedar.given",
        "pdp.identity.issuers",
        "pdp.leases.watches",
        "pdp.search",
        "pdp.trace.building",
    },
    "pdp.entities": {"pdp.entities.loading"},
    "pdp.entities.objects": {"pdp.cedar.facts", "pdp.cedar.forms"},
    "pdp.entities.loading": {"pdp.entities.csvfile", "pdp.entities.jsonfile", "pdp.entities.yamlfile"},
    "pdp.folder": {
        "pdp.build",
        "pdp.cache",
        "pdp.cache.loading",
        "pdp.cedar.checking",
        "pdp.cedar.keeping",
        "pdp.cedar.loading",
    },
    "pdp.cache.loading": {"pdp.build", "pdp.cache.writing"},
    "pdp.cache.policies": {"pdp.build"},
    "pdp.cedar.keeping": {"pdp.cedar.loading"},
    "pdp.leases.watch": {"pdp.leases.stream"},
    "pdp.syntax": {"pdp.syntax.parser"},
    # Every run of pytest loads it, on each machine that has pdp.
    "pdp.testing.plugin": {
        "pdp.cli.explanation",
        "pdp.cli.terminal",
        "pdp.engine",
        "pdp.errors",
        "pdp.folder",
        "pdp.model",
        "pdp.syntax.messages",
        "pdp.testing.failure",
        "pdp.testing.running",
        "pdp.testing.suites",
    },
    "pdp.trace.leaves": {"pdp.cedar.text"},
}

EMPTY_NAMES = {"common", "helper", "helpers", "manager", "managers", "util", "utils"}
MODULE_LINES = 700
FUNCTION_LINES = 80

# What `import pdp` must not pay for.
SLOW_IMPORTS = {"asyncio", "click", "http", "lark", "rich", "tzdata", "yaml"}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Module(NamedTuple):
    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def part(self) -> str:
        """The name right under `pdp`, or nothing for `pdp` itself."""
        return _part(self.name)


class Import(NamedTuple):
    target: str
    line: int
    in_function: bool
    for_types: bool


def _part(name: str) -> str:
    return name.partition(".")[2].partition(".")[0]


def read_modules(root: Path, package: str = "pdp") -> list[Module]:
    modules = []
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules.append(Module(name, path, text, ast.parse(text, str(path))))
    return modules


def imports_of(module: Module, known: set[str]) -> Iterator[Import]:
    """Yield the imports of modules of its package. `known` tells a submodule from a name in a module."""
    package = module.name.partition(".")[0]
    for node, in_function, for_types in walk(module.tree, False, False):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            full = [f"{base}.{alias.name}" for alias in node.names]
            targets = [name if name in known else base for name in full]
        else:
            continue
        for target in targets:
            if target.partition(".")[0] == package:
                yield Import(target, node.lineno, in_function, for_types)


def walk(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[tuple[ast.AST, bool, bool]]:
    yield node, in_function, for_types
    in_function = in_function or isinstance(node, FUNCTIONS)
    for_types = for_types or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    for child in ast.iter_child_nodes(node):
        yield from walk(child, in_function, for_types)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    climb = node.level - (module.path.name == "__init__.py")
    return ".".join([*parts[: len(parts) - climb], *([node.module] if node.module else [])])


def unplaced_modules(modules: list[Module]) -> list[str]:
    return [
        f"{module.name} has no layer: add `{module.part}` to LAYERS in tests/test_architecture.py"
        for module in modules
        if module.part and module.part not in LAYER_OF
    ]


def layer_of(name: str) -> int | None:
    return LAYER_OF.get(_part(name)) if _part(name) else None


def upward_imports(modules: list[Module], layer_of: Callable[[str], int | None] = layer_of) -> list[str]:
    known = {module.name for module in modules}
    problems = []
    for module in modules:
        layer = layer_of(module.name)
        if layer is None:
            continue
        for found in imports_of(module, known):
            above = layer_of(found.target)
            above = LAYER_OF_SURFACE if above is None else above
            if above > layer:
                problems.append(f"{module.name}:{found.line} (layer {layer}) imports {found.target} (layer {above})")
    return problems


def hidden_imports(modules: list[Module]) -> list[str]:
    known = {module.name for module in modules}
    return [
        f"{module.name}:{found.line} imports {found.target} inside a function"
        for module in modules
        if module.part and module.part not in MAY_IMPORT_PDP_IN_FUNCTIONS
        for found in imports_of(module, known)
        if found.in_function and found.target not in MAY_IMPORT_LATE.get(module.name, ())
    ]


def import_cycle(modules: list[Module]) -> list[str]:
    known = {module.name for module in modules}
    graph = {
        module.name: {
            found.target for found in imports_of(module, known) if not found.in_function and not found.for_types
        }
        for module in modules
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def empty_names(modules: list[Module]) -> list[str]:
    return [
        f"{module.name} has a name that says nothing: name it by what it holds"
        for module in modules
        if EMPTY_NAMES.intersection(module.name.split("."))
    ]


def long_modules(modules: list[Module]) -> list[str]:
    sizes = [(module.name, len(module.text.splitlines())) for module in modules]
    return [f"{name} has {size} lines: split it" for name, size in sizes if size > MODULE_LINES]


def long_functions(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines: split it"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]


def exported_names(surface: Module) -> set[str]:
    """The public names that `pdp/__init__.py` defines or takes from `pdp`, some for type checkers only."""
    names: set[str] = set()
    for node in _statements(surface.tree.body):
        match node:
            case ast.ImportFrom() if _base(surface, node).partition(".")[0] == "pdp":
                names.update(alias.asname or alias.name for alias in node.names)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign():
                names.update(target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    # `typing` is not imported for its constant: any name of it will do for a type checker.
    return {name for name in names if not name.startswith("_")} - {"TYPE_CHECKING"}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _statements([*node.body, *node.orelse])


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    found = read_modules(ROOT)
    assert found
    return found


def test_each_module_has_a_layer(modules):
    problems = unplaced_modules(modules)

    assert not problems, "\n".join(problems)


def test_imports_point_down(modules):
    problems = upward_imports(modules)

    assert not problems, "\n".join(problems)


def test_no_function_hides_an_import(modules):
    problems = hidden_imports(modules)

    assert not problems, "\n".join(problems)


def test_no_modules_import_each_other(modules):
    cycle = import_cycle(modules)

    assert not cycle, " -> ".join(cycle)


def test_module_names_say_what_the_module_holds(modules):
    problems = empty_names(modules)

    assert not problems, "\n".join(problems)


def test_modules_are_short(modules):
    problems = long_modules(modules)

    assert not problems, "\n".join(problems)


def test_functions_are_short(modules):
    problems = long_functions(modules)

    assert not problems, "\n".join(problems)


def test_the_public_names_are_sorted_and_complete(modules):
    surface = next(module for module in modules if module.name == "pdp")

    public = [name for name in pdp.__all__ if not name.startswith("__")]

    assert list(pdp.__all__) == sorted(pdp.__all__)
    assert set(public) == exported_names(surface)
    assert [name for name in pdp.__all__ if not hasattr(pdp, name)] == []


def test_importing_pdp_is_cheap():
    code = "import sys; old = {*sys.modules}; import pdp; print(*{*sys.modules} - old)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "pdp" in loaded
    assert loaded & SLOW_IMPORTS == set()


LONG_FUNCTION = "def f():\n" + "    pass\n" * FUNCTION_LINES


@pytest.mark.parametrize(
    ("check", "files", "said"),
    [
        (unplaced_modules, {"strange.py": ""}, "add `strange` to LAYERS"),
        (upward_imports, {"errors.py": "from pdp.engine import Engine", "engine.py": ""}, "pdp.errors:1"),
        (upward_imports, {"errors.py": "import pdp.engine", "engine.py": ""}, "pdp.engine (layer 6)"),
        (upward_imports, {"errors.py": "from pdp import engine", "engine.py": ""}, "pdp.engine (layer 6)"),
        (upward_imports, {"errors.py": "from pdp import decide"}, "imports pdp (layer 7)"),
        (upward_imports, {"syntax/tree.py": "from ..engine import E", "engine.py": ""}, "pdp.syntax.tree:1"),
        (upward_imports, {"syntax/__init__.py": "from .. import engine", "engine.py": ""}, "pdp.syntax:1"),
        (hidden_imports, {"engine.py": "def f():\n    import pdp.errors", "errors.py": ""}, "pdp.engine:2"),
        (import_cycle, {"types.py": "import pdp.terms", "terms.py": "import pdp.types"}, "pdp.t"),
        (empty_names, {"syntax/utils.py": ""}, "pdp.syntax.utils"),
        (long_modules, {"engine.py": "x = 1\n" * (MODULE_LINES + 1)}, "pdp.engine has 701 lines"),
        (long_functions, {"engine.py": LONG_FUNCTION}, "pdp.engine:1 f has 81 lines"),
    ],
)
def test_each_breach_is_found(tmp_path, check, files, said):
    for name, text in {"__init__.py": "", **files}.items():
        path = tmp_path / "pdp" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    problems = check(read_modules(tmp_path))

    assert problems
    assert said in problems[0]


def test_a_clean_tree_has_no_breach(tmp_path):
    files = {
        "__init__.py": "from pdp.engine import Engine",
        "errors.py": "",
        "syntax/__init__.py": "from pdp.syntax.parser import parse",
        "syntax/parser.py": "from pdp.syntax import tree\nfrom ..errors import E\ndef parse(): import re",
        "syntax/tree.py": "",
        "engine.py": "from . import syntax\nfrom .errors import E",
        "cli/__init__.py": "def main():\n    from pdp.engine import Engine",
    }
    for name, text in files.items():
        path = tmp_path / "pdp" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    checks = [unplaced_modules, upward_imports, hidden_imports, import_cycle, empty_names]

    problems = [problem for check in checks for problem in check(read_modules(tmp_path))]

    assert problems == []


def test_the_public_names_include_those_that_load_late(tmp_path):
    text = "if TYPE_CHECKING:\n    from pdp.engine import Engine\n_hidden = 1\nLIMIT: int = 3\nimport re"
    path = tmp_path / "pdp" / "__init__.py"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")

    names = exported_names(read_modules(tmp_path)[0])

    assert names == {"Engine", "LIMIT"}
