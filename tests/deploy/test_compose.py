"""docker-compose.yml and the Procfile say the same, in valid words; no engine is needed to check that."""

import json
import re
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from adapters.settings import CHECKOUT, load_settings
from cli.processes import read_procfile

REQUIRED = re.compile(r"\$\{(\w+):\?[^}]*\}")
DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text("utf-8"))
    return loaded


def filled(value: str, given: dict[str, str]) -> str:
    """The value as Compose interpolates it."""
    value = REQUIRED.sub(lambda match: given[match[1]], value)
    return DEFAULTED.sub(lambda match: given.get(match[1]) or match[2], value)


def test_compose_file_follows_the_specification(compose: dict[str, Any]) -> None:
    # The schema of the Compose specification, as the package check-jsonschema ships it.
    text = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text("utf-8")
    specification = jsonschema.Draft202012Validator(json.loads(text))
    specification.validate(compose)
    with pytest.raises(jsonschema.ValidationError):
        specification.validate(compose | {"services": {"api": {"imagine": "x"}}})


def test_compose_runs_every_process_of_the_procfile(compose: dict[str, Any]) -> None:
    procfile = {name: command[-1] for name, command in read_procfile().items()}
    assert procfile == {"release": "migrate", "api": "api", "worker": "worker", "relay": "relay"}
    for command in procfile.values():
        assert compose["services"][command]["command"] == ["haat", command]


def test_compose_scales_workers_and_waits_for_what_they_need(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert not {"container_name", "ports"} & services["worker"].keys()
    for name in ("api", "worker", "relay"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert all("healthcheck" in services[name] for name in ("postgres", "redis", "api"))
    assert services["redis"]["command"][-2:] == ["--maxmemory-policy", "noeviction"]
    assert services["api"]["ports"] == ["${HAAT_PUBLISH:-127.0.0.1:8000}:8000"]


def test_compose_holds_no_password_and_is_production_by_itself(compose: dict[str, Any]) -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text("utf-8")
    assert set(REQUIRED.findall(text)) == {"HAAT_OWNER_PASSWORD", "HAAT_APP_PASSWORD", "HAAT_JWT_KEYS"}
    key = "Nq3b0m1uJzv8k5T2yXc7Rr4eWw6gHh9sLlPpAaDdFfE"
    given = {
        "HAAT_OWNER_PASSWORD": "a1",
        "HAAT_APP_PASSWORD": "b2",
        "HAAT_JWT_KEYS": json.dumps({"keys": [{"kty": "oct", "kid": "one", "alg": "HS256", "k": key}]}),
    }
    for name in ("api", "worker", "relay", "migrate"):
        environment = compose["services"][name]["environment"]
        settings = load_settings({name: filled(value, given) for name, value in environment.items()})
        assert settings.is_production
        assert bool(settings.database_url) == (name == "migrate")


def test_image_takes_every_package_that_runs_and_no_test() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (CHECKOUT / "deploy" / "Containerfile").read_text(), re.MULTILINE))
    assert copied == {"adapters", "api", "cli", "commands", "domain", "migrations", "queries", "workers"}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_hashes_and_no_addresses(name: str) -> None:
    lines = (CHECKOUT / name).read_text("utf-8").replace("\\\n", "").splitlines()
    assert len(lines) > 40
    for line in lines:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+ ", line), line
        assert "--hash=sha256:" in line
        assert "://" not in line
