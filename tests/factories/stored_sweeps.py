"""Sweeps in the database, without running any."""

from __future__ import annotations

from typing import Any

from factories.stored import make_config, make_plan, store_dataset
from foreword.domain.halving import Rung
from foreword.domain.sweep import Search, SearchSpace, SweepPlan, SweptParameter, TuneSweep
from foreword.storage.database import Database
from foreword.storage.repositories.sweeps import PlannedTrial, SweepRepository

RATES = (0.01, 0.02, 0.03, 0.04)
"""Learning rates of the trials of `store_sweep`."""


def store_sweep(database: Database, tenant: str = "acme", **options: Any) -> TuneSweep:
    """Store a sweep of four trials, of which two go on after the first epoch and one after the second."""
    config = make_config(store_dataset(database, tenant).id)
    options = {"display_name": "Sweep", "max_queued": 100, **options}
    return SweepRepository(database, tenant).create(
        description="",
        config=config,
        space=SearchSpace(
            parameters=(SweptParameter(name="learning_rate", values=RATES),),
            search=Search.GRID,
            max_combinations=64,
            num_seeds=1,
            seed=0,
            halving=True,
        ),
        plan=SweepPlan(
            trial_count=4,
            validation_row_count=10,
            rungs=(Rung(epoch=1, keep=2), Rung(epoch=2, keep=1)),
            planned_updates=40,
            estimated_seconds=100.0,
            warnings=(),
        ),
        trials=[PlannedTrial(values={"learning_rate": rate}, config=config, plan=make_plan()) for rate in RATES],
        creator="key-1",
        **options,
    )
