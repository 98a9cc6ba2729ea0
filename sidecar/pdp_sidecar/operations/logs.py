"""What a sidecar tells of itself in its log: events with fields, one to a line, whatever stands in the fields."""

from __future__ import annotations

import datetime as _datetime
import json
import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from pdp.identity.who import Identity
from pdp.model import Decision
from pdp_sidecar.callers import Caller

# A worker is a program of its own: it never is another process than the one that imported this.
_PID: Final = os.getpid()

LOGGER: Final = logging.getLogger("pdp.sidecar")
_FIELDS: Final = "pdp_fields"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:+-]+", re.ASCII)


def tell(level: int, event: str, /, **fields: Any) -> None:
    """Log an event: a name that programs look for, with what there is to know of it. It never raises."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={_FIELDS: fields})


def line_of_json(event: Mapping[str, Any]) -> str:
    r"""Return an event as a line of JSON in ASCII: no field ends the line, or moves the cursor of a terminal.

    >>> line_of_json({"event": "decision", "principal": 'User "a\r\n\x1b[2K\u202e"'})
    '{"event":"decision","principal":"User \\"a\\r\\n\\u001b[2K\\u202e\\""}'
    """
    return json.dumps(event, default=_shown, separators=(",", ":"), skipkeys=True)


def line_of_text(event: Mapping[str, Any]) -> str:
    r"""Return an event as a line for people. What is no plain word is written as JSON has it, in ASCII.

    >>> line_of_text({"at": "09:00", "level": "info", "event": "decision", "rule": "a", "detail": "one\ntwo"})
    '09:00 info decision rule=a detail="one\\ntwo"'
    """
    head = [_word(event[name]) for name in _HEAD if name in event]
    return " ".join([*head, *(f"{_word(name)}={_word(value)}" for name, value in event.items() if name not in _HEAD)])


_HEAD: Final = ("at", "level", "event")
FORMS: Final = {"json": line_of_json, "text": line_of_text}


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=_shown, skipkeys=True)
    if isinstance(value, str) and not _PLAIN.fullmatch(text):
        return json.dumps(text)
    # What json writes holds no letter that is not of ASCII, and no control.
    return text


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        return f"<{type(error).__name__}>"


class Lines(logging.Formatter):
    """Writes each record as one line, events and what libraries log alike; `form` is a key of FORMS."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._line = FORMS[form]

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        found: dict[str, Any] = {"at": _written(record.created), "level": record.levelname.lower()}
        fields = getattr(record, _FIELDS, None)
        if fields is None:
            found |= {"event": "log", "pid": _PID, "logger": record.name, "message": record.getMessage()}
        else:
            # What a field is called never stands in the place of what every line has.
            found |= {"event": record.getMessage(), "pid": _PID, **{k: v for k, v in fields.items() if k not in _HEAD}}
        if record.exc_info:
            found["error"] = self.formatException(record.exc_info)
        return self._line(found)


def decision_event(
    at: float, protocol: str, caller: str, principal: str, action: str, resource: str, decision: Decision
) -> dict[str, Any]:
    """Return what is logged of a decision that was made at a time of the wall clock."""
    found = {
        "at": _written(at),
        "level": "info",
        "event": "decision",
        "pid": _PID,
        "protocol": protocol,
        "caller": caller,
        "principal": principal,
        "action": action,
        "resource": resource,
        "outcome": str(decision.outcome),
        "reason": str(decision.reason),
        "rules": list(decision.determining_rules),
        "erring_rules": list(decision.erring_rules),
        "detail": decision.detail,
        "revision": decision.revision,
        "facts_revision": decision.facts_revision,
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


def proof_event(proved: Identity | None, caller: Caller) -> dict[str, Any]:
    """Return what is logged of whom a decision was for, where that was verified, and of a caller that was."""
    found: dict[str, Any] = {}
    if caller.identity is not None:
        found["caller_identity"] = _cut(str(caller.identity.ref))
    if proved is not None:
        found |= {"issuer": _cut(proved.issuer), "subject": _cut(proved.subject)}
        if proved.token_id is not None:
            found["token_id"] = _cut(proved.token_id)
        if proved.actors:
            # From the one who acts now to the first: policies see one of them, and the record all.
            found["actors"] = [f"{_cut(each.subject)} at {_cut(each.issuer)}" for each in proved.actors]
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST: Final = 512


def _written(at: float) -> str:
    text = _datetime.datetime.fromtimestamp(at, _datetime.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
