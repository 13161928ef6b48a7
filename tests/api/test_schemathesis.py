"""The running application keeps what its OpenAPI document promises, whatever is sent to it."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.people import Person
from tests.stack import Stack, running_stack

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# They would end the sessions that the other calls use, or never end themselves.
ENDINGS = "/(auth/logout|me/password|users/{user_id}|jobs/{job_id}/events)$"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(workers=1) as stack:
        yield stack


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    admin = Person.admin(stack, "schema")
    admin.hire("sr@schema.test")
    sr = Person(stack.url, "sr@schema.test")
    return {"admin": admin.token, "sr": sr.token}


@pytest.fixture(scope="module")
def api(stack: Stack) -> Any:
    return schemathesis.openapi.from_url(f"{stack.url}/openapi.json").exclude(path_regex=ENDINGS)


@pytest.mark.timeout(900)
def test_every_operation_answers_as_documented(api: Any, tokens: dict[str, str]) -> None:
    faults = []
    for found in api.get_all_operations():
        operation = found.ok()
        try:
            exercise(operation, tokens["sr" if "/sr/" in operation.path else "admin"])
        except (Exception, FailureGroup) as error:  # noqa: BLE001  # the other operations are tried too
            faults.append(f"{operation.label}: {error}")
    assert not faults, "\n\n".join(faults)


def exercise(operation: Any, token: str) -> None:
    """Send a dozen made-up requests, most of them senseless, the same ones in every run."""

    @given(case=operation.as_strategy())
    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        headers = {**dict(case.headers or {}), "Authorization": f"Bearer {token}"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
