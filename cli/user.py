"""`haat user`: people who may log in, made by the operator of the installation."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape

from adapters.passwords import hash_password
from cli.http_client import HaatError
from cli.installation import Installation, open_installation
from cli.operator_actions import operator_settings
from cli.operator_view import find_organisation
from cli.sign_in import PasswordStdin, plain_errors, read_password
from commands.organisations.found_organisation import FoundOrganisation, found_organisation
from commands.users.add_users import AddUsers, add_users
from domain import users
from domain.shared.actor import Role, worker_actor
from domain.shared.ids import new_id

app = typer.Typer(help="People who may log in.", no_args_is_help=True)


@app.callback()
def _user() -> None:
    """People who may log in."""


@app.command("add")
def add_user(
    login: Annotated[str, typer.Argument(help="What they log in with, such as rahima@acme.example.")],
    *,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    organisation: Annotated[str, typer.Option(help="The code of their organisation.")],
    name: Annotated[str | None, typer.Option(help="Their name; without it the login.")] = None,
    create_organisation: Annotated[
        bool, typer.Option("--create-organisation", help="Found the organisation when there is none.")
    ] = False,
    organisation_name: Annotated[
        str | None, typer.Option(help="A new organisation's name; without it its code.")
    ] = None,
    country: Annotated[str, typer.Option(help="A new organisation's country (ISO 3166).")] = "BD",
    time_zone: Annotated[str, typer.Option(help="A new organisation's time zone.")] = "Asia/Dhaka",
    currency: Annotated[str, typer.Option(help="A new organisation's currency (ISO 4217).")] = "BDT",
    password_stdin: PasswordStdin = False,
) -> None:
    """Add a user, straight into PostgreSQL."""
    out = Console()
    with plain_errors(Console(stderr=True)):
        password = read_password(login, from_stdin=password_stdin)
        if not users.SHORTEST_PASSWORD <= len(password) <= users.LONGEST_PASSWORD:
            message = f"A password has {users.SHORTEST_PASSWORD} to {users.LONGEST_PASSWORD} characters."
            raise HaatError(message)
        founding = None
        if create_organisation:
            founding = FoundOrganisation(
                code=organisation,
                name=organisation_name or organisation,
                country=country,
                time_zone=time_zone,
                currency=currency,
            )
        new = AddUsers(people=((users.new_login(login), users.new_name(name or login)),), role=role, password_hash="")
        asyncio.run(_add(organisation, founding, new, password))
        out.print(f"{escape(new.people[0][0])} may log in to {escape(organisation)} as {role}.", highlight=False)


async def _add(code: str, founding: FoundOrganisation | None, new: AddUsers, password: str) -> None:
    async with open_installation(operator_settings()) as installation:
        actor = worker_actor(await _organisation(installation, code, founding))
        hashed = AddUsers(people=new.people, role=new.role, password_hash=hash_password(password))
        if not await installation.runner(add_users, hashed, actor=actor):
            message = f"{code} has a user {new.people[0][0]} already."
            raise HaatError(message)


async def _organisation(installation: Installation, code: str, founding: FoundOrganisation | None) -> UUID:
    found = await find_organisation(installation.owner, code)
    if found is not None:
        return found
    if founding is None:
        message = f"There is no organisation {code}. Found it with --create-organisation."
        raise HaatError(message)
    tenant_id = new_id()
    await installation.runner(found_organisation, founding, actor=worker_actor(tenant_id))
    return tenant_id
