"""Of a mail the model reads what its writer wrote for it."""

import pytest

from service.text import cleaned, model_input

QUOTED = [
    "בתאריך יום ב׳, 5 במאי 2025 ב-10:00 מאת דנה כהן <‪dana@x.example‬‏>:‬\n\n> שלום",
    "‫בתאריך יום ג׳, 3 ביוני 2025 ב-9:12, שירות כתב:‬\nשלום יוסי",
    "ב-5 במאי 2025, בשעה 10:00, ‏דנה <d@x.example> כתב/ה:\n> שלום",
    "On Mon, May 5, 2025 at 10:00 AM Dana Cohen <d@x.example> wrote:\n> hello",
    "On Mon, May 5, 2025 at 10:00 AM Dana Cohen\n<d@x.example> wrote:\n\nhello",
    "-----Original Message-----\nFrom: Dana\nhello",
    "---------- Forwarded message ---------\nhello",
    "-----הודעה מקורית-----\nשלום",
    "‫מאת: שירות לקוחות <s@x.example>\n‫נשלח: יום שני 05 מאי 2025 10:00\n‫אל: יוסי\n‫נושא: RE: פנייה\n\nשלום",
    "________________________________\nFrom: Service <s@x.example>\nSent: Monday, May 5, 2025 10:00 AM\nTo: Dana\nSubject: RE\n\nhello",
    "пн, 5 мая 2025 г. в 10:00, Служба <s@x.example>:\nздравствуйте",
    "5 мая 2025 г., в 10:00, Служба <s@x.example> написал(а):\n> здравствуйте",
    "От: Служба\nОтправлено: 5 мая 2025\nКому: Анна\n\nздравствуйте",
    "Le lun. 5 mai 2025 à 10:00, Service <s@x.example> a écrit :\n> bonjour",
    "De : Service\nEnvoyé : lundi 5 mai 2025\nÀ : Anne\n\nbonjour",
    "El lun, 5 may 2025 a las 10:00, Servicio (<s@x.example>) escribió:\n> hola",
    "في الاثنين، 5 مايو 2025 في 10:00 كتب خدمة <s@x.example>:\nمرحبا",
    "من: خدمة\nتم الإرسال: 5 مايو 2025\nإلى: أحمد\n\nمرحبا",
    "> שלום\n> מה שלומך",
]
SIGNED = [
    "-- \nיוסי כהן\n050-5550101",
    "בברכה,\nיוסי",
    "בברכה, יוסי כהן",
    "בכבוד רב,\n\nדנה לוי\nמנהלת משרד\nטל' 03-5550100",
    "Best regards,\nDana",
    "С уважением,\nАнна",
    "Cordialement,\nAnne",
    "Un saludo,\nJuan",
    "مع التحية،\nأحمد".replace("،", ","),
    "Sent from my iPhone",
    "נשלח מה-iPhone שלי",
    "Get Outlook for Android",
    "Отправлено с iPhone",
    "הודעה זו מיועדת לנמען בלבד ועשויה להכיל מידע סודי. אם קיבלת אותה בטעות, נא להודיע לנו.",
    "This e-mail and any attachments are confidential and intended for the recipient only.",
]


@pytest.mark.parametrize("tail", QUOTED + SIGNED)
def test_quoted_mails_and_signatures_are_not_read(tail):
    assert cleaned(f"אני עוזב אתכם\nנמאס לי\n\n{tail}", "email") == "אני עוזב אתכם נמאס לי"


def test_signature_and_quote_go_together():
    assert cleaned(f"רע מאוד\n\nבברכה,\nיוסי\n\n{QUOTED[8]}", "email") == "רע מאוד"


def test_answers_below_and_between_quoted_lines_are_read():
    assert (
        cleaned("On 5 May 2025, Dana <d@x.example> wrote:\n> מה קרה?\nלא עובד\n> מאז מתי?\nמאתמול", "email")
        == "לא עובד מאתמול"
    )


def test_html_mails_are_read_as_shown():
    mail = (
        "<div>רע מאוד</div><div>בברכה,<br>יוסי</div><div>בתאריך 5.5.2025 דנה כתבה:<blockquote>שלום</blockquote></div>"
    )
    assert cleaned(mail, "email") == "רע מאוד"


@pytest.mark.parametrize(
    "said",
    [
        "> הכול מצוטט",
        "נשלח מהאתר שלכם מוצר שבור. תחליפו",
        "הודעה זו היא הודעת ביטול",
        "On 5.5 your agent wrote:\nwe will refund you\nand nothing came",
        "ב-5.5 בשעה 10:00 הנציג כתב\nשיחזרו אליי",
        "קיבלתי ב-5.5 את מה שהנציג כתב\nוזה לא נכון",
        "From: Haifa\nI want it sent home",
        "תודה,\nאבל זה לא מה שביקשתי",
        "שלום\nבברכה\n" + "אני רוצה להסביר עוד פעם את כל מה שקרה לי מאז שהצטרפתי אליכם לפני שלוש שנים, ולמה אני עוזב",
        "שלום\nבברכה,\nיוסי\nנ.ב. תבטלו גם את הקו השני",
    ],
)
def test_what_is_neither_quote_nor_signature_is_read(said):
    assert cleaned(said, "email") == " ".join(said.split())


def test_other_channels_are_read_whole():
    assert model_input("רע\nבברכה,\nיוסי", "chat") == "chat: רע בברכה, יוסי"
    assert model_input("רע\nבברכה,\nיוסי", "email") == "email: רע"
