"""Is a tuned prompt better than its base model, and on which rows? Measured on rows that nobody was tuned on.

    python core/examples/evaluation.py SERVING_NAME

All systems answer the same labelled rows. Few rows give wide intervals: measure on hundreds of your own. The frames
need pandas (the extra `pandas`).
"""

from __future__ import annotations

import os
import sys

import foreword
from foreword.client import EvaluatedSystem, frames

ROWS = [
    ("The bag with the screws was not in the box.", "Packaging"),
    ("You sent me the black lamp although I ordered the white one.", "Warehouse"),
    ("I have been on hold for forty minutes and nobody answers.", "Service"),
    ("Your poster promises delivery in two days. It took nine.", "Marketing, Warehouse"),
    ("Please offer the shelf in a narrower size.", "Planning"),
    ("The hinge breaks after a month of normal use.", "Development"),
    ("The carton was soaked and the manual inside was unreadable.", "Packaging"),
    ("The advertised colour does not exist in the shop.", "Marketing, Planning"),
    ("The chat closed before anybody had read my question.", "Service"),
    ("Three parcels arrived, I ordered one.", "Warehouse"),
    ("The zip of the bag jams at the corner.", "Development"),
    ("Why is there no refill for this soap?", "Planning"),
]


def main(model: str) -> None:
    """Compare a deployment with its base model, and print the rows that they answer differently."""
    with foreword.Client(api_key=os.environ.get("FOREWORD_API_KEY", "dev")) as client:
        base = client.get_tuned_model(client.get_deployment(model).model).base_model
        systems = [model, EvaluatedSystem(model=base, shots=3, constrained=True)]
        evaluation = client.evaluate(ROWS, systems, display_name="New complaints")

        print(frames.results(evaluation).T.to_string())
        print(frames.differences(evaluation).to_string(index=False))
        different = client.list_evaluation_rows(evaluation, selection="different")
        print(frames.evaluation_rows(different).to_string())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "quickstart")
