"""Talks to a running Haat as any client does: over HTTP, with a login, and with its refusals in plain words."""

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import msgspec

from cli.job_answers import Job, Submitted

T = TypeVar("T")
UPLOAD_BLOCK = 256 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
RETRY_STATUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class HaatError(Exception):
    """Something went wrong that the user can understand; the text says what and what to do."""


class UnreachableError(HaatError):
    """Nobody answers at the address."""


class Fault(msgspec.Struct, frozen=True):
    pointer: str = ""
    code: str = ""
    message: str = ""


class Problem(msgspec.Struct, frozen=True):
    """The parts of an RFC 9457 problem document that a person wants to read."""

    title: str = ""
    detail: str = ""
    code: str = ""
    request_id: str | None = None
    errors: tuple[Fault, ...] = ()


class RefusedError(HaatError):
    """Haat answered, and said no."""

    def __init__(self, status: int, problem: Problem) -> None:
        lines = [problem.detail or problem.title or f"HTTP {status}"]
        lines += [f"  {fault.pointer}: {fault.message}" for fault in problem.errors if fault.message not in lines[0]]
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.request_id:
            lines.append(f"  (request {problem.request_id})")
        super().__init__("\n".join(lines))
        self.status = status
        self.code = problem.code


class LoggedIn(msgspec.Struct, frozen=True):
    """What a login or a refresh gives."""

    access_token: str
    refresh_token: str


class Answer(msgspec.Struct, frozen=True):
    """A body together with what stands in the headers."""

    body: bytes
    headers: Mapping[str, str]


class Client:
    """One user's connection to one Haat.

    `patience` is for how many seconds a server that is away or busy is asked again before giving up; `waiting` is
    called when that begins.
    """

    def __init__(self, url: str, *, patience: float = 10.0, waiting: Callable[[], None] = lambda: None) -> None:
        self.url = url.rstrip("/").removesuffix("/api/v1")
        self.patience = patience
        self._waiting = waiting
        try:
            self._http = httpx.Client(
                # A proxy of the environment is no way to this very machine.
                trust_env=httpx.URL(self.url).host not in LOOPBACK,
                base_url=f"{self.url}/api/v1/",
                timeout=httpx.Timeout(60.0, connect=3.0),
                follow_redirects=True,
                headers={"User-Agent": "haat-cli"},
            )
        except httpx.InvalidURL as error:
            raise _not_an_address(url) from error
        if self._http.base_url.scheme not in {"http", "https"} or not self._http.base_url.host:
            raise _not_an_address(url)
        self.who = ""
        self._tokens: LoggedIn | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def login(self, login: str, password: str, organisation: str | None = None) -> None:
        """Raises RefusedError when the login or the password is wrong."""
        body = {"login": login, "password": password, **({"tenant": organisation} if organisation else {})}
        try:
            self._tokens = self.post("auth/login", body, into=LoggedIn)
            self.who = login
        except RefusedError as refused:
            if refused.code == "tenant_required":
                message = f"{login} exists in several organisations: say which with --organisation CODE."
                raise HaatError(message) from refused
            if refused.status == HTTPStatus.UNAUTHORIZED:
                message = f"{self.url} does not know {login} with this password."
                raise HaatError(message) from refused
            raise

    def get(self, path: str, *, into: type[T], **params: str | int | bool | None) -> T:
        given = {name: value for name, value in params.items() if value is not None}
        return self._decoded(self.answer("GET", path, params=given), into)

    def post(self, path: str, body: object = None, *, into: type[T], key: str | None = None) -> T:
        """`key` is the Idempotency-Key; each call gets one of its own, so that trying again never does it twice."""
        content = b"" if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or uuid4().hex}
        return self._decoded(self.answer("POST", path, content=lambda: content, headers=headers), into)

    def upload(
        self,
        file: Path,
        *,
        kind: str,
        dry_run: bool = False,
        key: str | None = None,
        sent: Callable[[int], None] = lambda _: None,
    ) -> Job:
        """Sends a file for import without ever holding it whole; `sent` hears of the bytes that have gone."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.stat().st_size),
            "Idempotency-Key": key or uuid4().hex,
        }
        params = {"kind": kind, "mode": "dry_run" if dry_run else "apply", "filename": file.name}
        answer = self.answer("POST", "imports", params=params, headers=headers, content=lambda: _blocks(file, sent))
        return self._decoded(answer, Submitted).job

    def job(self, job_id: str) -> Job:
        return self.get(f"jobs/{job_id}", into=Job)

    def download(self, path: str, to: Path) -> int:
        """Saves what stands at `path`; the bytes saved. A file is there whole or not at all."""
        part = to.with_name(f"{to.name}.part")
        try:
            with self._http.stream("GET", self._relative(path), headers=self._authorization()) as response:
                if not response.is_success:
                    response.read()
                    raise _refused(response)
                with part.open("wb") as file:
                    size = sum(file.write(block) for block in response.iter_bytes())
            part.replace(to)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            part.unlink(missing_ok=True)
        return size

    def answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], bytes | Iterator[bytes]] = bytes,
    ) -> Answer:
        """Asks until somebody answers, `patience` is over, or the answer is a refusal that will not change."""
        deadline, pause, refreshed, told = time.monotonic() + self.patience, 0.1, False, False
        while True:
            try:
                response = self._http.request(
                    method,
                    self._relative(path),
                    params=dict(params or {}),
                    headers={**(headers or {}), **self._authorization()},
                    content=content(),
                )
            except httpx.TransportError as error:
                if time.monotonic() + pause > deadline:
                    raise self._unreachable(error) from error
            else:
                if response.is_success:
                    return Answer(response.content, response.headers)
                if response.status_code == HTTPStatus.UNAUTHORIZED and self._tokens and not refreshed:
                    refreshed = self._refresh(self._tokens)
                    continue
                if response.status_code not in RETRY_STATUSES or time.monotonic() + pause > deadline:
                    raise _refused(response)
                pause = max(pause, _retry_after(response))
            if not told:
                self._waiting()
                told = True
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _refresh(self, tokens: LoggedIn) -> bool:
        self._tokens = None
        try:
            self._tokens = self.post("auth/refresh", {"refresh_token": tokens.refresh_token}, into=LoggedIn)
        except RefusedError as refused:
            message = f"The session at {self.url} has ended ({refused}). Log in again."
            raise HaatError(message) from refused
        return True

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.access_token}"} if self._tokens else {}

    def _relative(self, path: str) -> str:
        """Paths as they stand in `links` begin with /api/v1; ours do not."""
        return path.removeprefix("/api/v1/")

    def _decoded(self, answer: Answer, into: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.body, type=into)
        except msgspec.DecodeError as error:
            message = f"{self.url} answered something that is not Haat's ({error}). Is it the right address?"
            raise HaatError(message) from error

    def _unreachable(self, error: Exception) -> UnreachableError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            message = (
                f"Nobody answers at {self.url}. Start Haat there (`make run` or `haat up`), or name another --url."
            )
        else:
            message = f"The connection to {self.url} broke off ({str(error) or type(error).__name__})."
        return UnreachableError(message)


def _blocks(file: Path, sent: Callable[[int], None]) -> Iterator[bytes]:
    total = 0
    with file.open("rb") as source:
        while block := source.read(UPLOAD_BLOCK):
            yield block
            total += len(block)
            sent(total)


def _refused(response: httpx.Response) -> RefusedError:
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(detail=f"{response.request.url} answered {response.status_code} {response.reason_phrase}.")
    return RefusedError(response.status_code, problem)


def _retry_after(response: httpx.Response) -> float:
    text: Any = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _not_an_address(url: str) -> HaatError:
    return HaatError(f"{url!r} is not an address of Haat: write it like http://127.0.0.1:8000.")
