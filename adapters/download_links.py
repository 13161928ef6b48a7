"""Links to files that hold for 5 minutes, for whoever has them: signed by us where the storage cannot."""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

LIFETIME_SECONDS = 300
_SIGNATURE_BYTES = 32


class Download(msgspec.Struct, frozen=True, array_like=True):
    """The object, what to call it, and until when (seconds since 1970) the link holds."""

    key: str
    file_name: str
    until: int


class DownloadLinks:
    """Signs with the first secret, accepts any: a link survives a change of keys."""

    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self._secrets = tuple(hmac.digest(secret, b"haat download links", "sha256") for secret in secrets)

    def sign(self, key: str, file_name: str) -> str:
        """A token for a URL."""
        message = msgspec.msgpack.encode(Download(key, file_name, int(time.time()) + LIFETIME_SECONDS))
        return urlsafe_b64encode(_signature(self._secrets[0], message) + message).rstrip(b"=").decode()

    def read(self, token: str) -> Download | None:
        """What the token allows; None when it is not ours or its time is over."""
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        signature, message = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not any(hmac.compare_digest(signature, _signature(secret, message)) for secret in self._secrets):
            return None
        download = msgspec.msgpack.decode(message, type=Download)
        return download if download.until >= time.time() else None


def _signature(secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, "sha256")
