"""What webhooks tell, message by message → interactions: a conversation's messages of a day are its turns, each stored once.

The messages of a delivery are stored together, in a few statements however many they are: its sender waits for the answer.
"""

import hashlib
from collections import Counter
from datetime import timedelta

from sqlalchemy import func, select

from service.database import insert_new
from service.identities import find_identities
from service.ingest import More, accept, extend
from service.interaction import MAX_TURNS, Interaction, Turn
from service.tables import customers, heard, interactions, turns

RATED_DAYS = 30  # so long after a conversation's last message its rating is still asked for, or its ticket closed
AT_ONCE = (
    1_000  # messages: with an id for each of RATED_DAYS and the day itself, a statement's parameters stay below 32,766
)


def hear(connection, source, messages, at):
    """Store what webhooks told, Messages received `at`; counts them as `accepted`, `duplicate` (known by its id) or `not_heard` (the
    end of a conversation that we have nothing of).

    The messages of one conversation of one day (UTC) are the turns of one open interaction, `CONVERSATION@DAY`; another person's in it
    are one of their own. A rating or an ending goes to the conversation's latest within RATED_DAYS. A message without a conversation
    is an interaction of its own.
    """
    results = Counter()
    for start in range(0, len(messages), AT_ONCE):
        for runs in _rounds(messages[start : start + AT_ONCE]):
            results += _hear_runs(connection, source, runs, at)
    return results


def _rounds(messages):
    """Messages in runs that can be stored together, and the runs in rounds: of a conversation there is one run in each, in its order.

    A run is a rating, an ending or a lone message, or all that one person says in a conversation on a day until something else comes.
    """
    rounds, last = [[]], {}  # last: conversation -> (round, run)
    for message in messages:
        place, run = last.get(message.conversation, (-1, None))
        if message.conversation is None:
            rounds[0].append([message])
        elif run and _goes_on(run[-1], message):
            run.append(message)
        else:
            place, run = place + 1, [message]
            if place == len(rounds):
                rounds.append([])
            rounds[place].append(run)
            last[message.conversation] = place, run
    return rounds


def _goes_on(before, message):
    return all(one.text and not one.rating and not one.ended for one in (before, message)) and (
        before.occurred_at.date(),
        before.customer_id,
        before.identity,
        before.aliases,
    ) == (message.occurred_at.date(), message.customer_id, message.identity, message.aliases)


def _hear_runs(connection, source, runs, at):
    """Store runs of different conversations, or without one; returns the counts of hear()."""
    results, begun, extended = Counter(), [], []
    talks = [run for run in runs if run[0].conversation is not None]
    names, rows = _conversations(connection, source, talks)
    unheard = [row is None and run[0].text is None and run[0].rating is None for run, row in zip(talks, rows)]
    told = _told_first(connection, source, [run[0] for run, nothing in zip(talks, unheard) if not nothing])
    for run, name, row, nothing in zip(talks, names, rows, unheard):
        if nothing:
            results["not_heard"] += 1
        elif (run[0].rating or run[0].ended) and run[0].conversation not in told:
            results["duplicate"] += 1
        elif row is None:
            begun.append((run, name))
        else:
            extended.append((run, row))
    begun += [(run, run[0].id) for run in runs if run[0].conversation is None]
    late = []
    for (run, _), stored in zip(begun, accept(connection, [_begun(source, run, name) for run, name in begun], at=at)):
        if stored.new:
            new = max(1, len(_spoken(run)))
            results += Counter(accepted=new, duplicate=len(run) - new)
        elif run[0].conversation is None:
            results["duplicate"] += 1
        else:  # somebody else stored it meanwhile
            late.append(run)
    extended += zip(late, _conversations(connection, source, late)[1])
    return results + _hear_more(connection, extended)


def _hear_more(connection, extended):
    """Store pairs of a run and its interaction's row; returns the counts of hear()."""
    if not extended:
        return Counter()
    t, pks = turns.c, [row.pk for _, row in extended]
    counts = select(t.interaction_pk, func.count()).where(t.interaction_pk.in_(pks)).group_by(t.interaction_pk)
    there = dict(map(tuple, connection.execute(counts)))
    ids = {message.id for run, _ in extended for message in run}
    known = set(
        map(tuple, connection.execute(select(t.interaction_pk, t.id).where(t.interaction_pk.in_(pks), t.id.in_(ids))))
    )
    results, more = Counter(), []
    for run, row in extended:
        count, last = there.get(row.pk, 0), run[-1]
        fresh = tuple(turn for turn in _spoken(run) if (row.pk, turn.id) not in known)[: max(0, MAX_TURNS - count)]
        # A word that comes with the rating is no new beginning.
        still_open = ((bool(fresh) and last.rating is None) or row.open) and not last.ended
        more.append(More(row, count, fresh, still_open, last.rating if last.rating != row.rating else None))
        new = len(fresh) or int(more[-1].changes)
        results += Counter(accepted=new, duplicate=len(run) - new)
    extend(connection, [one for one in more if one.changes])
    return results


def _begun(source, run, name):
    """The Interaction that begins with a run."""
    first = run[0]
    shared = ("channel", "occurred_at", "customer_id", "identity", "aliases", "rating", "agent", "team", "attributes")
    return Interaction(
        source=source,
        id=name,
        turns=_spoken(run)[:MAX_TURNS],
        open=first.conversation is not None and not first.ended,
        **{field: getattr(first, field) for field in shared},
    )


def _spoken(run):
    """The Turns of a run's messages, each id once."""
    return tuple(
        {one.id: Turn("customer", one.text, id=one.id) for one in reversed(run) if one.text is not None}.values()
    )[::-1]


def _told_first(connection, source, messages):
    """The conversations of which a rating or ending comes for the first time. They leave no turn by which a replay would be known."""
    digests = {}
    for one in messages:
        if one.rating or one.ended:
            told = (one.conversation, one.id, one.occurred_at, one.rating, one.ended, one.text)
            digests[hashlib.sha256(repr(told).encode()).hexdigest()] = one.conversation
    rows = [{"source": source, "digest": digest} for digest in sorted(digests)]
    return {
        digests[digest] for (digest,) in insert_new(connection, heard, rows, ["source", "digest"], [heard.c.digest])
    }


def _conversations(connection, source, talks):
    """(the id that each run's interaction bears if it is new, the row of the interaction that the run goes on with, or None)."""
    # A run of words belongs to its day.
    days = [
        [run[0].occurred_at.date() - timedelta(days=back) for back in range(1 if run[0].text else RATED_DAYS + 1)]
        for run in talks
    ]
    bases = [run[0].conversation for run in talks]
    rows = _latest(connection, source, bases, days)
    own = _own_rows(connection, [(run[0], row) for run, row in zip(talks, rows)])
    strangers = [place for place, is_own in enumerate(own) if not is_own]
    for place in strangers:
        who = repr(talks[place][0].customer_id or talks[place][0].identity).encode()
        bases[place] += f":{hashlib.blake2b(who, digest_size=4).hexdigest()}"
    theirs = _latest(connection, source, [bases[place] for place in strangers], [days[place] for place in strangers])
    for place, row in zip(strangers, theirs):
        rows[place] = row
    return [f"{base}@{some[0]}" for base, some in zip(bases, days)], rows


def _own_rows(connection, pairs):
    """For pairs of a Message and a row of _latest or None: whether the row is not another person's. A mere ending is nobody's."""
    c = customers.c
    asked = [(one, row) for one, row in pairs if row is not None and (one.text is not None or one.rating is not None)]
    ids = {row.customer_pk for one, row in asked if one.customer_id is not None}
    external = dict(map(tuple, connection.execute(select(c.pk, c.external_id).where(c.pk.in_(ids))))) if ids else {}
    names = {name for one, _ in asked if one.customer_id is None for name in (one.identity, *one.aliases)}
    owners = find_identities(connection, names, share=True)
    return [
        row is None
        or (one.text is None and one.rating is None)
        or (
            external[row.customer_pk] == one.customer_id
            if one.customer_id is not None
            else row.customer_pk in {owners.get(name) for name in (one.identity, *one.aliases)}
        )
        for one, row in pairs
    ]


def _latest(connection, source, bases, days):
    """For each conversation the latest of its interactions on one of its days, locked: a row of pk, customer_pk, open, rating, or None."""
    ids = [[f"{base}@{day}" for day in some] for base, some in zip(bases, days)]
    wanted = sorted({id for some in ids for id in some})
    if not wanted:
        return []
    c = interactions.c
    found = select(c.pk, c.id, c.customer_pk, c.occurred_at, c.open, c.rating).where(
        c.source == source, c.id.in_(wanted)
    )
    rows = {row.id: row for row in connection.execute(found.order_by(c.pk).with_for_update())}
    there = [[rows[id] for id in some if id in rows] for some in ids]
    return [max(some, key=lambda row: row.occurred_at, default=None) for some in there]
