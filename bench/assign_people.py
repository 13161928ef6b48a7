"""SRs who hold 70 retailers each, hired and served through the API."""

from bench.import_retailers import imported, with_territories
from tests.people import PASSWORD, Person
from tests.stack import Stack

PER_SR = 70
PATH = "/api/v1/sr/retailers?limit=20"


def people(stack: Stack, code: str, *, srs: int) -> list[Person]:
    """So many SRs of a new organisation `code`, whose admin is `admin@<code>.test`."""
    admin = with_territories(stack, code)
    logins = [f"sr{number}@{code}.test" for number in range(srs)]
    hired = admin.hire(*logins)
    rows = (f"P-{n},দোকান {n},018{n:08},T{n % 400},{n % 90}" for n in range(srs * PER_SR))
    imported(admin, ("uid,name,phone,territory,points\n" + "\n".join(rows)).encode())
    for number, sr in enumerate(hired):
        uids = [f"P-{n}" for n in range(number * PER_SR, (number + 1) * PER_SR)]
        admin.assign({"retailer_uids": uids}, [sr["id"]])
    return [Person(stack.url, login, PASSWORD) for login in logins]
