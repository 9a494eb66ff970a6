"""The models that a column can ask: deployments, tuned models and base models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from foreword.client import BaseModel, Deployment, Scope, TunedModel
from foreword.errors import ForewordError, NotFoundError
from foreword.http.studio.formats import short_name
from foreword.http.studio.lab.prompt import Column
from foreword.http.studio.sessions import Session

_MOST_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class LabModel:
    """A model of a column.

    Attributes:
        name: What requests call it.
        title: What people call it.
        kind: `deployment`, `tuned`, `base`, or `unknown` for one that is not listed, such as a deleted one.
        base: Name of its base model; empty if it is not known.
        context: Length of the context in tokens; 0 if it is not known.
        closed: Whether it chooses among label sets, so that it has probabilities.
        dataset: Name of the dataset that it was tuned on; empty if it is not known.
        address: Path of its page; empty if it has none.
        remark: What a choice of it should consider, such as that it is not ready.
    """

    name: str
    title: str
    kind: str
    base: str = ""
    context: int = 0
    closed: bool = False
    dataset: str = ""
    address: str = ""
    remark: str = ""

    @property
    def tuned(self) -> bool:
        """Whether a soft prompt stands in front of its input."""
        return self.kind in ("deployment", "tuned")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabModels:
    """The models of a tenant, and those that the columns of a form name although they are not listed."""

    deployments: Sequence[LabModel] = ()
    tuned: Sequence[LabModel] = ()
    bases: Sequence[LabModel] = ()
    others: Sequence[LabModel] = field(default=())

    def named(self, name: str) -> LabModel:
        """Return a model by its name; one that is not listed is asked by it all the same."""
        return next((item for item in self if item.name == name), LabModel(name=name, title=name, kind="unknown"))

    def __iter__(self):  # type: ignore[no-untyped-def]
        """Iterate over all of them."""
        return iter((*self.deployments, *self.tuned, *self.bases, *self.others))

    def groups(self) -> list[tuple[str, Sequence[LabModel]]]:
        """Return the models in groups with titles, without those that are empty."""
        groups = (
            ("Deployments", self.deployments),
            ("Tuned models", self.tuned),
            ("Base models", self.bases),
            ("Others", self.others),
        )
        return [(title, models) for title, models in groups if models]

    def first_columns(self) -> tuple[Column, ...]:
        """Return the columns of a fresh form: the newest deployment or tuned model against its base."""
        ready = (item for item in self.deployments if not item.remark)
        chosen = next(ready, None) or next(iter(self.tuned), None) or next(iter(self.bases), None)
        return () if chosen is None else self.columns_for([chosen.name])

    def columns_for(self, names: Sequence[str]) -> tuple[Column, ...]:
        """Return columns for models; a single tuned one has its base beside it."""
        models = [self.named(name) for name in names]
        if len(models) == 1 and models[0].tuned and models[0].base:
            models.append(self.named(models[0].base))
        return tuple(Column(model=item.name, input_alone=item.tuned) for item in models)


async def models_of(session: Session, named: Sequence[str] = ()) -> LabModels:
    """Return the models that a session can ask.

    Args:
        named: Models of columns, which are looked up if they are not listed.
    """
    client = session.client
    bases, tasks = await asyncio.gather(client.list_base_models(), client.list_tasks())
    found = LabModels(bases=[_base(item) for item in bases])
    if not session.may(Scope.READ):
        return _with_others(found, named)
    contexts = {item.name: item.context_tokens for item in bases}
    closed = {task.id for task in tasks if task.closed}
    deployments, listed = await asyncio.gather(
        client.list_deployments(limit=_MOST_LISTED), client.list_tuned_models(limit=_MOST_LISTED)
    )
    tuned = {item.name: item for item in listed}
    behind = {item.model for item in deployments} | {name for name in named if "/tunedModels/" in name}
    missing = [name for name in sorted(behind - tuned.keys()) if "/tunedModels/" in name][:_MOST_LISTED]
    looked_up = await asyncio.gather(*(_tuned_model(session, name) for name in missing))
    tuned |= {item.name: item for item in looked_up if item is not None}
    return _with_others(
        LabModels(
            deployments=[_deployment(item, tuned.get(item.model), contexts, closed) for item in deployments],
            tuned=[_tuned(item, contexts, closed) for item in tuned.values()],
            bases=found.bases,
        ),
        named,
    )


async def _tuned_model(session: Session, name: str) -> TunedModel | None:
    """Return a model that is not among the newest; None if it does not exist."""
    try:
        return await session.client.get_tuned_model(name)
    except (NotFoundError, ValueError):
        return None
    except ForewordError as error:
        if error.reason == "INVALID_ARGUMENT":
            return None
        raise


def _with_others(models: LabModels, named: Sequence[str]) -> LabModels:
    known = {item.name for item in models}
    others = [models.named(name) for name in dict.fromkeys(named) if name not in known]
    return LabModels(deployments=models.deployments, tuned=models.tuned, bases=models.bases, others=others)


def _deployment(item: Deployment, model: TunedModel | None, contexts: dict[str, int], closed: set[str]) -> LabModel:
    base = item.model if model is None and item.model.startswith("baseModels/") else ""
    base = model.base_model if model is not None else base
    ready = item.state.value == "ready" or item.serving_revision > 0
    return LabModel(
        name=item.serving_name or item.name,
        title=item.serving_name or item.display_name,
        kind="deployment",
        base=base,
        context=contexts.get(base, 0),
        closed=model is not None and model.task in closed,
        dataset="" if model is None else model.dataset,
        address=f"/{item.name}",
        remark="" if ready else item.state.value,
    )


def _tuned(item: TunedModel, contexts: dict[str, int], closed: set[str]) -> LabModel:
    return LabModel(
        name=item.name,
        title=item.display_name or short_name(item.name),
        kind="tuned",
        base=item.base_model,
        context=contexts.get(item.base_model, 0),
        closed=item.task in closed,
        dataset=item.dataset,
        address=f"/{item.name}",
    )


def _base(item: BaseModel) -> LabModel:
    return LabModel(name=item.name, title=item.display_name, kind="base", base=item.name, context=item.context_tokens)
