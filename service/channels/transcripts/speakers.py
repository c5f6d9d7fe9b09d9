"""Who of a transcript's speakers is the customer, who the agent, who a machine: from the name, or from what each says (pure)."""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

from service.errors import Invalid
from service.text import normalise

SURE = 0.8  # below it the sender is asked
EVERYBODY = "*"  # in `speakers`: all who are not named
# Where all but one are known: two customers, two agents, or an agent with a machine, on one line are rare.
OTHER = 0.95
MOST_NAMED = 20  # speakers named in an answer
_MOST_HITS = 2  # of one cue: who says it ten times is no surer
# People present themselves early: so many turns, and characters of each, are looked at.
_LISTENED, _HEARD = 400, 1_000
_FIRST = 0.6  # who answers a call's first word is more often the agent
# The evidence is counted as if its cues were independent, which they are not.
_TRUST = 0.75
_BOT = 2.5
# What is inferred is never told as certain: of 24 calls written after the cues, 11 of the 12 sure ones were right.
_SUREST = 0.95

_LABELS = (
    ("agent", r"(customer|client|technical) (service|support|care)|agents?|representative|rep|operator|advisor|support|supervisor|manager"),
    ("agent", r"ה?נציגה?|ה?נציגת|נציגי|מוקדנית?|ה?מוקד|שירות|טלפנית?|ה?תמיכה|ה?מנהלת?"),
    ("agent", r"موظفة?|الموظفة?|وكيل|الوكيل|оператор|агент|сотрудник|менеджер|поддержка"),
    ("bot", r"bot|chatbot|ivr|system|virtual assistant|automated|בוט|ה?מערכת|רובוט|נתב|бот|робот|система|بوت|النظام"),
    ("customer", r"customer|client|caller|user|visitor|guest|subscriber"),
    ("customer", r"ה?לקוחה?|הפונה|פונה|מתקשרת?|ה?מנויה?"),
    ("customer", r"العميل|عميل|عميلة|زبون|الزبون|клиент|клиентка|абонент|покупатель"),
)  # fmt: skip
_LABELS = [(role, re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)) for role, words in _LABELS]

# (log-odds that the speaker is the agent, what is said); lower case, without niqqud, as service.text.normalise leaves it.
_CUES = (
    # A company answers, or presents itself.
    (3.0, r"הגעתם ל|(?:מדברת?|כאן) \S+ (?:מ(?:חברת|מחלקת|בית|בנק|קופת|מוקד|שירות)|אני מנהלת? המשמרת)"),
    (3.0, r"(?<!\w)(?:מוקד|שירות|שירותי|תמיכה|חברת|בנק|ביטוח|קופת|מרפאת|מזכירות|מחלקת|קבלה)(?: \S+){0,4} (?:שלום|בוקר טוב|ערב טוב|מדברת?)"),
    (2.0, r"^(?:\S+ ){1,4}(?:שלום|ערב טוב|בוקר טוב)(?: \S+)? מדברת? |אני (?:מתקשרת? )?(?:ממחלקת|מסוכנות|מחברת)"),
    (3.0, r"thank you for calling|this is \w+ (?:from|with|at)|my name is \w+,? how|you'?re speaking with"),
    (3.0, r"служба|вас беспокоит|меня зовут|خدمة الزبائن|مركز (?:الدعم|الخدمة)|معك \S+ من"),
    # Offers help.
    (3.0, r"(?:במה|איך|כיצד) (?:אפשר|אוכל|אפשר ל?נוכל|אני יכולה?|נוכל) (?:לעזור|לסייע)|(?:עוד )?משהו שאוכל לעזור"),
    (3.0, r"how (?:can|may) i (?:help|assist)|anything else i can|чем (?:я )?могу|слушаю вас|كيف (?:بقدر|ممكن|أقدر|اقدر)"),
    # Asks who it is.
    (2.0, r"(?:מה|אפשר|לצורך זיהוי) ה?(?:מספר|תעודת|שם|כתובת)|ספרות אחרונות|שם מלא|(?:על|באיזה) איזה שם|שם הנעורים"),
    (2.0, r"(?:can i have|could you (?:confirm|give)|may i have|what'?s|what is) your|am i speaking with"),
    (2.0, r"назовите|подскажите|ваш[аеу]? (?:адрес|номер|фамили)|ممكن رقم|شو رقم|رقم الهوية"),
    # Looks it up and deals with it.
    (1.6, r"אני (?:רק )?(?:בודקת?|מעבירה?|פותחת?|מזכה|משחררת?|מתאמת?|מעדכנת?|מבררת?|מבצעת?|מאפסת?|מעלה ל|מכינה?)(?!\w)"),
    (1.6, r"אני (?:רואה (?:כאן|פה ש|ש|את הבקשה|במערכת)|שולחת? (?:לך|איש|טכנאי)|יכולה? ל(?:אשר|הציע|שלוח לך|הוריד לך))"),
    (1.6, r"let me (?:check|see|look)|(?:i|we)'ll (?:check|transfer|send|look)|сейчас (?:проверю|посмотрю)|لحظة|رح (?:توصلك|نبعت)"),
    (1.4, r"נחזור אליך|יום עסקים|ימי עסקים|המתנ[יה]? על הקו|בשם החברה|לפי הנהלים"),
    # Is sorry for the company.
    (1.4, r"אני (?:מבינה?|מעריכה?) (?:את|אותך)|(?:אני )?מתנצל(?:ת|ים)?(?!\w)|אני מצטערת?|לצערי"),
    (1.4, r"i(?:'m| am) (?:so |very |really )?sorry|i apologi[sz]e|приношу извинения|нам жаль|نعتذر|بعتذر|بنعتذر"),
    # Calls to sell or to ask.
    (2.0, r"אני מתקשרת? אלי|מבצע מיוחד|רצינו (?:לעדכן|לשמוע|להציע)|אני מדברת? עם|מאחת עד עשר|מתאים לך לדבר"),
    (2.0, r"i'd like to tell you|we have a new|new tariff|хотели предложить|عنا عرض|عرض خاص"),
    # Speaks for the company, and to one.
    (0.9, r"אצלנו|שלחנו|מהמערכת שלנו|אנחנו (?:מחליפים|נחזור|נשלח)|(?<!\w)(?:we can|we will|we have|у нас)(?!\w)"),
    (0.8, r"(?<!\w)(?:לך|אליך|אלייך|שלך|אותך|תרצה|תרצי)(?!\w)"),
    # Says what they will do about it, in the first person's future; and what they do now.
    (1.0, r"(?<!\w)אני א(?!ני|תבע|עבור|עזוב|תלונן|בטל)[א-ת]{3,5}(?!\w)|(?<!\w)א[א-ת]{3,4} (?:לך|לכם|אותך|אתכם|אלייך|אליך)(?!\w)"),
    (1.0, r"אני (?:חוסמת?|מחברת?|מחפשת?|משבצת?|מוציאה?|מוסיפה?|מסדרת?|מזמינה?|מחליפה?|נכנסת? לזה|ממש מצטער)(?!\w)"),
    (1.0, r"(?<!\w)(?:i'll|we'll|is on its way|could you|may i|заменим|отправим|могу (?:дать|предложить)|приедет)(?!\w)"),
    (1.0, r"بفتحلك|بوقف|بكون عندك|بشوفلك"),
    # Presents a company in its first words.
    (1.6, r"(?<!\w)(?:כאן|זה|זאת) \S+ מ[א-ת]{3,}|^\S+ מ[א-ת]{3,}(?: \S+)? (?:שלום|מה שלומ|ערב|בוקר|מדבר)"),
    (1.6, r" speaking(?!\w)"),
    (1.6, r"^(?:\S+ ){2,3}(?:שלום|בוקר טוב|ערב טוב|אחר צהריים|צהריים טובים|במה|מה תרצו)"),
    (1.6, r"^компания|معك \S+$"),
    # Wants something of them.
    (-1.3, r"(?:אני|אנחנו) (?:רוצה|רוצים|צריכה|מנסה)(?! לוודא| קוד)|(?<!\w)רציתי|תעביר(?:ו|י)? אותי|תחזיר|תבטל|תוריד(?:ו|י)? אותי|תביא"),
    (-1.3, r"(?<!\w)(?:i want|i need|i'd like my|хочу|верните|بدي|أريد|بدنا)(?!\w)"),
    # Tells why they call, and how often they have.
    (-2.0, r"פעם (?:שנייה|שלישית|רביעית|חמישית)|כבר (?:שעה|חצי שעה|שעתיים|יום|יומיים|שבוע|שבועיים|חודש|חודשיים|שלוש|ארבע)|מהבוקר"),
    (-2.0, r"(?:אני מתקשרת?|התקשרתי) (?:קודם|כי|בקשר|בנוגע|לגבי (?:ה?חשבון|ה?כרטיס|ה?חיוב))|calling (?:because|about)"),
    (-2.0, r"третий раз|звоню|сколько можно|صار ?ل|من يومين|كل مرة"),
    # Their own things and deeds.
    (-1.0, r"(?<!יש )(?<!תן )(?<!תני )(?<!ספר )(?<!תגיד )(?<!תגידי )(?<!תאשר )(?<!\w)(?:לי|אצלי|אותי)(?!\w)"),
    (-1.3, r"(?<!\w)ו?(?:קניתי|הזמנתי|הזמנו|שילמתי|ביטלתי|תבעתי|שלחתי|קיבלתי|קיבלנו|חיכיתי|הגשתי|קבעתי)(?!\w)"),
    (-1.3, r"אני (?:לקוחה?|משלמת?)(?!\w)|(?<!\w)(?:my (?:order|card|money|account|bill)|у меня|دفعت|طلبيتي)(?!\w)"),
    (-1.2, r"(?<!\w)(?:אתם|אצלכם|שלכם|מכם|אתכם|הבטחתם|חייבתם|לקחתם|אמרתם|חסמתם|עשיתם|הודעתם)(?!\w)|you charged|قطعتوا|تبعكم"),
    (-1.0, r"(?<!\w)ו?(?!ביצע|הזמנ|קני|רצי|ניסי)[א-ת]{3,6}תם(?!\w)"),
    (-0.6, r"(?<!\w)ו?(?!שלח|רצ|בדק|רא|פתח|התקנ|זיכ|הוספ|עדכנ|ביטל לך)[א-ת]{2,5}תי(?!\w)"),
    (-0.6, r"(?<!\w)(?:my|i'?ve been|я|мне|меня|أنا|انا|حسابي)(?!\w)"),
    (-3.0, r"אני הלקוחה?(?!\w)|i'?m (?:a|the|your) customer"),
    # Complains.
    (-0.6, r"(?<!\w)(?:עדיין|שוב|פעמיים|אף פעם|לחינם|בלי לשאול|again|since|опять|снова|مرة تانية|بستنى|من الصبح)(?!\w)"),
    (-1.5, r"אף אחד לא|חייבו|לחייב אותי|נמאס|גנבים|בושה|לא (?:ביקשתי|קיבלתי|מגיע|הגיע|נכנסה|עובדת?)(?!\w)|מושבת|תקוע"),
    (-1.5, r"nobody|never arrived|charged me|it's broken|broken again|ridiculous|сняли|интернета нет|زهقت|ما ب(?:يفتح|تشتغل)"),
    # Does not know who calls, or does not want to.
    (-2.0, r"לא מעוני|מי (?:זה|מדבר)|who'?s this|not interested|take me off|не звоните|мне ничего не нужно|ما بدي|شو في"),
    (-0.8, r"(?<!\w)(?:למה|ולמה|אז למה|why)(?!\w)|(?:תודה|יופי) (?:רבה|ש)|מלאכית"),
)  # fmt: skip
_CUES = [(weight, re.compile(words, re.IGNORECASE)) for weight, words in _CUES]
_MACHINE = re.compile(
    r"(?<!\w)(?:הקש|הקישו|הקישי)(?!\w)|סולמית|שיחה זו מוקלטת|העוזר הדיגיטלי|לחזרה לתפריט|press (?:\d|one|two|three|zero|the)"
    r"|нажмите|اضغط",
    re.IGNORECASE,
)


# What begins or makes a question, and a greeting with the name of who is greeted.
_ASKS = re.compile(
    r"[?؟]|(?:^|\s)(?:ו?מה|ו?מתי|איפה|כמה|ב?איזה|ל?איזה|מאיזה|איזו|על שם מי|ו?איך|אפשר|what|what's|which|when|where|could|can|may|"
    r"какой|какая|как|где|когда|شو|وين|ايش|كم|ممكن)(?=\s|$)",
    re.IGNORECASE,
)
_GREETS = re.compile(
    r"^(?:כן )?(?:שלום|היי|הי|אהלן|hi|hello|hey|مرحبا|أهلين|صباح النور|здравствуйте|добрый день),? (\w{2,})",
    re.IGNORECASE,
)
_SHORT = 4  # words of a plain answer
_ASKED, _GREETED = 0.7, 1.5


@dataclass(frozen=True)
class Role:
    """What a speaker is, and how sure that is, in [0, 1]; 1 where the sender or the transcript told it."""

    role: str
    confidence: float


def role_of_label(label):
    """The role that a speaker's name tells ("Agent", "נציגה", "לקוח"), or None."""
    return next((role for role, words in _LABELS if words.search(label)), None)


def find_roles(said, given):
    """{speaker: Role} of what was said, with None for a speaker without a name.

    `given` {speaker: role} is the sender's word, EVERYBODY standing for those not named; it goes before the transcript's own,
    and that before what is inferred. Raises Invalid where a given speaker is not there, or one's role is less sure than SURE:
    its errors name the speakers.
    """
    spoken = defaultdict(list)
    for one in said:
        spoken[one.speaker].append(one)
    _refuse_strangers(given, spoken)
    found = {}
    for speaker, pieces in spoken.items():
        own = pieces[0].role or (speaker and role_of_label(speaker))
        told = given.get(speaker) or given.get(EVERYBODY)
        if told or own:
            found[speaker] = Role(told or own, 1.0)
    left = [speaker for speaker in spoken if speaker not in found]
    if left:
        found |= _inferred(said, found, left)
    _refuse_doubts(found)
    return {speaker: found[speaker] for speaker in spoken}


def infer(said):
    """{speaker: Role} by what each says alone, however unsure."""
    speakers = list(dict.fromkeys(one.speaker for one in said))
    return _inferred(said, {}, speakers)


def _inferred(said, known, left):
    found, hits = {}, Counter(one.speaker for one in said[:_LISTENED] if _MACHINE.search(normalise(one.text[:_HEARD])))
    for speaker in left:
        if hits[speaker]:
            found[speaker] = Role("bot", _sigmoid(_BOT * hits[speaker]))
    people = [speaker for speaker in left if speaker not in found]
    machines = {speaker for speaker, role in (known | found).items() if role.role == "bot"}
    roles = {role.role for role in known.values()} - {"bot"}
    if len(people) == 1 and (len(roles) == 1 or (machines and not roles)):
        return found | {people[0]: Role("agent" if "customer" in roles else "customer", OTHER)}
    evidence = _evidence([one for one in said if one.speaker not in machines])
    evidence = {speaker: evidence[speaker] for speaker in people}
    # Two are told apart by the difference between them; of many, and of one alone, each rather by what they say themselves.
    middle = (max(evidence.values()) + min(evidence.values())) / 2 if evidence else 0
    scale, pull = {1: (1, 0), 2: (2, 1)}.get(len(evidence), (1, 0.5))
    for speaker, weight in evidence.items():
        agent = _sigmoid(_TRUST * scale * (weight - pull * middle))
        found[speaker] = Role("agent", agent) if agent >= 0.5 else Role("customer", 1 - agent)
    return found


def _evidence(said):
    """{speaker: log-odds that they are the agent} of what people said to each other."""
    texts = [(one.speaker, normalise(one.text[:_HEARD]).lower()) for one in said[:_LISTENED]]
    evidence, spoken = Counter(), defaultdict(list)
    for speaker, text in texts:
        spoken[speaker].append(text)
    for speaker, own in spoken.items():
        evidence[speaker] = sum(
            weight * min(_MOST_HITS, sum(bool(words.search(text)) for text in own)) for weight, words in _CUES
        )
    if texts:
        evidence[texts[0][0]] += _FIRST
    plain_answers = Counter()
    for (asker, asked), (speaker, answer) in pairwise(texts):
        if speaker == asker:
            continue
        # Who is asked and answers in a word or two is mostly the customer, whose particulars are taken.
        if (
            _ASKS.search(asked)
            and not _ASKS.search(answer)
            and len(answer.split()) <= _SHORT
            and plain_answers[speaker] < _MOST_HITS
        ):
            plain_answers[speaker] += 1
            evidence[asker] += _ASKED
            evidence[speaker] -= _ASKED
        # Who is greeted by the name just given has answered for a company.
        greeted = _GREETS.search(answer)
        if greeted and greeted[1] in asked.replace(",", " ").replace(".", " ").split():
            evidence[asker] += _GREETED
    return evidence


def _sigmoid(x):
    return max(1 - _SUREST, min(_SUREST, 1 / (1 + math.exp(-max(-50, min(50, x))))))


def _refuse_strangers(given, spoken):
    strangers = [speaker for speaker in given if speaker not in spoken and speaker != EVERYBODY]
    if strangers:
        names = ", ".join(sorted(filter(None, spoken))[:MOST_NAMED]) or "none is named"
        raise _asking(
            "nobody in the transcript is called so", {one: f"is not among the speakers: {names}" for one in strangers}
        )


def _refuse_doubts(found):
    doubts = {}
    for speaker, role in found.items():
        if speaker is None and role.confidence < 1 and len(found) == 1:
            doubts[EVERYBODY] = (
                'the transcript tells no speakers apart: give {"*": "customer"} if all of it is the customer\'s, '
                "or send one that does"
            )
        elif role.confidence < SURE:
            doubts[speaker or EVERYBODY] = f"is agent or customer? ({role.role}, {role.confidence:.2f}): give speakers"
    if doubts:
        raise _asking("who of the speakers is the customer is not sure", doubts)


def _asking(detail, messages):
    faults = [{"index": None, "field": f"speakers.{one}", "message": text} for one, text in messages.items()]
    return Invalid(f"speakers: {detail}", faults[:MOST_NAMED])
