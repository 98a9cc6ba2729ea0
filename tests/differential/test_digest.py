"""All decisions have one digest: compiled or not, and whatever the seed of Python's hashes is."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def digest_of(compiled: str, seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PDP_COMPILED": compiled}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "tests.differential.digest"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_decisions_have_one_digest_compiled_or_not_and_under_three_seeds_of_hashes():
    with ThreadPoolExecutor(2) as pool:
        found = {
            (compiled, seed): pool.submit(digest_of, compiled, seed)
            for compiled in ("0", "1")
            for seed in ("0", "1", "2")
        }
        digests = {which: done.result() for which, done in found.items()}

    assert len(set(digests.values())) == 1, digests
