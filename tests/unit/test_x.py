"""What X tells, where no answer of the service shows it."""

import json
from datetime import UTC, datetime

import pytest

from service.channels import x
from service.channels.webhook import Account, Delivery
from service.interaction import Identity
from tests.vendors import x as vendor

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def hear(body):
    return x.listen(Delivery("POST", "", (), {}, body, NOW), Account())


def told(body):
    [message] = hear(body).messages
    return message


def test_a_long_post_is_read_to_its_end_and_html_is_undone():
    assert told(vendor.post("קצר", extended_tweet={"full_text": "הכול &amp; בסדר"})).text == "הכול & בסדר"
    long = {"note_tweet_results": {"result": {"text": "ארוך מאוד"}}}
    assert told(vendor.post("ארוך…", note_tweet=long)).text == "ארוך מאוד"


def test_a_post_s_time_is_known_without_its_milliseconds():
    assert told(vendor.post("שלום", timestamp_ms=None)).occurred_at == datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
    assert told(vendor.post("שלום", timestamp_ms=None, created_at="אתמול")).occurred_at == NOW


@pytest.mark.parametrize(("name", "aliases"), [("@Yossi", (Identity("x", "yossi"),)), ("2244994945", ()), (None, ())])
def test_a_public_name_is_an_alias_unless_it_could_be_another_s_id(name, aliases):
    assert told(vendor.post("שלום", user=vendor.USER | {"screen_name": name})).aliases == aliases


def test_only_direct_messages_are_a_conversation():
    assert told(vendor.post("שלום")).conversation is None
    assert told(vendor.message("שלום")).conversation == f"{vendor.US}-{vendor.YOSSI}"


def test_every_event_is_counted_once():
    payload = json.loads(vendor.post("שלום")) | {"follow_events": [{}, {}], "tweet_delete_events": [{}]}
    heard = hear(json.dumps(payload).encode())
    assert (len(heard.messages), dict(heard.ignored)) == (1, {"other": 2, "deleted": 1})
