"""The complaints of the demo, all written for it.

The first model learns four departments from Foreword's sample data. The department Packaging is not in that data, so
people teach it to the model.
"""

from __future__ import annotations

from foreword.samples import load_rows

KNOWN = ("Service", "Marketing", "Development", "Planning")
NEW = "Packaging"
DEPARTMENTS = (*KNOWN, NEW)

OPENING = (
    ("ann", "Nobody at your hotline ever calls back, and I have been waiting since Monday."),
    ("dan", "The poster in your shop promises free delivery <!channel>, the web page knows nothing of it."),
)
"""Complaints that the first model should route. One contains a mention that must not notify the whole channel."""

TAUGHT = (
    "The mug was wrapped in a single sheet of paper and arrived in shards.",
    "No assembly leaflet in the carton, only the boards.",
    "The carton was soaked and the lamp inside fell out at the door.",
    "The leaflet in the box is for another kettle.",
    "The plates were packed loose, every second one is chipped.",
    "The box was crushed and the table top has a dent.",
    "Page three of the leaflet is missing, and the printing is smeared.",
    "The mirror came without any padding and is cracked.",
    "The bag of flour was packed under the hammer. Guess what happened.",
    "Your carton was taped up so badly that it opened on the stairs.",
    "The leaflet is printed so small that I need a magnifying glass.",
    "The vase was packed upside down and its neck is broken off.",
    "The box had no handles and tore when I lifted it.",
    "There is no leaflet in my language in the box.",
    "All the glasses were packed without paper between them, three are broken.",
    "The wrapping was open and the cushion is full of dust.",
)
"""Complaints about packaging, for people to decide on."""

AFTERWARDS = (
    "The teapot was packed without padding and its lid is in pieces.",
    "The leaflet in the carton stops in the middle of a sentence.",
    "Your agent hung up on me twice this morning.",
)
"""Complaints similar to the earlier ones, in other words."""

HELD_OUT = (
    ("The picture frame was loose in a carton that is far too big, and the glass is broken.", NEW),
    ("Somebody forgot to put the leaflet into the box.", NEW),
    ("The carton was so thin that the screws came through.", NEW),
    ("The leaflet shows another model than the one in the box.", NEW),
    ("The bottles were packed without paper and two are broken.", NEW),
    ("The box was torn open and taped up again.", NEW),
    ("The leaflet is printed in grey on grey.", NEW),
    ("My lamp was wrapped in nothing at all and has a dent.", NEW),
    ("I waited an hour on the phone and then the line went dead.", "Service"),
    ("Your staff was rude to my mother at the counter.", "Service"),
    ("Three emails to customer service, and no reply.", "Service"),
    ("The agent promised to call me on Tuesday. It is Friday.", "Service"),
    ("Please take me off your newsletter.", "Marketing"),
    ("The price in the advert is not the price at the till.", "Marketing"),
    ("Your commercial makes fun of cyclists.", "Marketing"),
    ("The discount code from the flyer does not work.", "Marketing"),
    ("The handle of the pan came off after a week.", "Development"),
    ("The app crashes whenever I open the settings.", "Development"),
    ("The zip of the jacket broke on the first day.", "Development"),
    ("The kettle leaks at the seam.", "Development"),
    ("Please offer this shirt in size XXL.", "Planning"),
    ("Why do you not sell this sofa in green?", "Planning"),
    ("I would like a smaller version of this suitcase.", "Planning"),
    ("Will there be a left-handed version of the scissors?", "Planning"),
)
"""Labeled complaints for evaluation, on which no model is trained."""


def first_rows() -> list[dict[str, str]]:
    """Return the training rows of the first model: the sample complaints with exactly one, known department."""
    return [row for row in load_rows("complaints") if row["output"] in KNOWN]


def held_out_rows() -> list[dict[str, str]]:
    """Return the rows on which both models are evaluated."""
    return [{"input": text, "output": label} for text, label in HELD_OUT]
