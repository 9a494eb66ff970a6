"""Usage as the client counts it, and as the service sums it up."""

from __future__ import annotations

from collections import Counter
from typing import Any

from foreword.v1 import usage_pb2, usage_service_pb2

REQUESTS = "REQUESTS"


class Tally:
    """What a client has received, by model and kind."""

    def __init__(self) -> None:
        self.amounts: Counter[tuple[str, str]] = Counter()

    def add(self, model: str, usage: Any) -> None:
        """Count an answer that has arrived."""
        self.amounts[model, REQUESTS] += 1
        self.amounts[model, "INPUT_TOKENS"] += usage.input_tokens
        self.amounts[model, "OUTPUT_TOKENS"] += usage.generated_tokens
        self.amounts[model, "VIRTUAL_TOKENS"] += usage.soft_prompt_tokens

    def __add__(self, other: Tally) -> Tally:
        """Return what two clients have received together."""
        both = Tally()
        both.amounts = self.amounts + other.amounts
        return both


def usage_of(stubs: Any, parent: str = "", **fields: Any) -> Counter[tuple[str, str]]:
    """Return the amounts that the service has summed up, by model and kind."""
    request = usage_service_pb2.ListUsageRequest(parent=parent, page_size=1000, **fields)
    found: Counter[tuple[str, str]] = Counter()
    for item in stubs.usage.ListUsage(request).usage:
        found[item.model, usage_pb2.UsageKind.Name(item.kind).removeprefix("USAGE_KIND_")] += item.amount
    return found
