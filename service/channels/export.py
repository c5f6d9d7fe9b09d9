"""A file of past interactions, CSV or JSON lines → rows of our own JSON contract."""

import csv
import json

from service.text import is_unicode

# CSV columns that are parts of an object in the contract.
_PARTS = {
    "customer_id": ("customer", "id"),
    "identity_kind": ("customer", "identity", "kind"),
    "identity_value": ("customer", "identity", "value"),
    "rating_kind": ("rating", "kind"),
    "rating_value": ("rating", "value"),
}


def read_rows(path):
    """Yield (line number, row or None, fault or None) of a file: a JSON array, JSON lines or, by what it begins with, CSV.

    A row is a dict in the form of POST /v1/interactions or POST /v1/events. A line that is no UTF-8 is a
    fault of that line alone.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        start = stream.read(64).lstrip()[:1]
        stream.seek(0)
        if start == "[":
            yield from _array_rows(stream)
        elif start == "{" or path.suffix.lower() == ".jsonl":
            yield from _json_rows(stream)
        else:
            yield from _csv_rows(stream)


def _array_rows(stream):
    try:
        rows = json.load(stream)
    except ValueError:
        yield 1, None, "the file begins like a JSON array and is not valid JSON"
        return
    for number, row in enumerate(rows, 1):
        yield (number, row, None) if isinstance(row, dict) else (number, None, "is not a JSON object")


def _json_rows(stream):
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        if not is_unicode(line):
            yield number, None, "is not valid UTF-8"
            continue
        try:
            row = json.loads(line)
        except ValueError:
            yield number, None, "is not valid JSON"
            continue
        yield (number, row, None) if isinstance(row, dict) else (number, None, "is not a JSON object")


def _csv_rows(stream):
    reader = csv.DictReader(stream)
    for cells in reader:
        extra = cells.pop(None, None)
        if extra:
            yield reader.line_num, None, "has more cells than the header"
            continue
        if not is_unicode("".join(value or "" for value in cells.values())):
            yield reader.line_num, None, "is not valid UTF-8"
            continue
        row = {}
        for column, value in cells.items():
            if not value:
                continue
            *path, last = _PARTS.get(column, (column,))
            place = row
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value
        try:
            if "value" in row.get("rating", {}):
                row["rating"]["value"] = float(row["rating"]["value"])
            for name in ("turns", "attributes"):
                if name in row:
                    row[name] = json.loads(row[name])
        except ValueError:
            yield reader.line_num, None, "rating_value, turns or attributes can't be read"
            continue
        yield reader.line_num, row, None
