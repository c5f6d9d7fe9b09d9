"""What an e-mail's writer says in it: without the mails it answers, signature and the company's notice (pure).

No format defines how replies are quoted; the lines known here are those of Gmail, Outlook, Apple Mail and Yahoo in Hebrew, English,
Arabic, Russian, French, Spanish and German. Of the libraries for it none knows Hebrew, Arabic or Russian.
"""

import re

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
MOST_OF_A_LINE = 400  # a header or a closing is shorter
_ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,64}")
_OPENS = re.compile(r"\*?(?:on|בתאריך|ביום|ב-|le|el|am|il|em|في|بتاريخ|в|\S{2,3}[,.]?)\s|\d", re.IGNORECASE)
_WHEN = re.compile(r"\b\d{4}\b|\d:\d\d")
_WROTE = re.compile(
    r"(?:\bwrote|כתבו?|כתבה|כתב/ה|כתב\(ה\)|a écrit|escribió|schrieb\b.{0,120}|ha scritto|escreveu|написал(?:\(а\)|а|и)?|пишет|"
    r"(?:كتب|كتبت)\b.{0,120})[\s*]*:$",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"[-_*]{2,}\s*(?:original message|forwarded message|הודעה מקורית|הודעה שהועברה|ההודעה המקורית|исходное сообщение|"
    r"пересылаемое сообщение|message d'origine|message original|mensaje original|ursprüngliche nachricht|الرسالة الأصلية)"
    r"\s*[-_*]*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"[_-]{5,}")
_FROM = re.compile(r"\*?(?:from|מאת|de|от|من|von)\s?:", re.IGNORECASE)
_HEADER = re.compile(
    r"\*?(?:sent|to|cc|subject|date|נשלח|אל|עותק|נושא|תאריך|envoyé|à|objet|enviado(?: el)?|para|asunto|fecha|отправлено|кому|тема|"
    r"дата|تم الإرسال|أرسلت|إلى|الموضوع|التاريخ|تاريخ الإرسال|gesendet|an|betreff)\s?:",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"(?:sent from (?:my|mail for|yahoo|outlook|samsung|the all)|get outlook for|"
    r"נשלח (?:מה|מ|באמצעות )-?\s?(?:iphone|ipad|אייפון|אייפד|android|אנדרואיד|מכשיר|טלפון|galaxy|samsung|gmail|yahoo|outlook)|"
    r"קבל את outlook|отправлено (?:с (?:моего )?(?:iphone|ipad|android|телефона)|из)|envoyé (?:de|depuis) mon|"
    r"enviado desde (?:mi|iphone)|von meinem .{2,30} gesendet|(?:أرسلت?|تم الإرسال) من )[^.!?]{0,60}\.?$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:בברכה(?: רבה| חמה)?|בכבוד רב|בתודה ובברכה|(?:best|kind|warm) regards|regards|sincerely|yours (?:truly|sincerely)|"
    r"cordialement|bien à vous|atentamente|(?:un )?saludos?(?: cordiales)?|с уважением|mit freundlichen grüßen|viele grüße|"
    r"مع (?:خالص )?(?:التحية|تحياتي)|تحياتي|ከሰላምታ ጋር)(?:[,.!…]*|[,.]?\s+\S{1,30}(?:\s\S{1,30}){0,3})$",
    re.IGNORECASE,
)
MOST_SIGNED_LINES, MOST_SIGNED_CHARACTERS = 8, 80  # of what a signature is; more is said, not signed
_POSTSCRIPT = re.compile(r"(?:נ\.?\s?[\"״]?ב|p\.?\s?s|p\.?\s?d)\b", re.IGNORECASE)
_NOTICE = re.compile(
    r"(?:הודעה זו|הודעת דוא|דוא[\"״]ל זה|המידע (?:הכלול|המופיע|המצוי)|this (?:e-?mail|message|communication)|"
    r"the information (?:contained|in this)|confidentiality|disclaimer|ce message|este (?:mensaje|correo)|"
    r"(?:данное|это) (?:сообщение|письмо)|هذه الرسالة|هذا البريد)",
    re.IGNORECASE,
)
_CONFIDENTIAL = re.compile(
    r"confiden|privileged|recipient|addressee|סודי|חסוי|לנמען|הנמען|נמענ|בטעות|конфиденциальн|سرية|السرية|سري",
    re.IGNORECASE,
)
MOST_PASSES = 4  # a line that goes may bring two others together


def said(text):
    """The lines of a mail that its writer wrote for it; the whole text where none is left."""
    for _ in range(MOST_PASSES):
        kept = "\n".join(_said(text.splitlines())).strip()
        if not kept:
            return text
        if kept == text:
            break
        text = kept
    return text


def _said(lines):
    plain = [_MARKS.sub("", line[:MOST_OF_A_LINE]).strip() for line in lines]
    kept = []
    for at, line in enumerate(plain):
        if line.startswith(">") or _DEVICE.match(line):
            continue
        if _begins_quote(plain, at):
            # Below it the quote's lines are marked, and an answer may follow them; or else all below it is the quote.
            if any(later.startswith(">") for later in plain[at + 1 : at + 5]):
                continue
            break
        if line == "--" or (_NOTICE.match(line) and _CONFIDENTIAL.search(lines[at])) or _signs(plain, at):
            break
        if not (line and _wrote(plain, at - 1, 1)):
            kept.append(lines[at])
    return kept


def _begins_quote(plain, at):
    line = plain[at]
    if not line:
        return False
    if _RULE.fullmatch(line) and _FROM.match("".join(plain[at + 1 : at + 2])):
        at, line = at + 1, plain[at + 1]
    if _SEPARATOR.match(line) or _wrote(plain, at, 0) or _wrote(plain, at, 1):
        return True
    following = [later for later in plain[at + 1 : at + 7] if later][:3]
    return bool(_FROM.match(line)) and any(_HEADER.match(later) for later in following)


def _wrote(plain, at, more):
    """Whether "On …, … wrote:" stands in a line (more = 0) or is broken over it and the next one (more = 1)."""
    if at < 0 or at + more >= len(plain) or not plain[at]:
        return False
    line = " ".join(plain[at : at + 1 + more])
    if not any(sign.isdigit() for sign in plain[at]) or not _OPENS.match(line) or (more and _wrote(plain, at, 0)):
        return False
    address = _ADDRESS.search(line)
    return line.endswith(":") and bool(address or (_WHEN.search(line) and _WROTE.search(line[-160:])))


def _signs(plain, at):
    """Whether from this line on there is a closing formula and what stands under it, and no more."""
    if at == 0 or not _CLOSING.match(plain[at]):
        return False
    below = []
    for line in plain[at + 1 : at + 1 + 3 * MOST_SIGNED_LINES]:
        if (
            line.startswith(">")
            or _SEPARATOR.match(line)
            or _DEVICE.match(line)
            or _NOTICE.match(line)
            or _FROM.match(line)
        ):
            break
        below.append(line)
    below = [line for line in below if line]
    return (
        len(below) <= MOST_SIGNED_LINES
        and all(len(line) <= MOST_SIGNED_CHARACTERS for line in below)
        and not any(_POSTSCRIPT.match(line) for line in below)
    )
