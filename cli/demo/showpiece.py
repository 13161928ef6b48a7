"""An SR at work: the first page of the book, and a search for a word that stands in it."""

import re
import statistics
import time
from collections.abc import Iterable

from rich.console import Console

from cli.demo import show
from cli.demo.founding import ORGANISATION, PASSWORD, sr_login
from cli.http_client import Client

WARM_READS = 20
ROWS_SHOWN, ROWS_FOUND = 8, 6
SRS_TRIED = 5
_BANGLA_WORD = re.compile(r"[\u0980-\u09e5\u09f0-\u09ff\u200c\u200d]{3,}")
_LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


def bangla_word(names: Iterable[str]) -> str | None:
    """The first Bangla word of the first name that has one."""
    return _first(_BANGLA_WORD, names)


def latin_word(names: Iterable[str]) -> str | None:
    """The first Latin word of the first name that has one."""
    return _first(_LATIN_WORD, names)


def show_first_page(url: str, console: Console, *, srs: int, patience: float) -> tuple[float, float]:
    """The book of the first SR who has a shop with a Bangla name, and a search for that name.

    How many milliseconds the first page took at first and when it is warm.
    """
    last = min(srs, SRS_TRIED)
    for number in range(1, last + 1):
        login = sr_login(number)
        with Client(url, patience=patience) as sr:
            sr.login(login, PASSWORD, ORGANISATION)
            page, first = _timed(sr)
            names = _names(sr)
            word = bangla_word(names) or (latin_word(names) if number == last else None)
            if word is not None or number == last:
                return first, _show(sr, console, login=login, page=page, first=first, word=word)
    message = "There is no SR whose book could be shown."
    raise ValueError(message)


def _show(
    sr: Client, console: Console, *, login: str, page: show.RetailerPage, first: float, word: str | None
) -> float:
    again = [_timed(sr)[1] for _ in range(WARM_READS)]
    warm = statistics.median(again)
    show.heading(
        console, f"{login} logs in and reads the first page of the book: {first:.1f} ms at first, then {warm:.1f} ms"
    )
    show.retailers(console, page, at_most=ROWS_SHOWN)
    if word is not None:
        found, took = _timed(sr, q=word, limit=ROWS_FOUND)
        show.heading(console, f"and searches for {word}: {took:.1f} ms")
        show.retailers(console, found, at_most=ROWS_FOUND)
    return warm


def _names(sr: Client) -> list[str]:
    names, cursor = list[str](), None
    while True:
        page = sr.get("sr/retailers", into=show.RetailerPage, limit=100, cursor=cursor)
        names += [retailer.name for retailer in page.items]
        if (cursor := page.next_cursor) is None:
            return names


def _first(word: re.Pattern[str], names: Iterable[str]) -> str | None:
    return next((found.group() for name in names if (found := word.search(name))), None)


def _timed(sr: Client, **params: str | int) -> tuple[show.RetailerPage, float]:
    began = time.perf_counter()
    page = sr.get("sr/retailers", into=show.RetailerPage, **params)
    return page, (time.perf_counter() - began) * 1000
