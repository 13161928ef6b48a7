"""Writes to organisations."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from adapters.postgres.tables.organisations import organisations
from adapters.postgres.transaction import Tx
from domain.organisations import Organisation
from domain.shared.errors import CodeTaken


async def insert(tx: Tx, organisation: Organisation) -> None:
    """The organisation is there. Raises CodeTaken."""
    try:
        await tx.conn.execute(sa.insert(organisations).values(**msgspec.structs.asdict(organisation)))
    except IntegrityError as error:
        message = f"There is an organisation {organisation.code} already. Choose another code."
        raise CodeTaken(message, field="code") from error
