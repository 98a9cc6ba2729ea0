import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# `ci` gives the same cases on each run. `dev` looks for new ones.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Tests keep nothing where the user's own commands look. `PDP_CACHE=off` runs them without a cache.
_CACHE = tempfile.TemporaryDirectory(prefix="pdp-cache-")
os.environ.setdefault("PDP_CACHE", os.path.join(_CACHE.name, "pdp"))  # noqa: PTH118

# What takes long and comes to the same whichever Python runs it: corpora, large texts, hostile names, breaches that are
# found, and the properties of the interpreter, which is the one that they ask. `make test` runs it once, by the main
# Python.
_HERE = Path(__file__).parent
_SLOW = {
    "cedar/test_beside_cedarpy.py",
    "cedar/test_conversion.py",
    "cedar/test_data_corpus.py",
    "cedar/test_depth.py",
    "cedar/test_reading.py",
    "cedar/test_reference_grammar.py",
    "cedar/test_schema_limits.py",
    "cedar/test_skipping.py",
    "cedar/test_validation.py",
    "flips/test_search.py",
    "properties/test_meaning.py",
    "properties/test_soundness.py",
    "revocation/test_torture.py",
    "syntax/test_grammar_agrees.py",
    "test_benchmarks.py",
    "testing/coverage/test_properties.py",
    "testing/mutation/test_mutants.py",
    "testing/mutation/test_telling.py",
    "testing/tables/test_agreement.py",
    "testing/tables/test_fuzz.py",
    "testing/tables/test_speed.py",
    "trace/test_agreement.py",
}
_SLOW_TESTS = {
    ("compiled/test_hostile_names.py", "test_a_name_that_no_text_could_state_is_a_constant_as_well"),
    ("compiled/test_hostile_names.py", "test_a_text_is_never_more_than_itself"),
    ("differential/test_differential.py", "test_a_breach_is_found"),
    ("reverification/test_machine.py", "test_the_model_finds_a_mechanism_that_is_broken"),
}


@pytest.fixture
def compiled_rules() -> None:
    """Skip where there are no compiled rules: for a test that looks at these, and not only at what is answered."""
    if os.environ.get("PDP_COMPILED") == "0":
        pytest.skip("PDP_COMPILED=0: there are no compiled rules to look at")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        place = item.path.relative_to(_HERE).as_posix()
        if place in _SLOW or (place, getattr(item, "originalname", item.name)) in _SLOW_TESTS:
            item.add_marker("slow")
