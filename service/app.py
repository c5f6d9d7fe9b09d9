"""Builds the FastAPI application: its parts open with it, every request passes the gate, every error has one answer."""

import logging
import threading
import time
import traceback
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version

from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from service import auth, metrics
from service.api import (
    customers,
    events,
    health,
    insights,
    interactions,
    sentiment,
    signals,
    stream,
    subscriptions,
    transcripts,
    webhooks,
)
from service.api.common import Parts, Queue, problem
from service.channels.sources import KEYED, open_accounts
from service.database import migrate, open_engine, reading
from service.errors import BadRequest, BodyTooLarge, Invalid, RequestError, Unavailable, UnsupportedMediaType, faults_of
from service.notify import Notifier
from service.playbook import open_playbook
from service.sentiment import language
from service.sentiment.model import open_model
from service.worker import Worker

log = logging.getLogger("moodline.http")
SENDERS = (interactions, transcripts, webhooks, events)
ROOMS = (*SENDERS, customers, signals, insights, sentiment, subscriptions, stream, health)


def open_parts(settings):
    """Verify and load playbook and model, open and migrate the database; raises a StartError with a line for the operator."""
    playbook, accounts = open_playbook(settings.playbook), open_accounts(settings)
    model = open_model(settings)
    engine = open_engine(settings.url)
    migrate(engine)
    threading.Thread(target=language.warm, name="languages", daemon=True).start()
    queue = Queue(settings.model_queue, settings.retry_after_s)
    worker, notifier = Worker(engine, model, settings), Notifier(engine, settings)
    return Parts(settings, engine, model, worker, queue, playbook, notifier, accounts)


def create_app(parts):
    """The application over opened Parts; its worker and notifier run as long as it does, unless the settings say otherwise."""

    @asynccontextmanager
    async def lifespan(app):
        threads = []
        if parts.settings.embedded_worker:
            threads.append(threading.Thread(target=parts.worker.run, name="worker"))
        if parts.settings.deliver:
            threads.append(threading.Thread(target=parts.notifier.run, name="notifier"))
        for thread in threads:
            thread.start()
        yield
        parts.worker.stop()
        parts.notifier.stop()
        for thread in threads:
            await run_in_threadpool(thread.join)
        parts.engine.dispose()  # SQLite writes its log back into the database when the last connection closes

    app = FastAPIOffline(
        title="moodline",
        version=version("moodline"),
        lifespan=lifespan,
        redoc_url=None,
        description="How each customer feels now, why, and who is about to leave. Hebrew first.",
    )
    app.state.parts = parts
    metrics.MODEL.labels(parts.model.name, parts.model.version).set(1)
    for room in ROOMS:
        app.include_router(room.router)
    for kind in (RequestError, RequestValidationError, HTTPException, SQLAlchemyError):
        app.add_exception_handler(kind, lambda request, error: answer(error, parts.settings))
    app.add_middleware(Gate, parts=parts)
    return app


class Gate:
    """Around every request: its size, who calls (under /v1), its time and status in log and metrics, and the last resort for errors.

    The caller is known before the body is read, so that a stranger's body is never parsed.
    """

    def __init__(self, app, parts):
        self._app, self._settings, self._engine = app, parts.settings, parts.engine

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def watched(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            # A webhook proves by its signature who it is; no tool can send a key of ours.
            if scope["path"].startswith("/v1/") and not self._signed(scope):
                await self._admit(scope)
            await self._app(scope, self._limited(scope, receive), watched)
        except Exception as error:
            if status:
                raise
            await answer(error, self._settings)(scope, receive, watched)
        finally:
            # The route, not the path: a path may hold a phone number.
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = time.perf_counter() - started
            metrics.REQUESTS.labels(scope["method"], route, status).inc()
            metrics.SECONDS.labels("request").observe(seconds)
            if route not in ("/healthz", "/readyz", "/metrics"):
                log.info("%s %s %d %.0f ms", scope["method"], route, status, 1000 * seconds)

    def _signed(self, scope):
        prefix, found, rest = scope["path"].partition("/v1/webhooks/")
        return found and not prefix and (rest.partition("/")[0] not in KEYED or scope["method"] == "OPTIONS")

    async def _admit(self, scope):
        headers = Headers(scope=scope)

        def identify():
            with reading(self._engine) as connection:
                return auth.identify(connection, headers.get("authorization"), headers.get("x-api-key"))

        scope.setdefault("state", {})["caller"] = await run_in_threadpool(identify)

    def _limited(self, scope, receive):
        """`receive`, raising BodyTooLarge when more than the largest body comes."""
        most, read = self._settings.max_body_bytes, 0
        error = BodyTooLarge(f"the body is larger than {most:,} bytes: send fewer interactions at once")
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared) > most:
            raise error

        async def limited():
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise error
            return message

        return limited


def answer(error, settings):
    """The one place where an exception becomes an answer: problem+json, and nothing of what was sent in the log."""
    if isinstance(error, RequestValidationError):
        error = _invalid(error)
    elif isinstance(error, HTTPException):
        error = _of_http(error)
    elif isinstance(error, OperationalError | DisconnectionError | PoolTimeout) or getattr(
        error, "connection_invalidated", False
    ):
        log.warning("the database is away or busy (%s %s)", type(error).__name__, _sqlstate(error))
        error = Unavailable(
            "the database can't be reached or is busy: send the same request again later", settings.retry_after_s
        )
    elif not isinstance(error, RequestError):
        # Where, and of what kind; the message may quote what a customer wrote.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        log.error("unexpected %s %s at %s:%d", type(error).__name__, _sqlstate(error), frame.filename, frame.lineno)
        error = RequestError("an unexpected error; it was logged")
    return problem(error)


def _sqlstate(error):
    """PostgreSQL's five-letter code of a database error; its message may quote a row."""
    return getattr(error.orig, "sqlstate", None) or "" if isinstance(error, DBAPIError) else ""


def _of_http(error):
    if isinstance(error.__cause__, RequestError):  # ours, raised while FastAPI read the body
        return error.__cause__
    if error.status_code == 400:  # so FastAPI tells of a body that no decoder takes
        message = "can't be read: it must be JSON in UTF-8, not nested too deeply"
        return BadRequest(f"the body {message}", [{"index": None, "field": "body", "message": message}])
    made = RequestError(str(error.detail), headers=error.headers)
    made.status, made.title = error.status_code, HTTPStatus(error.status_code).phrase
    return made


def _invalid(error):
    """A validation error as Invalid, or as what is wrong with the body as a whole."""
    if isinstance(error.body, bytes):
        return UnsupportedMediaType("the body is not declared as JSON: send Content-Type: application/json")
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return BadRequest(
            "the body is not valid JSON", [{"index": None, "field": "body", "message": "is not valid JSON"}]
        )
    faults = faults_of(error.errors())
    first = faults[0]
    where = first["field"] if first["index"] is None else f"[{first['index']}] {first['field']}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Invalid(f"{where}: {first['message']}{more}", faults)
