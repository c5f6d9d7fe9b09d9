"""For the webhooks of outside tools: verified on the raw bytes, stored before they are answered, read later."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from service import metrics
from service.api.common import Parts, answers, parts
from service.channels.sources import KEYED, SOURCES
from service.channels.webhook import Account, Delivery
from service.database import transaction
from service.errors import BadSignature, NotFound, RequestError
from service.hearing import hear
from service.ingest import accept

router = APIRouter(tags=["webhooks"])


class Told(BaseModel):
    """What became of a delivery; `ignored` counts by reason what is no customer's feedback."""

    accepted: int
    duplicates: int
    ignored: dict[str, int]


ERRORS = (400, 401, 403, 404, 413, 415, 422, 503)
Source = Annotated[str, Path(description=", ".join(SOURCES))]
SUMMARY = "Take a tool's webhook"


@router.post("/v1/webhooks/{source}", summary=SUMMARY, responses=answers(Told, *ERRORS))
@router.post(
    "/v1/webhooks/{source}/{account}", summary=f"{SUMMARY}, one of several accounts", responses=answers(Told, *ERRORS)
)
async def post_webhook(request: Request, source: Source, account: str = "", service: Parts = Depends(parts)):
    """The body as the tool sends it, with its signature; what counts is told in the README's table of sources.

    Answered as soon as it is stored. The same message again is known by its id and counted as a duplicate.
    """
    if source in KEYED:
        request.state.caller.require("ingest")
    delivery = await _delivery(request)
    return await run_in_threadpool(_take, service, source, account, delivery)


@router.get(
    "/v1/webhooks/{source}",
    summary="Answer a tool's question whether we are who we say",
    responses=answers(str, 401, 404),
)
@router.get(
    "/v1/webhooks/{source}/{account}", summary="The same, for one of several accounts", responses=answers(str, 401, 404)
)
@router.head("/v1/webhooks/{source}", include_in_schema=False)
@router.head("/v1/webhooks/{source}/{account}", include_in_schema=False)
@router.options("/v1/webhooks/{source}", include_in_schema=False)
@router.options("/v1/webhooks/{source}/{account}", include_in_schema=False)
async def get_webhook(request: Request, source: Source, account: str = "", service: Parts = Depends(parts)):
    """The handshake of meta, whatsapp, x, intercom and cloudevents."""
    delivery = await _delivery(request)
    reply = SOURCES[source].handshake(delivery, _account(service, source, account)) if source in SOURCES else None
    if reply is None:
        raise NotFound(f"there is nothing to ask {source} here" if source in SOURCES else _unknown(source))
    return _answer(reply)


async def _delivery(request):
    return Delivery(
        method=request.method,
        url=str(request.url),
        query=tuple(request.query_params.multi_items()),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        at=datetime.now(UTC),
    )


def _account(service, source, account):
    found = service.accounts.get((source, account))
    if found is None and source in KEYED:
        return Account(account, phone_region=service.settings.phone_region)
    if found is None:
        name = f"{source}/{account}" if account else source
        raise NotFound(f"no account {name} is set up: see MOODLINE_WEBHOOKS" if source in SOURCES else _unknown(source))
    return found


def _unknown(source):
    return f"there is no such source: choose from {', '.join(SOURCES)}"


def _take(service, source, account, delivery):
    opened = _account(service, source, account)
    module = SOURCES[source]
    try:
        module.verify(delivery, opened)
        if reply := module.handshake(delivery, opened):
            return _answer(reply)
        heard = module.listen(delivery, opened)
    except RequestError as error:
        metrics.WEBHOOKS.labels(source, "bad_signature" if isinstance(error, BadSignature) else "malformed").inc()
        raise
    results = Counter()
    if heard.messages or heard.interactions:
        name = f"{source}:{account}" if account else source
        with transaction(service.engine) as connection:
            results += Counter("accepted" if one.new else "duplicate" for one in accept(connection, heard.interactions))
            results += hear(connection, name, heard.messages, delivery.at)
        service.worker.wake()
    results += heard.ignored
    for result, count in results.items():
        metrics.WEBHOOKS.labels(source, result).inc(count)
    told = {"accepted": results.pop("accepted", 0), "duplicates": results.pop("duplicate", 0), "ignored": results}
    return JSONResponse(told)


def _answer(reply):
    made = JSONResponse if isinstance(reply.body, dict) else PlainTextResponse
    return made(reply.body, reply.status, headers=reply.headers)
