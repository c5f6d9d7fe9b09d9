"""How well two annotators of our own turns agree: Cohen's kappa per field.

    python -m models.agreement

`models/data/second.jsonl` holds both annotations as they were made, the second one blind, from text, channel and domain alone, by the
guideline of that day. A third reader settled the differences, which changed the turns' own files and the guideline. All three are
language models, so that this tells how clear the guideline is, not how well people would agree.
"""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sklearn.metrics import cohen_kappa_score

from models.data import read_jsonl
from models.outputs import ACTS, DRIVERS, EMOTIONS

DATA = Path(__file__).parent / "data"


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    pairs = [(row["first"], row["second"]) for row in read_jsonl(DATA / "second.jsonl")]
    table = Table("field", "Cohen's kappa", title=f"{len(pairs)} turns annotated twice")
    for field in ("sentiment", "churn"):
        table.add_row(field, f"{cohen_kappa_score(*zip(*((a[field], b[field]) for a, b in pairs))):.2f}")
    for field, names in (("drivers", DRIVERS), ("acts", ACTS), ("emotions", EMOTIONS)):
        pooled = [(name in a[field], name in b[field]) for a, b in pairs for name in names]
        table.add_row(f"{field}, all", f"{cohen_kappa_score(*zip(*pooled)):.2f}")
        for name in names:
            table.add_row(
                f"  {name}", f"{cohen_kappa_score(*zip(*((name in a[field], name in b[field]) for a, b in pairs))):.2f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main()
