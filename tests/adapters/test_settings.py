"""Start-up checks every variable and names all that is wrong at once."""

import json
import re
import stat
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.environment import Limit, derived_app_url
from adapters.settings import CHECKOUT, Settings, SettingsError, load_settings

SECRET = "Nq3b0m1uJzv8k5T2yXc7Rr4eWw6gHh9sLlPpAaDdFfE"
KEYS = json.dumps({"keys": [{"kty": "oct", "kid": "one", "alg": "HS256", "k": SECRET}]})
PRODUCTION = {
    "HAAT_ENV": "production",
    "DATABASE_URL": "postgresql://haat_owner:a@db/haat",
    "DATABASE_APP_URL": "postgresql://haat_app:b@db/haat",
    "REDIS_URL": "redis://queue:6379/0",
    "HAAT_STORAGE_URL": "s3://bucket",
    "HAAT_JWT_KEYS": KEYS,
}


@pytest.fixture
def servers_given(tmp_path: Path) -> dict[str, str]:
    return {"HAAT_HOME": str(tmp_path), "DATABASE_URL": "postgresql://o:p@db:5433/haat", "REDIS_URL": "redis://queue"}


def problems(environ: dict[str, str], *, before_servers: bool = False, as_owner: bool = False) -> dict[str, str]:
    """Each refused variable with what is said about it."""
    with pytest.raises(SettingsError) as refused:
        load_settings(environ, before_servers=before_servers, as_owner=as_owner)
    return {re.split(r"[=:]", problem)[0]: problem for problem in refused.value.problems}


def test_defaults_are_those_of_a_development_machine(tmp_path: Path) -> None:
    settings = load_settings({"HAAT_HOME": str(tmp_path)}, before_servers=True)
    assert (settings.environment, settings.url, settings.workers, settings.demo_retailers, settings.docs) == (
        "development",
        "http://127.0.0.1:8000",
        2,
        100_000,
        "open",
    )
    assert settings.storage_url == (tmp_path / "files").as_uri()
    assert settings.max_upload_bytes == 2 * 1024**3


def test_every_bad_value_is_named_in_one_message(servers_given: dict[str, str]) -> None:
    bad = {
        "HAAT_PORT": "80x",
        "HAAT_WORKERS": "-1",
        "HAAT_MAX_UPLOAD_BYTES": "2 gigs",
        "HAAT_STORAGE_URL": "ftp://host/x",
        "HAAT_LIMITS": "login=often",
        "HAAT_TRUSTED_PROXIES": "10.0.0.0/8,nowhere",
        "HAAT_JWT_KEYS": "{}",
        "HAAT_LOG_LEVEL": "loud",
        "HAAT_METRICS_TOKEN": "short",
        "DATABASE_URL": "postgresql://nothing",
        "REDIS_URL": "http://queue",
    }
    assert problems(servers_given | bad).keys() == bad.keys()


def test_secrets_are_never_shown(servers_given: dict[str, str]) -> None:
    bad = {
        "DATABASE_URL": "postgres:hunter2",
        "HAAT_JWT_KEYS": '{"keys":[{"k":"hunter2"}]}',
        "HAAT_METRICS_TOKEN": "hunter2",
    }
    assert "hunter2" not in " ".join(problems(servers_given | bad).values())
    assert SECRET not in repr(load_settings(servers_given | {"HAAT_JWT_KEYS": KEYS}))


def test_production_starts_with_everything_of_its_own(tmp_path: Path) -> None:
    settings = load_settings(PRODUCTION | {"HAAT_HOME": str(tmp_path)})
    assert (settings.is_production, settings.docs, settings.demo_retailers) == (True, "login", 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"DATABASE_URL": "", "DATABASE_APP_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_APP_URL": ""}, "DATABASE_APP_URL"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"HAAT_JWT_KEYS": ""}, "HAAT_JWT_KEYS"),
        ({"HAAT_STORAGE_URL": ""}, "HAAT_STORAGE_URL"),
        ({"HAAT_DEMO_RETAILERS": "10"}, "HAAT_DEMO_RETAILERS"),
        ({"HAAT_DOCS": "open"}, "HAAT_DOCS"),
    ],
)
def test_production_refuses_what_is_made_for_development(tmp_path: Path, change: dict[str, str], named: str) -> None:
    assert problems(PRODUCTION | {"HAAT_HOME": str(tmp_path)} | change).keys() == {named}


def test_production_refuses_keys_that_a_development_machine_made(servers_given: dict[str, str]) -> None:
    load_settings(servers_given)
    made = (Path(servers_given["HAAT_HOME"]) / "keys" / "jwt.json").read_text()
    assert problems(PRODUCTION | {"HAAT_HOME": servers_given["HAAT_HOME"], "HAAT_JWT_KEYS": made}).keys() == {
        "HAAT_JWT_KEYS"
    }


def test_development_keys_are_made_once_for_their_owner_alone(servers_given: dict[str, str]) -> None:
    first, second = load_settings(servers_given), load_settings(servers_given)
    assert first.jwt_keys == second.jwt_keys
    for name in ("jwt.json", "haat_app.password"):
        assert stat.S_IMODE((first.home / "keys" / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"keys": []}, "no key"),
        ({"keys": [{"kty": "oct", "kid": "a", "k": SECRET}, {"kty": "oct", "kid": "a", "k": SECRET}]}, "twice"),
        ({"keys": [{"kty": "oct", "kid": "a", "k": "c2hvcnQ"}]}, "32"),
        ({"keys": [{"kty": "oct", "kid": "a", "k": "A" * 64}]}, "random"),
        ({"keys": [{"kty": "oct", "kid": "a", "k": "*" * 64}]}, "base64url"),
        ({"keys": [{"kty": "RSA", "kid": "a", "k": SECRET}]}, "oct"),
        ({"keys": [{"kty": "oct", "kid": " ", "k": SECRET}]}, "kid"),
    ],
)
def test_weak_or_broken_key_sets_are_refused(servers_given: dict[str, str], keys: object, said: str) -> None:
    assert said in problems(servers_given | {"HAAT_JWT_KEYS": json.dumps(keys)})["HAAT_JWT_KEYS"]


def test_the_application_logs_in_to_the_owners_database(servers_given: dict[str, str]) -> None:
    parts = urlsplit(load_settings(servers_given).database_app_url)
    assert (parts.username, parts.hostname, parts.port, parts.path) == ("haat_app", "db", 5433, "/haat")
    assert parts.password


@given(st.text(min_size=1))
def test_any_password_survives_the_derived_address(password: str) -> None:
    try:
        password.encode()
    except UnicodeEncodeError:
        return
    url = derived_app_url("postgresql://owner:x%40y@db/haat?sslmode=require", password)
    assert url == f"postgresql://haat_app:{quote(password, safe='')}@db/haat?sslmode=require"


def test_serving_processes_need_no_owner_but_operators_do(servers_given: dict[str, str]) -> None:
    environ = servers_given | {"DATABASE_URL": "", "DATABASE_APP_URL": "postgresql://haat_app:b@db/haat"}
    assert load_settings(environ).database_url == ""
    assert problems(environ, as_owner=True).keys() == {"DATABASE_URL"}
    assert problems(environ, before_servers=True).keys() == {"DATABASE_URL"}


def test_missing_servers_say_how_to_get_them(tmp_path: Path) -> None:
    said = problems({"HAAT_HOME": str(tmp_path)})
    assert said.keys() == {"DATABASE_URL", "REDIS_URL"}
    assert all("haat up" in problem for problem in said.values())


def test_the_first_admin_is_given_whole_or_not_at_all(servers_given: dict[str, str]) -> None:
    assert len(problems(servers_given | {"HAAT_ADMIN_LOGIN": "boss@acme.test"})) == 1
    whole = {"HAAT_ADMIN_LOGIN": "boss@acme.test", "HAAT_ADMIN_PASSWORD": "correct horse", "HAAT_ORGANISATION": "acme"}
    assert load_settings(servers_given | whole).organisation == "acme"


@pytest.mark.parametrize(
    ("written", "size"),
    [("1048576", 2**20), ("256MiB", 2**28), ("2 GiB", 2**31), ("500mb", 500_000_000), ("4KB", 4000)],
)
def test_sizes_are_plain_bytes_or_carry_a_unit(servers_given: dict[str, str], written: str, size: int) -> None:
    assert load_settings(servers_given | {"HAAT_MAX_UPLOAD_BYTES": written}).max_upload_bytes == size


def test_limits_replace_single_defaults_or_are_switched_off(servers_given: dict[str, str]) -> None:
    changed = load_settings(servers_given | {"HAAT_LIMITS": "login=5/hour"}).limits
    assert changed["login"] == Limit(5, 3600)
    assert "write" in changed
    assert load_settings(servers_given | {"HAAT_LIMITS": "off"}).limits == {}


@given(
    environ=st.dictionaries(st.sampled_from([*sorted(PRODUCTION), "HAAT_PORT", "HAAT_LIMITS"]), st.text(max_size=30))
)
def test_any_value_ends_in_settings_or_in_one_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    environ = environ | {"HAAT_HOME": str(tmp_path_factory.getbasetemp() / "home")}
    try:
        settings: Settings | None = load_settings(environ, before_servers=True)
        refused: list[str] = []
    except SettingsError as error:
        settings, refused = None, error.problems
    assert settings is not None or refused
    assert all(problem.startswith(("HAAT_", "DATABASE_", "REDIS_")) for problem in refused)


def test_env_example_lists_every_variable() -> None:
    sources = (CHECKOUT / "adapters" / "settings.py").read_text() + (CHECKOUT / "docker-compose.yml").read_text()
    read = set(re.findall(r"\b(?:HAAT|DATABASE|REDIS)_[A-Z_]*[A-Z]\b", sources)) - {"REDIS_EXAMPLE"}
    listed = set(re.findall(r"^([A-Z_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))
    assert listed == read


def test_env_example_is_accepted_as_it_stands(tmp_path: Path) -> None:
    lines = re.findall(r"^([A-Z_]+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
    given_values = {name: value for name, value in lines if value}
    assert load_settings(given_values | {"HAAT_HOME": str(tmp_path)}, before_servers=True).port == 8000
