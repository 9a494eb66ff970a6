"""Sample data that ships with Foreword: complaints of a consumer-products company, routed to departments or answered.

All rows are written for Foreword; no row names a real person or brand. Those of the complaints are
``{"input": complaint, "output": "Department, Department"}`` with one to three departments,
always in the order of :data:`DEPARTMENTS`.

* ``complaints``: the training file of the walk-through; no single label crowds out a combination.
* ``complaints_v2``: valid, but badly distributed (8 "Warehouse" against 5 "Warehouse, Packaging",
  16 "Planning" against 3 "Planning, Marketing" and 10 "Planning, Warehouse"). It is there for the
  data doctor to warn about.
* ``complaints_unseen``: 40 held-out rows, found in neither of the other two, to compare a tuned
  prompt with the base model.

For the other tasks there are

* ``replies``: 40 complaints, each with a reply of three lines, for generation.
* ``summaries``: 30 letters, each with the gist of it in one line, for summarization.

What the departments mean in these rows (a combination is the union of its parts):

* Planning: product range, variants, regions, stock planning, requests for the next version.
* Development: faults of design or quality, functions to add.
* Service: how support, repair and refunds are handled.
* Warehouse: stock, shelves, depot, parts that should have been sent.
* L3: deep technical problems, or ones that first-line support and its experts could not solve.
* Packaging: what is (not) in the box, how it is packed, leaflets.
* Marketing: advertising, brochure, website and newsletter, and what they promise.
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
    """Return the file of a sample, named with or without ``.jsonl``."""
    stem = name.removesuffix(".jsonl")
    if stem not in SAMPLES:
        raise FileNotFoundError(f"no sample named {name!r}; there are {', '.join(SAMPLES)}")
    return Path(str(files(__name__) / f"{stem}.jsonl"))


def load_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a sample in file order."""
    text = sample_path(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
