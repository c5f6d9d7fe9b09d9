"""For the retention team: playbook, churn."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from service import terminal
from service.churn import POINTS
from service.commands.common import open_database, open_settings
from service.database import reading, transaction
from service.errors import BadPlaybook, MoodlineError, NotSwitched
from service.playbook import MAX_SAY, open_playbook
from service.segments import SEGMENTS
from service.sentiment.reading import DRIVERS
from service.terminal import err, out

app = typer.Typer()
plays = typer.Typer(
    no_args_is_help=True, help="The playbook: which suggestion answers which customer; see MOODLINE_PLAYBOOK."
)
app.add_typer(plays, name="playbook")
churns = typer.Typer(
    no_args_is_help=True, help="What the risk is judged by: the scorecard, or weights learned from your churn events."
)
app.add_typer(churns, name="churn")
NO_DRIVER = "none known"


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
        playbook = open_playbook(file or open_settings().playbook)
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
    found = open_playbook(open_settings().playbook).suggest(segment, driver or [], stage)
    if found is None:
        out.print("the playbook has no rule for that")
        return
    why = f", for {found.driver}" if found.driver else ""
    by_when = f", within {found.within_h:g} h" if found.within_h else ""
    out.print(f"[bold]{found.id}[/]{why}{by_when}")
    for text in (found.he, found.en):
        out.print(Text(terminal.shown(text, out.width, most=MAX_SAY)))


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

    settings = open_settings()
    engine = open_database(settings)
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

    with reading(open_database(open_settings())) as connection:
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

    with transaction(open_database(open_settings())) as connection:
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
