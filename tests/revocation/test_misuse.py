"""What callers, clocks and sources hand in that is not as it should be: none of it may make a revocation void."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

import pytest

import pdp
from pdp.model import SourceState
from pdp.revocation.log import RevocationLog
from tests.revocation.test_engine import ADA, EVE, HOUR, NOW, engine, reason

WEST, EAST = timezone(-HOUR), timezone(HOUR)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime.max.replace(tzinfo=WEST), "principal_revoked"),
        (datetime.max.replace(tzinfo=UTC), "principal_revoked"),
        (datetime.min.replace(tzinfo=EAST), "permitted"),
    ],
)
def test_an_instant_beyond_the_last_of_utc_is_the_last_and_spoils_no_record(
    tmp_path: Path, moment: datetime, expected: str
) -> None:
    asked = engine(revocations=RevocationLog(tmp_path / "log.db", create=True))

    asked.revoke(principal=ADA, not_before=moment)

    assert asked.state is SourceState.LOADED
    assert reason(asked, session={"authenticated_at": NOW}) == expected
    assert reason(asked, EVE) == "permitted"


class Broken(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta:
        raise OSError("no such zone")


def test_a_time_zone_that_fails_is_refused_as_none_is() -> None:
    with pytest.raises(pdp.RequestError, match="`not_before` is not a datetime with a time zone"):
        engine().revoke(principal=ADA, not_before=datetime(2026, 1, 1, tzinfo=Broken()))


def test_one_text_is_not_taken_for_the_sessions_of_its_letters() -> None:
    with pytest.raises(pdp.RequestError, match="one text, not several"):
        engine(revoked_sessions="s-42")
