"""What three letters in a row cost in Hebrew, Russian and the languages of Latin script: the table of service/text/letters.py.

`python -m models.letters` counts the words of our own turns (nothing of the public sets) and writes the table.
"""

import json
import math
import re
from collections import Counter

from models.data import own_rows
from service.text.letters import ALPHABETS, EDGE, FIRST_SIGN, LEFT_OUT, STEPS, TABLE, fold

ALPHABET_OF = {"he": "he", "ru": "ru"} | dict.fromkeys(("en", "fr", "es", "de", "it", "pt"), "la")
MID_FINAL = re.compile("[ךםןףץ](?=[א-ת])")
DEAREST = 90  # the last printed sign is "~"


def words(rows):
    """The words of each alphabet in the rows of its languages, as Counters."""
    found = {alphabet: Counter() for alphabet in ALPHABETS}
    for row in rows:
        alphabet = ALPHABET_OF.get(row["lang"])
        if alphabet:
            found[alphabet].update(re.findall(f"[{ALPHABETS[alphabet]}]+", fold(row["text"])))
    # A final letter in mid-word tells of the wrong layout: such turns are among ours on purpose.
    found["he"] = Counter({word: count for word, count in found["he"].items() if not MID_FINAL.search(word)})
    return found


def costs(counts, alphabet):
    """For every three of the edge and the alphabet, -log p(third | first two), in STEPS a nat: Witten-Bell's mixture of
    what followed two letters, what followed one, and how often each letter is written."""
    signs = EDGE + alphabet
    grams = [Counter(), Counter(), Counter()]
    for word, count in counts.items():
        line = EDGE + EDGE + word + EDGE
        for at in range(2, len(line)):
            for order in range(3):
                grams[order][line[at - order : at + 1]] += min(count, 50)  # a brand said a thousand times is one word
    followers = [Counter(), Counter(), Counter()]
    totals = [Counter(), Counter(), Counter()]
    for order in range(3):
        for gram, count in grams[order].items():
            totals[order][gram[:-1]] += count
            followers[order][gram[:-1]] += 1

    def chance(gram):
        p = 1 / len(signs)
        for order in range(3):
            tail = gram[2 - order :]
            total, kinds = totals[order][tail[:-1]], followers[order][tail[:-1]]
            if total:
                p = (grams[order][tail] + kinds * p) / (total + kinds)
        return p

    return [min(DEAREST, round(-STEPS * math.log(chance(a + b + c)))) for a in signs for b in signs for c in signs]


def main():
    found = words(own_rows("train") + own_rows("dev"))
    table = {
        language: "".join(
            chr(FIRST_SIGN + cost + (FIRST_SIGN + cost >= LEFT_OUT)) for cost in costs(found[language], alphabet)
        )
        for language, alphabet in ALPHABETS.items()
    }
    TABLE.write_text(json.dumps(table, indent=0) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
