"""Reads of books that share statements: nobody waits for a statement that never comes."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence

from domain.books import Book, BookVersion, bind
from queries._book_batches import BookBatches

TENANT = uuid.uuid4()
BOOK = bind(BookVersion(1, 1), [])


async def test_who_comes_as_all_statements_end_is_served() -> None:
    for moment in range(12):
        answering = asyncio.Event()

        async def read(
            _: uuid.UUID, sr_ids: Sequence[uuid.UUID], until: asyncio.Event = answering
        ) -> Mapping[uuid.UUID, Book]:
            await until.wait()
            return dict.fromkeys(sr_ids, BOOK)

        batches = BookBatches(read)
        running = []
        for _ in range(4):
            running.append(asyncio.create_task(batches.get(TENANT, uuid.uuid4())))
            for _ in range(3):
                await asyncio.sleep(0)
        answering.set()
        for _ in range(moment):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await batches.get(TENANT, uuid.uuid4()) is BOOK
            assert await asyncio.gather(*running) == [BOOK] * 4
        await batches.close()
