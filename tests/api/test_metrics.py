"""What requests add up to in memory comes to stand in the metrics."""

import pytest
from prometheus_client import REGISTRY

from api import metrics


def test_what_is_added_up_reaches_every_metric() -> None:
    labels = {"method": "GET", "route": "/added-up"}
    tally = metrics.tally("GET", "/added-up", 200)
    hits = _hits()
    for seconds in (0.0001, 0.0002, 0.02):
        tally.add(seconds)
    assert _hits() == hits + 3
    assert REGISTRY.get_sample_value("haat_http_requests_total", {**labels, "status": "200"}) == 3
    for at_most, count in (("0.001", 2), ("0.025", 3), ("+Inf", 3)):
        found = REGISTRY.get_sample_value("haat_http_request_seconds_bucket", {**labels, "le": at_most})
        assert found == count
    assert REGISTRY.get_sample_value("haat_http_request_seconds_sum", labels) == pytest.approx(0.0203)


def _hits() -> float:
    metrics.count_tallies()
    labels = {"outcome": "hit", "reason": ""}
    return REGISTRY.get_sample_value("haat_response_cache_requests_total", labels) or 0.0
