"""Daily roll-ups: what insights are answered from, kept as conversations are read; sums are integers, so nothing drifts."""

from collections import Counter

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite

from service.mood import label_of
from service.tables import PENDING, SCORED, customers, daily, daily_agents, daily_customers, interactions, wishes

UNIT = 10_000  # sums are in these parts of one
EXAMPLES = ("example_pk", "example_position")


def count(connection, read):
    """Bring the roll-ups up to date; `read` lists (interaction row, its Conversation before or None, its Conversation now)."""
    company, people, agents, examples = {}, {}, {}, {}
    for row, before, now in read:
        for conversation, sign in ((before, -1), (now, 1)):
            if conversation is None or conversation.felt is None:
                continue
            day, stage = row.occurred_at.date(), row.stage or ""
            _add(company, (day, row.channel, stage, row.team or ""), _of_company(conversation), sign)
            for driver, label, position in _of_customer(conversation):
                key = day, driver, row.customer_pk, row.channel, stage
                _add(people, key, {label: 1}, sign)
                examples[key] = row.pk, position
            if row.agent:
                _add(agents, (day, row.agent, row.channel, stage), _of_agent(conversation), sign)
    _upsert(connection, daily, company)
    _upsert(connection, daily_customers, people, examples)
    _upsert(connection, daily_agents, agents)
    if any(before for _, before, _ in read):
        empty = (daily_customers.c.negative == 0) & (daily_customers.c.neutral == 0) & (daily_customers.c.positive == 0)
        touched = {row.customer_pk for row, before, _ in read if before}
        connection.execute(delete(daily_customers).where(daily_customers.c.customer_pk.in_(touched), empty))


def _add(sums, key, values, sign):
    sums.setdefault(key, Counter()).update({name: sign * value for name, value in values.items()})


def _of_company(c):
    return {
        "conversations": 1,
        label_of(c.felt): 1,
        "valence": round(UNIT * c.felt),
        "valence_squared": round(UNIT * c.felt**2),
        "rated": int(c.rating is not None),
        "rating": round(UNIT * (c.rating or 0)),
        "disagreed": int(c.disagreement is not None),
        "bad_starts": int(c.began_badly),
        "turned_around": int(c.turned_around),
    }


def _of_customer(c):
    """(driver or "" for the whole, label, position of the turn that shows it or None)."""
    yield "", label_of(c.felt), next(iter(c.reasons), None)
    for name, position, valence in c.drivers:
        yield name, label_of(valence), position


def _of_agent(c):
    return {"conversations": 1, "bad_starts": int(c.began_badly), "turned_around": int(c.turned_around)}


def _upsert(connection, table, sums, examples=None):
    """Add the sums {primary key: Counter} to the table's rows; in order of their keys, so that two that count at once take turns."""
    keys = [column.name for column in table.primary_key]
    names = [column.name for column in table.c if column.name not in keys and column.name not in EXAMPLES]
    rows = [
        dict(zip(keys, key))
        | {name: values[name] for name in names}
        | (dict(zip(EXAMPLES, examples[key])) if examples else {})
        for key, values in sorted(sums.items())
        if any(values.values())
    ]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    if rows:
        statement = insert(table)
        added = {name: table.c[name] + statement.excluded[name] for name in names}
        shown = {name: statement.excluded[name] for name in EXAMPLES if examples}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=added | shown), rows)


def move(connection, owner, target):
    """Give a customer's rows to another, who may have rows of the same days."""
    rows = connection.execute(
        delete(daily_customers).where(daily_customers.c.customer_pk == owner).returning(daily_customers)
    ).all()
    sums, examples = {}, {}
    for row in rows:
        key = row.day, row.driver, target, row.channel, row.stage
        sums[key] = Counter(negative=row.negative, neutral=row.neutral, positive=row.positive)
        examples[key] = row.example_pk, row.example_position
    _upsert(connection, daily_customers, sums, examples)


def forget(connection):
    """Empty the roll-ups and let everything that was read be recorded anew, from the stored readings; returns how much that is."""
    for table in (daily, daily_customers, daily_agents, wishes):
        connection.execute(delete(table))
    connection.execute(customers.update().values(read_interactions=0, read_turns=0))
    again = {"status": PENDING, "attempts": 0, "conversation": None, "lease_token": None, "lease_until": None}
    return connection.execute(interactions.update().where(interactions.c.status == SCORED).values(**again)).rowcount
