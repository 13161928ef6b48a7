"""Values of environment variables, read one by one; what is wrong is collected, not raised at the first."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Limit(msgspec.Struct, frozen=True):
    """So many requests in so many seconds."""

    requests: int
    seconds: int


class Environment:
    """Reads variables by kind; an empty value counts as not given. `problems` grows with each bad one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def refuse(self, name: str, expected: str, *, shown: str | None = None) -> None:
        """Note a bad value; it is shown only when it cannot be a secret."""
        self.problems.append(f"{name}: {expected}" if shown is None else f"{name}={shown!r}: {expected}")

    def optional(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def choice(self, name: str, among: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value in among:
            return value
        self.refuse(name, f"expected {' or '.join(among)}", shown=value)
        return default

    def integer(self, name: str, default: int, *, lowest: int, highest: int) -> int:
        value = self.optional(name)
        if value is None:
            return default
        if re.fullmatch(r"[0-9]{1,12}", value) and lowest <= int(value) <= highest:
            return int(value)
        self.refuse(name, f"expected a whole number from {lowest} to {highest}", shown=value)
        return default

    def size(self, name: str, default: int, *, lowest: int) -> int:
        """Bytes, plain or with a unit: 1048576, 256MiB, 2 GiB, 500MB."""
        value = self.optional(name)
        if value is None:
            return default
        found = re.fullmatch(r"([0-9]{1,15})\s*([A-Za-z]*)", value)
        if found and found[2].lower() in _UNITS and (size := int(found[1]) * _UNITS[found[2].lower()]) >= lowest:
            return size
        self.refuse(name, f"expected a size of at least {lowest} bytes, such as 1048576, 256MiB or 2GiB", shown=value)
        return default

    def folder(self, name: str, default: Path) -> Path:
        """An absolute path; a relative one counts from the working folder."""
        value = self.optional(name)
        if value is None:
            return default
        if "\0" in value:
            self.refuse(name, "expected a folder without NUL characters")
            return default
        return Path(os.path.abspath(Path(value).expanduser() if value.startswith("~/") else value))  # noqa: PTH100 - keeps symbolic links, which Path.resolve would not

    def url(self, name: str, schemes: tuple[str, ...], example: str) -> str | None:
        """An address with one of the schemes; never shown, it may hold a password."""
        value = self.optional(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            complete = parts.scheme in schemes and (parts.port is None or parts.port > 0) and _says_where(parts)
        except ValueError:
            complete = False
        if not complete:
            self.refuse(name, f"expected an address like {example}")
            return None
        return value

    def limits(self, name: str, default: str) -> dict[str, Limit]:
        """Named limits on top of the default ones; `off` switches all of them off."""
        value = self.optional(name)
        found = _parse_limits(default) or {}
        if value is None:
            return found
        if value == "off":
            return {}
        given = _parse_limits(value)
        if given is None or not given.keys() <= found.keys():
            self.refuse(name, f"expected off or a list like {default}, of these names", shown=value)
            return found
        return found | given

    def networks(self, name: str) -> tuple[Network, ...]:
        """Addresses and networks, separated by commas."""
        found: list[Network] = []
        for part in (self.optional(name) or "").split(","):
            if not part.strip():
                continue
            try:
                found.append(ipaddress.ip_network(part.strip()))
            except ValueError:
                self.refuse(
                    name, "expected addresses or networks separated by commas, such as 10.0.0.7,10.1.0.0/16", shown=part
                )
        return tuple(found)


def derived_app_url(database_url: str, password: str) -> str:
    """The same server and database for the login haat_app."""
    parts = urlsplit(database_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"haat_app:{quote(password, safe='')}@{place}"))


def _says_where(parts: SplitResult) -> bool:
    """A database needs a name, a bucket its name, a socket or a folder its absolute path, the rest a host."""
    match parts.scheme:
        case "postgresql" | "postgres":
            return len(parts.path) > 1 and (bool(parts.hostname) or "host=" in parts.query)
        case "unix" | "file":
            return not parts.netloc and parts.path.startswith("/") and len(parts.path) > 1
        case _:
            return bool(parts.hostname)


def _parse_limits(value: str) -> dict[str, Limit] | None:
    found = {}
    for part in value.split(","):
        match = re.fullmatch(r"\s*([a-z]+)\s*=\s*([1-9][0-9]{0,8})\s*/\s*([a-z]+)\s*", part)
        if match is None or match[3] not in _PERIODS or match[1] in found:
            return None
        found[match[1]] = Limit(int(match[2]), _PERIODS[match[3]])
    return found
