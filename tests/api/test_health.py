"""What load balancers and operators ask without a login."""

import httpx
import msgspec
import pytest

from adapters.settings import Settings
from api.app import create_litestar
from tests.api.conftest import client_of
from tests.stack import free_port


async def test_a_serving_process_is_live_and_ready(client: httpx.AsyncClient) -> None:
    live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "postgresql": "ok", "redis": "ok"})


async def test_metrics_count_requests_by_route_and_what_waits(
    client: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await admin.get("/api/v1/regions")
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert 'haat_http_requests_total{method="GET",route="/api/v1/regions",status="200"}' in answer.text
    for name in (
        "haat_outbox_waiting",
        "haat_books_waiting",
        "haat_dead_letters",
        "haat_workers_alive",
        "haat_jobs_open",
    ):
        assert f"\n{name}" in answer.text


async def test_methods_that_callers_make_up_share_one_metric(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.request(f"FETCH{number}", "/health/live")
    metrics = (await client.get("/metrics")).text
    assert "FETCH" not in metrics
    assert 'haat_http_requests_total{method="other"' in metrics


async def test_metrics_are_for_this_machine_only(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_without_redis_it_is_ready_and_says_so(settings: Settings) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    changed = msgspec.structs.replace(settings, redis_url=nowhere, redis_read_url=nowhere)
    app = create_litestar(changed)
    async with app.lifespan(), client_of(app) as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()["redis"]) == (200, "away")


async def test_without_postgresql_it_is_live_and_not_ready(settings: Settings) -> None:
    changed = msgspec.structs.replace(settings, database_app_url=f"postgresql://haat_app@127.0.0.1:{free_port()}/haat")
    app = create_litestar(changed)
    async with app.lifespan(), client_of(app) as client:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert live.status_code == 200
    assert (ready.status_code, ready.json()["postgresql"]) == (503, "away")
    assert ready.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "header", ["X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy", "X-Request-Id"]
)
async def test_every_answer_carries_security_headers_and_a_request_id(client: httpx.AsyncClient, header: str) -> None:
    for path in ("/health/live", "/api/v1/regions", "/nothing"):
        assert header in (await client.get(path)).headers


async def test_a_sane_request_id_of_the_caller_is_kept_and_another_is_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.get("/health/live", headers={"X-Request-Id": "phone-42"})
    assert kept.headers["x-request-id"] == "phone-42"
    replaced = await client.get("/health/live", headers={"X-Request-Id": "a b\tc" * 30})
    assert len(replaced.headers["x-request-id"]) == 36


async def test_a_signed_link_does_not_reach_the_log(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, object]] = []
    monkeypatch.setattr("api.edge.log.info", lambda _event, **line: lines.append(line), raising=False)
    await client.get("/api/v1/downloads/as-good-as-a-password")
    await client.get("/api/v1/regions/of-no-interest")
    assert [line["path"] for line in lines] == ["/api/v1/downloads/{token}", "/api/v1/regions/of-no-interest"]
