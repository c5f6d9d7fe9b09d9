"""For dashboards and live screens: signals as they come, as server-sent events."""

import asyncio
import json
import logging
import time
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from service.api.common import Parts, answers, parts, requires
from service.errors import Invalid
from service.notify import PAGE, POLL_S, Tail
from service.signals import KINDS

router = APIRouter(tags=["subscriptions"])
KEEP_ALIVE_S = 15
LONGEST_S = 3_600  # then the client comes again, and shows its key again
COME_AGAIN_MS = 1_000

log = logging.getLogger("moodline.http")


@router.get(
    "/v1/stream",
    dependencies=requires("read"),
    summary="Signals as they come, as server-sent events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {EventSourceResponse.media_type: {}},
            "description": "`event` is the kind, `id` the signal's number, `data` what is delivered to subscriptions",
        },
        **{status: told for status, told in answers(None, 401, 403, 422, 503).items() if status != 200},
    },
)
async def get_stream(
    kinds: Annotated[str | None, Query(max_length=200, description=f"some of {', '.join(KINDS)}; default: all")] = None,
    last_event_id: Annotated[int | None, Query(ge=0, lt=2**31, description="as the header Last-Event-ID")] = None,
    resumed: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, lt=2**31, description="go on after this one; default: from now"),
    ] = None,
    service: Parts = Depends(parts),
):
    """After a break come again with Last-Event-ID, as every EventSource does, and it goes on from there. Ends after an hour at most."""
    wanted = set(KINDS if kinds is None else kinds.split(","))
    if not wanted <= set(KINDS):
        raise Invalid(
            "kinds: is not known", [{"index": None, "field": "kinds", "message": f"must be of {', '.join(KINDS)}"}]
        )
    tail = await run_in_threadpool(Tail, service.engine, last_event_id if resumed is None else resumed)
    return EventSourceResponse(
        _events(tail, wanted, service.notifier), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )


async def _events(tail, kinds, notifier):
    yield f"retry: {COME_AGAIN_MS}\n\n"
    started = told_at = time.monotonic()
    while not notifier.stopped and time.monotonic() - started < LONGEST_S:
        try:
            found = await run_in_threadpool(tail.read)
        except SQLAlchemyError as error:
            log.warning("a stream can't look for signals (%s)", type(error).__name__)
            found = []
        for pk, message in found:
            if message["type"] in kinds:
                told_at = time.monotonic()
                yield format_sse_event(
                    event=message["type"], id=str(pk), data_str=json.dumps(message, ensure_ascii=False)
                )
        if time.monotonic() - told_at > KEEP_ALIVE_S:
            told_at = time.monotonic()
            yield KEEPALIVE_COMMENT
        if len(found) < PAGE:
            await asyncio.sleep(POLL_S)
