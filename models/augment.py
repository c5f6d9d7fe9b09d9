"""Noise as people and recognisers make it, put into our own turns while training; marks stay as they were."""

import re

SHARE = 0.7  # of the second views of rows are touched
# The Hebrew letters of a standard keyboard, and the Latin ones on the same keys.
HEBREW_KEYS = "קראטוןםפשדגכעיחלךףזסבהנמצתץ"
LATIN_KEYS = "ertyuiopasdfghjkl;zxcvbnm,."
TO_LATIN = str.maketrans(HEBREW_KEYS, LATIN_KEYS)
FEELING = {
    "negative": ["!!", "!!!", " 😡", " 😤", " 🙄", " 😞", "..."],
    "positive": ["!", "!!", " 😊", " ❤️", " 👍", " 🙏", " 🎉"],
}
# First names of the country's Jews, Arabs, Russian speakers and Ethiopians, as each language writes them.
NAMES = {
    "he": "נועה יעל רחל שירה תמר אברהם יוסף איתי עומר משה חיה מנחם פאטמה סמירה עאישה מחמוד חאלד איברהים סאמי רים אולגה"
    " נטשה אירינה סרגיי איגור דמיטרי יבגני לודמילה אסתר טזטה אדיסו מולוגטה אלמז גטהון ברהנו ציון",
    "ar": "نوعا ياعيل راحيل موشيه يوسي إيتاي عومر فاطمة سميرة عائشة محمود خالد إبراهيم سامي ريم أحمد ليلى أولغا إيرينا"
    " سيرغي إيغور ديمتري ألماز غيتاهون",
    "ru": "Ноа Яэль Рахель Моше Йоси Итай Омер Фатима Самира Махмуд Халед Ибрагим Сами Ольга Наташа Ирина Сергей Игорь"
    " Дмитрий Алмаз Гетахун Светлана Людмила",
    "en": "Noa Yael Rachel Moshe Yossi Itay Omer Fatima Samira Mahmoud Khaled Ibrahim Sami Olga Natasha Irina Sergey Igor"
    " Dmitry Almaz Getahun Svetlana Ahmed John Mary",
    "am": "ኖአ ያኤል ራሔል ሙሴ ዮሲ ፋጡማ መሐሙድ ኢብራሂም ኦልጋ ሰርጌ አልማዝ ጌታሁን ተስፋዬ በለጠ ሃና ዮሴፍ",
}
NAMES = {lang: names.split() for lang, names in NAMES.items()}
KNOWN_NAMES = {lang: re.compile(rf"\b(?:{'|'.join(names)})\b") for lang, names in NAMES.items()}
# Forms that differ by gender alone, masculine and feminine, in Hebrew, Arabic and Russian.
FORMS = """מאוכזב מאוכזבת|מבקש מבקשת|צריך צריכה|יכול יכולה|עובר עוברת|משלם משלמת|לקוח לקוחה|ותיק ותיקה|גר גרה|חושב חושבת
|מתכנן מתכננת|בטוח בטוחה|עייף עייפה|נציג נציגה|מקבל מקבלת|יודע יודעת|מבין מבינה|כועס כועסת|מתוסכל מתוסכלת|ממליץ ממליצה|אדיב אדיבה
|מקסים מקסימה|נחמד נחמדה|סבלני סבלנית|מקצועי מקצועית|ממתין ממתינה|מחפש מחפשת|עוזב עוזבת|מתלבט מתלבטת|מתקשר מתקשרת|סובל סובלת
|מדבר מדברת|חושש חוששת|מתעניין מתעניינת|מודאג מודאגת|נהנה נהנית|מזמין מזמינה|מוכן מוכנה|חייב חייבת|מרגיש מרגישה
|مستني مستنية|زهقان زهقانة|تعبان تعبانة|مبسوط مبسوطة|راضي راضية|زعلان زعلانة|معصب معصبة|خايف خايفة|حابب حابة|طالب طالبة|ساكن ساكنة
|متأكد متأكدة|محتاج محتاجة|عارف عارفة|فاهم فاهمة|ناوي ناوية|رايح رايحة|جاي جاية|شايف شايفة|سعيد سعيدة|غاضب غاضبة|ممتن ممتنة|متفاجئ متفاجئة
|مشترك مشتركة|منزعج منزعجة|قلقان قلقانة|متضايق متضايقة|مضطر مضطرة
|звонил звонила|ждал ждала|заказал заказала|купил купила|получил получила|платил платила|заплатил заплатила|решил решила|хотел хотела
|доволен довольна|рад рада|согласен согласна|готов готова|должен должна|уверен уверена|просил просила|написал написала|пришёл пришла
|пришел пришла|остался осталась|устал устала|думал думала|потерял потеряла|перешёл перешла|перешел перешла|ушёл ушла|ушел ушла"""
FORMS = [pair.split() for pair in FORMS.replace("\n", "").split("|")]
TO_MASCULINE = {feminine: masculine for masculine, feminine in FORMS}
TO_FEMININE = dict(FORMS)
GENDERED = re.compile(rf"\b(?:{'|'.join({*TO_MASCULINE, *TO_FEMININE})})\b")


def typo(text, rng):
    """One slip of the finger: two letters swapped, one dropped or one doubled, inside a word of four letters or more."""
    words = [match for match in re.finditer(r"\w{4,}", text) if not match.group().isdigit()]
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(word.start() + 1, word.end() - 1)
    kind = rng.randrange(3)
    middle = (text[at + 1] + text[at], text[at + 1], text[at] * 2 + text[at + 1])[kind]
    return text[:at] + middle + text[at + 2 :]


def named(text, lang, rng):
    """The text with its first names changed for others, or where it has none, with one called out before it."""
    name = rng.choice(NAMES[lang])
    changed = KNOWN_NAMES[lang].sub(name, text)
    return changed if changed != text else f"{name}, {text}"


def regendered(text, rng):
    """The text with the forms that are known put into one gender."""
    forms = rng.choice([TO_MASCULINE, TO_FEMININE])
    return GENDERED.sub(lambda found: forms.get(found.group(), found.group()), text)


def augmented(row, rng):
    """The row, or for SHARE of the rows a copy with one kind of noise in its text."""
    if rng.random() >= SHARE:
        return row
    text, lang, kind = row["text"], row["lang"], rng.randrange(12)
    if rng.random() < 0.5:
        text = regendered(text, rng)
    if kind < 3:
        text = typo(text, rng)
    elif kind < 5:
        text = re.sub(r"[.,!?…\"'׳״-]+", "", text)
    elif kind < 7:
        text += rng.choice(FEELING.get(row["sentiment"], [".", "..."]))
    elif kind < 9 and lang in NAMES:
        text = named(text, lang, rng)
    elif kind == 9:
        text = f"{text} {text}"
    elif kind == 10 and lang == "he" and len(text) < 60:
        text = text.translate(TO_LATIN)
    return row | {"text": text} if text.strip() else row
