"""For administrators: who is told of signals, where, and what became of it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from service import subscriptions
from service.api.answers import (
    Deliveries,
    Delivery,
    NewSubscription,
    Redelivered,
    Subscription,
    Subscriptions,
    Trial,
)
from service.api.common import Parts, answers, parts, requires
from service.channels.native import Label, Name, Strict
from service.database import reading, transaction
from service.errors import Invalid
from service.interaction import CHANNELS
from service.notify import objection
from service.segments import SEGMENTS
from service.signals import KINDS
from service.tables import DEAD, DELIVERED, PENDING

router = APIRouter(tags=["subscriptions"])

Address = Annotated[str, Field(min_length=1, max_length=2_000, description="where deliveries are sent: http or https")]
Kinds = Annotated[list[Literal[KINDS]], Field(min_length=1, max_length=len(KINDS))]
Number = Annotated[int, Path(ge=1, lt=2**31)]

EXAMPLE = {
    "url": "https://crm.example.org/moodline",
    "kinds": ["signal.raised", "mood.fell"],
    "filters": {"min_risk": 60, "channels": ["chat", "call"]},
}


class FiltersIn(Strict):
    segments: Annotated[list[Literal[SEGMENTS]], Field(min_length=1, max_length=100)] | None = None
    channels: Annotated[list[Literal[CHANNELS]], Field(min_length=1, max_length=100)] | None = None
    min_risk: Annotated[int, Field(ge=0, le=100)] | None = None
    drivers: Annotated[list[Label], Field(min_length=1, max_length=100)] | None = None


class SubscriptionIn(Strict):
    url: Address
    kinds: Annotated[Kinds | None, Field(description="default: all")] = None
    filters: FiltersIn = FiltersIn()


class SubscriptionChange(Strict):
    """What is absent or null stays as it is; filters are replaced as a whole."""

    url: Address | None = None
    kinds: Kinds | None = None
    filters: FiltersIn | None = None
    active: bool | None = None


def _checked(url, service):
    if found := objection(url, service.settings.private_webhooks):
        raise Invalid(f"url: {found}", [{"index": None, "field": "url", "message": found}])
    return url


@router.post(
    "/v1/subscriptions",
    dependencies=requires("admin"),
    status_code=201,
    summary="Be told of signals at a URL",
    responses=answers(NewSubscription, 400, 401, 403, 413, 415, 422, 503, done=201),
)
def post_subscription(
    given: Annotated[SubscriptionIn, Body(openapi_examples={"risks in chats and calls": {"value": EXAMPLE}})],
    service: Parts = Depends(parts),
):
    """Deliveries follow the Standard Webhooks specification; the `secret` that signs them is shown only now.

    Private and link-local addresses are refused, unless the setting `MOODLINE_PRIVATE_WEBHOOKS` allows them.
    """
    url, filters = _checked(given.url, service), given.filters.model_dump(exclude_none=True)
    with transaction(service.engine) as connection:
        row = subscriptions.subscribe(connection, url, given.kinds or KINDS, filters)
    return JSONResponse(subscriptions.told(row) | {"secret": row.secret}, 201)


@router.get(
    "/v1/subscriptions",
    dependencies=requires("admin"),
    summary="All subscriptions",
    responses=answers(Subscriptions, 401, 403, 503),
)
def get_subscriptions(service: Parts = Depends(parts)):
    with reading(service.engine) as connection:
        return JSONResponse({"subscriptions": [subscriptions.told(row) for row in subscriptions.listed(connection)]})


@router.get(
    "/v1/subscriptions/{id}",
    dependencies=requires("admin"),
    summary="One subscription",
    responses=answers(Subscription, 401, 403, 404, 503),
)
def get_subscription(id: Name, service: Parts = Depends(parts)):
    with reading(service.engine) as connection:
        return JSONResponse(subscriptions.told(subscriptions.find(connection, id)))


@router.patch(
    "/v1/subscriptions/{id}",
    dependencies=requires("admin"),
    summary="Change a subscription, or switch it on or off",
    responses=answers(Subscription, 400, 401, 403, 404, 413, 415, 422, 503),
)
def patch_subscription(id: Name, given: SubscriptionChange, service: Parts = Depends(parts)):
    """What waits for a subscription that is switched off is kept, and sent when it is switched on again."""
    changes = given.model_dump(exclude_none=True)
    if given.url is not None:
        _checked(given.url, service)
    with transaction(service.engine) as connection:
        row = subscriptions.change(connection, id, **changes)
    service.notifier.wake()
    return JSONResponse(subscriptions.told(row))


@router.delete(
    "/v1/subscriptions/{id}",
    dependencies=requires("admin"),
    status_code=204,
    summary="Remove a subscription and its deliveries",
    responses=answers(None, 401, 403, 404, 503, done=204),
)
def delete_subscription(id: Name, service: Parts = Depends(parts)):
    with transaction(service.engine) as connection:
        subscriptions.remove(connection, id)
    return Response(status_code=204)


@router.post(
    "/v1/subscriptions/{id}/test",
    dependencies=requires("admin"),
    summary="Send a message of the kind moodline.test now",
    responses=answers(Trial, 401, 403, 404, 503),
)
def post_test(id: Name, service: Parts = Depends(parts)):
    """Sent once, even where the subscription is switched off; nothing is stored."""
    with reading(service.engine) as connection:
        row = subscriptions.find(connection, id)
    outcome = service.notifier.test(row)
    return JSONResponse({"delivered": outcome.delivered, "status": outcome.status, "outcome": outcome.text})


@router.get(
    "/v1/subscriptions/{id}/deliveries",
    dependencies=requires("admin"),
    summary="What became of the deliveries, the newest first",
    responses=answers(Deliveries, 401, 403, 404, 422, 503),
)
def get_deliveries(
    id: Name,
    status: Annotated[
        Literal[PENDING, DELIVERED, DEAD] | None, Query(description="dead: those that were given up")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[int | None, Query(ge=1, lt=2**31, description="next_cursor of the page before")] = None,
    service: Parts = Depends(parts),
):
    with reading(service.engine) as connection:
        return JSONResponse(subscriptions.deliveries_of(connection, id, status, limit, cursor))


@router.post(
    "/v1/subscriptions/{id}/deliveries/{delivery}/redeliver",
    dependencies=requires("admin"),
    status_code=202,
    summary="Send one delivery again",
    responses=answers(Delivery, 401, 403, 404, 409, 422, 503, done=202),
)
def post_redeliver(id: Name, delivery: Number, service: Parts = Depends(parts)):
    """Under the same webhook-id as before. 409 where the subscription is switched off."""
    with transaction(service.engine) as connection:
        told = subscriptions.redeliver(connection, id, delivery)
    service.notifier.wake()
    return JSONResponse(told, 202)


@router.post(
    "/v1/subscriptions/{id}/redeliver",
    dependencies=requires("admin"),
    status_code=202,
    summary="Send all that was given up again",
    responses=answers(Redelivered, 401, 403, 404, 409, 503, done=202),
)
def post_redeliver_dead(id: Name, service: Parts = Depends(parts)):
    with transaction(service.engine) as connection:
        count = subscriptions.redeliver_dead(connection, id)
    service.notifier.wake()
    return JSONResponse({"redelivered": count}, 202)
