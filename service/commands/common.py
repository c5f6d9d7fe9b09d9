"""What every command shares: its settings, its database, and the tables that it prints."""

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from service import log, terminal
from service.database import migrate, open_engine, reading
from service.settings import read_settings, unknown_settings
from service.terminal import err, out


def open_settings():
    """The settings; tells of variables that are none."""
    settings = read_settings()
    log.set_up(settings.log_level)
    for line in unknown_settings():
        err.print(f"[yellow]moodline:[/] {escape(line)}", soft_wrap=True)
    return settings


def open_database(settings):
    """An engine of the settings' database, migrated."""
    engine = open_engine(settings.url)
    migrate(engine)
    return engine


def drain(settings):
    """Read all that waits, with a progress bar."""
    from service.app import open_parts
    from service.worker import waiting

    parts = open_parts(settings)
    with reading(parts.engine) as connection:
        total = waiting(connection)
    with terminal.progress() as bar:
        task = bar.add_task("reading", total=total)
        parts.worker.drain(lambda count: bar.advance(task, count))


def shown_evidence(reason):
    """What a table shows of a reason's first evidence."""
    first = reason["evidence"][0]
    if "event" in first:
        return f"{first['event']} {first['occurred_at'][:10]}"
    return first.get("text") or "{kind} {value:g}".format(**first["rating"])


def print_table(title, rows, columns):
    """Print a table whose last column is what somebody said."""
    table = Table(*columns[:-1], title=title or None, title_justify="left")
    justify = "right" if rows and terminal.is_right_to_left(rows[0][-1]) else "left"
    table.add_column(columns[-1], justify=justify, no_wrap=True)
    width = max(24, out.width - 46)
    for row in rows:
        # As Text, not as markup: what a customer wrote is only shown.
        table.add_row(*(Text(terminal.shown(cell)) for cell in row[:-1]), Text(terminal.shown(row[-1], width)))
    out.print(table)


def shown_name(customer):
    """The customer's id, or kind:value of one known by an identity only; so `moodline mood` takes it."""
    return customer["id"] or "{kind}:{value}".format(**customer["identities"][0])
