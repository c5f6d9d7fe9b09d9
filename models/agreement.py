"""How well two annotators of our own turns agree: Cohen's kappa per field, and the F1 that one would have against the other.

    python -m models.agreement

`models/data/second.jsonl` holds both annotations as they were made, the second one blind, from text, channel and domain alone, by the
guideline of that day. A third reader settled the differences, which changed the turns' own files and the guideline. All three are
language models, so that this tells how clear the guideline is, not how well people would agree.
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score, f1_score

from models.data import read_jsonl
from models.outputs import ACTS, DRIVERS, EMOTIONS

DATA = Path(__file__).parent / "data"


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pairs = [(row["first"], row["second"]) for row in read_jsonl(DATA / "second.jsonl")]
    table = Table("field", "Cohen's kappa", "F1", title=f"{len(pairs)} turns annotated twice")

    def add(name, both, **average):
        first, second = zip(*both)
        table.add_row(
            name, f"{cohen_kappa_score(first, second):.2f}", f"{100 * f1_score(first, second, **average):.1f}"
        )

    add("sentiment (macro)", [(a["sentiment"], b["sentiment"]) for a, b in pairs], average="macro")
    add("churn: yes", [(a["churn"] == "yes", b["churn"] == "yes") for a, b in pairs])
    for field, names in (("drivers", DRIVERS), ("acts", ACTS), ("emotions", EMOTIONS)):
        add(f"{field}, all", [(name in a[field], name in b[field]) for a, b in pairs for name in names])
        for name in names:
            add(f"  {name}", [(name in a[field], name in b[field]) for a, b in pairs])
    Console().print(table)


if __name__ == "__main__":
    main()
