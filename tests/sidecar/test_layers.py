"""Imports of the sidecar point down, and `pdp` knows nothing of it."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.test_architecture import (
    ROOT,
    Module,
    empty_names,
    import_cycle,
    long_functions,
    long_modules,
    read_modules,
    upward_imports,
    walk,
)

# Each module and package right under `pdp_sidecar`, and what stands lower than its package. One may import its own
# layer and those above it in this table.
LAYERS = {
    0: {"addresses", "bodies", "callers", "generated", "lasting", "operations.logs", "running"},
    1: {"desk", "identifying", "proven", "reloading", "service", "sockets", "tls"},
    2: {"authzen", "frames", "status", "wire"},
    3: {"operations", "receivers", "rpc"},
    4: {"client", "envoy", "workers"},
    5: {"config"},
    6: {"facts", "issuing", "room"},
    7: {"parts", "supervising"},
    8: {"worker"},
    9: {"serving"},
}
LAYER_OF = {name: layer for layer, names in LAYERS.items() for name in names}

# What `pdp` must never import: it finds the command and the clients by entry points.
OUTSIDE = {"grpc", "httptools", "msgspec", "pdp_sidecar", "prometheus_client", "uvicorn", "uvloop"}

# What an extra brings, and the packages of `pdp` that may import it: nothing that decides imports these.
BY_AN_EXTRA = {"msgspec": {"configuration", "identity"}}


def layer_of(name: str) -> int | None:
    """Return the layer of the longest name in the table that a module is, or is in."""
    parts = name.split(".")[1:]
    return next(
        (LAYER_OF[each] for end in range(len(parts), 0, -1) if (each := ".".join(parts[:end])) in LAYER_OF), None
    )


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    found = [each for each in read_modules(ROOT / "sidecar", "pdp_sidecar") if each.part != "generated"]
    assert found
    return found


def test_each_module_has_a_layer(modules):
    assert [each.name for each in modules if each.part and layer_of(each.name) is None] == []


def test_imports_point_down(modules):
    problems = upward_imports(modules, layer_of)

    assert not problems, "\n".join(problems)


def test_no_modules_import_each_other(modules):
    cycle = import_cycle(modules)

    assert not cycle, " -> ".join(cycle)


@pytest.mark.parametrize("check", [empty_names, long_modules, long_functions])
def test_modules_are_named_and_short(modules, check):
    problems = check(modules)

    assert not problems, "\n".join(problems)


def test_an_import_that_points_up_is_found(tmp_path):
    for name, text in {"__init__": "", "callers": "from pdp_sidecar.service import Service", "service": ""}.items():
        path = tmp_path / "pdp_sidecar" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    (problem,) = upward_imports(read_modules(tmp_path, "pdp_sidecar"), layer_of)

    assert problem == "pdp_sidecar.callers:1 (layer 0) imports pdp_sidecar.service (layer 1)"


def test_pdp_imports_nothing_of_the_sidecar():
    found = [
        f"{module.name}:{node.lineno} imports {name}"
        for module in read_modules(ROOT)
        # To go through all of it takes long, and few so much as name any of them.
        if any(name in module.text for name in OUTSIDE)
        for node, _, for_types in walk(module.tree, False, False)
        for name in ([] if for_types else _imported(node))
        if name.partition(".")[0] in OUTSIDE
        if module.part not in BY_AN_EXTRA.get(name.partition(".")[0], ())
    ]

    assert found == []


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(level=0):
            return [node.module or ""]
    return []


@pytest.mark.parametrize("code", ["import pdp", "import pdp.cli.commands", "import pdp.engine, pdp.enforcement"])
def test_who_imports_pdp_loads_nothing_of_the_sidecar(code):
    run = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )

    assert OUTSIDE.intersection(name.partition(".")[0] for name in run.stdout.split()) == set()
