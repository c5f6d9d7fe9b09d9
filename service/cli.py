"""The `moodline` command: its parts together, and how an error ends it."""

import sys
import traceback

import typer
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from service.commands import feedback, invented, operate, retention
from service.errors import MoodlineError
from service.terminal import err

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="How each customer feels now, why, and who is about to leave. Settings: MOODLINE_… (see the README).",
)
for part in (operate, feedback, retention, invented):
    app.add_typer(part.app)


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


if __name__ == "__main__":
    main()
