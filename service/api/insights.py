"""For those who decide: why customers stay and leave, where the mood falls, and what the company believes of itself."""

from datetime import UTC, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from service import insights, query
from service.api.answers import (
    Accepted,
    Agents,
    Drivers,
    Gaps,
    Journey,
    Segments,
    SelfAssessments,
    Wishes,
)
from service.api.common import Parts, answers, check_order, parts, requires, respond
from service.channels.native import MAX_BATCH, AskedTime, Label, Name, Strict, Time
from service.database import reading, transaction
from service.errors import Forbidden
from service.insights import Period
from service.interaction import CHANNELS
from service.segments import SEGMENTS
from service.settings import PREFIX
from service.tables import self_assessments

router = APIRouter(tags=["insights"])

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=200, description="next_cursor of the page before")]


def asked(
    start: Annotated[
        AskedTime | None, Query(alias="from", description="ISO 8601 with a zone; default: 90 days before `to`")
    ] = None,
    end: Annotated[AskedTime | None, Query(alias="to", description="ISO 8601 with a zone; default: now")] = None,
    channel: Annotated[Literal[CHANNELS] | None, Query(description="default: all")] = None,
    stage: Annotated[Label | None, Query(description="of the customer's journey; default: all")] = None,
) -> Period:
    """The Period asked for: every day of UTC that `from` and `to` touch."""
    end = end or query.now()
    start = start or query.default_start(end)
    check_order(start, end)
    last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
    return Period(start.astimezone(UTC).date(), last + timedelta(days=1), channel, stage)


Asked = Annotated[Period, Depends(asked)]


def _flat(estimate):
    """The three cells of an estimate."""
    return [estimate[key] for key in ("value", "low", "high")] if estimate else [None] * 3


def _estimate(name):
    return [name, f"{name}_low", f"{name}_high"]


@router.get(
    "/v1/insights/drivers",
    dependencies=requires("read"),
    summary="Why customers stay, and why they leave",
    responses=answers(Drivers, 401, 403, 422, 503, table=True),
)
def get_drivers(request: Request, period: Asked, service: Parts = Depends(parts)):
    """Customers now lost against those now loyal (passionate or satisfied), as far as they were heard from in the period.

    `lift`: how many times more often the lost spoke ill of a driver (`leave`), or the loyal praised it (`stay`); the surest come first.
    As CSV: the two lists, without `former`.
    """
    with reading(service.engine) as connection:
        answer = insights.drivers(connection, period)
    return respond(request, answer, _drivers_table(answer))


def _drivers_table(answer):
    sides = ("lost", "loyal")
    examples = [f"example_{number}" for number in range(1, insights.MOST_EXAMPLES + 1)]
    counts = [f"{side}_{what}" for side in sides for what in ("customers", "share")]
    yield ["why", "driver", *counts, *_estimate("lift"), *examples]
    for why in ("leave", "stay"):
        for entry in answer[why]:
            told = [entry[side][what] for side in sides for what in ("customers", "share")]
            texts = [example["text"] for example in entry["examples"]]
            texts += [None] * (len(examples) - len(texts))
            yield [why, entry["driver"], *told, *_flat(entry["lift"]), *texts]


@router.get(
    "/v1/insights/journey",
    dependencies=requires("read"),
    summary="Mood per stage and per channel, and where it falls",
    responses=answers(Journey, 401, 403, 422, 503, table=True),
)
def get_journey(request: Request, period: Asked, service: Parts = Depends(parts)):
    """Stages in the order of the setting MOODLINE_STAGES, then others, then null for none.

    As CSV: a line for each stage, each channel, and each channel of a stage; `part` tells which.
    """
    with reading(service.engine) as connection:
        stages = [stage.strip() for stage in service.settings.stages.split(",")]
        answer = insights.journey(connection, period, stages)
    return respond(request, answer, _journey_table(answer))


def _journey_table(answer):
    plain = ["conversations", "negative", "neutral", "positive", "rated", "rating", "disagreed"]
    yield ["part", "stage", "channel", *plain, *_estimate("valence"), "fell_after", *_estimate("change"), "sure"]
    falls = {(fall["after"], fall["channel"]): fall for fall in answer["falls"]}

    def line(part, stage, channel, mood):
        fall = falls.get((stage, channel)) if part != "channel" else None
        fell = [fall["before"], *_flat(fall["change"]), fall["sure"]] if fall else [None] * 5
        return [part, stage, channel, *(mood[name] for name in plain), *_flat(mood["valence"]), *fell]

    for stage in answer["stages"]:
        yield line("stage", stage["stage"], None, stage)
    for channel in answer["channels"]:
        yield line("channel", None, channel["channel"], channel)
    for stage in answer["stages"]:
        for channel in stage["channels"]:
            yield line("stage and channel", stage["stage"], channel["channel"], channel)


@router.get(
    "/v1/insights/gap",
    dependencies=requires("read"),
    summary="What the company believes against what customers said there",
    responses=answers(Gaps, 401, 403, 422, 503, table=True),
)
def get_gap(request: Request, period: Asked, service: Parts = Depends(parts)):
    """In percent: the mean of the self-assessments in the period, and the share of conversations felt as positive."""
    with reading(service.engine) as connection:
        answer = insights.gap(connection, period)
    return respond(request, answer, _gap_table(answer))


def _gap_table(answer):
    plain = ["kind", "name", "assessments", "believed", "conversations", "gap"]
    yield [*plain, *_estimate("said")]
    for gap in answer["gaps"]:
        yield [*(gap[name] for name in plain), *_flat(gap["said"])]


@router.get(
    "/v1/insights/agents",
    dependencies=requires("read"),
    summary="Conversations that agents turned around; no ranking",
    responses=answers(Agents, 401, 403, 422, 503, table=True),
)
def get_agents(request: Request, period: Asked, service: Parts = Depends(parts)):
    """By name. 403 until the setting MOODLINE_AGENT_INSIGHTS opens it; agents with few conversations are told of together, if at all."""
    if not service.settings.agent_insights:
        raise Forbidden(f"insights on agents are shut: the setting {PREFIX}AGENT_INSIGHTS=true opens them")
    with reading(service.engine) as connection:
        answer = insights.agents(connection, period, service.settings.agent_least)
    return respond(request, answer, _agents_table(answer))


def _agents_table(answer):
    plain = ["conversations", "bad_starts", "turned_around"]
    yield ["agent", "agents", *plain, *_estimate("share")]
    for one in answer["agents"]:
        yield [one["agent"], 1, *(one[name] for name in plain), *_flat(one["share"])]
    if others := answer["others"]:
        yield [None, others["agents"], *(others[name] for name in plain), *_flat(others["share"])]


@router.get(
    "/v1/segments",
    dependencies=requires("read"),
    summary="The segments, who is in them, and who moved",
    responses=answers(Segments, 401, 403, 422, 503, table=True),
)
def get_segments(request: Request, period: Asked, service: Parts = Depends(parts)):
    """All customers are counted; with `from` or `to`, those last heard from then. `channel` and `stage` are of the last interaction.

    As CSV: a line for each segment, with how many came to it from each other one.
    """
    heard = not {"from", "to"}.isdisjoint(request.query_params)
    with reading(service.engine) as connection:
        answer = insights.segments(connection, period, heard)
    return respond(request, answer, _segments_table(answer))


def _segments_table(answer):
    befores = (None, *SEGMENTS)
    came = {(change["before"], change["segment"]): change["changes"] for change in answer["changes"]}
    froms = [f"from_{before or 'none'}" for before in befores]
    yield ["segment", "definition_en", "definition_he", "customers", "risk", *froms]
    for one in answer["segments"]:
        moved = [came.get((before, one["segment"]), 0) for before in befores]
        told = [one["definition"]["en"], one["definition"]["he"], one["customers"], one["risk"]]
        yield [one["segment"], *told, *moved]


@router.get(
    "/v1/wishes",
    dependencies=requires("read"),
    summary="Wishes that customers voiced, the newest first",
    responses=answers(Wishes, 401, 403, 422, 503, table=True),
)
def get_wishes(
    request: Request, period: Asked, limit: Limit = 50, cursor: Cursor = None, service: Parts = Depends(parts)
):
    """With customer, date and text. As CSV too page by page: the header Link tells the next one."""
    with reading(service.engine) as connection:
        answer = insights.voiced(connection, period, limit, cursor)
    return respond(request, answer, _wishes_table(answer))


def _wishes_table(answer):
    plain = ["occurred_at", "text", "channel", "source", "id", "turn"]
    yield ["customer", "identities", *plain]
    for wish in answer["wishes"]:
        known = "; ".join(f"{one['kind']}: {one['value']}" for one in wish["customer"]["identities"])
        yield [wish["customer"]["id"], known, *(wish[name] for name in plain)]


class SelfAssessmentIn(Strict):
    """What somebody believes: the percentage of conversations with a team, in a stage or on a channel that customers feel good about."""

    who: Name
    at: Time | None = Field(None, description="default: now")
    kind: Literal["team", "stage", "channel"]
    name: Label
    score: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]

    @field_validator("name")
    @classmethod
    def _known_channel(cls, value, info):
        if info.data.get("kind") == "channel" and value not in CHANNELS:
            raise PydanticCustomError("channel", f"must be one of {', '.join(CHANNELS)}")
        return value


Believed = Annotated[
    Annotated[SelfAssessmentIn, Tag("one")]
    | Annotated[list[SelfAssessmentIn], Field(min_length=1, max_length=MAX_BATCH), Tag("many")],
    Discriminator(lambda sent: "many" if isinstance(sent, list) else "one"),
]
BELIEF = {"who": "head of service", "kind": "channel", "name": "call", "score": 80}


@router.post(
    "/v1/self-assessments",
    dependencies=requires("ingest"),
    status_code=201,
    summary="Tell what the company believes; one, or up to 500",
    responses=answers(Accepted, 400, 401, 403, 413, 415, 422, 503, done=201),
)
def post_self_assessments(
    sent: Annotated[Believed, Body(openapi_examples={"one": {"value": BELIEF}})], service: Parts = Depends(parts)
):
    """`score`: the percentage of conversations there, from 0 to 100, that customers are believed to feel good about."""
    rows = [one.model_dump() | {"at": one.at or query.now()} for one in (sent if isinstance(sent, list) else [sent])]
    with transaction(service.engine) as connection:
        connection.execute(self_assessments.insert(), rows)
    return JSONResponse({"accepted": len(rows)}, 201)


@router.get(
    "/v1/self-assessments",
    dependencies=requires("read"),
    summary="What the company believed, the newest first",
    responses=answers(SelfAssessments, 401, 403, 422, 503, table=True),
)
def get_self_assessments(
    request: Request, period: Asked, limit: Limit = 50, cursor: Cursor = None, service: Parts = Depends(parts)
):
    with reading(service.engine) as connection:
        answer = insights.assessments(connection, period, limit, cursor)
    return respond(request, answer, _assessments_table(answer))


def _assessments_table(answer):
    plain = ["who", "at", "kind", "name", "score"]
    yield plain
    for one in answer["assessments"]:
        yield [one[name] for name in plain]
