"""All decisions have one digest: compiled or not, cached or not, and whatever the seed of Python's hashes is."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def digest_of(compiled: str, seed: str, cache: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PDP_COMPILED": compiled, "PDP_CACHE": cache}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.differential.digest"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_decisions_have_one_digest_compiled_or_not_cached_or_not_and_under_three_seeds_of_hashes(tmp_path: Path):
    kept = str(tmp_path / "cache")
    # Each differs from the others in everything, so that two that agree owe it to nothing that they share.
    ways = [("0", "0", kept), ("1", "1", "off"), ("1", "2", kept)]
    with ThreadPoolExecutor(2) as pool:
        digests = dict(zip(ways, pool.map(lambda way: digest_of(*way), ways), strict=True))

    assert len(set(digests.values())) == 1, digests
    assert int(next(iter(digests.values())).split()[1]) > 3_500, "hardly anything was asked"
