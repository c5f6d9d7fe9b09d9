"""For the retention team: who is about to leave, and what changed."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from service import query
from service.api.answers import Changes, Signals
from service.api.common import Parts, answers, check_order, parts, requires, respond
from service.channels.native import AskedTime, Name
from service.database import reading
from service.notify import changes
from service.signals import KINDS

router = APIRouter(tags=["churn"])


@router.get(
    "/v1/churn-signals",
    dependencies=requires("read"),
    summary="Customers at risk, worst first",
    responses=answers(Signals, 401, 403, 422, 503, table=True),
)
def get_churn_signals(
    request: Request,
    min_risk: Annotated[int, Query(ge=0, le=100, description="least risk, from 0 to 100")] = 40,
    since: Annotated[AskedTime | None, Query(description="only those whose risk changed at or after it")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="next_cursor of the page before")] = None,
    service: Parts = Depends(parts),
):
    """Each with its reasons, their points, and the turns that are the evidence."""
    with reading(service.engine) as connection:
        answer = query.churn_signals(connection, min_risk, since, limit, cursor)
    return respond(request, answer, _risk_table(answer))


def _risk_table(answer):
    yield [
        "customer",
        "identities",
        "risk",
        "segment",
        "valence",
        "label",
        "reasons",
        "reasons_he",
        "evidence",
        "changed_at",
    ]
    for one in answer["signals"]:
        identities = "; ".join("{kind}:{value}".format(**each) for each in one["customer"]["identities"])
        told = [
            "; ".join(f"{reason['text'][tongue]} ({reason['points']})" for reason in one["reasons"])
            for tongue in ("en", "he")
        ]
        said = next(
            (place["text"] for reason in one["reasons"] for place in reason["evidence"] if "text" in place), None
        )
        mood = one["mood"]["valence"], one["mood"]["label"]
        yield [one["customer"]["id"], identities, one["risk"], one["segment"], *mood, *told, said, one["changed_at"]]


@router.get(
    "/v1/signals",
    dependencies=requires("read"),
    summary="What changed, the latest first: signals raised and cleared, falls, delights, wishes, common causes",
    responses=answers(Changes, 401, 403, 422, 503, table=True),
)
def get_signals(
    request: Request,
    kind: Literal[KINDS] | None = None,
    customer: Annotated[Name | None, Query(description="of this customer alone")] = None,
    start: Annotated[AskedTime | None, Query(alias="from", description="ISO 8601 with a zone")] = None,
    end: Annotated[AskedTime | None, Query(alias="to", description="ISO 8601 with a zone, not included")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[int | None, Query(ge=1, lt=2**31, description="next_before of the page before")] = None,
    service: Parts = Depends(parts),
):
    """Each as it is delivered to subscriptions and told in the stream."""
    check_order(start, end)
    with reading(service.engine) as connection:
        pk = None if customer is None else query.find_customer(connection, customer)
        answer = changes(connection, kind, pk, start, end, limit, before)
    return respond(request, answer, _changes_table(answer))


def _changes_table(answer):
    plain = ["risk", "segment", "channel", "day", "customers", "text"]
    yield ["signal", "at", "kind", "customer", "identities", *plain, "drivers"]
    for one in answer["signals"]:
        data, who = one["data"], one["data"]["customer"] or {"id": None, "identities": []}
        identities = "; ".join("{kind}:{value}".format(**each) for each in who["identities"])
        told = [data.get(name) for name in plain]
        yield [data["signal"], one["timestamp"], one["type"], who["id"], identities, *told, "; ".join(data["drivers"])]
