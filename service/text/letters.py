"""How likely a word's letters are in Hebrew, in Russian and in languages of Latin script, from three letters at a time (pure)."""

import json
import unicodedata
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("letters.json")  # written by models/letters.py
EDGE = " "
ALPHABETS = {
    "he": "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "la": "abcdefghijklmnopqrstuvwxyz",
    "ru": "абвгдежзийклмнопрстуфхцчшщъыьэюя",
}
STEPS = 8  # of the table a nat
FIRST_SIGN, LEFT_OUT = 35, 92  # a cost is one printed sign, from "#" on; the backslash would be two in JSON


def fold(text):
    """The text in the table's letters: small, without accents, ё as е."""
    # й is и with a breve; no other letter of the alphabets is an accented one.
    plain = text.lower().replace("й", "\ue000")
    plain = "".join(sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign))
    return plain.replace("\ue000", "й")


@cache
def _table(language):
    signs = EDGE + ALPHABETS[language]
    numbers = {sign: number for number, sign in enumerate(signs)}
    costs = [
        code - FIRST_SIGN - (code > LEFT_OUT)
        for code in json.loads(TABLE.read_text(encoding="ascii"))[language].encode()
    ]
    return numbers, len(signs), costs


def cost(word, language):
    """-log p of a word (folded letters of the language's alphabet, nothing else), in nats; raises KeyError for other signs."""
    numbers, size, costs = _table(language)
    first = second = total = 0
    for sign in word + EDGE:
        third = numbers[sign]
        total += costs[(first * size + second) * size + third]
        first, second = second, third
    return total / STEPS
