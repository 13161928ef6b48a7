"""Passwords: hashed with argon2id in threads of their own, a few at a time."""

import asyncio
import os
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.shared.errors import Unavailable

T = TypeVar("T")

# The OWASP Password Storage Cheat Sheet's parameters for argon2id: 19 MiB, two passes, one lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_WAITING_PER_THREAD: Final = 50


def hash_password(password: str) -> str:
    """The hash to store, with its parameters and salt; about 30 ms of a processor."""
    return _HASHER.hash(_canonical(password))


class Passwords:
    """Hashes and verifies without holding up the event loop. One per process."""

    def __init__(self, *, threads: int | None = None) -> None:
        threads = threads or min(4, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._places = threads * _WAITING_PER_THREAD
        # Verified when nobody has the login, so that an unknown login takes as long as a wrong password.
        self._nobodys_hash = hash_password(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """The hash to store. Raises Unavailable when too many others wait."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password: str, hashes: Sequence[str]) -> list[bool]:
        """Which of the hashes are of this password; none takes as long as one. Raises Unavailable."""
        asked = tuple(hashes) or (self._nobodys_hash,)
        answers = await self._run(lambda: [_is_of(password, one) for one in asked])
        return answers if hashes else []

    def close(self) -> None:
        """Forget who waits; the threads end with what they are doing."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._places == 0:
            message = "Too many people are logging in at this moment. Try again in a few seconds."
            raise Unavailable(message, retry_after=5)
        self._places -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._places += 1


def _is_of(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, _canonical(password))
    except (VerificationError, InvalidHashError):
        return False


def _canonical(password: str) -> str:
    """The same characters from any keyboard (NIST SP 800-63B asks for a Unicode normal form)."""
    return unicodedata.normalize("NFC", password)
