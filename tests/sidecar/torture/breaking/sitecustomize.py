"""Breaks each process of Python that finds this on its path, in the way that the environment names.

So are the workers of `pdp serve` broken, which nobody but their supervisor starts.
"""

import os

from tests.sidecar.torture.breaches import BREACHES

BREACHES[os.environ["PDP_TORTURE_BREACH"]]().__enter__()
