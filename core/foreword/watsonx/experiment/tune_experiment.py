"""Creation of tuners, as in IBM's SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword.errors import InvalidArgumentError
from foreword.watsonx.api_client import APIClient
from foreword.watsonx.credentials import Credentials
from foreword.watsonx.experiment.tune_runs import TuneRuns
from foreword.watsonx.foundation_models.prompt_tuner import PromptTuner
from foreword.watsonx.foundation_models.utils.enums import PromptTuningTypes, TuneExperimentTasks


class TuneExperiment:
    """A factory of tuners, with access to earlier runs.

    Args:
        credentials: `Credentials`, or a dict of url and apikey.
        project_id: The tenant.
        space_id: The space for deployments.
        api_client: An existing client, instead of credentials.

    Raises:
        InvalidArgumentError: The credentials are malformed or missing.
        NotFoundError: The key does not belong to that tenant, or the tenant has no such space.
    """

    Tasks = TuneExperimentTasks
    PromptTuningTypes = PromptTuningTypes

    def __init__(
        self,
        credentials: Credentials | Mapping[str, Any] | None = None,
        project_id: str | None = None,
        space_id: str | None = None,
        verify: bool | str | None = None,
        *,
        api_client: APIClient | None = None,
    ) -> None:
        if api_client is None:
            if credentials is None:
                raise InvalidArgumentError.of("credentials", "are missing; pass credentials or api_client")
            api_client = APIClient(credentials, project_id, space_id, verify)
        self.client = api_client
        self.runs = TuneRuns(api_client)

    def prompt_tuner(
        self,
        name: str,
        task_id: str,
        description: str | None = None,
        base_model: str | None = None,
        accumulate_steps: int | None = None,
        batch_size: int | None = None,
        init_method: str | None = None,
        init_text: str | None = None,
        learning_rate: float | None = None,
        max_input_tokens: int | None = None,
        max_output_tokens: int | None = None,
        num_epochs: int | None = None,
        verbalizer: str | None = None,
        tuning_type: str | None = None,
        auto_update_model: bool = True,
        group_by_name: bool = False,
    ) -> PromptTuner:
        """Return a tuner, whose `run` starts a run. Omitted values are those of the base model's recipe.

        Args:
            name: Human-readable name, which the service makes unique with ` (1)`, ` (2)` and so on.
            task_id: One of `Tasks`.
            base_model: Base model or an alias, such as a value of ModelTypes. Default: that of the service.
            verbalizer: Template with one `{{input}}` that is applied to every input in tuning and in serving.
            auto_update_model: Must be True: the tuned model is always stored.
            group_by_name: Must be False; use `runs(filter=name)` to list the runs of one name.

        Raises:
            InvalidArgumentError: An argument is not supported.
        """
        return PromptTuner(
            self.client,
            name=name,
            task_id=task_id,
            description=description,
            base_model=base_model,
            accumulate_steps=accumulate_steps,
            batch_size=batch_size,
            init_method=init_method,
            init_text=init_text,
            learning_rate=learning_rate,
            max_input_tokens=max_input_tokens,
            max_output_tokens=max_output_tokens,
            num_epochs=num_epochs,
            verbalizer=verbalizer,
            tuning_type=tuning_type,
            auto_update_model=auto_update_model,
            group_by_name=group_by_name,
        )
