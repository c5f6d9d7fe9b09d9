"""What the terminal shows: tables, progress, and right-to-left text the right way round."""

import os
import sys
import textwrap
import unicodedata

from bidi import get_display
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# soft_wrap where a line is to be copied; messages go to standard error so that results can be piped.
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

COLOURS = {"negative": "red", "neutral": "yellow", "positive": "green"}
_REORDERING_TERMINALS = ("VTE_VERSION", "KONSOLE_VERSION", "MLTERM")


def _reorders():
    """Whether the terminal itself shows Hebrew right to left; most do not, and print letters in the order they come."""
    return (
        any(name in os.environ for name in _REORDERING_TERMINALS) or os.environ.get("TERM_PROGRAM") == "Apple_Terminal"
    )


def shown(text, width=None, most=160):
    """`text` in the order in which its letters must stand on this screen, in lines of `width` letters.

    The lines are cut first and turned round one by one: cut afterwards, the end of a Hebrew sentence would stand above its beginning.
    """
    line = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text)
    line = " ".join(line.split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    turned = sys.stdout.isatty() and not _reorders()
    return "\n".join(
        get_display(part) if turned else part for part in (textwrap.wrap(line, width) if width else [line])
    )


def is_right_to_left(text):
    """Whether the first letter that has a direction is Hebrew or Arabic."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def progress():
    """A progress bar on standard error; nothing is drawn where that is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )
