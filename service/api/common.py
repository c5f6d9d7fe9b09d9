"""What every route shares: the opened parts of the service, the caller's scopes, problem+json, answers as tables."""

import csv
import io
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Depends, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from sqlalchemy import Engine

from service.channels.webhook import Account
from service.errors import Invalid, Unavailable
from service.notify import Notifier
from service.playbook import Playbook
from service.sentiment.model import Model
from service.settings import Settings
from service.worker import Worker

JSON, CSV = "application/json", "text/csv"
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Queue:
    """How many texts wait for their readings over HTTP. Used in the event loop alone, hence without a lock."""

    def __init__(self, most, retry_after_s):
        self._most, self._retry_after_s, self._waiting = most, retry_after_s, 0

    @contextmanager
    def place(self, count):
        """A place for `count` texts; raises Unavailable where more than the most would wait. An empty queue takes any count."""
        if self._waiting and self._waiting + count > self._most:
            raise Unavailable(
                "more texts wait than the service reads in time: send them again later", self._retry_after_s
            )
        self._waiting += count
        try:
            yield
        finally:
            self._waiting -= count


@dataclass(frozen=True)
class Parts:
    """What the application opened at start."""

    settings: Settings
    engine: Engine
    model: Model
    worker: Worker
    queue: Queue
    playbook: Playbook
    notifier: Notifier
    accounts: dict[tuple[str, str], Account]


def parts(request: Request) -> Parts:
    return request.app.state.parts


def requires(*scopes):
    """A dependency that lets only callers with one of the scopes pass."""

    def check(request: Request):
        request.state.caller.require(*scopes)

    return [Depends(check), Security(HTTPBearer(auto_error=False, description="an API key: `moodline keys create`"))]


def check_order(start, end):
    """Raises Invalid where both ends of a period are given and `from` is not before `to`."""
    if start is not None and end is not None and start >= end:
        raise Invalid("from must be before to", [{"index": None, "field": "from", "message": "must be before to"}])


class Fault(BaseModel):
    index: int | None
    field: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457); `errors` names each faulty field, and its place in the array where an array was sent."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


def problem(error):
    """The answer to a RequestError."""
    body = Problem(title=error.title, status=error.status, detail=error.detail, errors=error.errors)
    return JSONResponse(body.model_dump(), error.status, headers=error.headers, media_type="application/problem+json")


def answers(model, *statuses, done=200, table=False):
    """What OpenAPI tells of a route: the shape of its answer with the status `done` (`table`: as CSV too), and the errors it may give."""
    told = {"model": model} | ({"content": {CSV: {"schema": {"type": "string"}}}} if table else {})
    return {done: told} | {
        status: {"model": Problem, "content": {"application/problem+json": {}}} for status in statuses
    }


def respond(request, answer, rows):
    """The answer as JSON or, where the caller would rather have CSV, its `rows`: an iterable of sequences, the header first.

    The next page, where the answer has a next_cursor, is told in Link too, as a table has no room for it.
    """
    headers = {"Vary": "Accept"}
    if following := answer.get("next_cursor"):
        headers["Link"] = f'<?{request.url.include_query_params(cursor=following).query}>; rel="next"'
    if not prefers_csv(",".join(request.headers.getlist("accept"))):
        return JSONResponse(answer, headers=headers)
    name = request.url.path.rsplit("/", 1)[-1]
    headers["Content-Disposition"] = f'attachment; filename="moodline-{name}.csv"'
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    # With the mark at its beginning, without which spreadsheets don't take it for UTF-8.
    return Response(written.getvalue().encode("utf-8-sig"), headers=headers, media_type=CSV)


def _cell(value):
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def prefers_csv(accept):
    """Whether an Accept header ranks CSV above JSON: by q (RFC 9110, 12.5.1), and of equals the one that it names more exactly."""
    ranks = {CSV: (0.0, -1), JSON: (0.0, -1)}
    exactness = {CSV: 2, JSON: 2, "text/*": 1, "application/*": 1, "*/*": 0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        try:
            weight = float(next((given[2:] for given in parameters if given.startswith("q=")), 1))
        except ValueError:
            continue
        for offered, (_, before) in ranks.items():
            if kind in (offered, offered.split("/")[0] + "/*", "*/*") and exactness[kind] > before:
                ranks[offered] = weight, exactness[kind]
    return ranks[CSV][0] > 0 and ranks[CSV] > ranks[JSON]
