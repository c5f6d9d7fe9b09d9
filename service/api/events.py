"""For in-house systems: what customers did, and what happened to them."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse
from pydantic import Discriminator, Field, Tag

from service import metrics
from service.api.answers import AcceptedEvents
from service.api.common import Parts, answers, parts, requires
from service.channels.native import COMPLAINT, MAX_BATCH, EventIn, to_happening
from service.database import transaction
from service.ingest import accept_events

router = APIRouter(tags=["events"])

Sent = Annotated[
    Annotated[EventIn, Tag("one")] | Annotated[list[EventIn], Field(min_length=1, max_length=MAX_BATCH), Tag("many")],
    Discriminator(lambda sent: "many" if isinstance(sent, list) else "one"),
]


@router.post(
    "/v1/events",
    dependencies=requires("ingest"),
    status_code=201,
    summary="Send one event, or up to 500",
    responses={
        **answers(AcceptedEvents, 400, 401, 403, 413, 415, 422, 503),
        200: {"model": AcceptedEvents, "description": "All of it was there already"},
        201: {"model": AcceptedEvents, "description": "Stored; risks and segments are computed anew"},
    },
)
def post_events(
    sent: Annotated[
        Sent, Body(openapi_examples={"a complaint": {"value": COMPLAINT}, "array": {"value": [COMPLAINT]}})
    ],
    service: Parts = Depends(parts),
):
    """The same `source` and `id` again is the same event: it is stored once."""
    batch = [to_happening(one, service.settings.phone_region) for one in (sent if isinstance(sent, list) else [sent])]
    with transaction(service.engine) as connection:
        accepted = accept_events(connection, batch, service.settings)
    for event, (_, _, new) in zip(batch, accepted):
        metrics.EVENTS.labels(event.kind, "new" if new else "duplicate").inc()
    count = sum(new for _, _, new in accepted)
    told = [{"source": source, "id": id, "new": new} for source, id, new in accepted]
    answer = {"accepted": count, "duplicates": len(batch) - count, "events": told}
    return JSONResponse(answer, 201 if count else 200)
