"""For senders: interactions in, what was read of them out."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Discriminator, Field, Tag

from service import metrics, query
from service.api.answers import Interaction, NewTurns, Outcome, Outcomes
from service.api.common import Parts, answers, parts, requires
from service.channels.native import (
    CALL,
    HEBREW_CHAT,
    MAX_BATCH,
    SOCIAL_POST,
    InteractionIn,
    Name,
    Source,
    TurnsIn,
    to_interaction,
    to_turns,
)
from service.database import reading, transaction
from service.ingest import Lease, accept, append
from service.tables import PENDING

router = APIRouter(tags=["interactions"])

Sent = Annotated[
    Annotated[InteractionIn, Tag("one")]
    | Annotated[list[InteractionIn], Field(min_length=1, max_length=MAX_BATCH), Tag("many")],
    Discriminator(lambda sent: "many" if isinstance(sent, list) else "one"),
]

EXAMPLES = {
    "hebrew chat": {"value": HEBREW_CHAT},
    "call transcript": {"value": CALL},
    "social post": {"value": SOCIAL_POST},
    "array": {"value": [HEBREW_CHAT, SOCIAL_POST]},
}


@router.post(
    "/v1/interactions",
    dependencies=requires("ingest"),
    status_code=201,
    summary="Send one interaction, or up to 500",
    responses={
        **answers(Outcome | Outcomes, 400, 401, 403, 413, 415, 422, 503),
        200: {"model": Outcome | Outcomes, "description": "All of it was there already"},
        201: {"model": Outcome | Outcomes, "description": "Stored and read"},
        202: {"model": Outcome | Outcomes, "description": "Durable, and not read yet"},
    },
)
def post_interactions(
    request: Request,
    sent: Annotated[Sent, Body(openapi_examples=EXAMPLES)],
    wait: Annotated[
        bool | None, Query(description="wait for the readings; default: true for one object, false for an array")
    ] = None,
    service: Parts = Depends(parts),
):
    """The same `source` and `id` again is the same interaction: it is stored once, and answered with what is there."""
    many = isinstance(sent, list)
    wait = not many if wait is None else wait
    batch = [to_interaction(one, service.settings.phone_region) for one in (sent if many else [sent])]
    accepted, told, status = receive(service, batch, wait, query.outcomes if wait or not many else query.receipts)
    if many:
        new = sum(one.new for one in accepted)
        answers = [one | {"new": each.new} for one, each in zip(told, accepted)]
        return JSONResponse({"accepted": new, "duplicates": len(batch) - new, "interactions": answers}, status)
    return JSONResponse(told[0], status)


def receive(service, batch, wait, tell=query.outcomes):
    """Store a batch of Interactions and, with `wait`, read it; returns (an Accepted for each, what `tell` tells of them, HTTP status)."""
    lease = Lease.taken(service.settings.lease_s) if wait else None
    with transaction(service.engine) as connection:
        accepted = accept(connection, batch, lease)
    for interaction, one in zip(batch, accepted):
        metrics.ACCEPTED.labels(interaction.channel, "new" if one.new else "duplicate").inc()
    pks = [one.pk for one in accepted]
    if wait:
        service.worker.read(pks, lease)
    else:
        service.worker.wake()
    with reading(service.engine) as connection:
        told = tell(connection, pks)
    unread = any(one["status"] == PENDING for one in told)
    return accepted, told, (202 if unread or not wait else 201) if any(one.new for one in accepted) else 200


@router.post(
    "/v1/interactions/{source}/{id:path}/turns",
    dependencies=requires("ingest"),
    status_code=201,
    summary="Append turns to a conversation that still goes on",
    responses={
        **answers(NewTurns, 400, 401, 403, 404, 409, 413, 415, 422, 503),
        200: {"model": NewTurns, "description": "All of them were there already"},
        201: {"model": NewTurns, "description": "Stored and read"},
        202: {"model": NewTurns, "description": "Durable, and not read yet"},
    },
)
def post_turns(
    source: Source,
    id: Name,
    given: Annotated[
        TurnsIn,
        Body(openapi_examples={"one turn": {"value": {"turns": [{"speaker": "customer", "text": "עדיין לא עובד"}]}}}),
    ],
    wait: Annotated[bool, Query(description="wait for the readings")] = True,
    service: Parts = Depends(parts),
):
    """For an interaction sent with `open: true`. A fall in it is a `mood.fell` signal at once; `open: false` ends it.

    With `position`, a repeated send is recognised; 409 where other turns stand there, or the interaction is closed.
    """
    lease = Lease.taken(service.settings.lease_s) if wait else None
    with transaction(service.engine) as connection:
        rating = given.rating and given.rating.model_dump()
        turns = to_turns(given.turns)
        pk, new, changed = append(connection, source, id, turns, given.position, given.open, rating, lease)
    if changed and wait:
        service.worker.read([pk], lease)
    elif changed:
        service.worker.wake()
    with reading(service.engine) as connection:
        told = query.outcomes(connection, [pk])[0] | {"new_turns": new}
    return JSONResponse(told, 200 if not changed else 202 if told["status"] == PENDING else 201)


@router.get(
    "/v1/interactions/{source}/{id:path}",
    dependencies=requires("read"),
    summary="One interaction and its readings",
    responses=answers(Interaction, 401, 403, 404, 503),
)
def get_interaction(source: Source, id: Name, service: Parts = Depends(parts)):
    """Each turn's reading, and the conversation's: overall, first and last third, shift, lowest turn; the agent's kept apart."""
    with reading(service.engine) as connection:
        return JSONResponse(query.interaction(connection, source, id))
