"""What webhooks tell is kept as conversations, and all names of a customer lead to one."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from service.database import reading, transaction
from service.hearing import AT_ONCE, RATED_DAYS, hear
from service.ingest import accept
from service.interaction import Identity, Interaction, Message, Turn
from service.tables import customers, identities, interactions, turns
from tests.standin import at

NOON = at(5)
PHONE, MAIL = Identity("phone", "+972505550101"), Identity("email", "dana@example.org")
FIRST = Message(
    id="m1", occurred_at=NOON, channel="chat", conversation="17", text="שלום", identity=Identity("desk", "9")
)


def tell(house, *messages, source="desk"):
    with transaction(house.parts.engine) as connection:
        return hear(connection, source, messages, at(6))["accepted"]


def kept(house, id="17@", source="desk"):
    """(id, open, rating, texts) of the interactions whose id begins so, the oldest first."""
    with reading(house.parts.engine) as connection:
        rows = connection.execute(
            select(interactions)
            .where(interactions.c.id.startswith(id), interactions.c.source == source)
            .order_by(interactions.c.occurred_at, interactions.c.pk)
        ).all()
        spoken = select(turns.c.text).order_by(turns.c.position)
        return [
            (row.id, row.open, row.rating, list(connection.scalars(spoken.where(turns.c.interaction_pk == row.pk))))
            for row in rows
        ]


def owners(house):
    """{(kind, value): the customer's own id or its row} of all identities."""
    with reading(house.parts.engine) as connection:
        found = select(identities, customers.c.external_id).join(customers, customers.c.pk == identities.c.customer_pk)
        return {(row.kind, row.value): row.external_id or row.customer_pk for row in connection.execute(found)}


def test_the_messages_of_a_day_are_one_open_conversation_and_each_is_kept_once(house):
    second = replace(FIRST, id="m2", text="עדיין נורא", occurred_at=NOON + timedelta(minutes=5))
    assert tell(house, FIRST, second) == 2
    assert tell(house, second) == tell(house, FIRST, second) == 0
    tomorrow = replace(FIRST, id="m3", text="בוקר טוב", occurred_at=NOON + timedelta(days=1))
    assert tell(house, tomorrow) == 1
    day, after = NOON.date(), NOON.date() + timedelta(days=1)
    assert kept(house) == [
        (f"17@{day}", True, None, ["שלום", "עדיין נורא"]),
        (f"17@{after}", True, None, ["בוקר טוב"]),
    ]


def test_a_message_by_itself_is_an_interaction_of_its_own(house):
    post = replace(FIRST, conversation=None, channel="social")
    assert (tell(house, post), tell(house, post)) == (1, 0)
    assert kept(house, "m1") == [("m1", False, None, ["שלום"])]


def test_an_ending_closes_the_latest_and_a_new_message_opens_it_again(house):
    ending = replace(FIRST, id="e1", text=None, ended=True, occurred_at=NOON + timedelta(days=2))
    assert tell(house, ending) == 0
    assert kept(house) == []
    tell(house, FIRST)
    assert (tell(house, ending), tell(house, ending)) == (1, 0)
    assert kept(house)[0][1] is False
    assert tell(house, FIRST) == 0
    assert kept(house)[0][1] is False
    tell(house, replace(FIRST, id="m2", text="שוב אני"))
    assert kept(house)[0][1:] == (True, None, ["שלום", "שוב אני"])


@pytest.mark.parametrize(("days", "joined"), [(3, True), (RATED_DAYS + 1, False)])
def test_a_rating_goes_to_its_conversation_unless_that_was_long_ago(house, days, joined):
    tell(house, replace(FIRST, occurred_at=NOON - timedelta(days=days)))
    rating = {"kind": "csat", "value": 1.0}
    rated = replace(FIRST, id="r1", text=None, rating=rating)
    assert (tell(house, rated), tell(house, rated)) == (1, 0)
    assert [row[2] for row in kept(house)] == ([rating] if joined else [None, rating])
    house.parts.worker.drain()
    assert kept(house)[0][1] is True


def test_what_is_heard_is_read_again_with_what_was_there(house):
    tell(house, replace(FIRST, text="הכול נורא"))
    house.parts.worker.drain()
    path = "/v1/identities/desk/9/mood"
    before = house.client.get(path).json()["mood"]
    tell(house, replace(FIRST, id="m2", text="תודה, מצוין"))
    assert house.client.get(path).json()["pending"] == 1
    house.parts.worker.drain()
    after = house.client.get(path).json()["mood"]
    assert (before["evidence"], after["evidence"]) == (
        {"interactions": 1, "turns": 1},
        {"interactions": 1, "turns": 2},
    )
    assert after["valence"] > before["valence"]


def test_all_names_of_a_customer_lead_to_one(house):
    tell(house, replace(FIRST, aliases=(PHONE,)))
    tell(house, replace(FIRST, id="m2", conversation=None, identity=PHONE, aliases=(MAIL,)))
    assert len(set(owners(house).values())) == 1 and len(owners(house)) == 3


def test_names_that_were_apart_are_joined_with_what_was_said_under_them(house):
    tell(house, replace(FIRST, conversation=None, id="a", identity=PHONE, text="נורא"))
    tell(house, replace(FIRST, conversation=None, id="b", identity=MAIL, text="מצוין"))
    house.parts.worker.drain()
    assert len(set(owners(house).values())) == 2
    tell(house, replace(FIRST, conversation=None, id="c", identity=MAIL, aliases=(PHONE,)))
    house.parts.worker.drain()
    assert len(set(owners(house).values())) == 1
    mood = house.client.get(f"/v1/identities/phone/{PHONE.value}/mood").json()["mood"]
    assert mood["evidence"] == {"interactions": 3, "turns": 3}


def test_the_company_s_own_customer_keeps_the_names_and_never_loses_one_to_another(house):
    own = Interaction("crm", "1", "call", NOON, (Turn("customer", "שלום"),), customer_id="dana", aliases=(PHONE,))
    other = replace(own, id="2", customer_id="yael", aliases=(PHONE, MAIL))
    with transaction(house.parts.engine) as connection:
        accept(connection, [own, other])
    assert owners(house) == {("phone", PHONE.value): "dana", ("email", MAIL.value): "yael"}
    tell(house, replace(FIRST, aliases=(PHONE,)))
    assert owners(house)["desk", "9"] == "dana"
    tell(house, replace(FIRST, id="m9", conversation=None, identity=Identity("desk", "10"), aliases=(MAIL, PHONE)))
    assert owners(house)["phone", PHONE.value] == "dana" and owners(house)["email", MAIL.value] == "yael"


def test_a_handle_that_another_took_over_joins_nobody(house):
    handle, yossi, other = (Identity("x", value) for value in ("yossi", "111", "222"))
    tell(house, replace(FIRST, id="a", conversation=None, identity=handle))
    tell(house, replace(FIRST, id="b", conversation=None, identity=yossi, aliases=(handle,)))
    assert len(set(owners(house).values())) == 1
    tell(house, replace(FIRST, id="c", conversation=None, identity=other, aliases=(handle,)))
    assert owners(house)["x", "yossi"] == owners(house)["x", "222"] != owners(house)["x", "111"]
    assert len(kept(house, "")) == 3


def test_two_people_in_one_conversation_are_not_mixed(house):
    copied = replace(FIRST, id="m2", identity=Identity("desk", "77"), text="גם אצלי נורא")
    assert (
        tell(house, FIRST, copied, replace(copied, id="m3", text="ועכשיו?"), replace(FIRST, id="m4", text="תודה")) == 4
    )
    assert tell(house, copied, FIRST) == 0
    assert [row[3] for row in kept(house, "17")] == [["שלום", "תודה"], ["גם אצלי נורא", "ועכשיו?"]]
    assert len(set(owners(house).values())) == 2


def test_the_company_s_own_customer_is_known_again_in_a_conversation(house):
    first = replace(FIRST, identity=None, customer_id="dana", aliases=(MAIL,))
    assert tell(house, first, replace(first, id="m2", text="עוד משהו")) == 2
    assert [row[3] for row in kept(house)] == [["שלום", "עוד משהו"]]


@pytest.mark.parametrize("ended", [False, True])
def test_a_replayed_rating_undoes_no_later_one(house, ended):
    tell(house, FIRST)
    low, high = (
        replace(FIRST, id="r", text=None, ended=ended, rating={"kind": "csat", "value": value}) for value in (1.0, 5.0)
    )
    assert [tell(house, one) for one in (low, high, low, high)] == [1, 1, 0, 0]
    assert kept(house)[0][2] == {"kind": "csat", "value": 5.0}


def test_a_replayed_ending_closes_nothing_that_was_opened_again(house):
    ending = replace(FIRST, id="e", text=None, ended=True, occurred_at=NOON + timedelta(minutes=1))
    again = replace(FIRST, id="m2", text="שוב אני", occurred_at=NOON + timedelta(minutes=2))
    assert [tell(house, one) for one in (FIRST, ending, again, ending)] == [1, 1, 1, 0]
    assert kept(house)[0][1] is True
    assert tell(house, replace(ending, occurred_at=NOON + timedelta(minutes=3))) == 1
    assert kept(house)[0][1] is False


def test_a_word_with_the_rating_leaves_a_closed_conversation_closed(house):
    ending = replace(FIRST, id="e", text=None, ended=True)
    told = replace(FIRST, id="r", text="חבל על הזמן", rating={"kind": "csat", "value": 1.0})
    assert tell(house, FIRST, ending, told) == 3
    assert kept(house)[0][1:] == (False, {"kind": "csat", "value": 1.0}, ["שלום", "חבל על הזמן"])


def test_a_phone_that_another_took_over_moves_alone(house):
    old, new = (Identity("whatsapp", value) for value in ("il.222", "il.333"))
    tell(house, replace(FIRST, conversation=None, id="a", identity=old, aliases=(PHONE,)))
    tell(house, replace(FIRST, conversation=None, id="b", identity=new, aliases=(PHONE,)))
    found = owners(house)
    assert found["phone", PHONE.value] == found["whatsapp", "il.333"] != found["whatsapp", "il.222"]


def test_two_names_that_agree_are_one_person_with_another_id(house):
    parent = Identity("whatsapp", "il.parent")
    for id, value in (("a", "il.222"), ("b", "il.999")):
        names = {"identity": Identity("whatsapp", value), "aliases": (parent, PHONE)}
        tell(house, replace(FIRST, conversation=None, id=id, **names))
    assert len(set(owners(house).values())) == 1


def test_accounts_of_one_source_know_one_person_by_ids_of_their_own(house):
    for id, value in (("a", "shop:17"), ("b", "support:4")):
        names = {"identity": Identity("chatwoot", value), "aliases": (PHONE,)}
        tell(house, replace(FIRST, conversation=None, id=id, **names))
    assert len(set(owners(house).values())) == 1


def invented(rng):
    """A message as a tool might send it, of few conversations, people and ids, so that they meet again and again."""
    kind = rng.choice(["word", "word", "word", "word", "alone", "rating", "rated word", "ending"])
    return Message(
        id=f"m{rng.randrange(8)}",
        occurred_at=NOON - timedelta(hours=rng.choice([0, 1, 2, 30])),
        channel="chat",
        conversation=None if kind == "alone" else rng.choice(["17", "18"]),
        text=rng.choice(["שלום", "נורא", "תודה"]) if "word" in kind or kind == "alone" else None,
        rating={"kind": "csat", "value": float(rng.randrange(1, 4))} if "rat" in kind else None,
        ended=kind == "ending",
        **rng.choice(
            [
                {"identity": Identity("desk", "9")},
                {"identity": Identity("desk", "10"), "aliases": (PHONE,)},
                {"customer_id": "dana", "aliases": (MAIL,)},
            ]
        ),
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_delivery_of_many_is_stored_as_its_messages_one_by_one(house, seed):
    rng = random.Random(seed)
    for _ in range(6):
        messages = [invented(rng) for _ in range(12)]
        assert tell(house, *messages, source="at once") == sum(tell(house, one, source="singly") for one in messages)
        assert sorted(kept(house, "", source="at once"), key=str) == sorted(kept(house, "", source="singly"), key=str)


KINDS = {
    "posts": lambda number: {"conversation": None, "identity": Identity("desk", f"{number}")},
    "chats": lambda number: {"conversation": f"{number}", "identity": Identity("desk", f"{number}")},
    "words of one": lambda number: {},
    "people with two names": lambda number: {
        "conversation": f"{number}",
        "identity": Identity("whatsapp", f"il.{number}"),
        "aliases": (Identity("phone", f"+97250555{number:04}"),),
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_delivery_of_many_takes_as_many_statements_as_one_of_few(house, kind):
    def statements(numbers):
        count = 0

        def notice(*_):
            nonlocal count
            count += 1

        told = [replace(FIRST, id=f"m{number}", **KINDS[kind](number)) for number in numbers]
        event.listen(house.parts.engine, "after_cursor_execute", notice)
        assert tell(house, *told) == len(told)
        event.remove(house.parts.engine, "after_cursor_execute", notice)
        return count

    few, many = statements(range(3)), statements(range(3, 303))
    assert many <= few + 2  # one that has grown too long for one statement
    assert statements(range(303, 303 + AT_ONCE + 500)) <= 3 * many
