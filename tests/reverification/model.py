"""What access comes to, said once more and as plainly as can be: no index, no lease, no wheel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

LASTS = timedelta(hours=4)
"""So long an approval holds, by the rule."""

SESSION = timedelta(hours=8)
"""So long a session lasts."""


@dataclass(frozen=True)
class Signed:
    """A session: of whom, its name, and since when."""

    user: str
    name: str
    at: datetime


@dataclass
class Wanted:
    """A request for access, and when it was approved."""

    user: str
    until: datetime
    approved: datetime | None = None
    closed: bool = False


@dataclass
class Model:
    """Ends are None for never. `states` are those of what is watched: a session and an action."""

    now: datetime
    members: dict[str, datetime | None] = field(default_factory=dict)
    grants: dict[str, datetime] = field(default_factory=dict)
    requests: list[Wanted] = field(default_factory=list)
    revoked: dict[str, datetime] = field(default_factory=dict)
    revoked_sessions: set[str] = field(default_factory=set)
    states: dict[tuple[Signed, str], str] = field(default_factory=dict)

    def runs(self, end: datetime | None) -> bool:
        return end is None or self.now < end

    def is_revoked(self, who: str, proved: datetime) -> bool:
        return who in self.revoked and proved <= self.revoked[who]

    def is_over(self, session: Signed) -> bool:
        return (
            self.is_revoked(session.user, session.at)
            or session.name in self.revoked_sessions
            or not self.runs(session.at + SESSION)
        )

    def may(self, user: str, action: str) -> bool:
        match action:
            case "read":
                return user in self.members and self.runs(self.members[user])
            case "operate":
                return user in self.grants and self.runs(self.grants[user])
            case _:
                return any(each.user == user and self.counts(each) for each in self.requests)

    def counts(self, wanted: Wanted) -> bool:
        at = wanted.approved
        return (
            at is not None
            and not wanted.closed
            and self.runs(min(wanted.until, at + LASTS))
            and not self.is_revoked("grace", at)
        )

    def can_ask(self, user: str) -> bool:
        return not self.is_revoked(user, self.now)

    def can_approve(self, wanted: Wanted) -> bool:
        pending = not wanted.closed and wanted.approved is None and self.runs(wanted.until)
        return pending and self.can_ask("grace") and self.can_ask(wanted.user)

    def verdict(self, session: Signed, action: str) -> str:
        if self.is_over(session):
            return "ended"
        return "allowed" if self.may(session.user, action) else "suspended"

    def look(self) -> None:
        """Take note of where everything that is watched stands now. What has ended stays so."""
        for key, state in self.states.items():
            self.states[key] = state if state == "ended" else self.verdict(*key)
