"""People who use Haat over HTTP: they log in, upload, wait for jobs, and read."""

import uuid
import weakref
from typing import Any, Self

import httpx

from tests.stack import Stack, until

PASSWORD = "correct horse battery"
Json = dict[str, Any]


class Person:
    """Somebody with a login; every call expects the status that the story says."""

    def __init__(self, url: str, login: str, password: str = PASSWORD) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60)
        weakref.finalize(self, self._http.close)
        answer = self._http.post("/auth/login", json={"login": login, "password": password})
        assert answer.status_code == 200, answer.text
        self.token: str = answer.json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {self.token}"
        self.user: Json = answer.json()["user"]

    @classmethod
    def admin(cls, stack: Stack, code: str) -> Self:
        """The first admin of a new organisation, made on the command line."""
        login = f"admin@{code}.test"
        made = stack.haat(
            "user", "add", login, "--role", "admin", "--organisation", code, "--create-organisation",
            "--country", "BD", "--time-zone", "Asia/Dhaka", "--currency", "BDT", "--password-stdin", stdin=PASSWORD,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        return cls(stack.url, login)

    def hire(self, *logins: str) -> list[Json]:
        """New SRs, who can log in with PASSWORD."""
        return [
            self.post("/users", {"login": login, "name": f"SR {login}", "role": "sr", "password": PASSWORD})
            for login in logins
        ]

    def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Whatever the answer is."""
        return self._http.request(method, path, **arguments)

    def request(self, method: str, path: str, *, status: int = 200, **arguments: Any) -> httpx.Response:
        """The answer, which has the status that is expected."""
        answer = self.send(method, path, **arguments)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer

    def get(self, path: str, *, status: int = 200, **params: Any) -> Json:
        return dict(self.request("GET", path, status=status, params=params).json())

    def post(self, path: str, body: Json, *, status: int = 201) -> Json:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return dict(self.request("POST", path, status=status, json=body, headers=headers).json())

    def patch(self, path: str, body: Json, *, status: int = 200) -> Json:
        return dict(self.request("PATCH", path, status=status, json=body).json())

    def every(self, path: str, **params: Any) -> list[Json]:
        """All items of a list, page by page."""
        items: list[Json] = []
        cursor: Json = {}
        while True:
            page = self.get(path, **{"limit": 100, **params, **cursor})
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}

    def upload(self, kind: str, content: bytes, *, mode: str = "apply") -> Json:
        """Submit a file; the job as it is first."""
        answer = self.request(
            "POST", "/imports", status=202, params={"kind": kind, "mode": mode}, content=content,
            headers={"Content-Type": "text/csv"},
        )  # fmt: skip
        return dict(answer.json()["job"])

    def finished(self, job: Json, *, state: str = "succeeded", seconds: float = 120) -> Json:
        """The job once it has ended, which it must do in `state`."""

        def ended() -> Json | None:
            now = self.get(f"/jobs/{job['id']}")
            return now if now["state"] not in {"queued", "running"} else None

        now = until(ended, what=f"job {job['id']} to end", seconds=seconds)
        assert now is not None
        counts = now["counts"]
        parts = ("created", "updated", "unchanged", "rejected", "not_loaded")
        assert counts["rows"] == sum(counts[part] for part in parts), counts
        assert now["state"] == state, now
        return now

    def rejects(self, job: Json) -> str:
        return self.request("GET", f"/jobs/{job['id']}/rejects").content.decode("utf-8-sig")

    def assign(self, select: Json, sr_ids: list[str] | None, *, strategy: str = "balance") -> Json:
        """Preview, then do what was previewed; the ended job."""
        wanted: Json = {
            "select": select, "to": None if sr_ids is None else {"sr_ids": sr_ids}, "strategy": strategy
        }  # fmt: skip
        preview = self.post("/assignments/preview", wanted, status=200)
        return self.finished(self.post("/assignments", {**wanted, "expect": preview["expect"]}, status=202)["job"])


class Phone:
    """An SR's phone, which pulls from and pushes to `/sr/sync` exactly as clients are told to.

    `shops` is what was pulled, `waiting` what the SR has changed since and nobody has been told of.
    """

    def __init__(self, sr: Person) -> None:
        self.sr = sr
        self._cursor: str | None = None
        self.shops: dict[str, Json] = {}
        self.waiting: list[Json] = []

    def change(self, shop_id: str, **fields: object) -> Json:
        """Without a network: written down with the version that was pulled."""
        base = self.shops[shop_id]["version"]
        item = {"id": str(uuid.uuid4()), "retailer_id": shop_id, "base_version": base, "fields": fields}
        self.waiting.append(item)
        return item

    def push(self) -> list[Json]:
        """Tell what waits, in the order in which it happened; an answer settles it, whatever it is."""
        answer = self.sr.request("POST", "/sr/sync", json={"changes": self.waiting[:200]})
        results: list[Json] = answer.json()["results"]
        self.waiting = self.waiting[len(results) :]
        return results

    def sync(self, *, limit: int = 200) -> int:
        """Pull until there is nothing more; how many pages came."""
        pages = 0
        staged: dict[str, Json] | None = None
        while True:
            params: Json = {"limit": limit, **({"cursor": self._cursor} if self._cursor else {})}
            page = self.sr.get("/sr/sync", **params)
            pages += 1
            if page["full"] and page["start"]:
                staged = {}
            target = staged if page["full"] and staged is not None else self.shops
            for gone in page["removed"]:
                target.pop(gone, None)
            for shop in page["changed"]:
                target[shop["id"]] = shop
            self._cursor = page["cursor"]
            if not page["more"]:
                if page["full"] and staged is not None:
                    self.shops = staged
                return pages
