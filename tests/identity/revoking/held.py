"""Keys of an issuer that are at hand."""

from __future__ import annotations

from concurrent.futures import Future

from pdp.identity.issuer import Key, UnknownKeyError
from tests.identity.tokens import private_key


class Held:
    """Keys that are there; `coming` are there once somebody has looked for them."""

    def __init__(self, *names: str, algorithm: str = "RS256", coming: str | None = None) -> None:
        self._keys = {name: self._key(algorithm, name) for name in names}
        self._algorithm, self._coming = algorithm, coming

    def _key(self, algorithm: str, name: str) -> Key:
        return Key(kid=name, algorithm=algorithm, material=private_key(algorithm, name).public_key())

    def find(self, kid: str, algorithm: str) -> Key:
        if kid in self._keys:
            return self._keys[kid]
        done: Future[None] | None = None
        if self._coming is not None:
            self._keys[self._coming] = self._key(self._algorithm, self._coming)
            done = Future()
            done.set_result(None)
            self._coming = None
        raise UnknownKeyError("there is no such key", code="unknown_key", coming=done)

    def suspect(self, key: Key) -> None:
        return None

    def start(self) -> Future[None]:
        raise NotImplementedError

    def close(self) -> None:
        pass

    @property
    def problem(self) -> None:
        return None
