"""Who has shown a right password for the documentation a moment ago."""

import hashlib
import hmac
import os
import time
from typing import Final

# A browser sends the password with each of the page's requests.
_KNOWN_SECONDS: Final = 60.0
_KNOWN: Final = 1000


class DocsReaders:
    """Credentials that were right a moment ago, as digests that mean nothing outside this process."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        self._until: dict[bytes, float] = {}

    def knows(self, credentials: bytes) -> bool:
        """Whether these were right within the last minute."""
        # Found by a keyed digest, so the time that it takes tells nothing about the credentials.
        return self._until.get(self._digest(credentials), 0.0) > time.monotonic()

    def remember(self, credentials: bytes) -> None:
        """These are right."""
        now = time.monotonic()
        if len(self._until) >= _KNOWN:
            self._until = {digest: until for digest, until in self._until.items() if until > now}
        if len(self._until) < _KNOWN:
            self._until[self._digest(credentials)] = now + _KNOWN_SECONDS

    def _digest(self, credentials: bytes) -> bytes:
        return hmac.digest(self._secret, credentials, hashlib.sha256)
