"""What is invented: simulate, demo."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from service import demo, insights, notify, query, terminal
from service.commands.common import open_database, open_settings, print_table, shown_evidence, shown_name
from service.database import reading, transaction
from service.days import live_through
from service.errors import MoodlineError
from service.tables import customers as customers_table
from service.terminal import err, out

app = typer.Typer()


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

    settings = open_settings()
    engine = open_database(settings)
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

    settings = open_settings()
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
    print_table(
        "at risk",
        [
            (
                shown_name(one["customer"]),
                str(one["risk"]),
                one["reasons"][0]["text"]["en"],
                shown_evidence(one["reasons"][0]),
            )
            for one in worst
        ],
        ("customer", "risk", "first reason", "evidence"),
    )
    print_table(
        "what to do next (GET /v1/customers)",
        [
            (shown_name(one["customer"]), one["segment"], one["next_step"]["say"]["he"])
            for one in lines
            if one["next_step"]
        ],
        ("customer", "segment", "next step"),
    )
    print_table(
        "segments (GET /v1/segments)",
        [(one["segment"], str(one["customers"]), one["definition"]["he"]) for one in segments],
        ("segment", "customers", "definition"),
    )
    print_table(
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
    print_table(
        "believed and said (GET /v1/insights/gap)",
        [(one["kind"], f"{one['believed']:.0f} %", f"{one['said']['value']:.0f} %", one["name"]) for one in gaps[:4]],
        ("of", "believed", "said", "name"),
    )
    print_table(
        "wishes (GET /v1/wishes)",
        [(one["occurred_at"][:10], shown_name(one["customer"]), one["text"]) for one in wishes],
        ("when", "customer", "what they would love"),
    )
    print_table(
        "latest signals (GET /v1/signals)",
        [
            (one["timestamp"][:10], one["type"], shown_name(one["data"]["customer"]) if one["data"]["customer"] else "")
            for one in told
        ],
        ("when", "signal", "customer"),
    )
    out.print(f"now try: moodline mood {escape(shown_name(worst[0]['customer']))}")
