"""SRs who write and read back while others make load: whether anybody is shown something older than their own write."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

PAGE = "/api/v1/sr/retailers?limit=100"


class Watch:
    """While inside, these SRs change the points of one retailer each and read the page, without `Haat-Version`."""

    def __init__(self, url: str, tokens: Sequence[str], paths: Sequence[str]) -> None:
        self._url = url
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write_and_read, args=one) for one in zip(tokens, paths, strict=False)
        ]
        self.written = 0
        self.stale = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write_and_read(self, token: str, path: str) -> None:
        retailer_id = path.rpartition("/")[2]
        points = 0
        with httpx.Client(base_url=self._url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            while not self._over.wait(0.2):
                points += 1
                client.patch(path, json={"points": points}).raise_for_status()
                items = client.get(PAGE).raise_for_status().json()["items"]
                self.written += 1
                self.stale += next(item["points"] for item in items if item["id"] == retailer_id) != points
