"""Where a request comes from, seen through the proxies that are ours."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress

from litestar.types import HTTPScope

from adapters.environment import Network


def client_address(scope: HTTPScope, trusted: Sequence[Network]) -> str:
    """The nearest address that is no trusted proxy; `X-Forwarded-For` counts only as far as proxies vouch for it."""
    client = scope.get("client")
    peer = client[0] if client else "local"
    forwarded = [
        part.strip()
        for name, value in scope["headers"]
        if name == b"x-forwarded-for"
        for part in value.decode("latin-1").split(",")
    ]
    hops = [peer, *reversed(forwarded)]
    for index, hop in enumerate(hops):
        if not _is_trusted(hop, trusted):
            # What a trusted proxy calls its caller must still be an address, or it is the proxy's own mistake.
            return hop if index == 0 or _address(hop) is not None else hops[index - 1]
    return hops[-1]


def _is_trusted(hop: str, trusted: Sequence[Network]) -> bool:
    address = _address(hop)
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        address = ipaddress.ip_address(text)
        return getattr(address, "ipv4_mapped", None) or address
    return None
