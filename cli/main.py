"""The `haat` command: every subcommand stands in this registry."""

import typer

from cli import alive, doctor, jobs, rebuild, run, seed, up, user, workers
from cli.export_list import export_list
from cli.import_file import import_file
from cli.stack import apply_environment

app = typer.Typer(
    name="haat",
    help="Haat, the backend of a distribution business.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def begin(context: typer.Context) -> None:
    """Commands work on the stack that `haat up` runs, unless DATABASE_URL and REDIS_URL say otherwise."""
    if context.invoked_subcommand != "up":
        apply_environment()


RUN = "Run"
app.command("up", rich_help_panel=RUN)(up.up)
app.command("api", rich_help_panel=RUN)(run.api)
app.command("worker", rich_help_panel=RUN)(run.worker)
app.command("relay", rich_help_panel=RUN)(run.relay)
app.command("migrate", rich_help_panel=RUN)(run.migrate)
app.command("env", rich_help_panel=RUN)(run.env)
# What a container's health check calls.
app.command("alive", hidden=True)(alive.alive)
# What `make clean` calls; too final for the list.
app.command("clean", hidden=True)(run.clean)

DATA = "Data"
app.command("seed", rich_help_panel=DATA)(seed.seed)
app.add_typer(user.app, name="user", rich_help_panel=DATA)
app.command("import", rich_help_panel=DATA)(import_file)
app.command("export", rich_help_panel=DATA)(export_list)

OPERATE = "Operate"
app.add_typer(jobs.app, name="jobs", rich_help_panel=OPERATE)
app.command("workers", rich_help_panel=OPERATE)(workers.list_workers)
app.command("doctor", rich_help_panel=OPERATE)(doctor.doctor)
app.command("rebuild", rich_help_panel=OPERATE)(rebuild.rebuild)
