import os
import tempfile

from hypothesis import settings

# `ci` gives the same cases on each run. `dev` looks for new ones.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("dev", deadline=None, max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Tests keep nothing where the user's own commands look. `PDP_CACHE=off` runs them without a cache.
_CACHE = tempfile.TemporaryDirectory(prefix="pdp-cache-")
os.environ.setdefault("PDP_CACHE", os.path.join(_CACHE.name, "pdp"))  # noqa: PTH118
