"""What has to be there where others tell of identities that end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pdp.configuration.places import Path
from pdp.configuration.report import Report
from pdp.configuration.secret import SecretError
from pdp_sidecar.config.asking import SHORTEST_TOKEN
from pdp_sidecar.config.listening import Listener

if TYPE_CHECKING:
    from pdp.identity.options import Options

_AT: Final[Path] = ("identity", "file")


def check_receivers(
    told: Options,
    listeners: Sequence[Listener],
    revocations: str | None,
    report: Report,
    environment: Mapping[str, str],
) -> None:
    """Note what is missing for those whom the file of identities lets tell of sessions and people that are gone."""
    names = ["`logout`"] if any(each.logout is not None for each in told.issuers) else []
    names += ["`scim`"] if told.scim is not None else []
    if not names:
        return
    who = f"what {' and '.join(names)} of that file {'say' if names[1:] else 'says'}"
    if revocations is None:
        help_ = 'name it: `revocations = "…"` in the section `[facts]`'
        report.add("no_record", _AT, f"{who} has to be on record, and there is no record of revocations", help_)
    if not any(each.protocol == "http" for each in listeners):
        help_ = 'give it an address: `http = "…"` in the section `[listen]`'
        report.add("misplaced_key", _AT, f"{who} comes by HTTP, and nothing says where that is spoken", help_)
    if told.scim is not None:
        try:
            short = len(told.scim.token.text(environment)) < SHORTEST_TOKEN
        except SecretError:
            # That file is told so.
            return
        if short:
            message = f"the token of a directory has at least {SHORTEST_TOKEN} characters: a shorter one is guessed"
            report.add("short_token", _AT, message, "make one: `openssl rand -hex 32`")
