"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pdp

MODULES = sorted(
    info.name for info in pkgutil.walk_packages(pdp.__path__, "pdp.") if not info.name.endswith("__main__")
)


@pytest.mark.parametrize("name", ["pdp", *MODULES])
def test_the_examples_of_a_module_hold(name: str) -> None:
    module = importlib.import_module(name)

    results = doctest.testmod(module)

    assert results.failed == 0
