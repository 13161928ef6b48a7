"""What the command line says when the other end is not what it should be."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.http_client import Client, HaatError, RefusedError, UnreachableError
from cli.job_answers import Job


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class _SomebodyElse(BaseHTTPRequestHandler):
    """A web server that is not Haat."""

    def do_GET(self) -> None:
        body = b"<html>It works!</html>"
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(name="somebody_else")
def _somebody_else() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _SomebodyElse) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_closed_port_is_told_with_the_address_and_what_to_start() -> None:
    url = f"http://127.0.0.1:{_closed_port()}"
    with Client(url, patience=0) as client, pytest.raises(UnreachableError, match=f"{url}.*haat up"):
        client.login("admin@demo.haat", "x")


def test_it_keeps_asking_for_as_long_as_its_patience() -> None:
    began = time.monotonic()
    with Client(f"http://127.0.0.1:{_closed_port()}", patience=0.5) as client, pytest.raises(UnreachableError):
        client.job("1")
    assert 0.1 < time.monotonic() - began < 3


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://", "nonsense"])
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(HaatError, match="not an address"):
        Client(url)


def test_the_address_may_come_with_or_without_the_api_path() -> None:
    with Client("http://localhost:8000/api/v1/") as client:
        assert client.url == "http://localhost:8000"


def test_another_program_at_the_address_is_told_as_such(somebody_else: str) -> None:
    with Client(somebody_else, patience=0) as client:
        with pytest.raises(HaatError, match="not Haat's"):
            client.get("jobs/1", into=Job)
        with pytest.raises(RefusedError, match="answered 404"):
            client.get("missing", into=Job)


def test_a_failed_download_leaves_no_file(somebody_else: str, tmp_path: Path) -> None:
    with Client(somebody_else, patience=0) as client, pytest.raises(RefusedError):
        client.download("missing", tmp_path / "rejects.csv")
    assert list(tmp_path.iterdir()) == []
