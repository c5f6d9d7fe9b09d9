"""What every route shares: the opened parts of the service, the caller's scopes, problem+json."""

from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Depends, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from sqlalchemy import Engine

from service.errors import Unavailable
from service.notify import Notifier
from service.playbook import Playbook
from service.sentiment.model import Model
from service.settings import Settings
from service.worker import Worker


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


def parts(request: Request) -> Parts:
    return request.app.state.parts


def requires(*scopes):
    """A dependency that lets only callers with one of the scopes pass."""

    def check(request: Request):
        request.state.caller.require(*scopes)

    return [Depends(check), Security(HTTPBearer(auto_error=False, description="an API key: `moodline keys create`"))]


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


def answers(model, *statuses, done=200):
    """What OpenAPI tells of a route: the shape of its answer with the status `done`, and the errors it may give."""
    return {done: {"model": model}} | {
        status: {"model": Problem, "content": {"application/problem+json": {}}} for status in statuses
    }
