"""A company's invented year: customers with a hidden satisfaction, what they said, what they did, and the truth about who left.

All of it is synthetic: the texts come from a small bank, the readings from a table of errors, and every constant below is a
choice, fitted to no company's data. It is for testing the machinery (does it run, does it find what was put in?) and for
showing it; a precision or recall measured here says nothing about real customers, and no claim may rest on it.

A customer's satisfaction s in [-1, 1] goes back to their own level, which drifts. Trouble on one driver pushes it down and
holds it there until a contact resolves it. Low satisfaction, open trouble, a rival's offer and a contract that ends make it
likelier that they decide to leave; they go some weeks later, mostly with signs, some without a word. What is said shows s
only through the person (some rage and stay, some smile and go) and through a model's mistakes.
"""

from collections import namedtuple
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from service.sentiment.reading import DRIVERS, SENTIMENTS

SOURCE = "simulation"
PRICE, RELIABILITY, COMPETITOR = (DRIVERS.index(name) for name in ("price", "reliability", "competitor"))

# Who they are
ALREADY = 0.85  # share who are customers on the first day; the others join during the year
TENURE_DAYS = 900  # mean, of those
STAGES = (("acquire", 60), ("grow", 365), ("keep", None))  # until this many days after joining
LEVEL, LEVEL_SPREAD = 0.35, 0.2  # of the customers' own levels of satisfaction
TALK_SPREAD, MOST_TALK = 1.1, 2.6  # log-normal, cut at this many spreads: a few contacts a year, or hundreds
GRUMBLERS, GRUMBLE, GRUMBLER_LEAVES = 0.08, 0.5, 0.2  # they sound worse than they feel, and stay
QUIET, QUIET_SHOWS = 0.12, 0.15  # they show little, and go without a word
LOYALTY_SPREAD = 0.5  # log-normal

# How satisfaction moves, a day
REVERSION, WOBBLE, DRIFT = 0.05, 0.035, 0.006
TROUBLES = 2 / 365
TROUBLE_ODDS = (
    0.12,
    0.15,
    0.1,
    0.15,
    0.1,
    0.14,
    0.1,
    0.08,
    0.06,
    0.0,
    0.0,
)  # by driver; the last two only follow from others
BURDEN = (0.3, 0.9)  # how far below the own level open trouble holds them
SHOCK = 0.3  # share of the burden that is felt at once
RESOLVED = 0.3  # chance that a contact about trouble ends it, times the agent's skill
SKILL = (0.6, 1.4)
GIVEN_UP_DAYS, SCAR = 60, 0.2  # trouble that nobody resolved ends as a lower level

# How they leave
LEAVES, STEEPNESS = (
    0.00013,
    4.0,
)  # chance a day at s = LEVEL, and growth by e for each 1/STEEPNESS below it; none has decided on the first day
LEAVES_IN_TROUBLE, LEAVES_AT_END, END_DAYS = 2.0, 2.0, 30
MOST_LEAVES = 0.03
OFFERS, OFFER_DAYS, OFFER_PULL = (
    1.5 / 365,
    21,
    2.0,
)  # a rival's offers; the pull is times the sensitivity to price, in [0, 1]
LEAD_DAYS = (15, 60)  # from the decision to the end
WORDLESS = 0.04  # of those who are not quiet anyway
CHANGED_MIND = 0.5  # when the trouble is resolved before they go
SPOKEN_DAYS = 60  # a word of anger or leaving within these days before the end is a word
WON_BACK, BACK_DAYS = 0.12, (30, 120)
FINAL_DAYS, FINAL_CALLS = 10, 0.15  # after the end, times the usual contacts
CONTRACT_DAYS, RENEWS = 365, 0.9

# How they talk
CHANNELS = ("chat", "call", "email", "sms", "social", "survey", "review")
CHANNEL_ODDS = (0.4, 0.3, 0.12, 0.06, 0.05, 0.05, 0.02)
STAFFED, ANSWERED = 4, 2  # the first channels have an agent, the first of these a dialogue
TURNS, TURN_ODDS = (1, 2, 3, 4), (0.25, 0.35, 0.25, 0.15)
TEAMS, AGENTS = ("service", "billing", "technical", "sales", "retention"), 40
WEEK = (1.2, 1.15, 1.1, 1.1, 0.75, 0.4, 1.3)  # Monday first; the mean is 1
CONTACTS_MADE = 0.95  # for those that trouble adds and leaving takes, so that the mean comes out as asked
TROUBLE_TALKS, TROUBLE_TALK_DAYS, OLD_TROUBLE_TALKS = 3.0, 14, 1.3
LEAVING_TALKS, WORDLESS_TALKS = 2.0, 0.15
ABOUT_TROUBLE, ABOUT_LEAVING = 0.65, 0.6
SHOWS, SHOWS_MORE, SHOWS_TROUBLE = 0.15, 0.35, 0.9  # of a turn, times the expressiveness
SURE = 5  # how steeply satisfaction turns praise into complaint
SAYS_LEAVING, THREATENS = 0.4, 0.015  # of a contact: who leaves and is not wordless, who is only in trouble
NAMES_RIVAL, NAMES_OFFER = 0.12, 0.04
WISHES, RECOMMENDS = 0.012, 0.12
RATES, RATING_NOISE = 0.1, 0.35  # a share of staffed contacts; surveys and reviews always

# Days that are like no other, by their place in the year
OUTAGE, OUTAGE_CALLS, OUTAGE_DIP = 0.6, 3.0, 0.1
HOLIDAY, HOLIDAY_TALKS = 0.751, 0.05  # of 2025: the second of October, Yom Kippur

# How the model errs: what it reads, by what was meant; both in the order of SENTIMENTS
CONFUSION = np.array(((0.85, 0.13, 0.02), (0.05, 0.91, 0.04), (0.03, 0.12, 0.85)))
INTENT_MISSED, INTENT_INVENTED = 0.12, 0.001
NAME_MISSED, DRIVER_INVENTED = 0.12, 0.015

# Texts by (feeling, subject): text, acts, emotions. Of subjects that are no drivers, SUBJECT_DRIVERS tells what is named.
SUBJECT_DRIVERS = {"leaving_for_rival": ("competitor",), "rival": ("competitor",)}
BANK = {
    ("negative", "price"): (
        ("שוב העליתם את המחיר, זה כבר יקר מדי", "complaint", "anger"),
        ("לא סביר לשלם כל כך הרבה על זה", "complaint", ""),
        ("המחיר עלה בלי שאמרו כלום, חבל", "complaint", "sadness"),
    ),
    ("negative", "billing"): (
        ("שוב חייבתם אותי פעמיים", "complaint", "anger"),
        ("יש בחשבונית חיוב שלא ביקשתי", "complaint", ""),
        ("הזיכוי שהובטח עדיין לא הגיע", "complaint", ""),
    ),
    ("negative", "service_attitude"): (
        ("דיברו אליי בזלזול וניתקו לי בפנים", "complaint", "anger"),
        ("היחס היה קר מאוד, ממש לא נעים", "complaint", "sadness"),
    ),
    ("negative", "wait_time"): (
        ("ארבעים דקות על הקו ואף אחד לא עונה", "complaint", "anger"),
        ("כבר שבוע בלי תשובה מכם", "complaint", ""),
        ("כל פעם אותו תור אינסופי, נמאס", "complaint", "anger"),
    ),
    ("negative", "product_quality"): (
        ("המוצר התפרק אחרי יומיים", "complaint", ""),
        ("האיכות ירדה מאוד, אכזבה", "complaint", "sadness"),
    ),
    ("negative", "reliability"): (
        ("שוב אין שירות מהבוקר", "complaint", "anger"),
        ("הכול נפל ואי אפשר לעבוד", "complaint", ""),
        ("התנתק שלוש פעמים רק היום", "complaint", ""),
    ),
    ("negative", "delivery"): (
        ("החבילה לא הגיעה, וזה השליח השלישי", "complaint", "anger"),
        ("הטכנאי לא הופיע, כל היום הלך", "complaint", ""),
    ),
    ("negative", "digital_experience"): (
        ("האפליקציה קורסת בכל כניסה", "complaint", ""),
        ("האתר לא נותן לשלם, מתסכל מאוד", "complaint", "anger"),
    ),
    ("negative", "policy"): (
        ("למה צריך עשרה טפסים בשביל דבר כזה?! אבסורד", "complaint", "anger"),
        ("אותיות קטנות שאף אחד לא הסביר", "complaint", ""),
    ),
    ("negative", "competitor"): (
        ("אצל המתחרים נותנים כפול בחצי מחיר", "complaint", ""),
        ("לכולם יש קליטה חוץ מכם", "complaint", "anger"),
    ),
    ("negative", "resolution"): (
        ("פעם רביעית באותו עניין ושום דבר לא נפתר", "complaint", "anger"),
        ("הבטיחו לטפל ושוב לא טופל", "complaint", "sadness"),
    ),
    ("positive", "price"): (
        ("מחיר מצוין, הכי משתלם באזור", "praise", ""),
        ("תודה על ההנחה, ממש שימח", "praise", "joy"),
    ),
    ("positive", "billing"): (("החיוב תוקן בו במקום, תודה רבה באמת", "praise", "joy"),),
    ("positive", "service_attitude"): (
        ("איזה שירות מדהים, תודה מכל הלב", "praise", "joy"),
        ("תמיד יחס אדיב אצלכם", "praise", ""),
        ("אפשר לסמוך עליכם שתגידו את האמת", "praise", "trust"),
    ),
    ("positive", "wait_time"): (
        ("ענו תוך דקה, כל הכבוד", "praise", ""),
        ("וואו, לא האמנתי שיענו כל כך מהר", "praise", "joy surprise"),
    ),
    ("positive", "product_quality"): (
        ("המוצר מעולה, עובד מצוין", "praise", ""),
        ("איכות נהדרת, תענוג", "praise", "joy"),
    ),
    ("positive", "reliability"): (
        ("שנה שלמה בלי תקלה אחת", "praise", ""),
        ("תמיד עובד, אפשר לסמוך עליכם", "praise", "trust"),
    ),
    ("positive", "delivery"): (("הגיע יום לפני הזמן, מעולה", "praise", "joy"),),
    ("positive", "digital_experience"): (("האפליקציה נוחה ופשוטה", "praise", ""),),
    ("positive", "policy"): (("החלפתם בלי שאלות, הוגן מאוד", "praise", "trust"),),
    ("positive", "competitor"): (("בדקתי אצל אחרים, ואתם הטובים ביותר", "praise", "trust"),),
    ("positive", "resolution"): (
        ("סוף סוף נפתר, תודה רבה!", "praise", "joy"),
        ("עזרתם לי מאוד, הכול מסודר", "praise", ""),
    ),
    ("positive", "recommendation"): (
        ("כבר המלצתי עליכם לכל המשפחה", "recommendation", ""),
        ("ממליצים בחום, שירות נהדר", "praise recommendation", "joy"),
    ),
    ("neutral", "plain"): (
        ("שלום, אשמח לקבל את החשבונית האחרונה", "request", ""),
        ("המספר שלי הוא 1234", "", ""),
        ("מה שעות הפעילות ביום שישי?", "question", ""),
        ("כן, הכתובת לא השתנתה", "", ""),
        ("אפשר לעדכן אמצעי תשלום?", "request question", ""),
        ("בסדר, תודה", "", ""),
        ("איך מאפסים סיסמה?", "question", ""),
        ("אפשר לקבוע תור ליום ראשון?", "request question", ""),
        ("רגע, אבדוק במייל", "", ""),
        ("מתי מתחדש החוזה?", "question", ""),
    ),
    ("neutral", "wish"): (
        ("ממש אשמח למשלוח עד הבית", "wish", ""),
        ("היה נחמד אם הייתה אריזת מתנה", "wish", ""),
        ("יש סיכוי להנחה לרגל יום ההולדת?", "wish question", ""),
    ),
    ("negative", "leaving"): (
        ("נמאס לי, אם זה לא נפתר היום אבטל את המנוי", "complaint request", "anger"),
        ("די, רוצה להתנתק מכם", "complaint request", "anger"),
        ("כנראה שאין ברירה אלא לעזוב, חבל", "complaint", "sadness"),
    ),
    ("neutral", "leaving"): (
        ("אבקש לסגור את החשבון", "request", ""),
        ("איך מבטלים את המנוי?", "question request", ""),
    ),
    ("negative", "leaving_for_rival"): (("אעבור למתחרים, אצלכם כבר אין עם מי לדבר", "complaint", "anger"),),
    ("neutral", "leaving_for_rival"): (("חברה אחרת הציעה יותר, אולי אעבור אליה", "", ""),),
    ("neutral", "rival"): (
        ("קיבלתי הצעה מחברה אחרת", "", ""),
        ("אצל המתחרים יש מסלול דומה, אפשר להשוות?", "question", ""),
    ),
    ("neutral", "final"): (
        ("איפה מקבלים את החשבון הסופי?", "question", ""),
        ("צריך להחזיר את הציוד, לאן שולחים?", "question", ""),
    ),
}
ANSWERS = (
    "שלום, במה אפשר לעזור?",
    "רק רגע, בודקים את זה",
    "רשמתי, זה עבר לטיפול",
    "אפשר לקבל מספר לקוח?",
    "תודה על הסבלנות",
    "העניין סודר, יש עוד משהו?",
)
ANSWER_READING = {"sentiment": {"negative": 0.01, "neutral": 0.97, "positive": 0.02}}
PAGES = ("help", "prices", "account", "offers")

Phrase = namedtuple("Phrase", "text drivers acts emotions")  # what was meant; a reading may miss some of it
GROUPS = {key: number for number, key in enumerate(BANK)}
PHRASES = [
    Phrase(
        text,
        SUBJECT_DRIVERS.get(subject, (subject,) if subject in DRIVERS else ()),
        tuple(acts.split()),
        tuple(emotions.split()),
    )
    for (_, subject), rows in BANK.items()
    for text, acts, emotions in rows
]
FEELINGS = np.array([SENTIMENTS.index(feeling) for (feeling, _), rows in BANK.items() for _ in rows])
LEAVING = np.array([subject.startswith("leaving") for (_, subject), rows in BANK.items() for _ in rows])
COUNT = np.array([len(rows) for rows in BANK.values()])  # phrases of each group
FIRST = COUNT.cumsum() - COUNT
COMPLAINTS = np.array([GROUPS["negative", driver] for driver in DRIVERS])
PRAISES = np.array([GROUPS["positive", driver] for driver in DRIVERS])
NEGATIVE, NEUTRAL, POSITIVE = range(3)
NONE, NEVER = -1, -10_000


@dataclass(frozen=True)
class Day:
    """One day's interactions and events, each in the order of time, as POST /v1/interactions and /v1/events take them."""

    date: date
    interactions: tuple[dict, ...]
    events: tuple[dict, ...]


@dataclass(frozen=True)
class Fate:
    """What is really so of one customer, as of the last day that was simulated.

    satisfaction in [-1, 1] is hidden from everybody, and stands still from the day that they left (unless won back). why is
    the driver for which they left, wordless whether they complained of nothing and spoke of no leaving in the SPOKEN_DAYS before;
    both are None of those who did not leave. Nobody leaves twice.
    """

    customer: str
    joined_on: date
    churned_on: date | None
    won_back_on: date | None
    satisfaction: float
    why: str | None
    wordless: bool | None


def simulate(customers, days=365, interactions=50, seed=7, start=date(2025, 1, 1)):
    """A Year, which gives one Day after another, from `start`: `for day in simulate(2000)`; its truth() tells who left.

    `interactions` is how many each customer has within these days, on average; of the default 50, some 14 % leave in a
    year, and more where they are fewer, since less is resolved. The same arguments give the same year.
    The API refuses what lies in the future, so a year to be sent there must end before today.
    """
    return Year(customers, days, interactions, seed, start)


class Year:
    """An iterator over Days; it holds one day and the customers' state, arrays of (customers,)."""

    def __init__(self, customers, days, interactions, seed, start):
        self.start, self.days, self.today = start, days, 0
        self.outage_on, self.holiday_on = self._date(int(OUTAGE * days)), self._date(int(HOLIDAY * days))
        self._rng = rng = np.random.default_rng(seed)
        self._names = [f"customer-{number:06d}" for number in range(customers)]
        self._told, self._happened = 0, 0
        n = customers

        self._joined = np.where(
            rng.random(n) < ALREADY, -1 - rng.exponential(TENURE_DAYS, n).astype(int), rng.integers(0, days, n)
        )
        talk = np.exp(TALK_SPREAD * np.minimum(rng.normal(size=n), MOST_TALK))
        there = np.minimum(days, days - self._joined)
        # Where nearly all of very few join late, nobody has to say a year's worth in a week.
        self._talk = talk * CONTACTS_MADE * n * interactions / max((talk * there).sum(), talk.sum() * days / 2)
        self._grumbles = rng.random(n) < GRUMBLERS
        self._quiet = ~self._grumbles & (rng.random(n) < QUIET)
        self._shows = np.where(self._quiet, QUIET_SHOWS, 1.0) * rng.beta(4, 2, n)
        self._leaves_easily = np.exp(rng.normal(0, LOYALTY_SPREAD, n)) * np.where(self._grumbles, GRUMBLER_LEAVES, 1)
        self._price_matters = rng.beta(2, 3, n)
        self._likes = rng.integers(0, len(DRIVERS), n)  # what their praise is about
        self._skill = rng.uniform(*SKILL, AGENTS)

        self._level = np.clip(rng.normal(LEVEL, LEVEL_SPREAD, n), -1, 1)
        self._satisfaction = self._level.copy()
        self._trouble = np.full(n, NONE)  # the driver
        self._trouble_since = np.full(n, NEVER)
        self._burden = np.zeros(n)
        self._opened = np.zeros(n, bool)
        self._offered_until = np.full(n, NEVER)
        self._last_driver = np.full(n, NONE)
        self._last_complained = np.full(n, NEVER)
        self._goes = np.full(n, NEVER)
        self._why = np.full(n, NONE)
        self._says_nothing = np.zeros(n, bool)
        self._gone = np.zeros(n, bool)
        self._churned = np.full(n, NEVER)
        self._wordless = np.zeros(n, bool)
        self._returns = np.full(n, NEVER)
        self._returned = np.full(n, NEVER)

    def __iter__(self):
        return self

    def __next__(self):
        if self.today >= self.days:
            raise StopIteration
        on = self._date(self.today)
        self._events = []
        self._present = (self._joined <= self.today) & ~self._gone
        self._feel(on)
        self._decide()
        self._go_and_return()
        self._do()
        interactions = self._speak(on)
        events = self._written_events(on)
        self.today += 1
        return Day(on, interactions, events)

    def truth(self):
        """A Fate for each customer, as of the last day given."""

        def when(day, index):
            return None if day[index] == NEVER else self._date(int(day[index]))

        return tuple(
            Fate(
                customer=name,
                joined_on=self._date(int(self._joined[i])),
                churned_on=when(self._churned, i),
                won_back_on=when(self._returned, i),
                satisfaction=float(self._satisfaction[i]),
                why=DRIVERS[self._why[i]] if self._churned[i] != NEVER else None,
                wordless=bool(self._wordless[i]) if self._churned[i] != NEVER else None,
            )
            for i, name in enumerate(self._names)
        )

    def _date(self, day):
        return self.start + timedelta(days=day)

    def _chance(self, probability):
        return self._rng.random(len(self._names)) < probability

    def _happens(self, kind, which, attributes=None, seconds=None):
        """Note an event of the customers in `which`, at these seconds of the day, or at any of the waking ones."""
        if seconds is None:
            seconds = self._rng.integers(5 * 3600, 21 * 3600, len(which))
        self._events += [(s, kind, i, attributes) for s, i in zip(seconds.tolist(), which.tolist())]

    def _feel(self, on):
        rng, n, s = self._rng, len(self._names), self._satisfaction
        moving = self._present
        self._level += np.where(moving, rng.normal(0, DRIFT, n), 0)
        s += np.where(moving, REVERSION * (self._level - self._burden - s) + rng.normal(0, WOBBLE, n), 0)
        if on == self.outage_on:
            s -= np.where(moving, OUTAGE_DIP, 0)

        hit = np.flatnonzero(moving & (self._trouble == NONE) & self._chance(TROUBLES))
        self._trouble[hit] = self._last_driver[hit] = rng.choice(len(DRIVERS), len(hit), p=TROUBLE_ODDS)
        self._trouble_since[hit] = self.today
        self._burden[hit] = rng.uniform(*BURDEN, len(hit))
        s[hit] -= SHOCK * self._burden[hit]

        staying = moving & (self._goes == NEVER) & (self._trouble != NONE)
        given_up = np.flatnonzero(staying & (self.today - self._trouble_since > GIVEN_UP_DAYS))
        self._level[given_up] -= SCAR * self._burden[given_up]
        self._end_trouble(given_up)
        np.clip(self._level, -1, 1, out=self._level)
        np.clip(s, -1, 1, out=s)
        self._offered_until[moving & self._chance(OFFERS)] = self.today + OFFER_DAYS

    def _end_trouble(self, which):
        self._trouble[which], self._burden[which], self._opened[which] = NONE, 0, False

    def _decide(self):
        rng = self._rng
        tenure = self.today - self._joined
        offered = self._offered_until >= self.today
        ending = (tenure > END_DAYS) & (CONTRACT_DAYS - tenure % CONTRACT_DAYS <= END_DAYS)
        chance = LEAVES * np.exp(STEEPNESS * (LEVEL - self._satisfaction)) * self._leaves_easily
        chance *= np.where(self._trouble != NONE, LEAVES_IN_TROUBLE, 1) * np.where(ending, LEAVES_AT_END, 1)
        chance *= np.where(offered, np.exp(OFFER_PULL * self._price_matters), 1)
        # A second end would blur the truth for those who were won back.
        free = self._present & (self._goes == NEVER) & (self._returned == NEVER)
        deciding = np.flatnonzero(free & self._chance(np.minimum(chance, MOST_LEAVES)))
        self._goes[deciding] = self.today + rng.integers(LEAD_DAYS[0], LEAD_DAYS[1] + 1, len(deciding))
        self._says_nothing[deciding] = self._quiet[deciding] | (rng.random(len(deciding)) < WORDLESS)
        trouble, last = self._trouble[deciding], self._last_driver[deciding]
        self._why[deciding] = np.where(
            trouble != NONE, trouble, np.where(offered[deciding], COMPETITOR, np.where(last != NONE, last, PRICE))
        )

    def _go_and_return(self):
        rng = self._rng
        going = np.flatnonzero(self._present & (self._goes == self.today))
        self._gone[going], self._present[going] = True, False
        self._churned[going] = self.today
        self._wordless[going] = self.today - self._last_complained[going] > SPOKEN_DAYS
        back = rng.integers(BACK_DAYS[0], BACK_DAYS[1] + 1, len(going))
        self._returns[going] = np.where(rng.random(len(going)) < WON_BACK, self.today + back, NEVER)
        seconds = rng.integers(7 * 3600, 18 * 3600, len(going))
        asked = rng.random(len(going)) < 0.6  # the others let it run out
        self._happens("cancelled", going[asked], {}, seconds[asked] - 1800)
        self._happens("churned", going, {}, seconds)

        coming = np.flatnonzero(self._gone & (self._returns == self.today))
        self._gone[coming], self._present[coming] = False, True
        self._returned[coming], self._goes[coming], self._says_nothing[coming] = self.today, NEVER, False
        self._level[coming] = self._satisfaction[coming] = LEVEL
        self._end_trouble(coming)
        self._happens("won_back", coming)

    def _do(self):
        """What customers do beside talking; rates are a day."""
        present, s, leaving = self._present, self._satisfaction, self._goes != NEVER
        self._happens("purchase", np.flatnonzero(self._joined == self.today), {"first": True})
        tenure = self.today - self._joined
        ends = present & (tenure > 0) & (tenure % CONTRACT_DAYS == 0) & ~leaving
        self._happens("renewed", np.flatnonzero(ends & self._chance(RENEWS)))
        self._happens("purchase", np.flatnonzero(present & self._chance(5 / 365 * np.exp(s))))
        looks = np.flatnonzero(present & self._chance(6 / 365))
        for page, which in zip(PAGES, np.array_split(looks, len(PAGES))):
            self._happens("page_visited", which, {"page": page})
        for kind, usual, before_leaving, attributes in (
            ("page_visited", 0.15 / 365, 0.03, {"page": "cancellation"}),
            ("cart_abandoned", 1.5 / 365, 0.01, {}),
            ("unsubscribed", 0.12 / 365, 0.006, {}),
            ("app_uninstalled", 0.1 / 365, 0.008, {}),
        ):
            done = present & self._chance(np.where(leaving, before_leaving, usual))
            self._happens(kind, np.flatnonzero(done), attributes)
        self._happens("disliked", np.flatnonzero(present & self._chance(0.5 / 365 * np.exp(-2 * s))))

    def _speak(self, on):
        """The day's interactions, in the order of time. Arrays are of (contacts,), below of (turns of customers,)."""
        rng, n = self._rng, len(self._names)
        in_trouble, leaving = self._trouble != NONE, self._goes != NEVER
        fresh = self.today - self._trouble_since <= TROUBLE_TALK_DAYS
        rate = self._talk * WEEK[on.weekday()] * (HOLIDAY_TALKS if on == self.holiday_on else 1)
        rate *= np.where(in_trouble, np.where(fresh, TROUBLE_TALKS, OLD_TROUBLE_TALKS), 1)
        rate *= np.where(leaving, np.where(self._says_nothing, WORDLESS_TALKS, LEAVING_TALKS), 1)
        after = self._gone & (self.today - self._churned <= FINAL_DAYS)
        who = np.repeat(
            np.arange(n), rng.poisson(np.where(self._present, rate, np.where(after, FINAL_CALLS * rate, 0)))
        )
        callers = np.array([], int)
        if on == self.outage_on:
            callers = np.flatnonzero(self._present & self._chance(1 - np.exp(-OUTAGE_CALLS * self._talk)))
        outage = np.arange(len(who) + len(callers)) >= len(who)
        who = np.concatenate((who, callers))
        contacts = len(who)
        seconds = np.clip(rng.normal(11.5 * 3600, 3.2 * 3600, contacts), 0, 86_399).astype(int)
        order = np.argsort(seconds, kind="stable")
        who, outage, seconds = who[order], outage[order], seconds[order]

        channel = rng.choice(len(CHANNELS), contacts, p=CHANNEL_ODDS)
        agent = rng.integers(0, AGENTS, contacts)
        count = np.where(channel < 3, rng.choice(TURNS, contacts, p=TURN_ODDS), 1)
        gone, says_nothing = self._gone[who], self._says_nothing[who] & leaving[who]
        topic = np.where(rng.random(contacts) < ABOUT_TROUBLE, self._trouble[who], NONE)
        about_leaving = leaving[who] & (topic == NONE) & (rng.random(contacts) < ABOUT_LEAVING)
        topic = np.where(about_leaving, self._why[who], topic)
        handled = in_trouble[who] & (topic == self._trouble[who]) & ~outage & ~gone
        topic = np.where(outage, RELIABILITY, np.where(gone | says_nothing, NONE, topic))
        resolved = handled & (channel < STAFFED) & (rng.random(contacts) < RESOLVED * self._skill[agent])
        felt = self._satisfaction[who] - GRUMBLE * self._grumbles[who] - 0.4 * (topic != NONE) + 0.5 * resolved
        draw = rng.random(contacts)
        says_leaving = (
            ~gone
            & ~says_nothing
            & ~outage
            & (draw < np.where(leaving[who], SAYS_LEAVING * np.sqrt(self._shows[who]), THREATENS * in_trouble[who]))
        )
        draw = rng.random(contacts)
        offered = self._offered_until[who] >= self.today
        names_rival = ~gone & ~says_nothing & (draw < np.where(leaving[who], NAMES_RIVAL, NAMES_OFFER * offered))

        # Turns
        of = np.repeat(np.arange(contacts), count)
        turns = len(of)
        last = np.append(of[1:] != of[:-1], True)[:turns]
        first = np.append(True, of[1:] != of[:-1])[:turns]
        shows = self._shows[who[of]] * np.where(says_nothing[of], 0.1, 1)
        shows *= np.where(topic[of] != NONE, SHOWS_TROUBLE, SHOWS + SHOWS_MORE * np.abs(felt[of]))
        shown = rng.random(turns) < np.where(outage[of] & first, 0.95, shows)
        bad = (topic[of] != NONE) | (rng.random(turns) < 1 / (1 + np.exp(SURE * felt[of])))
        driver = np.where(topic[of] != NONE, topic[of], rng.choice(len(DRIVERS), turns, p=TROUBLE_ODDS))
        draw = rng.random(turns)
        group = np.full(turns, GROUPS["neutral", "plain"])
        group[draw < WISHES] = GROUPS["neutral", "wish"]
        group = np.where(shown & bad, COMPLAINTS[driver], group)
        group = np.where(shown & ~bad, PRAISES[self._likes[who[of]]], group)
        group[shown & ~bad & (felt[of] > 0.3) & (draw < RECOMMENDS)] = GROUPS["positive", "recommendation"]
        group[resolved[of] & last & (draw < 0.6)] = GROUPS["positive", "resolution"]
        angry = rng.random(turns) < np.where(leaving[who[of]], 0.6, 1)
        group[names_rival[of] & first] = GROUPS["neutral", "rival"]
        for subject, which in (("leaving", ~names_rival), ("leaving_for_rival", names_rival)):
            said = (says_leaving & which)[of] & last
            group[said & angry] = GROUPS["negative", subject]
            group[said & ~angry] = GROUPS["neutral", subject]
        group[gone[of]] = GROUPS["neutral", "final"]
        phrase = FIRST[group] + (rng.random(turns) * COUNT[group]).astype(int)
        meant, intent = FEELINGS[phrase], LEAVING[phrase]
        self._last_complained[who[of[(meant == NEGATIVE) | intent]]] = self.today

        rating = self._rate(channel, felt)
        self._handle(who, handled, resolved, seconds)
        readings = self._read(phrase, meant, intent)
        answered = (channel[of] < ANSWERED) & (rng.random(turns) < 0.6)
        answers = np.where(answered, rng.integers(0, len(ANSWERS), turns), NONE)
        told = iter(zip(phrase.tolist(), readings, answers.tolist()))
        tenure = self.today - self._joined[who]
        stage = np.searchsorted([until for _, until in STAGES[:-1]], tenure, side="right")
        midnight = on.isoformat()
        written = []
        for i, second, where, by, many, step, rated in zip(
            who.tolist(), seconds.tolist(), channel.tolist(), agent.tolist(), count.tolist(), stage.tolist(), rating
        ):
            spoken = []
            for _ in range(many):
                said, reading, answer = next(told)
                spoken.append({"speaker": "customer", "text": PHRASES[said].text, "reading": reading})
                if answer != NONE:
                    spoken.append({"speaker": "agent", "text": ANSWERS[answer], "reading": ANSWER_READING})
            self._told += 1
            interaction = {
                "id": f"said-{self._told:08d}",
                "source": SOURCE,
                "channel": CHANNELS[where],
                "customer": {"id": self._names[i]},
                "occurred_at": f"{midnight}T{_clock(second)}+00:00",
                "stage": STAGES[step][0],
                "turns": spoken,
            }
            if where < STAFFED:
                interaction |= {"agent": f"agent-{by:02d}", "team": TEAMS[by % len(TEAMS)]}
            if rated:
                interaction["rating"] = rated
            written.append(interaction)
        return tuple(written)

    def _rate(self, channel, felt):
        """A rating or None for each contact, from what they felt and chance."""
        level = np.clip((felt + self._rng.normal(0.1, RATING_NOISE, len(felt)) + 1) / 2, 0, 1)
        given = self._rng.random(len(felt)) < np.where(channel < STAFFED, RATES, channel >= CHANNELS.index("survey"))
        kinds = ["nps" if CHANNELS[c] == "survey" else "stars" if CHANNELS[c] == "review" else "csat" for c in channel]
        return [
            {"kind": kind, "value": round(10 * x) if kind == "nps" else 1 + round(4 * x)} if rates else None
            for kind, x, rates in zip(kinds, level.tolist(), given.tolist())
        ]

    def _handle(self, who, handled, resolved, seconds):
        """What contacts about trouble set going: complaints opened and resolved, refunds, minds changed."""
        rng = self._rng
        opens, at = np.unique(who[handled], return_index=True)
        at = seconds[handled][at]
        new = ~self._opened[opens] & (rng.random(len(opens)) < 0.5)
        self._opened[opens[new]] = True
        self._happens("complaint_opened", opens[new], {}, np.minimum(at[new] + 60, 86_398))
        done, at = np.unique(who[resolved], return_index=True)
        at = seconds[resolved][at]
        was_open = self._opened[done]
        self._happens("complaint_resolved", done[was_open], {}, np.minimum(at[was_open] + 600, 86_399))
        paid = np.isin(self._trouble[done], [DRIVERS.index(d) for d in ("billing", "product_quality", "delivery")])
        self._happens("refund", done[paid], {}, np.minimum(at[paid] + 900, 86_399))
        self._end_trouble(done)
        stays = done[rng.random(len(done)) < CHANGED_MIND]
        self._goes[stays[~self._gone[stays]]] = NEVER

    def _read(self, phrase, meant, intent):
        """A reading for each turn, as a model with mistakes would give it; a mistake is less sure than a hit."""
        rng, turns = self._rng, len(phrase)
        read = (rng.random(turns)[:, None] > CONFUSION.cumsum(1)[meant]).sum(1).clip(0, 2)
        hit = read == meant
        top = np.where(hit, 0.5 + 0.49 * rng.beta(5, 1.5, turns), 0.42 + 0.45 * rng.beta(2, 2, turns))
        # Beside a feeling it is neutral that is likely, not its opposite.
        share = np.where(read == NEUTRAL, rng.random(turns), rng.beta(6, 1.5, turns))
        thousandths = np.empty((turns, 3), int)
        row = np.arange(turns)
        thousandths[row, read] = np.round(1000 * top)
        second = np.where(read == NEUTRAL, NEGATIVE, NEUTRAL)
        thousandths[row, second] = np.floor((1000 - thousandths[row, read]) * share)
        third = 3 - read - second
        thousandths[row, third] = 1000 - thousandths[row, read] - thousandths[row, second]
        sure = np.where(intent, rng.random(turns) > INTENT_MISSED, rng.random(turns) < INTENT_INVENTED)
        leaving = np.where(sure, 0.5 + 0.49 * rng.beta(4, 1.5, turns), 0.45 * rng.beta(0.6, 8, turns))
        missed = (rng.random(turns) < NAME_MISSED).tolist()
        invented = np.where(rng.random(turns) < DRIVER_INVENTED, rng.integers(0, len(DRIVERS), turns), NONE).tolist()
        readings = []
        for said, p, p_leaving, misses, wrong in zip(
            phrase.tolist(), (thousandths / 1000).tolist(), np.round(leaving, 3).tolist(), missed, invented
        ):
            _, drivers, acts, emotions = PHRASES[said]
            drivers = [] if misses else [*drivers]
            if wrong != NONE and DRIVERS[wrong] not in drivers:
                drivers.append(DRIVERS[wrong])
            readings.append(
                {
                    "sentiment": {"negative": p[0], "neutral": p[1], "positive": p[2]},
                    "churn_intent": p_leaving,
                    "drivers": drivers,
                    "acts": [*acts],
                    "emotions": [] if misses else [*emotions],
                }
            )
        return readings

    def _written_events(self, on):
        written = []
        for second, kind, i, attributes in sorted(self._events, key=lambda event: event[0]):
            self._happened += 1
            written.append(
                {
                    "id": f"did-{self._happened:08d}",
                    "source": SOURCE,
                    "customer": {"id": self._names[i]},
                    "kind": kind,
                    "occurred_at": f"{on.isoformat()}T{_clock(second)}+00:00",
                    "attributes": dict(attributes or {}),
                }
            )
        return tuple(written)


def _clock(second):
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
