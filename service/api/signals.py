"""For the retention team: who is about to leave."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from service import query
from service.api.answers import Signals
from service.api.common import Parts, answers, parts, requires
from service.channels.native import AskedTime
from service.database import reading

router = APIRouter(tags=["churn"])


@router.get(
    "/v1/churn-signals",
    dependencies=requires("read"),
    summary="Customers at risk, worst first",
    responses=answers(Signals, 401, 403, 422, 503),
)
def get_churn_signals(
    min_risk: Annotated[int, Query(ge=0, le=100, description="least risk, from 0 to 100")] = 40,
    since: Annotated[AskedTime | None, Query(description="only those whose risk changed at or after it")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="next_cursor of the page before")] = None,
    service: Parts = Depends(parts),
):
    """Each with its reasons, their points, and the turns that are the evidence."""
    with reading(service.engine) as connection:
        return JSONResponse(query.churn_signals(connection, min_risk, since, limit, cursor))
