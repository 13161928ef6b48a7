"""What an organisation must say of itself."""

import uuid

import pytest

from domain.organisations import found
from domain.shared.errors import Invalid

FINE = {"code": "acme", "name": "Acme", "country": "BD", "time_zone": "Asia/Dhaka", "currency": "BDT"}


def test_a_fine_organisation_is_taken_as_it_is() -> None:
    organisation = found(tenant_id=uuid.uuid4(), **FINE)
    assert (organisation.code, organisation.currency) == ("acme", "BDT")


def test_every_fault_is_named_at_once() -> None:
    bad = {"code": "Acme Ltd", "name": " ", "country": "Bangladesh", "time_zone": "Dhaka", "currency": "XYZ"}
    with pytest.raises(Invalid) as refused:
        found(tenant_id=uuid.uuid4(), **bad)
    assert [fault.pointer for fault in refused.value.faults] == [f"/{name}" for name in FINE]


@pytest.mark.parametrize("currency", ["bdt", "TAKA", "", "XXX", "XTS", "৳"])
def test_a_currency_is_one_of_iso_4217(currency: str) -> None:
    with pytest.raises(Invalid, match="currency"):
        found(tenant_id=uuid.uuid4(), **FINE | {"currency": currency})
