"""Uploads: streamed to storage, refused with a reason, and never left lying about."""

import gzip
import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.settings import Settings, load_settings
from commands._run import Runner
from tests.api.conftest import environment, serving
from tests.conftest import Database

IMPORTS = "/api/v1/imports"
CSV = b"uid,name\nR-1,Asha Store\n"


@pytest.fixture(scope="module")
def settings(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("haat")
    return load_settings({**environment(database, redis_url, home), "HAAT_MAX_UPLOAD_BYTES": "200000"})


def stored(settings: Settings) -> list[Path]:
    return [path for path in (settings.home / "files").rglob("*") if path.is_file()]


async def test_a_raw_body_becomes_a_queued_job_and_a_stored_file(admin: httpx.AsyncClient, settings: Settings) -> None:
    answer = await admin.post(IMPORTS, params={"kind": "retailers", "filename": "../দোকান.csv"}, content=CSV)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert (job["kind"], job["subject"], job["mode"], job["state"]) == ("import", "retailers", "apply", "queued")
    assert job["file_name"] == "দোকান.csv"
    assert job["waiting_for"] == "no worker is alive"
    [file] = [path for path in stored(settings) if job["id"] in str(path)]
    assert file.read_bytes() == CSV


@pytest.mark.parametrize("size", [0, 1, 150_000])
async def test_a_form_field_is_stored_byte_for_byte(admin: httpx.AsyncClient, settings: Settings, size: int) -> None:
    content = (b"\r\n--x\r\n" * size)[:size]
    files: dict[str, Any] = {"note": (None, b"hello"), "file": ("shops.csv.gz", content, "application/gzip")}
    answer = await admin.post(IMPORTS, params={"kind": "territories", "mode": "dry_run"}, files=files)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]
    assert (job["mode"], job["file_name"]) == ("dry_run", "shops.csv.gz")
    [file] = [path for path in stored(settings) if job["id"] in str(path)]
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"kind": "pigeons"}, "unknown_import_kind"),
        ({"kind": "retailers", "mode": "maybe"}, "invalid"),
    ],
)
async def test_what_cannot_be_imported_is_named(admin: httpx.AsyncClient, params: dict[str, str], code: str) -> None:
    answer = await admin.post(IMPORTS, params=params, content=CSV)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] in params


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    before = stored(settings)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    for content in (b"x" * 200_001, endless()):
        answer = await admin.post(IMPORTS, params={"kind": "retailers"}, content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = await admin.post(IMPORTS, params={"kind": "retailers"}, files={"file": b"x" * 200_001})
    assert answer.status_code == 413
    assert stored(settings) == before


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"no form at all", 400),
        (b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf', 400),
        (b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--b--\r\n', 422),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n' * 2 + b"--b--\r\n", 422),
    ],
)
async def test_a_broken_form_is_refused_and_leaves_nothing(
    admin: httpx.AsyncClient, settings: Settings, content: bytes, status: int
) -> None:
    before = stored(settings)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await admin.post(IMPORTS, params={"kind": "retailers"}, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert stored(settings) == before


async def test_the_same_key_and_bytes_give_the_same_job_and_one_file(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    before = len(stored(settings))
    content, headers = gzip.compress(CSV), {"Idempotency-Key": uuid.uuid4().hex}
    answers = [
        await admin.post(IMPORTS, params={"kind": "retailers"}, content=content, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["job"]["id"] == answers[1].json()["job"]["id"]
    other = await admin.post(IMPORTS, params={"kind": "retailers"}, content=CSV, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stored(settings)) == before + 1


async def test_a_file_whose_job_may_have_been_committed_is_kept(
    admin: httpx.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL died after the commit, before its answer: repeating the request finds the job, and that its file."""
    commit = Runner._attempt

    async def unanswered(*args: Any, **kwargs: Any) -> Any:
        await commit(*args, **kwargs)
        message = "connection was closed in the middle of operation"
        raise ConnectionError(message)

    key = {"Idempotency-Key": str(uuid.uuid4())}
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "_attempt", unanswered)
        answer = await admin.post(IMPORTS, params={"kind": "retailers"}, content=CSV, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    answer = await admin.post(IMPORTS, params={"kind": "retailers"}, content=CSV, headers=key)
    assert answer.status_code == 202, answer.text
    [file] = [path for path in stored(settings) if answer.json()["job"]["id"] in str(path)]
    assert file.read_bytes() == CSV


async def test_only_admins_upload(sr: httpx.AsyncClient, client: httpx.AsyncClient, settings: Settings) -> None:
    before = stored(settings)
    assert (await sr.post(IMPORTS, params={"kind": "retailers"}, content=CSV)).status_code == 403
    assert (await client.post(IMPORTS, params={"kind": "retailers"}, content=CSV)).status_code == 401
    assert stored(settings) == before


async def test_any_process_may_have_stored_the_file(admin: httpx.AsyncClient, settings: Settings) -> None:
    async with serving(settings) as second:
        second.headers["Authorization"] = admin.headers["Authorization"]
        answer = await second.post(IMPORTS, params={"kind": "retailers"}, content=CSV)
    job = answer.json()["job"]
    assert (await admin.get(job["links"]["self"])).json()["id"] == job["id"]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in stored(settings) if job["id"] in str(path)}
    assert digests == {hashlib.sha256(CSV).hexdigest()}
