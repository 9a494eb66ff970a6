"""Many requests at once with asyncio, and an answer that arrives piece by piece.

    python core/examples/concurrent_requests.py SERVING_NAME

`AsyncClient` has the methods of `Client`. The engine answers concurrent requests in one batch, so sending them together
is faster than one after the other. One client serves all tasks of an event loop.
"""

from __future__ import annotations

import asyncio
import sys

import foreword

COMPLAINTS = (
    "Two screws are missing from the box.",
    "Nobody answers the phone.",
    "I see a two-door model in your advertisement, but it is not for sale.",
    "The lid was broken when I opened the parcel.",
)


async def main(model: str) -> None:
    """Classify complaints concurrently, then stream one generated answer."""
    async with foreword.AsyncClient() as client:
        answers = await asyncio.gather(*(client.classify(model, text) for text in COMPLAINTS))
        for text, answer in zip(COMPLAINTS, answers, strict=True):
            labels = ", ".join(answer.labels) or "not sure enough"
            print(f"{labels:24} {text}")

        async for piece in client.stream_generate(model, COMPLAINTS[0], timeout_seconds=30):
            print(piece.text, end="", flush=True)
        print()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "quickstart"))
