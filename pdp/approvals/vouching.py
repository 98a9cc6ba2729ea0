"""What is done by somebody who showed a token: in their name, signed by whoever verified it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pdp.approvals.signing import Signing
from pdp.classes import dataclass
from pdp.conform import Mismatch
from pdp.conform.scalars import datetime
from pdp.errors import RequestError
from pdp.evaluation import revocable
from pdp.model import RevocationKind
from pdp.values import Datetime

if TYPE_CHECKING:
    from pdp.identity.who import Identity

_MISSING: Final = "the session of the token does not tell when its principal proved who it is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What the key that signs an event vouches for: that who did it had shown a token, and how they had got it.

    Nothing of this brings the token back. `token` is the SHA-256 of its text, by which it is found again in what others
    keep, and empty for a certificate; `names` are what it may be revoked by. It counts from when they `proved` who they
    are to `until`.
    """

    issuer: str
    subject: str
    token: str
    names: tuple[tuple[RevocationKind, str], ...]
    proved: Datetime
    until: Datetime
    mfa: bool
    bound: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as those read it who look at what was done."""
        times = {"proved": str(self.proved), "until": str(self.until)}
        return {**self.written(), "names": sorted({name for _, name in self.names}), **times}

    def written(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "issuer": self.issuer,
            "subject": self.subject,
            "token": self.token,
            "names": [[str(kind), name] for kind, name in self.names],
            "proved": self.proved.micros,
            "until": self.until.micros,
            "mfa": self.mfa,
            "bound": self.bound,
        }


def read_vouched(data: Any) -> Vouched:
    """Return what plain data says; raise ValueError, KeyError or TypeError for anything else."""
    texts = [data[name] for name in ("issuer", "subject", "token")]
    flags = [data[name] for name in ("mfa", "bound")]
    times = [data[name] for name in ("proved", "until")]
    for kind, those in ((str, texts), (bool, flags), (int, times), (str, [name for _, name in data["names"]])):
        if any(type(each) is not kind for each in those):
            raise ValueError("this vouches for nothing")
    return Vouched(
        issuer=texts[0],
        subject=texts[1],
        token=texts[2],
        names=tuple((RevocationKind(kind), name) for kind, name in data["names"]),
        proved=Datetime.checked(times[0]),
        until=Datetime.checked(times[1]),
        mfa=flags[0],
        bound=flags[1],
    )


class Vouching:
    """Signs what somebody does in the name of whom their token speaks for, with the key of whoever verified it.

    The file of keys has to say that this key may do so: for principals of this type, by tokens of this issuer. Whoever
    makes one of these has verified the token, and holds the key. The record holds nothing by which to use the token.

    >>> import tempfile
    >>> from pdp.approvals.signing import Signer
    >>> from pdp.identity.who import Identity
    >>> from pdp.session import Session
    >>> from pdp.values import EntityRef
    >>> session = Session({"authenticated_at": "2026-11-28T09:00:00Z", "issuer": "https://x.example"})
    >>> who = Identity(principal=EntityRef("User", "grace"), session=session, issuer="https://x.example",
    ...                subject="248", until=1_796_000_000_000_000)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     vouching = Vouching(Signer.create(f"{folder}/desk.pem"), who)
    >>> print(vouching.vouched.subject, vouching.vouched.proved)
    248 2026-11-28T09:00:00Z
    """

    def __init__(self, signer: Signing, identity: Identity) -> None:
        """Take a key, and whom a token speaks for. Raise RequestError where another acts for them."""
        if identity.actors:
            # INVARIANT: an approval says that a person looked. What acts for them is no person.
            raise RequestError("another acts for the principal of the token: people ask and approve by themselves")
        self.key, self.sign = signer.key, signer.sign
        self.identity = identity
        self.vouched = Vouched(
            issuer=identity.issuer,
            subject=identity.subject,
            token=identity.digest,
            names=tuple(dict.fromkeys(revocable(dict(identity.session.texts())))),
            proved=_proved(identity),
            until=Datetime(identity.until),
            mfa=identity.session.get("mfa") is True,
            bound=identity.session.get("bound") is True,
        )


def _proved(identity: Identity) -> Datetime:
    """Return when a principal proved who it is, the earlier of two times: to renew a token proves nothing anew."""
    given = [identity.session[name] for name in ("authenticated_at", "issued_at") if name in identity.session]
    try:
        return min((datetime(each) for each in given), key=lambda each: each.micros)
    except (Mismatch, ValueError):
        raise RequestError(_MISSING) from None
