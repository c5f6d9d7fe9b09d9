"""The behavioural suite, in the style of CheckList (Ribeiro et al. 2020): what must not change a reading, and what must.

Its cases are `models/data/behaviour.jsonl`, each with a `capability`, its `texts`, and a `test`:

same        every text gets the label of the first
label       every text gets the case's `label`
churn       every text's churn intent is the case's `label`
not_better  the valence of the second is not higher than that of the first, by more than TOLERANCE
not_worse   nor lower
"""

from collections import defaultdict
from pathlib import Path

from models.data import read_jsonl

CASES = Path(__file__).parent / "data" / "behaviour.jsonl"
TOLERANCE = 0.1
INVARIANCES = {"same"}


def fails(case, readings):
    """How many of a case's expectations the readings of its texts break, and how many there are."""
    first, *rest = readings
    match case["test"]:
        case "same":
            broken = [reading.label != first.label for reading in rest]
        case "label":
            broken = [reading.label != case["label"] for reading in readings]
        case "churn":
            broken = [(reading.others["churn_intent"] >= 0.5) != case["label"] for reading in readings]
        case "not_better":
            broken = [reading.valence > first.valence + TOLERANCE for reading in rest]
        case "not_worse":
            broken = [reading.valence < first.valence - TOLERANCE for reading in rest]
    return sum(broken), len(broken)


def failed_cases(model):
    """Every case with its failures: [(case, broken, expectations, readings)]."""
    cases = read_jsonl(CASES)
    readings = iter(model.score([(text, "") for case in cases for text in case["texts"]]))
    found = []
    for case in cases:
        each = [next(readings) for _ in case["texts"]]
        found.append((case, *fails(case, each), each))
    return found


def failure_rates(model):
    """{capability: {"kind", "checks", "failures", "rate"}}, and the same over all invariances and all the rest."""
    counts = defaultdict(lambda: [0, 0])
    for case, broken, expected, _ in failed_cases(model):
        kind = "invariances" if case["test"] in INVARIANCES else "the rest"
        for name in (f"{case['capability']} ({case['test']})", f"all {kind}"):
            counts[name][0] += broken
            counts[name][1] += expected
    return {
        name: {"checks": expected, "failures": broken, "failure rate": broken / expected}
        for name, (broken, expected) in sorted(counts.items(), key=lambda item: (item[0].startswith("all "), item[0]))
    }
