"""The SR's first page against a bare ASGI app that returns the same bytes under the same server."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.import_retailers import with_territories
from bench.results import Line
from cli.run import granian_command
from tests.architecture.tree import ROOT
from tests.people import PASSWORD, Person
from tests.stack import Stack, free_port, until

SRS = 50
PER_SR = 70
PAIRS = 5
SECONDS = 3
PATH = "/api/v1/sr/retailers?limit=20"


def missing() -> str | None:
    """What has to be installed first, if anything."""
    return None if shutil.which("wrk") else "wrk is missing: on Debian and Ubuntu, `apt-get install wrk`."


def measure(stack: Stack) -> list[Line]:
    """PAIRS pairs of SECONDS each, 32 connections, requests spread over all SRs."""
    tokens = [sr.token for sr in people(stack)]
    sample = httpx.get(stack.url + PATH, headers={"Authorization": f"Bearer {tokens[0]}"})
    sample.raise_for_status()
    script = stack.home / "tokens.lua"
    script.write_text(_script(tokens))
    ours, floor = [], []
    with bare_app(stack, sample) as bare:
        requests_per_second(stack.url, script, seconds=1)
        requests_per_second(bare, script, seconds=1)
        for _ in range(PAIRS):
            ours.append(requests_per_second(stack.url, script, seconds=SECONDS))
            floor.append(requests_per_second(bare, script, seconds=SECONDS))
    line = Line(
        name="SR page of 20, warm",
        unit="requests/s",
        ours=ours,
        floor=floor,
        floor_is="a bare ASGI app under the same server and options, same status, headers and bytes",
        limited_by="one API process: routing, session verdict, one round trip to Redis, headers, access log",
        details={"srs": SRS, "bytes": len(sample.content), "connections": 32},
    )
    return [line]


def people(stack: Stack) -> list[Person]:
    """SRs who hold PER_SR retailers each."""
    admin = with_territories(stack, "page")
    logins = [f"sr{number}@page.test" for number in range(SRS)]
    srs = admin.hire(*logins)
    rows = (f"P-{n},দোকান {n},018{n:08},T{n % 400},{n % 90}" for n in range(SRS * PER_SR))
    admin.finished(admin.upload("retailers", ("uid,name,phone,territory,points\n" + "\n".join(rows)).encode()))
    admin.assign({"all": True}, [sr["id"] for sr in srs])
    return [Person(stack.url, login, PASSWORD) for login in logins]


@contextmanager
def bare_app(stack: Stack, sample: httpx.Response) -> Iterator[str]:
    """The floor, served by the very command that serves us."""
    answer = stack.home / "answer.json"
    headers = [[name, value] for name, value in sample.headers.items() if name not in {"server", "date"}]
    answer.write_text(json.dumps({"headers": headers, "body": sample.text}))
    port = free_port()
    command = granian_command("bench.bare_app:create_app", host="127.0.0.1", port=port, workers=1, log_level="warning")
    environment = {**os.environ, "BARE_ANSWER": str(answer)}
    process = subprocess.Popen(command, cwd=ROOT, env={**environment, "PYTHONPATH": str(ROOT)}, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url), what="the bare app")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def requests_per_second(url: str, script: Path, *, seconds: int) -> float:
    """One run of wrk; any other status than 200 voids the measurement."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-s", str(script), url + PATH]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"void: {output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        sys.exit(f"void: {output}")
    return float(found[1])


def _script(tokens: list[str]) -> str:
    listed = ",".join(f'"Bearer {token}"' for token in tokens)
    return (
        f"local tokens = {{{listed}}}\nlocal next = 0\n"
        "request = function()\n  next = next % #tokens + 1\n"
        '  return wrk.format("GET", nil, {["Authorization"] = tokens[next]})\nend\n'
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + PATH, timeout=1).status_code == 200
    except httpx.TransportError:
        return False
