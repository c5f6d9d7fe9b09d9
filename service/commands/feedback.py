"""For senders and readers: score, import, mood."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape

from service import query, terminal
from service.channels.export import read_rows
from service.channels.native import EventIn, IdentityIn, InteractionIn, to_happening, to_identity, to_interaction
from service.channels.transcripts import FORMATS, contract
from service.channels.transcripts.contract import TranscriptIn
from service.commands.common import drain, open_database, open_settings, print_table, shown_evidence
from service.database import reading, transaction
from service.errors import MoodlineError, NotFound, RequestError, faults_of
from service.ingest import accept, accept_events
from service.terminal import err, out

app = typer.Typer()
IMPORT_BATCH = 200
CAPTIONS = (".vtt", ".srt")  # always transcripts
SCORE_BATCH = 64


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

    settings = open_settings()
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
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            dir_okay=False,
            metavar="FILE...",
            help="CSV with a header, or JSON lines in the form of POST /v1/interactions or, for events, POST /v1/events; or transcripts",
        ),
    ],
    source: Annotated[str | None, typer.Option(help="source of lines that name none, or of the transcripts")] = None,
    channel: Annotated[str | None, typer.Option(help="channel of lines that name none, or of the transcripts")] = None,
    read: Annotated[
        bool, typer.Option(help="read the interactions here; --no-read leaves it to a running service or worker")
    ] = True,
    format: Annotated[
        str | None,
        typer.Option(help=f"the files are transcripts: auto, {', '.join(FORMATS)}; .vtt and .srt always are"),
    ] = None,
    speakers: Annotated[str | None, typer.Option(help="who is who in a transcript: A=agent,B=customer")] = None,
    customer: Annotated[str | None, typer.Option(help="of a transcript: the company's own id of the customer")] = None,
    identity: Annotated[str | None, typer.Option(help="of a transcript: KIND:VALUE of the customer's identity")] = None,
    id: Annotated[str | None, typer.Option(help="of a transcript; default: the file's name")] = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="of a transcript; default: what it tells, or the time of the file")
    ] = None,
):
    """Load an export of past interactions or events, or transcripts. Run it again after an interruption: what is there already is skipped.

    CSV columns: id, source, channel, customer_id (or identity_kind and identity_value), occurred_at, text, and if known
    stage, agent, team, rating_kind, rating_value, turns (JSON), attributes (JSON). A line with `kind` is an event.

    [dim]Examples:[/]  moodline import export.csv --source zendesk --channel chat
    moodline import --format whisper call.json --speakers A=agent,B=customer --customer dana-levi
    """
    settings, refused = open_settings(), []
    known = {"speakers": speakers, "id": id, "occurred_at": occurred_at}
    owner = contract.owner_of(customer, identity)
    if format not in (None, "auto", *FORMATS):
        raise MoodlineError(f"there is no format {format}: choose from auto, {', '.join(FORMATS)}")
    if id and len(files) > 1:
        raise MoodlineError("--id is of one transcript: give one file")
    engine = open_database(settings)
    for file in files:
        name = f"{file.name}: " if len(files) > 1 else ""
        if format or file.suffix.lower() in CAPTIONS:
            told = known | {
                "source": source or "import",
                "channel": channel,
                "format": None if format == "auto" else format,
            }
            refused += _store_transcript(engine, settings, file, told, owner)
            continue
        if owner or any(known.values()):
            raise MoodlineError(f"{file.name} is no transcript: what tells of one needs --format (auto, if in doubt)")
        defaults = {field: value for field, value in (("source", source), ("channel", channel)) if value}
        with open(file, "rb") as stream:
            total = sum(1 for _ in stream)
        refused += [(f"{name}line {at}", why) for at, why in _store(engine, settings, read_rows(file), total, defaults)]
    if read:
        drain(settings)
    for place, fault in refused:
        err.print(f"[red]refused[/] {escape(place)}: {escape(terminal.shown(fault, most=1_000))}", soft_wrap=True)
    if refused:
        raise typer.Exit(1)


def _store_transcript(engine, settings, file, told, owner):
    """Store one transcript with what the command told of it; prints what was taken for granted, returns [(file, why)] if it is refused."""
    sent, known = file.read_bytes(), {name: value for name, value in told.items() if value}
    known.setdefault("id", file.name)
    # Nobody knows the caller: one of their own until `PUT /v1/customers/{id}/identities` tells who it was.
    known["customer"] = owner or {"identity": {"kind": "call", "value": known["id"]}}
    changed_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    try:
        given = TranscriptIn.model_validate(known)
        interaction, format, roles = contract.to_interaction(given, sent, settings.phone_region, changed_at)
    except ValidationError as error:
        return [(file.name, "; ".join(f"{one['field']}: {one['message']}" for one in faults_of(error.errors())))]
    except RequestError as error:
        return [(file.name, "; ".join(f"{one['field']} {one['message']}" for one in error.errors) or error.detail)]
    with transaction(engine) as connection:
        [stored] = accept(connection, [interaction])
    who = ", ".join(f"{name or 'everybody'} {role.role} ({role.confidence:.2f})" for name, role in roles.items())
    out.print(
        f"{'stored' if stored.new else 'there already'} {escape(file.name)}: {format}, {escape(terminal.shown(who))}"
    )
    if interaction.occurred_at == changed_at:
        out.print(f"  --occurred-at was not given: the time of the file, {changed_at.isoformat(timespec='seconds')}")
    if not owner:
        shown = escape(terminal.shown("{kind}:{value}".format(**known["customer"]["identity"]).lower()))
        out.print(f"  whose it is was not given, so it is kept as {shown}: give --customer ID or --identity KIND:VALUE")
    return []


def _store(engine, settings, rows, total, defaults):
    """Check and store rows in batches; returns the refused ones as (line number, why)."""
    batches, refused, counts = {True: [], False: []}, [], {True: 0, False: 0}

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
                if len(batches[is_event]) >= IMPORT_BATCH:
                    flush(is_event)
            if fault:
                refused.append((number, fault))
        for are_events in (False, True):
            flush(are_events)
        bar.update(task, completed=total)
    out.print(f"{counts[True]:,} stored, {counts[False]:,} there already, {len(refused):,} refused")
    return refused


@app.command()
def mood(customer: Annotated[str, typer.Argument(help="the customer's id, or KIND:VALUE of an identity")]):
    """Show a customer's mood now, why, and the churn risk.

    [dim]Examples:[/]  moodline mood dana-levi    moodline mood phone:050-555-0101
    """
    settings = open_settings()
    with reading(open_database(settings)) as connection:
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
    print_table(
        "why",
        [
            (reason["occurred_at"][:10], reason["channel"], _valence(reason), shown_evidence({"evidence": [reason]}))
            for reason in now["reasons"]
        ],
        ("when", "channel", "valence", "what was said"),
    )


def _show_risk(risk):
    out.print(f"churn risk [bold]{risk['risk']}[/] of 100" + ("" if risk["reasons"] else ": no reason found"))
    if risk["reasons"]:
        rows = [(str(one["points"]), one["text"]["en"], shown_evidence(one)) for one in risk["reasons"]]
        print_table("", rows, ("points", "reason", "evidence"))


def _find(connection, customer, settings):
    try:
        return query.find_customer(connection, customer)
    except NotFound:
        kind, _, value = customer.partition(":")
        given = IdentityIn.model_construct(kind=kind, value=value)
        return query.find_identity(connection, to_identity(given, settings.phone_region))


def _valence(place):
    return f"{place['valence']:+.2f}" if "valence" in place else ""
