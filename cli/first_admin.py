"""The first organisation and its admin, as HAAT_ORGANISATION and HAAT_ADMIN_LOGIN ask for on an empty database."""

import asyncio
from uuid import UUID

import sqlalchemy as sa

from adapters.passwords import hash_password
from adapters.postgres.tables.users import users
from adapters.settings import Settings
from cli.installation import Installation, open_installation
from cli.operator_view import find_organisation
from commands.organisations.found_organisation import FoundOrganisation, found_organisation
from commands.users.add_users import AddUsers, add_users
from domain.shared.actor import Role, worker_actor
from domain.shared.ids import new_id


def found_first_admin(settings: Settings) -> bool:
    """Whether they were made now: only when they are asked for and nobody may log in yet.

    Raises HaatError when PostgreSQL cannot be reached, and Invalid when the organisation's code is none.
    """
    if settings.organisation is None or settings.admin_login is None or settings.admin_password is None:
        return False
    return asyncio.run(_found(settings, settings.organisation, settings.admin_login, settings.admin_password))


async def _found(settings: Settings, code: str, login: str, password: str) -> bool:
    async with open_installation(settings) as installation:
        # Whoever died between founding and adding has left an organisation without anybody: it is taken up again.
        if await _has_users(installation):
            return False
        actor = worker_actor(
            await find_organisation(installation.owner, code) or await _organisation(installation, code)
        )
        await installation.runner(
            add_users,
            AddUsers(people=((login, login),), role=Role.ADMIN, password_hash=hash_password(password)),
            actor=actor,
        )
    return True


async def _organisation(installation: Installation, code: str) -> UUID:
    tenant_id = new_id()
    await installation.runner(
        found_organisation,
        FoundOrganisation(code=code, name=code, country="BD", time_zone="Asia/Dhaka", currency="BDT"),
        actor=worker_actor(tenant_id),
    )
    return tenant_id


async def _has_users(installation: Installation) -> bool:
    found = await installation.owner.execute(sa.select(users.c.id).limit(1))
    return found.first() is not None
