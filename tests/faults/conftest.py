"""One installation of real processes for each module of scenarios."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    # What PostgreSQL has promised must outlive its death.
    with running_stack(fast=False) as stack:
        yield stack
