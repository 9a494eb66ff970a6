"""Sample data that ships with Foreword: complaints to a consumer-products company.

All rows were written for Foreword; none names a real person or brand. The rows of the first three samples have the form
``{"input": complaint, "output": "Department, Department"}``, with one to three departments in the order of
:data:`DEPARTMENTS`.

* ``complaints``: the training file of the walk-through. No single label dominates a combination that contains it.
* ``complaints_v2``: valid but badly distributed rows (8 "Warehouse" against 5 "Warehouse, Packaging",
  16 "Planning" against 3 "Planning, Marketing" and 10 "Planning, Warehouse"). They show the warnings of the data
  doctor.
* ``complaints_unseen``: 40 held-out rows that occur in neither of the other two samples, for comparing a tuned
  prompt with the base model.

Samples for other tasks:

* ``replies``: 40 complaints, each with a reply of three lines, for generation.
* ``summaries``: 30 letters, each with a summary of one line, for summarization.

The meaning of the departments (a combination is the union of its parts):

* Planning: product range, variants, regions, stock planning, requests for the next version.
* Development: faults of design or quality, missing functions.
* Service: support, repairs and refunds.
* Warehouse: stock, shelves, depot, parts that should have been sent.
* L3: deep technical problems that neither first-line support nor its experts could solve.
* Packaging: the contents of the box, how it is packed, leaflets.
* Marketing: advertising, brochures, website and newsletter, and their promises.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

__all__ = ["DEPARTMENTS", "SAMPLES", "load_rows", "sample_path"]

DEPARTMENTS: tuple[str, ...] = (
    "Planning",
    "Development",
    "Service",
    "Warehouse",
    "L3",
    "Packaging",
    "Marketing",
)

SAMPLES: tuple[str, ...] = ("complaints", "complaints_v2", "complaints_unseen", "replies", "summaries")


def sample_path(name: str) -> Path:
    """Return the path of a sample, named with or without ``.jsonl``.

    Raises:
        FileNotFoundError: There is no such sample.
    """
    stem = name.removesuffix(".jsonl")
    if stem not in SAMPLES:
        raise FileNotFoundError(f"There is no sample named {name!r}; choose one of {', '.join(SAMPLES)}.")
    return Path(str(files(__name__) / f"{stem}.jsonl"))


def load_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a sample in file order."""
    text = sample_path(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
