"""Why a sidecar gave no answer. Nothing here is ever taken for an allow."""

from __future__ import annotations


class Failure(Exception):
    """No answer: `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Lost(Failure):
    """There is no connection, or it broke: to ask again may help, and does no harm."""

    def __init__(self, message: str) -> None:
        super().__init__("unreachable", message)


class Late(Failure):
    """The answer did not come in time."""

    def __init__(self, message: str = "the sidecar did not answer in time") -> None:
        super().__init__("deadline_exceeded", message)


class Garbled(Failure):
    """What came is no answer of a sidecar. The connection that it came by is not used again."""

    def __init__(self, message: str) -> None:
        super().__init__("garbled", message)


class Refused(Failure):
    """The sidecar answered, and says that it does not do this."""
