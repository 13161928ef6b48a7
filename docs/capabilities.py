"""Writes `docs/capabilities.md` from the code: what each capability can be asked, does, announces and shows.

`make docs` runs it; a test holds the page to the code.
"""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from litestar.routes import HTTPRoute

import commands
import domain
import queries
from api.app import assemble
from api.openapi import document
from domain.shared.events import Event

PAGE = Path(__file__).with_name("capabilities.md")
WHO = {"any": "every user", "admin": "admin", "sr": "SR"}
METHODS = ("get", "post", "patch", "put", "delete")


def page() -> str:
    """The whole page, in Markdown."""
    operations, roles = _operations()
    parts = {"Writes": _modules(commands), "Announces": _events(), "Reads": _modules(queries)}
    names = sorted({*operations, *(name for part in parts.values() for name in part)})
    lines = ["# Capabilities", "", "Generated from the code by `make docs`; do not edit.", ""]
    for name in names:
        lines += [f"## {name}", ""]
        if operations.get(name):
            lines += ["| call | who | what |", "|---|---|---|"]
            lines += [f"| `{call}` | {roles[call]} | {what} |" for call, what in operations[name]]
            lines.append("")
        for title, part in parts.items():
            if part.get(name):
                lines += [f"**{title}**", "", *(f"- `{one}` — {text}" for one, text in part[name]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _operations() -> tuple[dict[str, list[tuple[str, str]]], dict[str, str]]:
    app = assemble()
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    roles: dict[str, str] = {}
    options: dict[tuple[str, str], dict[str, Any]] = {
        (route.path_format, str(method)): handler.opt
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
    }
    for path, item in document(app)["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            call = f"{method.upper()} {path}"
            chosen = options[path, method.upper()]
            roles[call] = "anybody" if chosen.get("public") else WHO[chosen["role"]]
            found[item[method]["tags"][0]].append((call, item[method]["summary"]))
    return found, roles


def _modules(package: ModuleType) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for capability, name, module in _walk(package):
        if not name.startswith("_"):
            found[capability].append((f"{package.__name__}/{capability}/{name}.py", _sentence(module.__doc__)))
    return found


def _events() -> dict[str, list[tuple[str, str]]]:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for event in sorted(_below(Event), key=lambda one: str(one.__struct_config__.tag)):
        tag = str(event.__struct_config__.tag)
        found[tag.partition(".")[0]].append((tag, _sentence(event.__doc__)))
    return found


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _walk(package: ModuleType) -> Iterator[tuple[str, str, ModuleType]]:
    for found in sorted(pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda one: one.name):
        parts = found.name.split(".")
        if not found.ispkg and len(parts) == 3:  # noqa: PLR2004  # package.capability.module
            yield parts[1], parts[2], importlib.import_module(found.name)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
