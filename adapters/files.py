"""Object storage for uploads, chunk files and rejects: a local folder, or S3 by URL; always streamed."""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, S3Store, from_url

PIECE_BYTES = 1024 * 1024
LINK_LIFETIME = timedelta(minutes=5)
# What the local store calls an object until it is whole.
_UNFINISHED = re.compile(r"#[0-9]+\Z")


class FileMissing(Exception):  # noqa: N818  it says what is wrong
    """There is no such object (any more)."""


class Files:
    """Objects by key, such as `imports/<organisation>/<job>/upload`."""

    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        """`folder` is where a local store keeps them."""
        self._store = store
        self._folder = folder

    async def put(self, key: str, source: AsyncIterable[bytes]) -> None:
        """Store a stream; when it raises, nothing is left behind."""
        await obstore.put_async(self._store, key, _iterate(source), chunk_size=8 * PIECE_BYTES)

    async def put_file(self, key: str, path: Path) -> None:
        """Store a local file."""
        await obstore.put_async(self._store, key, path)

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """The object's bytes in pieces of about 1 MiB. Raises FileMissing before the first."""
        try:
            found = await obstore.get_async(self._store, key)
        except FileNotFoundError as error:
            raise FileMissing(key) from error
        return _pieces(found)

    async def fetch(self, key: str, into: Path) -> None:
        """Copy the object to a local file. Raises FileMissing."""
        pieces = await self.get(key)
        with await asyncio.to_thread(into.open, "wb") as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)

    async def delete(self, *keys: str) -> None:
        """Delete the objects; those that are not there are not missed."""
        for key in keys:
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                continue

    async def delete_folder(self, prefix: str) -> None:
        """Delete everything below `prefix`."""
        async for page in obstore.list(self._store, prefix):
            await self.delete(*(meta["path"] for meta in page))

    async def names(self, prefix: str) -> AsyncIterator[tuple[str, datetime]]:
        """The keys below `prefix`, and when each object was stored."""
        async for page in obstore.list(self._store, prefix):
            for meta in page:
                yield meta["path"], meta["last_modified"]

    async def delete_unfinished(self, *, before: datetime) -> int:
        """Delete what a killed process had begun to store before then, in a local folder; how many.

        Nobody sees these files. S3 shows them to its owner alone: let a lifecycle rule of the bucket end them
        (AbortIncompleteMultipartUpload).
        """
        return 0 if self._folder is None else await asyncio.to_thread(_delete_unfinished, self._folder, before)

    async def signed_link(self, key: str) -> str | None:
        """A link to the object itself that anybody may follow for 5 minutes; None where the storage has none."""
        if isinstance(self._store, S3Store):
            return await obstore.sign_async(self._store, "GET", key, LINK_LIFETIME)
        return None


def open_files(url: str) -> Files:
    """The storage at `file:///folder` (made when missing) or `s3://bucket/prefix`.

    S3 takes its credentials and endpoint from the usual `AWS_…` variables.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path))
        return Files(LocalStore(folder, mkdir=True, automatic_cleanup=True), folder=folder)
    return Files(from_url(url))


async def _pieces(found: "obstore.GetResult") -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=PIECE_BYTES):
        yield bytes(piece)


async def _iterate(source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for piece in source:
        if piece:
            yield piece


def _delete_unfinished(folder: Path, before: datetime) -> int:
    deleted = 0
    for path in folder.rglob("*#*"):
        try:
            if _UNFINISHED.search(path.name) and path.stat().st_mtime < before.timestamp():
                path.unlink()
                deleted += 1
        except OSError:
            continue  # somebody else was faster, or it was finished just now
    return deleted
