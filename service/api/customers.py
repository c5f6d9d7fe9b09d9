"""For the agent's screen and in-house systems: a customer's mood, timeline and identities."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

from service import query
from service.api.answers import Card, CustomerMood, Customers, JoinedMood, Timeline
from service.api.common import Parts, answers, check_order, parts, requires, respond
from service.channels.native import AskedTime, IdentityIn, IdentityValue, Kind, Label, Name, Strict, to_identity
from service.database import reading, transaction
from service.identities import join
from service.interaction import CHANNELS
from service.segments import SEGMENTS

router = APIRouter(tags=["customers"])

From = Annotated[AskedTime | None, Query(alias="from", description="last heard at or after it: ISO 8601 with a zone")]
To = Annotated[AskedTime | None, Query(alias="to", description="last heard before it")]


class IdentitiesIn(Strict):
    """An array of identities, or a single one, is taken as well."""

    identities: Annotated[list[IdentityIn], Field(min_length=1, max_length=100)]

    @model_validator(mode="before")
    @classmethod
    def _wrap(cls, given):
        if isinstance(given, dict) and "kind" in given:
            given = [given]
        return {"identities": given} if isinstance(given, list) else given


@router.get(
    "/v1/customers/{id:path}/mood",
    dependencies=requires("read"),
    summary="A customer's mood now, why, and the churn risk",
    responses=answers(CustomerMood, 401, 403, 404, 503),
)
def get_mood(id: Name, service: Parts = Depends(parts)):
    """`mood` is null for a customer without feedback. 404 for one nobody has heard of."""
    with reading(service.engine) as connection:
        return JSONResponse(query.mood(connection, query.find_customer(connection, id)))


@router.get(
    "/v1/identities/{kind}/{value:path}/mood",
    dependencies=requires("read"),
    summary="The same, by a phone, e-mail or handle",
    responses=answers(CustomerMood, 401, 403, 404, 503),
)
def get_mood_of_identity(kind: Kind, value: IdentityValue, service: Parts = Depends(parts)):
    identity = to_identity(IdentityIn.model_construct(kind=kind, value=value), service.settings.phone_region)
    with reading(service.engine) as connection:
        return JSONResponse(query.mood(connection, query.find_identity(connection, identity)))


@router.get(
    "/v1/customers/{id:path}/timeline",
    dependencies=requires("read"),
    summary="Moods over time, and the interactions behind them",
    responses=answers(Timeline, 401, 403, 404, 422, 503),
)
def get_timeline(
    id: Name,
    start: Annotated[
        AskedTime | None, Query(alias="from", description="ISO 8601 with a zone; default: 90 days before `to`")
    ] = None,
    end: Annotated[
        AskedTime | None, Query(alias="to", description="ISO 8601 with a zone, not included; default: now")
    ] = None,
    bucket: Annotated[
        Literal[query.BUCKETS], Query(description="length of an entry, in UTC; weeks start on Sunday")
    ] = "day",
    service: Parts = Depends(parts),
):
    end = end or query.now()
    start = start or query.default_start(end)
    check_order(start, end)
    with reading(service.engine) as connection:
        pk = query.find_customer(connection, id)
        return JSONResponse(query.timeline(connection, pk, start, end, bucket, service.settings.half_life_days))


@router.get(
    "/v1/customers",
    dependencies=requires("read"),
    summary="Customers by segment, those at the greatest risk first",
    responses=answers(Customers, 401, 403, 422, 503, table=True),
)
def get_customers(
    request: Request,
    segment: Literal[SEGMENTS] | None = None,
    channel: Annotated[Literal[CHANNELS] | None, Query(description="of the last interaction")] = None,
    stage: Annotated[Label | None, Query(description="of the last interaction")] = None,
    start: From = None,
    end: To = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="next_cursor of the page before")] = None,
    service: Parts = Depends(parts),
):
    """Each with its segment, risk, mood and next step."""
    check_order(start, end)
    wanted = query.Wanted(segment, channel, stage, start, end)
    with reading(service.engine) as connection:
        answer = query.customer_lines(connection, service.playbook, wanted, limit, cursor)
    return respond(request, answer, _lines_table(answer))


def _lines_table(answer):
    plain = ["segment", "since", "risk", "valence", "label", "channel", "stage", "last_at"]
    yield ["customer", "identities", *plain, "next_step", "next_step_he"]
    for line in answer["customers"]:
        identities = "; ".join("{kind}:{value}".format(**one) for one in line["customer"]["identities"])
        say = line["next_step"]["say"] if line["next_step"] else {"en": None, "he": None}
        yield [line["customer"]["id"], identities, *(line[name] for name in plain), say["en"], say["he"]]


@router.get(
    "/v1/customers/{id:path}",
    dependencies=requires("read"),
    summary="A customer's card: mood, segment, next step, wishes, events",
    responses=answers(Card, 401, 403, 404, 503),
)
def get_card(id: Name, service: Parts = Depends(parts)):
    with reading(service.engine) as connection:
        return JSONResponse(query.card(connection, query.find_customer(connection, id), service.playbook))


@router.get(
    "/v1/identities/{kind}/{value:path}",
    dependencies=requires("read"),
    summary="The same, by a phone, e-mail or handle",
    responses=answers(Card, 401, 403, 404, 503),
)
def get_card_of_identity(kind: Kind, value: IdentityValue, service: Parts = Depends(parts)):
    identity = to_identity(IdentityIn.model_construct(kind=kind, value=value), service.settings.phone_region)
    with reading(service.engine) as connection:
        return JSONResponse(query.card(connection, query.find_identity(connection, identity), service.playbook))


@router.put(
    "/v1/customers/{id:path}/identities",
    dependencies=requires("ingest"),
    summary="Join identities to a customer",
    responses=answers(JoinedMood, 400, 401, 403, 409, 415, 422, 503),
)
def put_identities(
    id: Name,
    given: Annotated[
        IdentitiesIn,
        Body(
            openapi_examples={
                "a phone and a handle": {
                    "value": {
                        "identities": [
                            {"kind": "phone", "value": "050-555-0101"},
                            {"kind": "facebook", "value": "yossi.cohen"},
                        ]
                    }
                }
            }
        ),
    ],
    service: Parts = Depends(parts),
):
    """What was said under these identities moves to the customer, who is made if unknown. Those joined before stay.

    409 where an identity is another customer's; then nothing is joined.
    """
    identities = [to_identity(one, service.settings.phone_region) for one in given.identities]
    with transaction(service.engine) as connection:
        moved = join(connection, id, list(dict.fromkeys(identities)), service.settings)
    with reading(service.engine) as connection:
        return JSONResponse(query.mood(connection, query.find_customer(connection, id)) | {"moved": moved})
