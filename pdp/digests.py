"""The digests that a start needs, from where the standard library has them.

`hashlib` loads OpenSSL first, which takes longer than all that a start makes digests of. These come from C as well, to
the same results; where a Python has none of them, `hashlib` does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import blake2b, sha256
else:
    try:
        from _blake2 import blake2b

        try:
            from _sha2 import sha256
        except ImportError:
            # Before Python 3.12.
            from _sha256 import sha256
    except ImportError:
        from hashlib import blake2b, sha256

__all__ = ["blake2b", "sha256"]
