import pytest
from sqlalchemy import select

from service import auth
from service.database import reading, transaction
from service.tables import api_keys
from tests.integration.conftest import open_house
from tests.standin import sent


@pytest.fixture
def house(database_url):
    """With insights on agents open: the scope alone decides."""
    opened = open_house(database_url, agent_insights=True)
    yield opened
    opened.parts.engine.dispose()


ROUTES = [
    ("POST", "/v1/interactions", sent(), {"ingest"}),
    ("GET", "/v1/interactions/desk/1", None, {"read"}),
    ("POST", "/v1/interactions/desk/1/turns", {"turns": [], "open": False}, {"ingest"}),
    ("POST", "/v1/transcripts", {}, {"ingest"}),
    ("POST", "/v1/events", {}, {"ingest"}),
    ("GET", "/v1/customers", None, {"read"}),
    ("GET", "/v1/customers/dana", None, {"read"}),
    ("GET", "/v1/identities/phone/1", None, {"read"}),
    ("GET", "/v1/customers/dana/mood", None, {"read"}),
    ("GET", "/v1/identities/phone/1/mood", None, {"read"}),
    ("GET", "/v1/customers/dana/timeline", None, {"read"}),
    ("PUT", "/v1/customers/dana/identities", {"identities": [{"kind": "phone", "value": "1"}]}, {"ingest"}),
    ("GET", "/v1/churn-signals", None, {"read"}),
    ("GET", "/v1/signals", None, {"read"}),
    ("GET", "/v1/insights/drivers", None, {"read"}),
    ("GET", "/v1/insights/journey", None, {"read"}),
    ("GET", "/v1/insights/gap", None, {"read"}),
    ("GET", "/v1/insights/agents", None, {"read"}),
    ("GET", "/v1/segments", None, {"read"}),
    ("GET", "/v1/wishes", None, {"read"}),
    ("GET", "/v1/self-assessments", None, {"read"}),
    (
        "POST",
        "/v1/self-assessments",
        {"who": "noa", "kind": "team", "name": "desk", "score": 80},
        {"ingest"},
    ),
    ("POST", "/v1/sentiment", {"texts": ["א"]}, {"read", "ingest"}),
    ("POST", "/v1/subscriptions", {"url": "https://example.org/hook"}, {"admin"}),
    ("GET", "/v1/subscriptions", None, {"admin"}),
    ("GET", "/v1/subscriptions/x", None, {"admin"}),
    ("PATCH", "/v1/subscriptions/x", {"active": False}, {"admin"}),
    ("DELETE", "/v1/subscriptions/x", None, {"admin"}),
    ("POST", "/v1/subscriptions/x/test", None, {"admin"}),
    ("GET", "/v1/subscriptions/x/deliveries", None, {"admin"}),
    ("POST", "/v1/subscriptions/x/deliveries/1/redeliver", None, {"admin"}),
    ("POST", "/v1/subscriptions/x/redeliver", None, {"admin"}),
    ("GET", "/v1/stream?kinds=none", None, {"read"}),
]


@pytest.mark.parametrize(("method", "path", "body", "scopes"), ROUTES, ids=[f"{r[0]} {r[1]}" for r in ROUTES])
def test_each_route_wants_a_key_with_its_scope(house, method, path, body, scopes):
    def call(headers):
        return house.client.request(method, path, json=body, headers=headers).status_code

    assert call({"Authorization": ""}) == 401
    assert call({"Authorization": "Bearer mk_wrong"}) == 401
    assert call({"Authorization": "Basic bWs6"}) == 401
    for scope in auth.SCOPES:
        assert (call(house.key(scope)) == 403) == (scope not in scopes)


def test_all_v1_routes_are_in_the_list_above(house):
    known = {(method, path) for method, path, _, _ in ROUTES}
    described = house.client.get("/openapi.json").json()["paths"]
    routes = {(m, p) for p, methods in described.items() if p.startswith("/v1/") for m in methods}
    # Webhooks prove by signatures who they are: tests/integration/test_webhooks.py.
    assert len({(m, p) for m, p in routes if not p.startswith("/v1/webhooks/")}) == len(known)


def test_a_stranger_is_told_before_the_body_is_read(house):
    answer = house.client.post(
        "/v1/interactions", content=b"{", headers={"Authorization": "", "Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert house.client.get("/v1/no-such-route", headers={"Authorization": ""}).status_code == 401


def test_the_key_may_come_in_x_api_key(house):
    key = house.key("read")["Authorization"].removeprefix("Bearer ")
    assert house.client.get("/v1/churn-signals", headers={"Authorization": "", "X-API-Key": key}).status_code == 200


def test_a_revoked_key_opens_nothing(house):
    headers = house.key("read")
    assert house.client.get("/v1/churn-signals", headers=headers).status_code == 200
    with transaction(house.parts.engine) as connection:
        auth.revoke(connection, "read")
    assert house.client.get("/v1/churn-signals", headers=headers).status_code == 401


def test_only_hashes_of_keys_are_stored(house):
    key = house.key("read")["Authorization"].removeprefix("Bearer ")
    with reading(house.parts.engine) as connection:
        rows = connection.execute(select(api_keys)).all()
    assert not any(key in str(row) or key[3:] in str(row) for row in rows)


def test_the_first_key_is_made_once(house):
    with transaction(house.parts.engine) as connection:
        assert auth.create_first(connection) is None


def test_operators_need_no_key(house):
    for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert house.client.get(path, headers={"Authorization": ""}).status_code == 200
