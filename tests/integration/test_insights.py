"""What the company learns from all its customers: by hand-computed figures, on both databases."""

import csv
import io
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from service.api import answers
from service.api.common import prefers_csv
from service.database import reading, transaction
from service.ingest import accept_events
from service.insights import lift, share_of, student
from service.interaction import Happening
from tests.integration.conftest import open_house
from tests.standin import START, at, sent

BAD, PLAIN, GOOD = (0.94, 0.04, 0.02), (0.02, 0.96, 0.02), (0.02, 0.04, 0.94)
SHAPES = {
    "/v1/insights/drivers": answers.Drivers,
    "/v1/insights/journey": answers.Journey,
    "/v1/insights/gap": answers.Gaps,
    "/v1/insights/agents": answers.Agents,
    "/v1/segments": answers.Segments,
    "/v1/wishes": answers.Wishes,
    "/v1/self-assessments": answers.SelfAssessments,
}


@pytest.fixture
def open_agents(database_url):
    """A house whose insights on agents are open."""
    opened = open_house(database_url, agent_insights=True)
    yield opened
    opened.parts.engine.dispose()


def said(felt, *drivers, text="טקסט", acts=()):
    """A customer's turn that somebody else has read."""
    shares = dict(zip(("negative", "neutral", "positive"), felt, strict=True))
    return {
        "speaker": "customer",
        "text": text,
        "reading": {"sentiment": shares, "drivers": list(drivers), "acts": list(acts)},
    }


class Sender:
    """Sends conversations, each with an id of its own."""

    def __init__(self, house):
        self.house, self.count, self.batch = house, 0, []

    def __call__(self, customer, *turns, day=10, **fields):
        self.count += 1
        when = at(day) + timedelta(seconds=self.count)
        self.batch.append(sent(str(self.count), customer=customer, turns=turns, occurred_at=when.isoformat(), **fields))

    def read(self):
        """Have all of it stored and read."""
        for start in range(0, len(self.batch), 500):
            answer = self.house.client.post("/v1/interactions", json=self.batch[start : start + 500])
            assert answer.status_code == 202
        self.batch = []
        self.house.parts.worker.drain()


@pytest.fixture
def send(house):
    return Sender(house)


def lose(house, *names):
    happened = [Happening("crm", name, "churned", at(20), name) for name in names]
    with transaction(house.parts.engine) as connection:
        accept_events(connection, happened, house.parts.settings)


def get(house, path, **asked):
    answer = house.client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    SHAPES[path].model_validate_json(answer.content)
    assert answer.headers["vary"] == "Accept"
    return answer.json()


def table(house, path, **asked):
    """(the answer, its CSV as a list of dicts)."""
    answer = house.client.get(path, params=asked, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return answer, list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def a_company(house, send, **fields):
    """Four lost customers, three of whom spoke ill of the price; five loyal ones, one of whom did; all loyal praise the service."""
    for number in range(4):
        blamed = "price" if number < 3 else "wait_time"
        send(f"lost{number}", said(BAD, blamed, text=f"יקר מדי {number}"), day=3, **fields)
        send(f"lost{number}", said(PLAIN, text="בסדר"), day=3 + number, stage="keep", **fields)
    for number in range(5):
        if number == 0:
            send("loyal0", said(BAD, "price", text="קצת יקר"), day=1, **fields)
        for day in (8, 12, 19):
            send(f"loyal{number}", said(GOOD, "service", text="שירות נהדר"), day=day, **fields)
    send.read()
    lose(house, *(f"lost{number}" for number in range(4)))


def test_what_the_lost_spoke_ill_of_is_compared_with_the_loyal_by_hand(house, send):
    a_company(house, send)
    answer = get(house, "/v1/insights/drivers")
    assert answer["customers"] == {"lost": 4, "loyal": 5}
    price = next(one for one in answer["leave"] if one["driver"] == "price")
    assert (price["lost"], price["loyal"]) == ({"customers": 3, "share": 0.75}, {"customers": 1, "share": 0.2})
    # ratio 3.75; log's standard error sqrt(1/3 - 1/4 + 1/1 - 1/5) = 0.93986; times exp(±1.95996 · 0.93986)
    assert price["lift"] == pytest.approx({"value": 3.75, "low": 0.5944, "high": 23.658}, rel=1e-3)
    assert {one["driver"] for one in answer["leave"]} == {"price", "wait_time"}
    # 1 of 4 against 0 of 5: half a customer is added to each of the four cells
    waited = next(one for one in answer["leave"] if one["driver"] == "wait_time")
    assert waited["lift"]["value"] == pytest.approx((1.5 / 5) / (0.5 / 6), abs=1e-4)
    praised = answer["stay"]
    assert [one["driver"] for one in praised] == ["service"]
    assert (praised[0]["loyal"]["share"], praised[0]["lost"]["share"]) == (1.0, 0.0)
    assert praised[0]["lift"]["value"] == pytest.approx((5.5 / 6) / (0.5 / 5), abs=1e-4)


def test_the_examples_are_turns_of_different_customers_on_the_side_that_is_told_of(house, send):
    a_company(house, send)
    for number in range(3):
        send("loyal1", said(GOOD, "service", text=f"עוד {number}"), day=20)
    send.read()
    answer = get(house, "/v1/insights/drivers")
    price = next(one for one in answer["leave"] if one["driver"] == "price")
    assert {one["text"] for one in price["examples"]} == {"יקר מדי 0", "יקר מדי 1", "יקר מדי 2"}
    told = price["examples"][0]
    assert (told["source"], told["channel"], told["turn"]) == ("desk", "chat", 0)
    whole = house.client.get(f"/v1/interactions/{told['source']}/{told['id']}").json()
    assert whole["turns"][0]["text"] == told["text"]
    praised = [house.client.get(f"/v1/interactions/desk/{one['id']}").json() for one in answer["stay"][0]["examples"]]
    assert len({one["customer"]["id"] for one in praised}) == 3
    assert praised[0]["customer"]["id"] == "loyal1"


def test_the_former_customer_has_a_profile(house, send):
    a_company(house, send)
    former = get(house, "/v1/insights/drivers")["former"]
    # They were heard from on days 3 and 3, 4, 5, 6: a median of 1.5 days; of two conversations each, one was negative.
    assert (former["customers"], former["median_days"], former["conversations"]) == (4, 1.5, 2.0)
    assert (former["negative"], former["spoke_ill"]) == (0.5, 1.0)
    assert former["channels"] == [{"name": "chat", "conversations": 8, "share": 1.0}]
    assert [one["name"] for one in former["stages"]] == [None, "keep"]
    assert former["drivers"][0] == {"name": "price", "customers": 3, "share": 0.75}


def test_insights_can_be_limited_to_a_time_a_channel_and_a_stage(house, send):
    send("dana", said(BAD, "price"), day=2, channel="call", stage="keep")
    send("dana", said(BAD, "wait_time"), day=5)
    send("avi", said(GOOD, "service"), day=9, channel="email", stage="grow")
    send.read()
    lose(house, "dana")

    def named(**asked):
        found = get(house, "/v1/insights/drivers", **asked)
        return {one["driver"] for one in found["leave"] + found["stay"]}

    def heard(**asked):
        return sum(one["conversations"] for one in get(house, "/v1/insights/journey", **asked)["stages"])

    day = [(START + timedelta(days=number)).isoformat() for number in range(12)]
    for asked, drivers in (
        ({}, {"price", "wait_time", "service"}),
        ({"channel": "call"}, {"price"}),
        ({"stage": "grow"}, {"service"}),
        ({"channel": "chat", "stage": "keep"}, set()),
        ({"from": day[2], "to": day[5]}, {"price"}),
        ({"from": day[2], "to": (START + timedelta(days=5, seconds=1)).isoformat()}, {"price", "wait_time"}),
        ({"from": day[3]}, {"wait_time", "service"}),
        ({"to": day[3]}, {"price"}),
    ):
        assert (named(**asked), heard(**asked)) == (drivers, len(drivers)), asked
    told = get(house, "/v1/insights/gap", channel="call", **{"from": day[2], "to": day[5]})
    assert told == {"from": day[2][:10], "to": day[5][:10], "channel": "call", "stage": None, "gaps": []}


def test_the_journey_tells_stages_in_the_companys_order_and_where_the_mood_falls(house, send):
    for number, felt in enumerate([GOOD, GOOD, PLAIN, GOOD]):
        send(f"a{number}", said(felt), stage="acquire", rating={"kind": "csat", "value": 5})
    for number, felt in enumerate([BAD, BAD, PLAIN, BAD]):
        send(f"k{number}", said(felt), stage="keep", channel="call")
    for stage in ("ברוכים הבאים", "return", None):
        send("one", said(PLAIN), stage=stage)
    send.read()
    answer = get(house, "/v1/insights/journey")
    assert [one["stage"] for one in answer["stages"]] == ["acquire", "keep", "return", "ברוכים הבאים", None]
    assert [one["channel"] for one in answer["channels"]] == ["call", "chat"]
    keep = answer["stages"][1]
    # Valences -0.92, -0.92, 0, -0.92: mean -0.69, standard deviation 0.46; t of 3 degrees of freedom is 3.182
    assert keep["valence"]["value"] == pytest.approx(-0.69, abs=1e-3)
    assert keep["valence"]["low"] == pytest.approx(-0.69 - 3.182 * 0.46 / 2, abs=5e-3)
    assert (keep["negative"], keep["neutral"], keep["positive"], keep["conversations"]) == (0.75, 0.25, 0.0, 4)
    assert (keep["rated"], keep["rating"], [one["channel"] for one in keep["channels"]]) == (0, None, ["call"])
    first = answer["stages"][0]
    assert (first["rated"], first["rating"]) == (4, 1.0)
    assert answer["stages"][2]["valence"] == {"value": 0.0, "low": None, "high": None}
    (fall,) = answer["falls"]  # in no single channel are there two stages of the order
    assert (fall["channel"], fall["before"], fall["after"], fall["sure"]) == (None, "acquire", "keep", True)
    assert fall["change"]["value"] == pytest.approx(keep["valence"]["value"] - first["valence"]["value"], abs=1e-3)
    assert fall["change"]["low"] < fall["change"]["value"] < fall["change"]["high"] < 0


def test_a_fall_between_few_conversations_is_not_sure(house, send):
    send("dana", said(GOOD), stage="acquire")
    send("dana", said(BAD), stage="grow")
    send.read()
    falls = get(house, "/v1/insights/journey")["falls"]
    assert [(fall["channel"], fall["sure"], fall["change"]["low"]) for fall in falls] == [
        (None, False, None),
        ("chat", False, None),
    ]


def test_the_company_believes_80_percent_and_its_customers_say_8(house, send):
    for number in range(25):
        send(f"c{number}", said(GOOD if number < 2 else PLAIN), channel="call", team="desk")
    send.read()
    post = house.client.post
    beliefs = [
        {"who": "head of service", "kind": "channel", "name": "call", "score": 90},
        {"who": "ceo", "kind": "channel", "name": "call", "score": 70.0, "at": at(5).isoformat()},
        {"who": "ceo", "kind": "team", "name": "desk", "score": 5},
    ]
    answer = post("/v1/self-assessments", json=beliefs)
    assert (answer.status_code, answer.json()) == (201, {"accepted": 3})
    assert post("/v1/self-assessments", json=beliefs[0] | {"kind": "stage", "name": "grow"}).json() == {"accepted": 1}
    gaps = get(house, "/v1/insights/gap")["gaps"]
    call, desk, grow = gaps
    assert (call["kind"], call["name"], call["assessments"], call["conversations"]) == ("channel", "call", 2, 25)
    assert (call["believed"], call["said"]["value"], call["gap"]) == (80.0, 8.0, 72.0)
    # Wilson's interval of 2 of 25
    assert (call["said"]["low"], call["said"]["high"]) == pytest.approx((2.2220, 24.9661), abs=1e-4)
    assert (desk["gap"], grow["said"], grow["gap"]) == (-3.0, None, None)
    assert [one["kind"] for one in get(house, "/v1/insights/gap", channel="chat")["gaps"]] == ["stage", "team"]
    listed = get(house, "/v1/self-assessments", limit=3)
    following = get(house, "/v1/self-assessments", limit=3, cursor=listed["next_cursor"])
    assert len(listed["assessments"]) == 3
    assert [one["score"] for one in following["assessments"]] == [70.0]
    assert following["next_cursor"] is None


@pytest.mark.parametrize(
    ("wrong", "index", "field"),
    [
        ({"name": "fax", "kind": "channel"}, None, "name"),
        ({"kind": "desk"}, None, "kind"),
        ({"score": 100.5}, None, "score"),
        ({"score": "80"}, None, "score"),
        ({"who": ""}, None, "who"),
        ({"at": "2026-01-01"}, None, "at"),
        ({"more": 1}, None, "more"),
        ({"score": -1, "array": True}, 1, "score"),
    ],
)
def test_a_faulty_self_assessment_is_refused_whole(house, wrong, index, field):
    right = {"who": "ceo", "kind": "team", "name": "desk", "score": 80}
    array = wrong.pop("array", False) if index is None else True
    body = right | {key: value for key, value in wrong.items() if key != "array"}
    answer = house.client.post("/v1/self-assessments", json=[right, body] if array else body)
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["index"], fault["field"]) == (422, index, field)
    assert get(house, "/v1/self-assessments")["assessments"] == []


def test_agents_stay_unseen_until_a_setting_opens_them(house):
    answer = house.client.get("/v1/insights/agents")
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert "MOODLINE_AGENT_INSIGHTS" in answer.json()["detail"]


def test_agents_are_told_of_by_name_and_those_with_few_conversations_together(open_agents):
    send = Sender(open_agents)
    turned, stayed, plain = (said(BAD), said(GOOD)), (said(BAD), said(BAD)), (said(PLAIN),)

    def worked(agent, *conversations):
        for turns in conversations:
            send("dana", *turns, agent=agent)

    worked("tal", *[turned] * 3, *[stayed] * 2)
    worked("avi", *[plain] * 6, turned)
    worked("noa", *[plain] * 4)
    send.read()
    answer = get(open_agents, "/v1/insights/agents")
    assert [one["agent"] for one in answer["agents"]] == ["avi", "tal"]
    avi, tal = answer["agents"]
    assert (tal["conversations"], tal["bad_starts"], tal["turned_around"]) == (5, 5, 3)
    assert tal["share"] == pytest.approx({"value": 0.6, "low": 0.2307, "high": 0.8824}, abs=1e-3)
    assert (avi["bad_starts"], avi["share"]) == (1, None)
    assert answer["others"] is None  # noa alone would be known
    worked("gal", turned)
    send.read()
    others = get(open_agents, "/v1/insights/agents")["others"]
    assert (others["agents"], others["conversations"], others["turned_around"]) == (2, 5, 1)
    assert get(open_agents, "/v1/insights/agents", stage="keep")["others"] is None
    _, rows = table(open_agents, "/v1/insights/agents")
    assert [(row["agent"], row["agents"]) for row in rows] == [("avi", "1"), ("tal", "1"), ("", "2")]


def test_two_agents_with_too_few_conversations_between_them_stay_unseen(open_agents):
    send = Sender(open_agents)
    for agent in ("noa", "gal"):
        for _ in range(2):
            send("dana", said(PLAIN), agent=agent)
    send.read()
    answer = get(open_agents, "/v1/insights/agents")
    assert (answer["agents"], answer["others"]) == ([], None)


def test_the_segments_tell_their_definitions_their_customers_and_who_moved(house, send):
    a_company(house, send)
    send("noa", said(GOOD), channel="call", stage="grow")
    send.read()
    answer = get(house, "/v1/segments")
    counts = {one["segment"]: one["customers"] for one in answer["segments"]}
    assert next(iter(counts)) == "lost"
    assert (counts["lost"], counts["satisfied"], counts["passionate"]) == (4, 6, 0)
    assert all(set(one["definition"]) == {"he", "en"} for one in answer["segments"])
    moved = [one for one in answer["changes"] if one["segment"] == "lost"]
    assert sum(one["changes"] for one in moved) == 4
    assert all(one["before"] != "lost" for one in moved)

    def counted(**asked):
        told = get(house, "/v1/segments", **asked)["segments"]
        return {one["segment"]: one["customers"] for one in told if one["customers"]}

    assert counted(channel="call") == counted(stage="grow") == {"satisfied": 1}
    assert counted(**{"to": at(8).isoformat()}) == {"lost": 4}
    assert counted(**{"from": at(8).isoformat()}) == {"satisfied": 6}
    _, rows = table(house, "/v1/segments")
    lost = rows[0]
    assert (lost["segment"], lost["customers"]) == ("lost", "4")
    assert sum(int(count) for name, count in lost.items() if name.startswith("from_")) == 4


def test_wishes_are_told_with_customer_date_and_text_page_by_page(house, send):
    for number in range(5):
        wish = said(GOOD, text=f"הלוואי שהיה שוקולד {number}", acts=["wish"])
        send(f"c{number}", said(PLAIN), wish, day=2 + number, channel="call" if number == 4 else "chat")
    send("avi", said(GOOD))
    send.read()
    seen, cursor = [], {}
    while cursor is not None:
        answer = house.client.get("/v1/wishes", params={"limit": 2} | cursor)
        page = answers.Wishes.model_validate_json(answer.content)
        seen += page.wishes
        following = page.next_cursor
        assert (following is None) == ("link" not in answer.headers)
        if following:
            linked = house.client.get(f"/v1/wishes{answer.headers['link'].split('>')[0][1:]}").json()
        cursor = following and {"cursor": following}
    assert linked["next_cursor"] is None
    assert [one.text for one in seen] == [f"הלוואי שהיה שוקולד {number}" for number in (4, 3, 2, 1, 0)]
    assert (seen[0].customer.id, seen[0].turn, seen[0].occurred_at.date()) == ("c4", 1, at(6).date())
    assert len(get(house, "/v1/wishes", channel="call")["wishes"]) == 1
    assert get(house, "/v1/wishes", to=at(1).isoformat())["wishes"] == []


def test_an_empty_database_has_nothing_to_tell_and_says_so(open_agents):
    for path in SHAPES:
        answer = get(open_agents, path)
        lists = [value for key, value in answer.items() if isinstance(value, list) and key != "segments"]
        assert lists and not any(lists)
        told, rows = table(open_agents, path)
        assert len(rows) == (7 if path == "/v1/segments" else 0)
        assert len(told.text.splitlines()[0].split(",")) > 3
    former = get(open_agents, "/v1/insights/drivers")["former"]
    assert (former["customers"], former["median_days"], former["negative"]) == (0, None, None)


def test_one_side_alone_has_shares_and_no_lift(house, send):
    send("dana", said(BAD, "price"))
    send.read()
    lose(house, "dana")
    (price,) = get(house, "/v1/insights/drivers")["leave"]
    assert (price["lost"]["share"], price["loyal"]["share"], price["lift"]) == (1.0, None, None)
    _, (row,) = table(house, "/v1/insights/drivers")
    assert (row["lost_share"], row["loyal_share"], row["lift"]) == ("1.0", "", "")


def test_a_spreadsheet_gets_hebrew_a_name_and_no_formulas(house, send):
    texts = ["שילמתי 5, ועוד 5\nיקר", '=HYPERLINK("http://x","y")', "+1", "-2", "@SUM(A1)", "\t=1"]
    for number, words in enumerate(texts):
        send("dana", said(BAD, f"price{number}", text=words, acts=["wish"]), stage="=שלב")
    send.read()
    lose(house, "dana")
    answer, rows = table(house, "/v1/insights/drivers")
    assert answer.headers["content-disposition"] == 'attachment; filename="moodline-drivers.csv"'
    found = {row["driver"]: row["example_1"] for row in rows}
    assert [found[f"price{number}"] for number in range(len(texts))] == [texts[0], *(f"'{one}" for one in texts[1:])]
    _, rows = table(house, "/v1/wishes")
    assert {row["text"] for row in rows} == {texts[0], *(f"'{one}" for one in texts[1:])}
    _, rows = table(house, "/v1/insights/journey")
    assert [(row["part"], row["stage"]) for row in rows] == [
        ("stage", "'=שלב"),
        ("channel", ""),
        ("stage and channel", "'=שלב"),
    ]
    assert float(rows[0]["valence"]) < 0  # a number may begin with a minus


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("text/csv", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/csv", False),
        ("text/csv, application/json;q=0.9", True),
        ("text/csv;q=0.5, application/json", False),
        ("text/csv;q=0.5, application/json;q=0.4", True),
        ("TEXT/CSV ; q=1.0", True),
        ("text/csv, */*", True),
        ("text/csv, */*;q=0.1", True),
        ("text/*, application/json;q=0.3", True),
        ("text/*", True),
        ("text/html, */*;q=0.8", False),
        ("text/csv;q=0", False),
        ("text/csv;q=0, */*;q=0.5", False),
        ("text/csv;q=much", False),
        ("text/csv;header=present", True),
    ],
)
def test_csv_is_answered_where_it_is_liked_better_than_json(accept, csv_wanted):
    assert prefers_csv(accept) == csv_wanted


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-11-01", "from"),
        ("to=2026-11-01T00:00:00", "to"),
        ("from=2026-11-02T00:00Z&to=2026-11-01T00:00Z", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("channel=fax", "channel"),
        ("stage=", "stage"),
        ("stage=%00", "stage"),
    ],
)
def test_a_bad_query_names_the_field(open_agents, path, query, field):
    answer = open_agents.client.get(f"{path}?{query}", headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("path", ["/v1/wishes", "/v1/self-assessments"])
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "cursor=%00",
        "cursor=x",
        "cursor=MjAyNi0wMS0wMQ",
        "cursor=MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCA5OTk5OTk5OTk5OTk5IDA",
        "cursor=" + "a" * 201,
    ],
)
def test_a_bad_page_names_the_field(house, path, query):
    answer = house.client.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, query.split("=")[0])


@contextmanager
def watching(engine):
    """The statements that the engine executes meanwhile, with their parameters."""
    seen = []

    def see(connection, cursor, statement, parameters, context, many):
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", see)


def test_no_insight_scans_interactions_or_turns(open_agents):
    """Only the few turns that are shown are fetched, by their keys, and in as many statements however much was said."""
    engine = open_agents.parts.engine
    counts = []
    for times in (1, 10):
        send = Sender(open_agents)
        send.count = 1_000 * times
        for number in range(times):
            send(f"lost{number}", said(BAD, "price", acts=["wish"]), stage="keep", agent="noa")
            send(f"loyal{number}", said(GOOD, "service"), agent="tal")
        send.read()
        lose(open_agents, *(f"lost{number}" for number in range(times)))
        belief = {"who": "ceo", "kind": "channel", "name": "chat", "score": 80}
        assert open_agents.client.post("/v1/self-assessments", json=belief).status_code == 201
        with watching(engine) as seen:
            for path in SHAPES:
                get(open_agents, path, channel="chat")
        asked = [(statement, values) for statement, values in seen if statement.startswith("SELECT")]
        counts.append(len(asked))
        touching = [one for one in asked if "interactions" in one[0] or " turns" in one[0]]
        assert len(touching) == 3  # examples, a page of wishes of one channel, their texts
        if engine.dialect.name == "sqlite":
            with reading(engine) as connection:
                plans = [
                    str(step[3])
                    for statement, values in touching
                    for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                ]
            assert any("SEARCH interactions USING INTEGER PRIMARY KEY" in plan for plan in plans)
            assert not [plan for plan in plans if plan.startswith(("SCAN interactions", "SCAN turns"))]
    assert counts[0] == counts[1]


def test_lifts_shares_and_students_t_agree_with_published_figures():
    # Katz et al.'s formula on the physicians' aspirin study (NEJM 321 (1989), 129-135): 104 of 11,037 against 189 of 11,034
    assert lift(104, 11_037, 189, 11_034) == pytest.approx({"value": 0.5501, "low": 0.4337, "high": 0.6978}, abs=2e-4)
    assert lift(0, 5, 0, 5)["value"] == 1.0
    assert lift(0, 0, 1, 5) is None
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: 81 of 263, 0 of 20, 1 of 29
    assert share_of(81, 263) == pytest.approx({"value": 0.3080, "low": 0.2553, "high": 0.3662}, abs=1e-4)
    assert share_of(0, 20) == pytest.approx({"value": 0, "low": 0, "high": 0.1611}, abs=1e-4)
    assert share_of(1, 29) == pytest.approx({"value": 0.0345, "low": 0.0061, "high": 0.1718}, abs=1e-4)
    for freedom, quantile in ((2, 4.3027), (3, 3.1824), (5, 2.5706), (10, 2.2281), (100, 1.9840)):
        assert student(freedom) == pytest.approx(quantile, rel=0.01)


def test_wishes_and_examples_of_turns_that_are_gone_are_left_out(house, send):
    send("dana", said(BAD, "price", acts=["wish"]))
    send.read()
    lose(house, "dana")
    with transaction(house.parts.engine) as connection:
        connection.execute(text("DELETE FROM turns"))
    (price,) = get(house, "/v1/insights/drivers")["leave"]
    assert price["examples"] == []
    assert get(house, "/v1/wishes")["wishes"] == []
