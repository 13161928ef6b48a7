"""Organisations: each a business of its own, with its country, time zone and currency."""

import re
import zoneinfo
from uuid import UUID

import msgspec
import phonenumbers

from domain.shared.currencies import CURRENCIES
from domain.shared.errors import Fault, Invalid
from domain.shared.events import Event

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    """`country` is ISO 3166-1 alpha-2, `time_zone` an IANA name, `currency` ISO 4217."""

    tenant_id: UUID
    code: str
    name: str
    country: str
    time_zone: str
    currency: str


class OrganisationFounded(Event, frozen=True, kw_only=True, tag="organisations.organisation_founded.v1"):
    """A new organisation has come to this installation."""

    code: str


def found(*, tenant_id: UUID, code: str, name: str, country: str, time_zone: str, currency: str) -> Organisation:
    """A new organisation. Raises Invalid with every fault."""
    faults = []
    if not _CODE.fullmatch(code):
        faults.append(
            Fault("/code", "not_a_code", f"{code!r} is no code: use a-z, 0-9 and hyphens, at most 63 characters.")
        )
    if not name.strip():
        faults.append(Fault("/name", "empty", "The name is empty."))
    if country not in phonenumbers.SUPPORTED_REGIONS:
        faults.append(
            Fault("/country", "not_a_country", f"{country!r} is no country: use two letters (ISO 3166) such as BD.")
        )
    if time_zone not in zoneinfo.available_timezones():
        faults.append(
            Fault("/time_zone", "not_a_time_zone", f"{time_zone!r} is no time zone: use a name such as Asia/Dhaka.")
        )
    if currency not in CURRENCIES:
        faults.append(
            Fault(
                "/currency", "not_a_currency", f"{currency!r} is no currency: use three letters (ISO 4217) such as BDT."
            )
        )
    if faults:
        message = " ".join(fault.message for fault in faults)
        raise Invalid(message, faults=faults)
    return Organisation(
        tenant_id=tenant_id, code=code, name=name, country=country, time_zone=time_zone, currency=currency
    )
