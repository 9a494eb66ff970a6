"""A whole training run: every stage in order, each starting from the previous stage's result in the state folder."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, Final

import torch
from torch import Tensor, nn

from foreword_starter.training.alignment import nearest_rotation
from foreword_starter.training.canary import canary
from foreword_starter.training.corpus import Corpus, read_corpus
from foreword_starter.training.distillation import Distillation, mean_cosine
from foreword_starter.training.export import save_model
from foreword_starter.training.instructions import Instructions
from foreword_starter.training.loop import LoopSettings, Stage, run_loop, write_whole
from foreword_starter.training.matching import MatchingStage
from foreword_starter.training.precision import MasterWeights, RateGroup, compute_dtype
from foreword_starter.training.probe import held_out_tasks, promptability
from foreword_starter.training.prompt_pool import PromptPool
from foreword_starter.training.sentence_encoder import SentenceEncoder
from foreword_starter.training.sentence_space import SentenceSpace, build_space
from foreword_starter.training.settings import Rates, read_settings
from foreword_starter.training.soft_tasks import SoftTasks
from foreword_starter.training.starter import Starter
from foreword_starter.training.steering import Steering
from foreword_starter.training.tokenizer import train_tokenizer
from foreword_starter.training.transplant import transplant

_ROTATION_TEXTS: Final = 8192
"""Number of texts that the rotation of the teacher's vectors is fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The paths that a run reads from.

    Attributes:
        teacher: Folder of the encoder whose sentence vectors are learnt.
        canary: File of labelled texts that are never trained on; None skips the canary.
        begin_from: Model to continue from; None builds one from MiniLM.
    """

    corpus: Path
    minilm: Path
    teacher: Path
    canary: Path | None
    begin_from: Path | None


class Run:
    """A training run.

    The state folder has the subfolders `start`, `distilled`, `matched` and `steered`, each with a `model`. All but
    `start` also hold a log, the state to resume from and, if promptability is probed, the `best` model.
    `checkpoints.jsonl` holds the figures of all checkpoints.
    """

    def __init__(self, sources: Sources, settings_file: Path, state: Path, device: torch.device) -> None:
        self._sources, self._state, self._device = sources, state, device
        self._settings = read_settings(settings_file)
        self._dtype = compute_dtype(device)
        state.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _corpus(self) -> Corpus:
        return read_corpus(self._sources.corpus)

    @cached_property
    def _space(self) -> SentenceSpace:
        data = self._settings.data
        return build_space(
            self._corpus,
            lambda: SentenceEncoder(self._sources.teacher, device=self._device, dtype=self._dtype),
            Random(data.seed),  # noqa: S311 - no secret
            per_source=data.space_texts,
            num_feedback=data.space_feedback,
            file=self._state / "space.pt",
        )

    @cached_property
    def _targets(self) -> tuple[list[str], Tensor]:
        """The texts of the sentence space and their target vectors, `[N, D]`; the same in every stage."""
        texts, vectors_NW = self._space.all()
        file = self._state / "turn.pt"
        if not file.is_file():
            starter = self._load(self._sources.begin_from or self._begin())
            places = Random(0).sample(range(len(texts)), min(_ROTATION_TEXTS, len(texts)))  # noqa: S311 - no secret
            with torch.no_grad():
                pooled = [
                    starter.pooled([texts[place] for place in places[first : first + 64]]).cpu()
                    for first in range(0, len(places), 64)
                ]
            student_ND = torch.nn.functional.normalize(torch.cat(pooled), dim=-1)
            write_whole(file, nearest_rotation(vectors_NW[places], student_ND))
        rotation_WD = torch.load(file, weights_only=True)
        return texts, (vectors_NW.float() @ rotation_WD).half()

    def train(self, *, stop_at: float = math.inf) -> bool:
        """Run every stage that is not finished.

        Args:
            stop_at: Time on the `time.perf_counter` clock at which to save the state and return.

        Returns:
            True if all stages are finished.
        """
        start = self._sources.begin_from or self._begin()
        if self._settings.distillation.minutes:
            if not self._distil(start, stop_at):
                return False
            start = self._state / "distilled" / "model"
        if self._settings.matching.minutes:
            if not self._match(start, stop_at):
                return False
            start = self._state / "matched" / "model"
        return self._steer(start, stop_at)

    def measure_model(self) -> None:
        """Measure the model of `begin_from`, or the last one of the steering stage."""
        folder = self._sources.begin_from or self._state / "steered" / "model"
        self._measure(self._load(folder), folder.name, {})

    def _begin(self) -> Path:
        """Create the tokenizer and the initial weights unless they exist; return their folder."""
        folder = self._state / "start" / "model"
        if not (folder / "tokenizer_config.json").is_file():
            data = self._settings.data
            tokenizer = train_tokenizer(self._corpus.texts(), vocabulary_size=data.vocabulary_size)
            minilm = SentenceEncoder(self._sources.minilm, device=torch.device("cpu"), dtype=torch.float32)
            save_model(transplant(minilm, tokenizer, seed=data.seed), tokenizer, folder)
        return folder

    def _load(self, folder: Path) -> Starter:
        return Starter(folder, device=self._device, dtype=self._dtype)

    def _distil(self, start: Path, stop_at: float) -> bool:
        """Train the encoder on the teacher's vectors."""
        settings = self._settings
        starter = self._load(start)
        stage = Distillation(starter, *self._targets, batch_size=settings.data.batch_texts, seed=settings.data.seed)
        return self._loop("distilled", starter, stage, settings.distillation_rates, settings.distillation, stop_at)

    def _match(self, start: Path, stop_at: float) -> bool:
        """Train the encoder to compare texts with the vectors in its prompt."""
        settings, starter = self._settings, self._load(start)
        stage = self._matching(starter, reads=settings.matching_rates.decoder > 0)
        return self._loop("matched", starter, stage, settings.matching_rates, settings.matching, stop_at)

    def _matching(self, starter: Starter, *, reads: bool) -> MatchingStage:
        texts, targets_ND = self._space.texts, self._targets[1]
        names = sorted(texts)
        parts = torch.split(targets_ND, [len(texts[name]) for name in names])
        by_source = dict(zip(names, parts, strict=True))
        return MatchingStage(starter, texts, by_source, reads=reads, seed=self._settings.data.seed + 4)

    def _steer(self, start: Path, stop_at: float) -> bool:
        """Train the whole model to follow prompts."""
        settings, seed = self._settings, self._settings.data.seed
        starter = self._load(start)
        tasks = SoftTasks(self._corpus, self._space)
        stage = Steering(
            starter,
            PromptPool(starter, tasks, settings.pool, Random(seed + 1)),  # noqa: S311
            Instructions(starter, self._corpus, tasks, max_input_tokens=settings.data.instruction_tokens),
            Distillation(starter, *self._targets, batch_size=settings.data.batch_texts, seed=seed + 2),
            self._matching(starter, reads=True),
            settings.mixture,
            Random(seed + 3),  # noqa: S311
        )  # fmt: skip
        return self._loop("steered", starter, stage, settings.steering_rates, settings.steering, stop_at)

    def _loop(
        self, name: str, starter: Starter, stage: Stage, rates: Rates, settings: LoopSettings, stop_at: float
    ) -> bool:
        """Train a stage; on every save, write and measure the model and keep the most promptable one as `best`."""
        folder = self._state / name
        weights = MasterWeights(_groups(starter.module, rates), weight_decay=rates.weight_decay, clip=rates.clip)

        def keep(counters: Mapping[str, Any]) -> None:
            revision = save_model(starter.module, starter.tokenizer, folder / "model")
            former = [found["probe_mean"] for found in self._checkpoints(name) if "probe_mean" in found]
            figures = self._measure(starter, name, {**counters, "revision": revision})
            if figures.get("probe_mean", -1.0) > max(former, default=-1.0):
                shutil.rmtree(folder / "best", ignore_errors=True)
                shutil.copytree(folder / "model", folder / "best")

        return run_loop(stage, weights, settings, folder=folder, on_save=keep, stop_at=stop_at)

    def _checkpoints(self, name: str) -> list[dict[str, Any]]:
        """Return the figures of a stage's checkpoints so far."""
        file = self._state / "checkpoints.jsonl"
        found = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        return [figures for figures in found if figures["checkpoint"] == name]

    def _measure(self, starter: Starter, name: str, counters: Mapping[str, Any]) -> dict[str, Any]:
        """Measure a model and append the figures to `checkpoints.jsonl`."""
        figures: dict[str, Any] = {"checkpoint": name, **counters}
        texts, targets_ND = self._targets
        places = Random(1).sample(range(len(texts)), min(256, len(texts)))  # noqa: S311 - no secret
        sample = [texts[place] for place in places]
        figures["cosine"] = round(mean_cosine(starter, sample, targets_ND[places]), 4)
        if self._sources.canary is not None:
            rows = [json.loads(line) for line in self._sources.canary.read_text(encoding="utf-8").splitlines()]
            answers = [", ".join(sorted(part.strip() for part in row["output"].split(","))) for row in rows]
            figures["canary"] = round(canary(starter.pooled, [row["input"] for row in rows], answers), 4)
        if self._settings.probe.updates:
            found = promptability(starter, held_out_tasks(self._sources.corpus), self._settings.probe)
            figures |= {f"probe_{task}": round(accuracy, 4) for task, accuracy in found.items()}
        with (self._state / "checkpoints.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(figures) + "\n")
        print(json.dumps(figures), flush=True)
        return figures


def _groups(module: Any, rates: Rates) -> list[RateGroup]:
    """Group the parameters into embeddings, encoder and decoder; leave out and freeze a part whose rate is 0."""
    parts: dict[str, dict[str, nn.Parameter]] = {"embeddings": {}, "encoder": {}, "decoder": {}}
    for name, parameter in module.named_parameters():  # tied weights appear once, as model.shared
        part = "embeddings" if name == "model.shared.weight" else name.split(".")[1]
        parts[part][name] = parameter
        parameter.requires_grad_(getattr(rates, part) > 0)
    return [
        RateGroup(rate=getattr(rates, part), parameters=found) for part, found in parts.items() if getattr(rates, part)
    ]
