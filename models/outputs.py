"""The named outputs of the model's one head, in order; config.json's id2label carries these names.

The first three are one softmax, every other output is a sigmoid of its own.
"""

SENTIMENT = ["negative", "neutral", "positive"]
DRIVERS = [
    "price",
    "billing",
    "service_attitude",
    "wait_time",
    "product_quality",
    "reliability",
    "delivery",
    "digital_experience",
    "policy",
    "competitor",
    "resolution",
]
ACTS = ["complaint", "praise", "recommendation", "request", "wish", "question"]
EMOTIONS = ["anger", "sadness", "fear", "joy", "trust", "surprise"]
OUTPUTS = [
    *SENTIMENT,
    "churn_intent",
    *(f"driver:{name}" for name in DRIVERS),
    *(f"act:{name}" for name in ACTS),
    *(f"emotion:{name}" for name in EMOTIONS),
]


def targets(row):
    """A row's (sentiment index, [0.0 | 1.0 | None] of every later output); None is unknown and not trained on."""
    if "churn" not in row:
        return SENTIMENT.index(row["sentiment"]), [None] * (len(OUTPUTS) - len(SENTIMENT))
    marks = {"churn_intent"} if row["churn"] == "yes" else set()
    for field, kind in (("drivers", "driver"), ("acts", "act"), ("emotions", "emotion")):
        marks |= {f"{kind}:{name}" for name in row[field]}
    return SENTIMENT.index(row["sentiment"]), [float(name in marks) for name in OUTPUTS[len(SENTIMENT) :]]
