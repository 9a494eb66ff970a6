"""A running canary whose revisions are functions, with its counts in a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from factories.databases import open_database
from factories.servers import shared_plugins
from factories.stored import store_tenant
from foreword.domain.inference import Generation, StopReason, TokenUsage
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import CanaryPlan, Rollout
from foreword.domain.rollout_figures import RolloutFigures
from foreword.inference.interfaces import Piece
from foreword.names import DeploymentName
from foreword.server.inference.answers import Answer
from foreword.server.inference.model_resolver import ModelResolver, Route, RunningRollout
from foreword.server.inference.resolved_model import ResolvedModel
from foreword.server.inference.rollout_clock import RolloutClock
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.server.inference.shadows import Shadows
from foreword.server.inference.traffic import Traffic
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.workers.probes import ProbeQueue
from foreword.turns.turn_pool import TurnPool

UNDECIDED = CanaryPlan(share=0.9, max_error_ratio=1.0, promote_after_requests=0)
"""A plan by which nothing is decided."""
Act = object
"""What a revision does before it answers; see `act_out`."""
HANGS = object()
"""The act of a revision that never answers."""


@dataclass
class CanaryTraffic:
    """A running canary whose revisions do what a test says.

    See `act_out` for their acts.
    """

    traffic: Traffic
    route: Route
    repository: DeploymentRepository
    recorder: RolloutRecorder
    database: Database
    clock: RolloutClock

    async def answering(self, deadline: float | None = None, *, chosen: bool = True, **acts: object) -> str:
        """Return which revision answers a request.

        Args:
            deadline: Seconds until the caller's deadline; None for none.
            chosen: Whether the request is one of the canary's share.
            acts: What `canary` and `stable` do; they answer by default.
        """

        async def ask(asked: ResolvedModel, deadline: float | None, *, shadow: bool = False) -> Answer[None]:
            await act_out(acts.get(asked.version))
            return Answer(model=asked, value=None, shown="")

        until = None if deadline is None else time.monotonic() + deadline
        return (await self.traffic.answer(self.route, self.request_id(chosen=chosen), until, ask)).model.version

    async def streaming(
        self, deadline: float | None = None, *, chosen: bool = True, **acts: tuple[object, ...]
    ) -> list[str]:
        """Return which revision each piece of a stream comes from.

        Args:
            acts: What `canary` and `stable` do before each of their pieces; they have two pieces by default.
        """

        async def start(asked: ResolvedModel) -> AsyncIterator[Piece]:
            steps = acts.get(asked.version, (None, None))
            for place, act in enumerate(steps, start=1):
                await act_out(act)
                yield Piece(text="x", final=_GENERATION if place == len(steps) else None)

        until = None if deadline is None else time.monotonic() + deadline
        pieces = self.traffic.stream(self.route, self.request_id(chosen=chosen), until, start, None)
        return [model.version async for model, _ in pieces]

    def request_id(self, *, chosen: bool = True) -> str:
        """Return the id of a request that is or is not one of the canary's share."""
        rollout = self.route.rollout
        assert rollout is not None
        return next(id for id in map(str, range(1000)) if rollout.chooses(id) is chosen)

    async def rollout(self) -> Rollout:
        """Return the rollout in the database, with all figures."""
        await self.recorder.write()
        rollout = self.repository.get("default", "triage").revisions[0].rollout
        assert rollout is not None
        return rollout

    async def figures(self) -> RolloutFigures:
        """Return the figures in the database."""
        return (await self.rollout()).figures


@asynccontextmanager
async def running_canary(
    folder: Path, plan: CanaryPlan = UNDECIDED, *, longest_wait_seconds: float = 60.0
) -> AsyncIterator[CanaryTraffic]:
    """Run a canary beside a stable revision of other base models."""
    database = open_database(folder / "foreword.db")
    tenant = store_tenant(database)
    repository, probes = DeploymentRepository(database, tenant), ProbeQueue(database)
    repository.create(space="default", id="triage", serving_name="triage", model=ModelReference(base_model="stable"))
    probes.ready(tenant, (1, 1), 0.0)
    repository.update("default", "triage", model=ModelReference(base_model="canary"), plan=plan)
    probes.ready(tenant, (1, 2), 0.0)
    storage = TurnPool("storage", threads=1)
    models = ModelResolver(database=database, plugins=shared_plugins(), storage=storage)
    recorder = RolloutRecorder(database=database, storage=storage, models=models)
    rollout = RunningRollout(
        deployment=DeploymentName(tenant, "default", "triage"),
        revision=2,
        plan=plan,
        candidate=_model("canary"),
        longest_wait_seconds=longest_wait_seconds,
    )
    yield CanaryTraffic(
        traffic=Traffic(recorder=recorder, shadows=Shadows(engine=None, recorder=recorder)),
        route=Route(stable=_model("stable"), rollout=rollout),
        repository=repository,
        recorder=recorder,
        database=database,
        clock=RolloutClock(database=database, storage=storage, recorder=recorder),
    )
    storage.close()
    database.close()


_GENERATION = Generation(
    text="x",
    stop_reason=StopReason.EOS_TOKEN,
    usage=TokenUsage(input_tokens=1, generated_tokens=1, soft_prompt_tokens=0),
    seed=0,
)


async def act_out(act: Act) -> None:
    """Raise an act that is an error, wait for one that is an event or `HANGS`, and return at once if it is None."""
    if act is HANGS:
        await asyncio.Event().wait()
    elif isinstance(act, asyncio.Event):
        await act.wait()
    elif isinstance(act, Exception):
        raise act


def _model(name: str) -> ResolvedModel:
    return ResolvedModel(
        version=name, base_model=name, adapter=None, verbalizer="{{input}}", label_space=None, soft_prompt_tokens=0,
        context_tokens=100,
    )  # fmt: skip
