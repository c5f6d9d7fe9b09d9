"""The `moodline` command."""

import json
import signal
import sys
import traceback
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from service import auth, demo, insights, log, notify, query, rollups, terminal
from service.channels.export import read_rows
from service.channels.native import EventIn, IdentityIn, InteractionIn, to_happening, to_identity, to_interaction
from service.churn import POINTS
from service.database import migrate, open_engine, reading, transaction
from service.days import live_through
from service.errors import BadPlaybook, MoodlineError, NotFound, NotSwitched, StartError, faults_of
from service.ingest import accept, accept_events
from service.playbook import DRIVERS, MAX_SAY, SEGMENTS, open_playbook
from service.settings import read_settings, unknown_settings
from service.tables import customers as customers_table
from service.terminal import err, out

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="How each customer feels now, why, and who is about to leave. Settings: MOODLINE_… (see the README).",
)
keys = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke. Only their hashes are stored.")
app.add_typer(keys, name="keys")
plays = typer.Typer(
    no_args_is_help=True, help="The playbook: which suggestion answers which customer; see MOODLINE_PLAYBOOK."
)
app.add_typer(plays, name="playbook")

churns = typer.Typer(
    no_args_is_help=True, help="What the risk is judged by: the scorecard, or weights learned from your churn events."
)
app.add_typer(churns, name="churn")

IMPORT_BATCH = 200
SCORE_BATCH = 64
NO_DRIVER = "none known"


def main():
    """Run the command; an error is one line, and exit status 1."""
    try:
        app()
    except MoodlineError as error:
        err.print(f"[red]moodline:[/] {escape(str(error))}", soft_wrap=True)
    except SQLAlchemyError as error:
        err.print(
            f"[red]moodline:[/] the database can't be used ({type(error).__name__}): check MOODLINE_DATABASE_URL",
            soft_wrap=True,
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        err.print(f"[red]moodline:[/] {error.strerror}: {escape(str(error.filename))}", soft_wrap=True)
    except Exception as error:  # the message may quote a customer; where it broke is enough for a report
        frame = traceback.extract_tb(error.__traceback__)[-1]
        err.print(
            f"[red]moodline:[/] unexpected {type(error).__name__} at {frame.filename}:{frame.lineno}; please report it",
            soft_wrap=True,
        )
    else:
        return
    sys.exit(1)


def _settings():
    settings = read_settings()
    log.set_up(settings.log_level)
    for line in unknown_settings():
        err.print(f"[yellow]moodline:[/] {escape(line)}", soft_wrap=True)
    return settings


def _database(settings):
    engine = open_engine(settings.url)
    migrate(engine)
    return engine


@app.command()
def serve():
    """Start the service: migrates the database, reads in the background, answers over HTTP.

    [dim]Examples:[/]  moodline serve    MOODLINE_PORT=9000 moodline serve
    """
    import uvicorn

    from service.app import create_app, open_parts

    settings = _settings()
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

    settings = _settings()
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
    engine = open_engine(_settings().url)
    before, after = migrate(engine)
    done = f"is at {after}" if before == after else f"migrated from {before or 'nothing'} to {after}"
    out.print(f"{engine.url.render_as_string(hide_password=True)}: {done}", soft_wrap=True)


@app.command()
def recompute():
    """Compute all conversations, roll-ups, moods, risks and segments anew from the stored readings; the model reads nothing again.

    [dim]Example:[/]  MOODLINE_HALF_LIFE_DAYS=30 moodline recompute
    """
    settings = _settings()
    with transaction(_database(settings)) as connection:
        rollups.forget(connection)
    _drain(settings)


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
    with transaction(_database(_settings())) as connection:
        key = auth.create(connection, name, wanted)
    err.print(f"API key {escape(name)} ({', '.join(wanted)}), shown only this once:")
    print(key)


@keys.command("list")
def keys_list():
    """Show the names and scopes of all keys."""
    with reading(_database(_settings())) as connection:
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
    with transaction(_database(_settings())) as connection:
        auth.revoke(connection, name)
    out.print(f"revoked {escape(name)}")


@plays.command("check")
def playbook_check(
    file: Annotated[
        Path | None, typer.Argument(help="a playbook in YAML; left out, the one that the service uses")
    ] = None,
):
    """Say that a playbook is fine and what it answers; or all its faults, each with its line, and exit status 1.

    [dim]Examples:[/]  moodline playbook check    moodline playbook check ours.yaml
    """
    try:
        playbook = open_playbook(file or _settings().playbook)
    except BadPlaybook as error:
        # Bare, as compilers print them, so that an editor can jump to the line.
        err.print(Text(str(error), "red"), soft_wrap=True)
        raise typer.Exit(1) from None
    out.print(f"[green]{len(playbook.rules)} rules, fine[/]")
    table = Table("segment", "stage", "rule", "drivers", title="what answers", title_justify="left")
    for segment in SEGMENTS:
        for stage, answers in _answers(playbook, segment).items():
            for rule, drivers in answers.items():
                name = rule.id if rule else "[yellow]nothing[/]"
                others = [one for one in (*DRIVERS, NO_DRIVER) if one not in drivers]
                listed = ", ".join(drivers)
                if len(others) < len(drivers):
                    listed = f"all but {', '.join(others)}" if others else "all"
                table.add_row(segment, Text("any" if stage is None else terminal.shown(stage)), name, listed)
        table.add_section()
    out.print(table)


def _answers(playbook, segment):
    """{stage: {rule or None: drivers it answers}}; of a stage that is named, only what differs from any other."""
    found = {}
    for stage in (None, *playbook.stages):
        for driver in (*DRIVERS, None):
            rule = playbook.answer(segment, driver, stage)
            if stage is None or rule is not playbook.answer(segment, driver, None):
                found.setdefault(stage, {}).setdefault(rule, []).append(driver or NO_DRIVER)
    return found


@plays.command("show")
def playbook_show(
    segment: Annotated[str, typer.Argument(help=", ".join(SEGMENTS))],
    driver: Annotated[list[str] | None, typer.Option(help="a reason of the customer's, the weightiest first")] = None,
    stage: Annotated[str | None, typer.Option(help="acquire, grow, keep or a stage of your own")] = None,
):
    """Show what the playbook suggests for a customer.

    [dim]Examples:[/]  moodline playbook show at_risk --driver price --stage keep    moodline playbook show passionate
    """
    for kind, name, known in (("segment", segment, SEGMENTS), *(("driver", name, DRIVERS) for name in driver or [])):
        if name not in known:
            raise MoodlineError(f"there is no {kind} {name}: choose from {', '.join(known)}")
    found = open_playbook(_settings().playbook).suggest(segment, driver or [], stage)
    if found is None:
        out.print("the playbook has no rule for that")
        return
    why = f", for {found.driver}" if found.driver else ""
    by_when = f", within {found.within_h:g} h" if found.within_h else ""
    out.print(f"[bold]{found.id}[/]{why}{by_when}")
    for text in (found.he, found.en):
        out.print(Text(terminal.shown(text, out.width, most=MAX_SAY)))


@app.command()
def score(
    file: Annotated[
        Path,
        typer.Argument(help="JSON lines with `text` (and `channel`, if known), or plain lines; - for standard input"),
    ],
):
    """Read texts and print JSON lines with the reading added; nothing is stored, no database is needed.

    [dim]Examples:[/]  echo 'השירות היה נורא' | moodline score -    moodline score answers.jsonl > scored.jsonl
    """
    from service.interaction import CHANNELS
    from service.sentiment.model import open_model
    from service.text import is_unicode, normalise

    settings = _settings()
    try:
        lines = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MoodlineError(f"{file} is not UTF-8 (byte {error.start}): convert it first") from None
    rows = [(number, _score_row(line)) for number, line in enumerate(lines, 1) if line.strip()]
    for number, row in rows:
        text, channel = row.get("text"), row.get("channel")
        if not isinstance(text, str) or not is_unicode(text) or not normalise(text):
            raise MoodlineError(f"line {number}: text is missing, blank or no Unicode; nothing was scored")
        if channel and channel not in CHANNELS:
            raise MoodlineError(f"line {number}: channel must be one of {', '.join(CHANNELS)}; nothing was scored")
    model = open_model(settings)
    with terminal.progress() as bar:
        task = bar.add_task("scoring", total=len(rows))
        for start in range(0, len(rows), SCORE_BATCH):
            batch = [row for _, row in rows[start : start + SCORE_BATCH]]
            for row, found in zip(batch, model.score([(row["text"], row.get("channel") or "") for row in batch])):
                print(json.dumps(row | found.as_json(), ensure_ascii=False))
            bar.advance(task, len(batch))


def _score_row(line):
    if line.lstrip().startswith("{"):
        try:
            row = json.loads(line)
        except ValueError:
            return {"text": line}
        if isinstance(row, dict):
            return row
    return {"text": line}


@app.command("import")
def import_command(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV with a header, or JSON lines in the form of POST /v1/interactions or, for events, POST /v1/events",
        ),
    ],
    source: Annotated[str | None, typer.Option(help="source of lines that name none")] = None,
    channel: Annotated[str | None, typer.Option(help="channel of lines that name none")] = None,
    read: Annotated[
        bool, typer.Option(help="read the interactions here; --no-read leaves it to a running service or worker")
    ] = True,
):
    """Load an export of past interactions or events. Run it again after an interruption: what is there already is skipped.

    CSV columns: id, source, channel, customer_id (or identity_kind and identity_value), occurred_at, text, and if known
    stage, agent, team, rating_kind, rating_value, turns (JSON), attributes (JSON). A line with `kind` is an event.

    [dim]Example:[/]  moodline import export.csv --source zendesk --channel chat
    """
    settings = _settings()
    defaults = {name: value for name, value in (("source", source), ("channel", channel)) if value}
    with open(file, "rb") as stream:
        total = sum(1 for _ in stream)
    refused = _store(settings, read_rows(file), total, defaults)
    if read:
        _drain(settings)
    for number, fault in refused:
        err.print(f"[red]refused[/] line {number}: {escape(terminal.shown(fault, most=1_000))}", soft_wrap=True)
    if refused:
        raise typer.Exit(1)


def _store(settings, rows, total, defaults):
    """Check and store rows in batches; returns the refused ones as (line number, why)."""
    engine, batches, refused, counts = _database(settings), {True: [], False: []}, [], {True: 0, False: 0}

    def flush(are_events):
        with transaction(engine) as connection:
            if are_events:
                stored = [new for *_, new in accept_events(connection, batches[True], settings)]
            else:
                stored = [one.new for one in accept(connection, batches[False])]
        for new in stored:
            counts[new] += 1
        batches[are_events].clear()

    with terminal.progress() as bar:
        task = bar.add_task("storing", total=total)
        for number, row, fault in rows:
            bar.update(task, completed=number)
            if row is not None:
                is_event = "kind" in row
                known = {name: value for name, value in defaults.items() if name != "channel" or not is_event}
                shape, turned = (EventIn, to_happening) if is_event else (InteractionIn, to_interaction)
                try:
                    # As JSON, so that a line is judged just as the same object sent over HTTP.
                    given = shape.model_validate_json(json.dumps(known | row))
                    batches[is_event].append(turned(given, settings.phone_region))
                except ValidationError as error:
                    fault = "; ".join(f"{one['field']}: {one['message']}" for one in faults_of(error.errors()))
            if fault:
                refused.append((number, fault))
                if len(batches[is_event]) >= IMPORT_BATCH:
                    flush(is_event)
        for are_events in (False, True):
            flush(are_events)
        bar.update(task, completed=total)
    out.print(f"{counts[True]:,} stored, {counts[False]:,} there already, {len(refused):,} refused")
    return refused


def _drain(settings):
    from service.app import open_parts
    from service.worker import waiting

    parts = open_parts(settings)
    with reading(parts.engine) as connection:
        total = waiting(connection)
    with terminal.progress() as bar:
        task = bar.add_task("reading", total=total)
        parts.worker.drain(lambda count: bar.advance(task, count))


@app.command()
def mood(customer: Annotated[str, typer.Argument(help="the customer's id, or KIND:VALUE of an identity")]):
    """Show a customer's mood now, why, and the churn risk.

    [dim]Examples:[/]  moodline mood dana-levi    moodline mood phone:050-555-0101
    """
    settings = _settings()
    with reading(_database(settings)) as connection:
        try:
            answer = query.mood(connection, _find(connection, customer, settings))
        except NotFound:
            raise MoodlineError(f"nobody has heard of a customer {customer}") from None
    now = answer["mood"]
    if now is None or now["valence"] is None:
        out.print(f"{escape(customer)}: no feedback read yet ({answer['pending']} waiting to be read)")
    else:
        _show_mood(customer, now)
    if now is not None:
        _show_risk(now["churn"])


def _show_mood(customer, now):
    colour = terminal.COLOURS[now["label"]]
    out.print(
        f"[bold]{escape(terminal.shown(customer))}[/]  [{colour}]{now['label']} {now['valence']:+.2f}[/], {now['trend']['direction']}, "
        f"confidence {now['confidence']:.0%}, from {now['evidence']['interactions']} interactions "
        f"({now['evidence']['turns']} turns), last on {now['last_interaction']['occurred_at'][:10]}"
    )
    _table(
        "why",
        [
            (reason["occurred_at"][:10], reason["channel"], _valence(reason), _evidence({"evidence": [reason]}))
            for reason in now["reasons"]
        ],
        ("when", "channel", "valence", "what was said"),
    )


def _show_risk(risk):
    out.print(f"churn risk [bold]{risk['risk']}[/] of 100" + ("" if risk["reasons"] else ": no reason found"))
    if risk["reasons"]:
        rows = [(str(one["points"]), one["text"]["en"], _evidence(one)) for one in risk["reasons"]]
        _table("", rows, ("points", "reason", "evidence"))


def _find(connection, customer, settings):
    try:
        return query.find_customer(connection, customer)
    except NotFound:
        kind, _, value = customer.partition(":")
        given = IdentityIn.model_construct(kind=kind, value=value)
        return query.find_identity(connection, to_identity(given, settings.phone_region))


def _valence(place):
    return f"{place['valence']:+.2f}" if "valence" in place else ""


def _evidence(reason):
    first = reason["evidence"][0]
    if "event" in first:
        return f"{first['event']} {first['occurred_at'][:10]}"
    return first.get("text") or "{kind} {value:g}".format(**first["rating"])


def _table(title, rows, columns):
    """Print a table whose last column is what somebody said."""
    table = Table(*columns[:-1], title=title or None, title_justify="left")
    justify = "right" if rows and terminal.is_right_to_left(rows[0][-1]) else "left"
    table.add_column(columns[-1], justify=justify, no_wrap=True)
    width = max(24, out.width - 46)
    for row in rows:
        # As Text, not as markup: what a customer wrote is only shown.
        table.add_row(*(Text(terminal.shown(cell)) for cell in row[:-1]), Text(terminal.shown(row[-1], width)))
    out.print(table)


@churns.command("fit")
def churn_fit(
    horizon_days: Annotated[int, typer.Option(min=7, max=365, help="leaving within so many days is foretold")] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="report only, and switch nothing")] = False,
):
    """Learn from the events `churned` and `cancelled` what each reason weighs, and put it in force if it is surely better.

    Learns on the earlier months, and compares with the scorecard on the later ones. Exit status 1, and nothing switched,
    where it is not better or too few customers left.

    [dim]Examples:[/]  moodline churn fit --dry-run    moodline churn fit --horizon-days 90
    """
    from service import fit

    settings = _settings()
    engine = _database(settings)
    with err.status("learning from what came before customers left"):
        with reading(engine) as connection:
            found = fit.snapshots(connection, horizon_days, settings)
        report = fit.learn(found, horizon_days, settings)
    _show_fit(report.as_json())
    if report.refused:
        raise NotSwitched(f"{report.refused}; nothing is switched")
    if dry_run:
        out.print("better than the scorecard; nothing is switched (--dry-run)")
        return
    with transaction(engine) as connection:
        fit.switch(connection, report, datetime.now(UTC))
    out.print(
        "[green]switched:[/] risks are judged by these weights as moods are computed anew; `moodline churn revert` goes back"
    )


@churns.command("status")
def churn_status():
    """Say whether the scorecard or learned weights are in force, and what the fit reported.

    [dim]Example:[/]  moodline churn status
    """
    from service import fit

    with reading(_database(_settings())) as connection:
        found = fit.status(connection)
    if found is None:
        out.print("the scorecard is in force")
        return
    fitted_at, _, report = found
    out.print(f"learned weights are in force, of {fitted_at:%Y-%m-%d %H:%M} UTC")
    _show_fit(report)


@churns.command("revert")
def churn_revert():
    """Put the scorecard back in force.

    [dim]Example:[/]  moodline churn revert
    """
    from service import fit

    with transaction(_database(_settings())) as connection:
        changed = fit.revert(connection)
    out.print("the scorecard is back in force" if changed else "the scorecard is in force already")


def _show_fit(report):
    table = Table("", "from", "to", "customers", "snapshots", "of these left", "customers who left")
    for name, part in (("learned from", report["training"]), ("tested on", report["test"])):
        counts = (f"{part[key]:,}" for key in ("customers", "snapshots", "left", "churns"))
        table.add_row(name, part["first"], part["last"], *counts)
    out.print(table)
    if report["weights"] is None:
        return
    table = Table("on the test months", "learned", "scorecard", "scorecard, risk / 100")
    table.add_row("AUC", f"{report['auc']:.3f}", f"{report['scorecard_auc']:.3f}", "")
    table.add_row(
        "Brier", f"{report['brier']:.4f}", f"{report['scorecard_brier']:.4f}", f"{report['scorecard_brier_raw']:.4f}"
    )
    out.print(table)
    out.print(f"AUC better by {report['better_by']:+.3f} (95 %: {report['low']:+.3f} to {report['high']:+.3f})")
    table = Table("reason", "learned", "scorecard's points")
    for code, value in sorted(report["weights"]["coefficients"].items(), key=lambda pair: -pair[1]):
        table.add_row(code, f"{value:+.2f}", f"{POINTS[code]:+d}")
    out.print(table)


@app.command("simulate")
def simulate_command(
    folder: Annotated[
        Path | None, typer.Argument(help="where to write interactions.jsonl, events.jsonl, truth.csv")
    ] = None,
    customers: Annotated[int, typer.Option(min=1, max=1_000_000)] = 500,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="up to yesterday")] = 365,
    seed: Annotated[int, typer.Option(help="another seed gives another year")] = 7,
    replay: Annotated[
        bool, typer.Option("--replay", help="run it through the service into the (empty) database instead")
    ] = False,
):
    """Invent a company's year: what synthetic customers said and did, and who really left. For tests, not for claims.

    `moodline import` takes interactions.jsonl, POST /v1/events the lines of events.jsonl; truth.csv is what nobody knows.
    With --replay, each day is recorded as of its end, and the signals are compared with the truth.

    [dim]Examples:[/]  moodline simulate year/ --customers 200    MOODLINE_DATA_DIR=trial moodline simulate --replay
    """
    from service.simulate import simulate

    year = simulate(customers, days, seed=seed, start=datetime.now(UTC).date() - timedelta(days=days))
    if replay:
        if folder is not None:
            raise MoodlineError("with --replay nothing is written: leave the folder out")
        _replay(year)
    elif folder is None:
        raise MoodlineError("name a folder to write to, or give --replay")
    else:
        _write(year, folder)


def _write(year, folder):
    import csv
    from dataclasses import asdict, fields

    from service.simulate import Fate

    folder.mkdir(parents=True, exist_ok=True)
    counts = {"interactions": 0, "events": 0}
    with (
        open(folder / "interactions.jsonl", "w", encoding="utf-8") as said,
        open(folder / "events.jsonl", "w", encoding="utf-8") as happened,
        terminal.progress() as bar,
    ):
        task = bar.add_task("days", total=year.days)
        for day in year:
            for name, rows, stream in (("interactions", day.interactions, said), ("events", day.events, happened)):
                counts[name] += len(rows)
                stream.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
            bar.advance(task)
    with open(folder / "truth.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Fate)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(fate) for fate in year.truth())
    out.print(
        f"{counts['interactions']:,} interactions and {counts['events']:,} events, all invented, are in {escape(str(folder))}",
        soft_wrap=True,
    )


def _replay(year):
    from service.replay import replay

    settings = _settings()
    engine = _database(settings)
    with reading(engine) as connection:
        if connection.execute(select(customers_table.c.pk).limit(1)).first():
            raise MoodlineError(
                "the database holds customers: set MOODLINE_DATA_DIR or MOODLINE_DATABASE_URL to an empty one"
            )
    with terminal.progress() as bar:
        task = bar.add_task("days", total=year.days)
        report = replay(engine, settings, year, lambda: bar.advance(task))
    _show_replay(report)


def _show_replay(report):
    rate = report.interactions / report.took_s
    out.print(
        f"{report.customers:,} invented customers, {report.interactions:,} interactions and {report.events:,} events "
        f"in {report.days} days, replayed in {report.took_s:,.0f} s ({rate:,.0f} interactions/s)",
        soft_wrap=True,
    )
    table = Table("churn signals", "as raised", "of random customers")
    for name, key in (
        ("precision: left within 90 days", "precision"),
        ("recall: warned within 60 days before", "recall"),
        ("recall of those who said something", "recall_with_words"),
    ):
        table.add_row(name, *(_share(getattr(worth, key)) for worth in (report.signals, report.chance)))
    lead = report.signals.lead_days
    table.add_row("median lead", "" if lead is None else f"{lead:g} days", "")
    table.add_row("raised, of these judged", f"{report.signals.raised:,}, {report.signals.judged:,}", "")
    table.add_row("customers who left", f"{report.signals.left:,}", "")
    table.add_row("customers raised more than 6 times", f"{report.flapping:,} (most: {report.most_raised})", "")
    out.print(table)
    outage = report.outage
    out.print(
        f"outage of {outage.on}: common causes found: {', '.join(outage.causes) or 'none'}; of {outage.complained:,} who complained "
        f"of it, {outage.raised:,} got a signal of their own; common causes on other days: {outage.other_causes}",
        soft_wrap=True,
    )
    out.print("all of it is synthetic: it tests the machinery, and says nothing about real customers")


def _share(value):
    return "" if value is None else f"{value:.0%}"


@app.command("demo")
def demo_command():
    """Fill the database with what 53 invented customers said and did over the last 90 days (Hebrew, Arabic, Russian, English).

    Run it again and nothing is stored twice.
    """
    from service.app import open_parts

    settings = _settings()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with err.status("loading the model and opening the database"):
        parts = open_parts(settings)
    lived = demo.days(today)
    with terminal.progress() as bar:
        task = bar.add_task("living through 90 days", total=len(lived))
        live_through(parts.engine, parts.model, settings, lived, lambda: bar.advance(task))
    with transaction(parts.engine) as connection:
        demo.assess(connection, today)
    with reading(parts.engine) as connection:
        worst = query.churn_signals(connection, 0, None, 5, None)["signals"]
        lines = query.customer_lines(connection, parts.playbook, query.Wanted(), 5, None)["customers"]
        period = insights.Period(lived[0].date, today.date())
        segments = insights.segments(connection, period, heard=False)["segments"]
        drivers = insights.drivers(connection, period)
        gaps = insights.gap(connection, period)["gaps"]
        wishes = insights.voiced(connection, period, 5)["wishes"]
        told = notify.changes(connection, None, None, None, None, 5, None)["signals"]
    _table(
        "at risk",
        [
            (_name(one["customer"]), str(one["risk"]), one["reasons"][0]["text"]["en"], _evidence(one["reasons"][0]))
            for one in worst
        ],
        ("customer", "risk", "first reason", "evidence"),
    )
    _table(
        "what to do next (GET /v1/customers)",
        [(_name(one["customer"]), one["segment"], one["next_step"]["say"]["he"]) for one in lines if one["next_step"]],
        ("customer", "segment", "next step"),
    )
    _table(
        "segments (GET /v1/segments)",
        [(one["segment"], str(one["customers"]), one["definition"]["he"]) for one in segments],
        ("segment", "customers", "definition"),
    )
    _table(
        "why customers leave (GET /v1/insights/drivers)",
        [
            (
                one["driver"],
                f"{one['lift']['value']:.1f} ({one['lift']['low']:.1f}–{one['lift']['high']:.1f})",
                said["text"],
            )
            for one in drivers["leave"][:4]
            for said in one["examples"][:1]
        ],
        ("driver", "lift (95 %)", "example"),
    )
    _table(
        "believed and said (GET /v1/insights/gap)",
        [(one["kind"], f"{one['believed']:.0f} %", f"{one['said']['value']:.0f} %", one["name"]) for one in gaps[:4]],
        ("of", "believed", "said", "name"),
    )
    _table(
        "wishes (GET /v1/wishes)",
        [(one["occurred_at"][:10], _name(one["customer"]), one["text"]) for one in wishes],
        ("when", "customer", "what they would love"),
    )
    _table(
        "latest signals (GET /v1/signals)",
        [
            (one["timestamp"][:10], one["type"], _name(one["data"]["customer"]) if one["data"]["customer"] else "")
            for one in told
        ],
        ("when", "signal", "customer"),
    )
    out.print(f"now try: moodline mood {escape(_name(worst[0]['customer']))}")


def _name(customer):
    """The customer's id, or kind:value of one known by an identity only; so `moodline mood` takes it."""
    return customer["id"] or "{kind}:{value}".format(**customer["identities"][0])


if __name__ == "__main__":
    main()
