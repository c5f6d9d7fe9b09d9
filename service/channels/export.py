"""A file of past interactions, CSV or JSON lines → rows of our own JSON contract."""

import csv
import json

# CSV columns that are parts of an object in the contract.
_PARTS = {
    "customer_id": ("customer", "id"),
    "identity_kind": ("customer", "identity", "kind"),
    "identity_value": ("customer", "identity", "value"),
    "rating_kind": ("rating", "kind"),
    "rating_value": ("rating", "value"),
}


def read_rows(path, defaults):
    """Yield (line number, row or None, fault or None) of a file: CSV by its ending or header, else JSON lines.

    A row is a dict in the form of POST /v1/interactions; `defaults` fill fields that it lacks. Raises ValueError for a
    file that is no UTF-8.
    """
    with open(path, encoding="utf-8-sig", newline="") as stream:
        start = stream.read(1)
        stream.seek(0)
        if path.suffix.lower() == ".csv" or (start and start != "{"):
            yield from _csv_rows(stream, defaults)
        else:
            yield from _json_rows(stream, defaults)


def _json_rows(stream, defaults):
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            yield number, None, "is not valid JSON"
            continue
        yield (number, defaults | row, None) if isinstance(row, dict) else (number, None, "is not a JSON object")


def _csv_rows(stream, defaults):
    reader = csv.DictReader(stream)
    for cells in reader:
        extra = cells.pop(None, None)
        if extra:
            yield reader.line_num, None, "has more cells than the header"
            continue
        row = dict(defaults)
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
