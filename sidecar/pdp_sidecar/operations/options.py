"""What can be set of how a sidecar is run: its log, its traces, and how much it takes on at once."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]


class TracingOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where spans go, by OTLP over gRPC, and of which share of calls that bring no decision about it themselves.

    `insecure` sends them without TLS, as to a collector on this machine.
    """

    endpoint: str
    insecure: bool = False
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    service: str = "pdp"


class LogOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is logged, to standard error. `decisions` says which of them are; `most` lines may wait to be written."""

    form: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    decisions: Literal["all", "denies", "none"] = "none"
    most: Count = 10_000


class OperationsOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The section `operations` of the configuration. `in_flight` is how many calls one worker answers at once."""

    log: LogOptions = LogOptions()
    tracing: TracingOptions | None = None
    in_flight: Count = 1_000
