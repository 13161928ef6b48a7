"""Every refusal has a code of its own, a status, and a place in OpenAPI."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable

import api
import api.routes
import commands
import domain
import queries
from api.errors import STATUS, status_of
from api.openapi import _REASONS
from domain.shared.errors import Refusal


def _refusals() -> list[type[Refusal]]:
    for package in (domain, commands, queries, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    def below(kind: type[Refusal]) -> list[type[Refusal]]:
        return [one for child in kind.__subclasses__() for one in (child, *below(child))]

    return [one for one in below(Refusal) if not one.__module__.startswith("tests.")]


def test_codes_are_unique() -> None:
    assert _repeated(_refusals()) == []


def test_every_refusal_has_a_status_that_openapi_explains() -> None:
    assert {status_of(refusal) for refusal in _refusals()} <= set(_REASONS)
    assert set(STATUS.values()) <= set(_REASONS)


def test_a_refusal_names_its_own_code_and_title() -> None:
    for refusal in _refusals():
        assert "code" in vars(refusal), f"{refusal.__name__} has no code of its own"
        assert refusal.title, f"{refusal.__name__} has no title"


def test_two_refusals_of_one_code_are_found() -> None:
    class Taken(Refusal):
        code = "code_taken"
        title = "Taken"

    assert _repeated([*_refusals(), Taken]) == ["code_taken"]


def _repeated(refusals: Iterable[type[Refusal]]) -> list[str]:
    return [code for code, count in Counter(refusal.code for refusal in refusals).items() if count > 1]
