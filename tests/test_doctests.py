"""The examples in docstrings are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pdp
import pdp_sidecar

MODULES = sorted(
    info.name
    for package in (pdp, pdp_sidecar)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not info.name.endswith("__main__") and ".generated." not in info.name
)


@pytest.mark.parametrize("name", ["pdp", *MODULES])
def test_the_examples_of_a_module_hold(name: str) -> None:
    module = importlib.import_module(name)

    results = doctest.testmod(module)

    assert results.failed == 0
