"""For operators: serve, worker, migrate, recompute, keys."""

import json
import signal
from contextlib import closing
from importlib.metadata import version
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from service import auth, rollups, terminal
from service.commands.common import drain, open_database, open_settings
from service.database import migrate, open_engine, reading, transaction
from service.errors import MoodlineError, StartError
from service.terminal import err, out

app = typer.Typer()
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke. Only their hashes are stored.")
app.add_typer(keys, name="keys")


@app.command()
def serve():
    """Start the service: migrates the database, reads in the background, answers over HTTP.

    [dim]Examples:[/]  moodline serve    MOODLINE_PORT=9000 moodline serve
    """
    import uvicorn

    from service.app import create_app, open_parts

    settings = open_settings()
    with closing(_listen(settings.host, settings.port)) as listener:
        with err.status("loading the model and opening the database"):
            parts = open_parts(settings)
        with transaction(parts.engine) as connection:
            key = auth.create_first(connection)

        class Server(uvicorn.Server):
            async def startup(self, sockets=None):
                await super().startup(sockets)
                host, port = listener.getsockname()[:2]
                _banner(f"http://{f'[{host}]' if ':' in host else host}:{port}", key, parts.model)

            async def shutdown(self, sockets=None):
                parts.notifier.stop()  # or open streams would be waited for
                await super().shutdown(sockets)

        Server(
            uvicorn.Config(
                create_app(parts), log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=10
            )
        ).run(sockets=[listener])


def _listen(host, port):
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's delay on: 40 ms in every answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"can't listen on {host}:{port} ({error.strerror}): set MOODLINE_HOST or MOODLINE_PORT"
        ) from None
    return listener


def _banner(url, key, model):
    out.print(
        f"[bold]moodline {version('moodline')}[/] is listening on [bold cyan]{url}[/]  (documentation: {url}/docs)",
        soft_wrap=True,
    )
    out.print(f"model: {model.name} {model.version}")
    if key:
        out.print("API key, shown only this once:")
        out.print(key, style="bold green", soft_wrap=True)
    else:
        out.print("API key: it was shown at the first start; `moodline keys create NAME` makes another", soft_wrap=True)
    out.print("try it:")
    body = json.dumps({"texts": ["השירות היה מצוין, תודה רבה!"]}, ensure_ascii=False)
    out.print(
        f"curl -s {url}/v1/sentiment -H 'Authorization: Bearer {key or 'YOUR_KEY'}' "
        f"-H 'Content-Type: application/json' -d '{body}'",
        soft_wrap=True,
        markup=False,
    )


@app.command()
def worker():
    """Read what waits in the database, beside `serve` or on another machine, until stopped.

    [dim]Example:[/]  MOODLINE_DATABASE_URL=postgresql://… moodline worker
    """
    from service.app import open_parts

    settings = open_settings()
    with err.status("loading the model and opening the database"):
        parts = open_parts(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: parts.worker.stop())
    out.print(f"moodline {version('moodline')} worker is reading; Ctrl-C stops it after the batch in hand")
    parts.worker.run()


@app.command("migrate")
def migrate_command():
    """Bring the database to this version's tables (the other commands do it too).

    [dim]Example:[/]  MOODLINE_DATABASE_URL=postgresql://… moodline migrate
    """
    engine = open_engine(open_settings().url)
    before, after = migrate(engine)
    done = f"is at {after}" if before == after else f"migrated from {before or 'nothing'} to {after}"
    out.print(f"{engine.url.render_as_string(hide_password=True)}: {done}", soft_wrap=True)


@app.command()
def recompute():
    """Compute all conversations, roll-ups, moods, risks and segments anew from the stored readings; the model reads nothing again.

    [dim]Example:[/]  MOODLINE_HALF_LIFE_DAYS=30 moodline recompute
    """
    settings = open_settings()
    with transaction(open_database(settings)) as connection:
        rollups.forget(connection)
    drain(settings)


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="what the key is for")],
    scopes: Annotated[str, typer.Option(help="comma-separated: ingest, read, admin")] = "ingest,read",
):
    """Make an API key and print it, alone on the last line; it can't be shown again.

    [dim]Example:[/]  moodline keys create contact-centre --scopes ingest,read
    """
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    unknown = [scope for scope in wanted if scope not in auth.SCOPES]
    if unknown or not wanted:
        raise MoodlineError(
            f"unknown scope {', '.join(unknown) or '(none given)'}: choose from {', '.join(auth.SCOPES)}"
        )
    if not name.strip() or len(name) > 100:
        raise MoodlineError("give the key a name of 1 to 100 characters")
    with transaction(open_database(open_settings())) as connection:
        key = auth.create(connection, name, wanted)
    err.print(f"API key {escape(name)} ({', '.join(wanted)}), shown only this once:")
    print(key)


@keys.command("list")
def keys_list():
    """Show the names and scopes of all keys."""
    with reading(open_database(open_settings())) as connection:
        rows = auth.listed(connection)
    table = Table("name", "scopes", "created", "revoked")
    for row in rows:
        table.add_row(
            Text(terminal.shown(row.name)),
            row.scopes,
            f"{row.created_at:%Y-%m-%d %H:%M}",
            f"{row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else "",
        )
    out.print(table if rows else "no keys yet: `moodline keys create NAME` makes one")


@keys.command("revoke")
def keys_revoke(name: str):
    """Let a key open nothing from now on.

    [dim]Example:[/]  moodline keys revoke contact-centre
    """
    with transaction(open_database(open_settings())) as connection:
        auth.revoke(connection, name)
    out.print(f"revoked {escape(name)}")
