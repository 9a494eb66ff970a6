"""Prompts, label spaces, adapters in memory and engines for tests of serving."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
import torch
from safetensors.torch import save

from factories.tiny_models import HIDDEN_SIZE, tiny_model
from factories.waiting import eventually
from foreword.domain.base_model import BaseModelSpec
from foreword.domain.inference import GenerateParameters
from foreword.domain.site import SiteKind
from foreword.errors import ArtifactError
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.decoding.rows import DecodedText, DecodeRow
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.interfaces import AdapterReference, EngineRequest, EngineSettings
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Affine, Contribution, Embeds
from foreword.plugin.interfaces import Artifact, BaseModel, LabelSpace, LoadedModel
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning.method import PromptTuning

DEPARTMENTS = LabelSpace(
    labels=("Planning", "Development", "Service", "Warehouse", "L3", "Packaging", "Marketing"),
    separator=", ",
    multi_label=True,
    label_sets=(
        ("Warehouse", "Packaging"), ("Planning", "Marketing"), ("Service", "L3"), ("Planning", "Warehouse"),
        ("Planning", "Development", "Marketing"),
    ),
)  # fmt: skip
LONG = {"max_new_tokens": 100, "min_new_tokens": 100}
"""Parameters of an answer that takes a while."""
SENTIMENT = LabelSpace(labels=("1", "0"), separator=", ", multi_label=False, label_sets=(("1",), ("0",)))


def prompt_vectors(length: int, seed: int = 0, width: int = HIDDEN_SIZE) -> torch.Tensor:
    """Return random vectors, `[P, D]`."""
    return torch.randn(length, width, generator=torch.Generator().manual_seed(seed))


def site_scales(spec: BaseModelSpec, seed: int = 0, spread: float = 0.5) -> dict[str, torch.Tensor]:
    """Return random factors of keys, values and feed-forward activations, by name of the site."""
    generator = torch.Generator().manual_seed(seed)
    return {
        site.name: 1 + spread * torch.randn(site.width, generator=generator)
        for site in spec.sites
        if site.kind is not SiteKind.QUERY
    }


def load_adapter(runner: ModelRunner, length: int, seed: int = 0, *, scaled: bool = False):
    """Return an adapter with a random prompt, random factors or both on a runner's device; None for neither."""
    contributions: list[Contribution] = [Embeds(vectors_PD=prompt_vectors(length, seed))] if length else []
    contributions += [Affine(scales_W=site_scales(runner.model.spec, seed))] if scaled else []
    return runner.load_adapter(contributions)


class TinyBaseModel(BaseModel):
    """A tiny model as a plugin provides it."""

    def __init__(self, shape: str = "bart") -> None:
        self._shape = shape
        self.loads = 0
        self._spec = tiny_model(shape).spec

    @property
    def spec(self) -> BaseModelSpec:
        return self._spec

    def load_tokenizer(self):
        return tiny_model(self._shape).tokenizer

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        assert device == "cpu"
        self.loads += 1
        return tiny_model(self._shape, dtype=getattr(torch, dtype))


class HeldBaseModel(TinyBaseModel):
    """A base model that does not load until it is released, so that requests for it wait."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        assert self.released.wait(60)
        return super().load(device=device, dtype=dtype)


class Adapters:
    """An artifact store of adapters in memory."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[dict[str, object], bytes]] = {}
        self.reads = 0

    def add(
        self, name: str, vectors_PD: torch.Tensor, *, tenant: str = "acme", base_model: str = "tiny--bart",
        task_type: str = "SEQ_2_SEQ_LM",
    ) -> AdapterReference:  # fmt: skip
        """Store vectors as an adapter."""
        config = {
            "peft_type": "PROMPT_TUNING",
            "task_type": task_type,
            "num_virtual_tokens": vectors_PD.shape[0],
            "token_dim": vectors_PD.shape[1],
            "num_transformer_submodules": 1,
        }
        return self.add_bytes(name, config, save({"prompt_embeddings": vectors_PD}), tenant, base_model)

    def add_scales(
        self, name: str, scales_W: Mapping[str, torch.Tensor], spec: BaseModelSpec, *, tenant: str = "acme"
    ) -> AdapterReference:
        """Store factors as an adapter."""
        artifact = Artifact(kind="ia3/1", tensors=scales_W, context_tokens=0)
        config, tensors = IA3().to_peft(artifact, spec)
        return self.add_bytes(name, config, save(tensors), tenant, spec.id, tuning_type="ia3")

    def add_bytes(
        self,
        name: str,
        config: Mapping[str, object],
        data: bytes,
        tenant: str = "acme",
        base_model: str = "tiny--bart",
        tuning_type: str = "prompt_tuning",
    ) -> AdapterReference:
        """Store any bytes as an adapter, with their hash."""
        self.files[name] = (dict(config), data)
        return AdapterReference(
            tenant=tenant,
            base_model=base_model,
            tuning_type=tuning_type,
            artifact=name,
            content_sha256=hashlib.sha256(data).hexdigest(),
        )

    def read(self, reference: AdapterReference) -> tuple[dict[str, object], bytes]:
        self.reads += 1
        if reference.artifact not in self.files:
            raise ArtifactError(f"The artifact {reference.artifact} is missing.")
        return self.files[reference.artifact]


@asynccontextmanager
async def running_engine(
    *models: BaseModel,
    adapters: Adapters | None = None,
    on_lost: Callable[[], object] = lambda: None,
    **settings: object,
) -> AsyncIterator[InferenceEngine]:
    """Run an engine on its thread, in fp32 unless the settings say otherwise."""
    offered = models or (TinyBaseModel(),)
    engine = InferenceEngine(
        base_models={model.spec.id: model for model in offered},
        methods={"prompt_tuning": PromptTuning(), "ia3": IA3()},
        read_artifact=(adapters or Adapters()).read,
        settings=EngineSettings(**{"dtype": "float32", **settings}),
    )
    engine.start(on_lost)
    try:
        yield engine
    finally:
        engine.stop()


def make_request(text: str, **fields) -> EngineRequest:
    """Return a request with sensible defaults; `parameters` may be a dict."""
    parameters = fields.pop("parameters", {})
    values = {"id": "r", "tenant": "acme", "base_model": "tiny--bart", **fields}
    if isinstance(parameters, dict):
        parameters = GenerateParameters(**{"max_new_tokens": 12, **parameters})
    return EngineRequest(text=text, parameters=parameters, **values)


async def answer(engine: InferenceEngine, text: str, **fields):
    """Return the joined pieces of an answer, and its final part."""
    pieces = [piece async for piece in engine.generate(make_request(text, **fields))]
    assert all(piece.final is None for piece in pieces[:-1])
    return "".join(piece.text for piece in pieces), pieces[-1].final


@asynccontextmanager
async def paused(engine: InferenceEngine, base_model: str = "tiny--bart") -> AsyncIterator[None]:
    """Keep the engine's thread busy with a probe, so that it accepts all requests of the block together at its end."""
    entered, released = threading.Event(), threading.Event()

    def probe(self: ModelRunner, adapter: object) -> float:
        entered.set()
        return float(released.wait(60))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelRunner, "probe", probe)
        probing = asyncio.create_task(engine.probe(base_model, None))
        assert await asyncio.to_thread(entered.wait, 60)
        try:
            yield
        finally:
            released.set()
            await probing


async def queued(engine: InferenceEngine, requests: int) -> None:
    """Wait until this number of requests wait for the engine's thread."""
    await eventually(lambda: engine.load().queued_requests >= requests)


async def settled(engine: InferenceEngine) -> None:
    """Wait until the engine has released all rows and requests."""

    def is_idle() -> bool:
        load = engine.load()
        return not (load.queued_requests or load.queued_tokens or load.running_rows)

    await eventually(is_idle)


@torch.inference_mode()
def decode_rows(runner: ModelRunner, rows: list[DecodeRow], *, arrive_every: int = 0) -> list[DecodedText]:
    """Return the answers of rows that begin together, or one by one every few steps."""
    batch = DecodeBatch(runner.network)
    found, places = {}, {}
    waiting = list(enumerate(rows))
    steps = 0

    def take(events):
        found.update((places[event.row], event.final) for event in events if event.final)

    while waiting or batch.rows:
        count = len(waiting) if not arrive_every else int(steps % arrive_every == 0)
        joining, waiting = waiting[:count], waiting[count:]
        if joining:
            new, events = batch.join([row for _, row in joining])
            places.update({row: place for row, (place, _) in zip(new, joining, strict=True)})
            take(events)
        take(batch.step())
        steps += 1
    return [found[place] for place in range(len(rows))]
