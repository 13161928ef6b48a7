"""Load by wrk: requests written out beforehand, spread evenly over many SRs."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

CONNECTIONS: Final = 32

_SCRIPT: Final = """
local gets = {%(gets)s}
local patches = {%(patches)s}
local every, sent = %(every)d, 0
request = function()
  sent = sent + 1
  local sr = sent %% #gets + 1
  if every > 0 and (math.floor(sent / #gets) + sr) %% every == 0 then
    return patches[sr] .. '{"points":' .. (10 + sent %% 90) .. '}'
  end
  return %(get)s
end
done = function(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
  io.write(string.format('\\n{"requests":%%d,"microseconds":%%d,"bytes":%%d,"errors":%%d,"timeouts":%%d,"p99":%%d}\\n',
    summary.requests, summary.duration, summary.bytes, errors, summary.errors.timeout, latency:percentile(99)))
end
"""


class Run(msgspec.Struct, frozen=True):
    """What wrk counted; `p99` is in microseconds."""

    requests: int
    microseconds: int
    bytes: int
    errors: int
    timeouts: int
    p99: int

    @property
    def per_second(self) -> float:
        return self.requests / self.microseconds * 1e6


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None if shutil.which("wrk") else "wrk is missing: on Debian and Ubuntu, `apt-get install wrk`."


def get(path: str, token: str, **headers: str) -> str:
    """One GET as it goes over the wire."""
    named = {"Host": "haat.test", "Authorization": f"Bearer {token}"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n"


def patch(path: str, token: str) -> str:
    """One PATCH without its body, which the script puts behind it: `{"points":NN}`."""
    return (
        f"PATCH {path} HTTP/1.1\r\nHost: haat.test\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    )


def script(path: Path, gets: Sequence[str], *, patches: Sequence[str] = (), every: int = 0) -> Path:
    """The Lua script that sends these in turn; each SR's `every`-th request is their PATCH."""
    # A number in the place of @ makes each request one that was never sent before.
    get = "string.gsub(gets[sr], '@', 10000000 + sent, 1)" if "@" in gets[0] else "gets[sr]"
    parts = {"gets": _lua(gets), "patches": _lua(patches), "every": every, "get": get}
    path.write_text(_SCRIPT % parts)
    return path


def warm(url: str, script: Path) -> None:
    """A few seconds that count for nothing, whatever the answers are."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d4s", "--timeout", "10s", "-s", str(script), url]
    subprocess.run(command, check=True, capture_output=True)


def run(url: str, script: Path, *, seconds: int, length: int | None = None) -> Run:
    """One run; void, and the end, with any error or with answers whose `length` (bytes, head included) is another."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = msgspec.convert(json.loads(output.splitlines()[-1]), Run)
    # What is under way when time is up has been read in part.
    spare = CONNECTIONS * (length or 0) / max(found.requests, 1) + 0.5
    if found.errors or found.timeouts or (length and abs(found.bytes / found.requests - length) > spare):
        sys.exit(f"void: {length} bytes expected; {output}")
    return found


def exchanged(url: str, request: str) -> tuple[int, list[tuple[str, str]], bytes, int]:
    """Status, headers, body and length in bytes of the answer to one request."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1).encode())
        raw = b""
        while part := connection.recv(65_536):
            raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return int(first.split()[1]), headers, body, len(raw)


def _lua(texts: Sequence[str]) -> str:
    return ",".join(json.dumps(text) for text in texts)
