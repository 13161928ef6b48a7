"""Where a request comes from: what a stranger claims of themselves never counts."""

import ipaddress
from typing import Any

import pytest

from api.addresses import client_address

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.7", ["1.1.1.1", "198.51.100.1, 10.0.0.8"], "198.51.100.1"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["garbage"], "10.0.0.7"),
        ("10.0.0.7", ["1.1.1.1, garbage"], "10.0.0.7"),
        ("::ffff:10.0.0.7", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (None, ["198.51.100.1"], "local"),
    ],
)
def test_the_address_is_the_nearest_that_no_proxy_of_ours_has(
    peer: str | None, forwarded: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope: Any = {"client": (peer, 4711) if peer else None, "headers": headers}
    assert client_address(scope, PROXIES) == address
