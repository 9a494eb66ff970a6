"""The embedded base model, as it is shipped, in the engine."""

from __future__ import annotations

import asyncio

from factories.serving import DEPARTMENTS, Adapters, answer, make_request, prompt_vectors, running_engine, site_scales
from foreword_starter.model import StarterModel

STARTER = "foreword--starter"
TEXTS = (
    "Where are the 2 extra sets of sheets that are supposed to come with my order?!",
    "I see a 2-door model in your TV ad, but why is that not available?",
    "Nobody answers the phone.",
)


async def test_the_starter_answers_in_a_mixed_batch_as_it_does_alone():
    adapters = Adapters()
    references = [
        adapters.add(f"prompt{seed}", 0.05 * prompt_vectors(length, seed, width=384), base_model=STARTER)
        for seed, length in enumerate((8, 50))
    ]
    references.append(adapters.add_scales("factors", site_scales(StarterModel().spec, spread=0.2), StarterModel().spec))
    requests = [
        {"text": text, "adapter": adapter, "base_model": STARTER} for text in TEXTS for adapter in (None, *references)
    ]
    async with running_engine(StarterModel(), adapters=adapters) as engine:
        alone = [await answer(engine, **request) for request in requests]
        together = await asyncio.gather(*(answer(engine, **request) for request in requests))
        scored_alone = [await engine.classify(make_request(label_space=DEPARTMENTS, **item)) for item in requests]
        scored = await asyncio.gather(
            *(engine.classify(make_request(label_space=DEPARTMENTS, **item)) for item in requests)
        )

    assert together == alone
    assert [item.label_sets[0].labels for item in scored] == [item.label_sets[0].labels for item in scored_alone]
    for one, other in zip(scored, scored_alone, strict=True):
        assert abs(one.label_sets[0].probability - other.label_sets[0].probability) < 1e-3
