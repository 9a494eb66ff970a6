"""Names for invented labels."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from foreword_starter.training.corpus import Corpus

_DEPARTMENTS: Final = tuple(
    """Accounting, Administration, Analytics, Archive, Assembly, Audit, Back Office, Billing, Branding, Catering,
    Claims, Cleaning, Collections, Communications, Compliance, Construction, Content, Customer Care, Customer
    Service, Data, Delivery, Design, Development, Dispatch, Documentation, Engineering, Events, Export, Facilities,
    Field Service, Finance, Fleet, Front Desk, Fulfilment, General, Helpdesk, Human Resources, Import,
    Infrastructure, Inspection, Installation, Inventory, Invoicing, Laboratory, Legal, Logistics, Loyalty,
    Maintenance, Management, Manufacturing, Marketing, Materials, Media, Merchandising, Network, Office, Online
    Shop, Onboarding, Operations, Orders, Packaging, Parts, Payments, Payroll, Personnel, Planning, Policy, Press,
    Pricing, Privacy, Procurement, Product, Production, Purchasing, Quality, Reception, Recruiting, Refunds,
    Regulatory, Repairs, Research, Returns, Risk, Safety, Sales, Scheduling, Security, Service, Shipping, Software,
    Sourcing, Spare Parts, Store, Strategy, Studio, Support, Tax, Technology, Testing, Tickets, Training, Transport,
    Travel, Treasury, Trust, Underwriting, Utilities, Vendors, Warehouse, Warranty, Web, Workshop""".replace(
        "\n", " "
    ).split(", ")
)
_SCALES: Final = {
    2: (("0", "1"), ("negative", "positive"), ("unsatisfied", "satisfied"), ("bad", "good"), ("no", "yes"), ("-", "+"),
        ("unhappy", "happy"), ("dislike", "like"), ("1", "2"), ("thumbs down", "thumbs up"), ("false", "true")),
    3: (("negative", "neutral", "positive"), ("bad", "fair", "good"), ("1", "2", "3"), ("low", "medium", "high"),
        ("-1", "0", "1")),
    5: (("1", "2", "3", "4", "5"), ("very bad", "bad", "fair", "good", "very good"), ("E", "D", "C", "B", "A"),
        ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")),
}  # fmt: skip
_CODES: Final = ("L{n}", "Desk {a}", "Team {n}", "Q{n}", "Group {a}", "{a}", "{n}", "Line {n}", "Queue {a}{n}", "#{n}")
_CASES: Final = (str.lower, str.title, str.title, str.upper)

Case = Callable[[str], str]


class LabelNames:
    """A generator of label names from departments, codes and terms of the glossary."""

    def __init__(self, corpus: Corpus) -> None:
        self._terms = sorted({row.summary.lower() for row in corpus.glossary if len(row.summary.split()) <= 2})

    def draw(self, generator: Random, count: int) -> tuple[str, ...]:
        """Draw `count` different names of one kind and in one case."""
        kind = generator.random()
        if kind < 0.2:
            pattern, first = generator.choice(_CODES), generator.randint(0, 3)
            return tuple(pattern.format(n=first + place, a=chr(ord("A") + first + place)) for place in range(count))
        case = self.draw_case(generator)
        return tuple(map(case, generator.sample(_DEPARTMENTS if kind < 0.75 else self._terms, count)))

    def draw_case(self, generator: Random) -> Case:
        """Draw a function that puts labels in lower, title or upper case."""
        return generator.choice(_CASES)

    def draw_scale(self, generator: Random, steps: int, *, may_reverse: bool) -> tuple[str, ...]:
        """Draw names for a scale of 2, 3 or 5 steps, the worst first.

        Args:
            may_reverse: Whether a scale of 2 steps may be reversed.
        """
        names = tuple(map(self.draw_case(generator), generator.choice(_SCALES[steps])))
        return names[::-1] if may_reverse and steps == 2 and generator.random() < 0.15 else names
