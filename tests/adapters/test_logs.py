"""Lines of the log: everyday ones may wait a moment for each other, none is lost and none overtakes another."""

import asyncio
import io

import pytest

from adapters import logs
from adapters.logs import TogetherLogger


class File(io.StringIO):
    """Counts how often it is written to."""

    writes = 0

    def write(self, text: str, /) -> int:
        self.writes += 1
        return super().write(text)


async def test_everyday_lines_are_written_together() -> None:
    file = File()
    logger = TogetherLogger(file)
    for line in "abcde":
        logger.info(line)
    assert file.getvalue() == ""
    async with asyncio.timeout(10):
        while not file.writes:  # noqa: ASYNC110  a file sets no event
            await asyncio.sleep(logs.TOGETHER_SECONDS)
    assert (file.writes, file.getvalue()) == (1, "a\nb\nc\nd\ne\n")


async def test_a_warning_is_written_at_once_and_in_its_place() -> None:
    file = File()
    logger = TogetherLogger(file)
    logger.info("before")
    logger.warning("now")
    assert file.getvalue() == "before\nnow\n"


def test_without_an_event_loop_nothing_waits() -> None:
    file = File()
    logger = TogetherLogger(file)
    logger.info("one")
    logger.info("two")
    assert file.getvalue() == "one\ntwo\n"


async def test_nothing_is_lost_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[object] = []
    monkeypatch.setattr("multiprocessing.util.Finalize", lambda _, end, **__: ends.append(end))
    file = File()
    TogetherLogger(file).info("last words")
    for end in ends:
        assert callable(end)
        end()
    assert file.getvalue() == "last words\n"
