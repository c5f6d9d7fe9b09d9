"""What the model read in one text, and how several windows of a long text become one reading (pure)."""

from dataclasses import dataclass, replace

SENTIMENTS = ("negative", "neutral", "positive")
KINDS = {"driver": "drivers", "act": "acts", "emotion": "emotions"}
# Why customers feel so, as our own model names it; another may name others.
DRIVERS = (
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
)
CHURN_INTENT = "churn_intent"
NEUTRAL_SALIENCE = 0.2
NOTHING_READ = (0.0, 1.0, 0.0), {}  # a text without one piece of the model's vocabulary says nothing to it


def is_output(name):
    """Whether a model's output of this name has a place in a Reading."""
    kind, colon, rest = name.partition(":")
    return name in SENTIMENTS or name == CHURN_INTENT or (kind in KINDS and bool(colon and rest))


@dataclass(frozen=True)
class Reading:
    """probabilities follows SENTIMENTS and sums to 1; others maps the model's further outputs to probabilities."""

    probabilities: tuple[float, float, float]
    others: dict[str, float]
    language: str
    model: str
    version: str

    @property
    def valence(self):
        """How good or bad, in [-1, 1]: P(positive) - P(negative)."""
        return self.probabilities[2] - self.probabilities[0]

    @property
    def label(self):
        return SENTIMENTS[max(range(3), key=self.probabilities.__getitem__)]

    def tempered(self, confidence):
        """The Reading of words that a recogniser heard with this confidence, in [0, 1]: so much of it, the rest of any sentiment alike.

        The label stays; p' = c·p + (1 - c)/3, and every other output is c·p.
        """
        return replace(
            self,
            probabilities=tuple(confidence * p + (1 - confidence) / 3 for p in self.probabilities),
            others={name: confidence * p for name, p in self.others.items()},
        )

    def as_json(self):
        """The reading as the API answers it; outputs that the model lacks are absent, not invented."""
        shape = {
            "sentiment": {
                "label": self.label,
                "valence": round(self.valence, 4),
                "probabilities": {name: round(p, 4) for name, p in zip(SENTIMENTS, self.probabilities)},
            },
            "language": self.language,
            "model": {"name": self.model, "version": self.version},
        }
        if CHURN_INTENT in self.others:
            shape[CHURN_INTENT] = {
                "label": self.others[CHURN_INTENT] >= 0.5,
                "probability": round(self.others[CHURN_INTENT], 4),
            }
        for kind, field in KINDS.items():
            named = {name.partition(":")[2]: p for name, p in self.others.items() if name.startswith(f"{kind}:")}
            if named:
                shape[field] = [
                    {"name": name, "probability": round(p, 4)}
                    for name, p in sorted(named.items(), key=lambda item: -item[1])
                    if p >= 0.5
                ]
        return shape


def salience(probabilities):
    """How much a text weighs beside others, in [NEUTRAL_SALIENCE, 1]: what shows feeling outweighs what shows none."""
    return NEUTRAL_SALIENCE + (1 - NEUTRAL_SALIENCE) * (1 - probabilities[1])


def merge(windows):
    """One (probabilities, others) of a text from those of its windows, each (tokens, probabilities, others).

    Sentiment is the mean weighed by tokens and salience, so that one angry paragraph is not lost in ten plain ones; every
    other output is the highest of the windows: it is in the text if it is anywhere in it.
    """
    if len(windows) == 1:
        return windows[0][1:]
    weights = [tokens * salience(probabilities) for tokens, probabilities, _ in windows]
    total = sum(weights)
    mean = tuple(sum(w * window[1][i] for w, window in zip(weights, windows)) / total for i in range(3))
    return mean, {name: max(window[2][name] for window in windows) for name in windows[0][2]}
