"""What the page about operations says is there."""

from __future__ import annotations

import re
from pathlib import Path

from pdp_sidecar.operations.exposition import Sums
from pdp_sidecar.operations.metrics import Metrics
from pdp_sidecar.operations.options import OperationsOptions
from pdp_sidecar.reloading import ReloadOptions
from pdp_sidecar.workers.options import WorkersOptions
from tests.sidecar.scene import engine

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_stands_on_the_page_and_every_one_there_is() -> None:
    metrics = Metrics(engine())
    metrics.gauge("watches", lambda: 0)
    metrics.count("log_lines_dropped", lambda: 0)
    text = Sums().exposition([metrics.numbers()], True, 1, {"worker_restarts": 0, "workers_ended": 0}).decode()

    told = set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))

    assert told == set(re.findall(r"`(pdp_\w+)`", PAGE.partition("Worth an alert")[0]))


def test_every_option_that_it_names_is_one() -> None:
    sections = {"reload": ReloadOptions, "workers": WorkersOptions}
    named = set(re.findall(r"`(reload|workers)\.(\w+)`", PAGE))

    assert named and all(name in sections[section].__struct_fields__ for section, name in named)
    log, fields = OperationsOptions().log, set(re.findall(r"`operations\.log\.(\w+)`", PAGE))
    assert fields and fields <= set(log.__struct_fields__)


def test_every_file_that_it_names_is_there() -> None:
    assert all((ROOT / "docs" / link).exists() for link in re.findall(r"\]\(([^)#]+)\)", PAGE))
