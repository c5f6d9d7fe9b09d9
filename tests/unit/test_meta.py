"""What Meta's webhooks tell, where no answer of the service shows it: Facebook Pages, Instagram and WhatsApp."""

import json
from datetime import UTC, datetime

import pytest

from service.channels import meta, whatsapp
from service.channels.sources import open_accounts
from service.channels.webhook import Account, Delivery
from service.errors import BadSettings
from service.interaction import Identity
from service.settings import Settings
from tests.vendors import meta as pages
from tests.vendors import whatsapp as phones

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def hear(body, source=meta):
    return source.listen(Delivery("POST", "", (), {}, body, NOW), Account())


def told(body, source=meta):
    [message] = hear(body, source).messages
    return message


def test_a_comment_stands_alone_and_names_its_post():
    comment = told(pages.comment(message="איפה ההזמנה שלי?"))
    assert (comment.channel, comment.conversation) == ("social", None)
    assert comment.attributes == {
        "post_id": f"{pages.PAGE}_122101540000",
        "parent_id": f"{pages.PAGE}_122101540000",
    }
    assert comment.occurred_at == datetime(2026, 11, 20, 7, 29, 20, tzinfo=UTC)


def test_a_recommendation_is_a_review_without_made_up_stars():
    review = {"item": "rating", "verb": "add", "open_graph_story_id": "1", "review_text": "ממליצה בחום"}
    heard = told(pages.ratings(**review, recommendation_type="positive"))
    assert (heard.channel, heard.rating) == ("review", None)
    assert heard.attributes == {"recommendation_type": "positive"}
    assert told(pages.ratings(**review, rating=4)).rating == {"kind": "stars", "value": 4.0}


def test_messages_of_one_person_to_one_page_are_one_conversation():
    first, second = (told(pages.talk(message={"mid": mid, "text": "הלו?"})) for mid in ("m_1", "m_2"))
    assert first.channel == "chat"
    assert first.conversation == second.conversation == f"{pages.PAGE}-{pages.PERSON}"
    assert first.id != second.id


def test_a_reaction_becomes_its_emoji():
    assert told(pages.talk(reaction={"action": "react", "reaction": "love", "emoji": "❤️"})).text == "❤️"
    thumbs_down = told(phones.message("reaction", reaction={"message_id": "wamid.1", "emoji": "👎"}), whatsapp)
    assert thumbs_down.text == "👎"


def test_a_tap_without_an_id_or_a_time_is_malformed():
    assert hear(pages.talk(postback={"title": "לבטל"}, timestamp=None)).ignored == {"malformed": 1}


def test_a_user_name_of_instagram_is_an_alias_unless_it_could_be_an_id():
    named = told(pages.instagram_comment(text="יפה"))
    assert (named.identity, named.aliases) == (
        Identity("instagram", pages.FOLLOWER),
        (Identity("instagram", "noam.baron"),),
    )
    numbered = pages.instagram_comment(text="יפה", **{"from": {"id": pages.FOLLOWER, "username": "24870192305931742"}})
    assert told(numbered).aliases == ()


def test_every_object_of_a_delivery_is_counted_once():
    payload = json.loads(pages.comment(message="שאלה"))
    payload["entry"][0]["changes"] += [{"field": "feed", "value": None}, {"field": "leadgen", "value": {}}]
    payload["entry"] += [{"id": pages.PAGE}, {}]
    heard = hear(json.dumps(payload).encode())
    assert (len(heard.messages), dict(heard.ignored)) == (1, {"malformed": 2, "other": 2})


def test_whatsapp_takes_the_business_scoped_id_before_the_phone_number():
    message = told(phones.text("שלום"), whatsapp)
    assert message.identity == Identity("whatsapp", phones.USER.lower())
    assert message.aliases == (Identity("whatsapp", phones.PARENT.lower()), Identity("phone", f"+{phones.PHONE}"))


def test_whatsapp_s_id_in_place_of_a_phone_number_is_no_phone_number():
    message = told(phones.text("שלום", sender={"from": phones.USER}, contact={"wa_id": phones.USER}), whatsapp)
    assert (message.identity, message.aliases) == (Identity("whatsapp", phones.USER.lower()), ())


def test_whatsapp_keeps_the_people_of_a_group_apart():
    messages = hear(phones.GROUP, whatsapp).messages
    assert [one.identity.value for one in messages] == ["il.20001", "il.20002"]
    assert messages[0].conversation != messages[1].conversation
    assert messages[0].attributes["group_id"].startswith("Y2Fw")


@pytest.mark.parametrize("source", ["meta", "whatsapp"])
@pytest.mark.parametrize("given", [{"secret": "a"}, {"verify_token": "a"}])
def test_an_account_needs_its_secret_and_its_verify_token(source, given):
    with pytest.raises(BadSettings, match="needs"):
        open_accounts(Settings(webhooks={source: given}))
    assert open_accounts(Settings(webhooks={source: {"secret": "a", "verify_token": "b"}}))
