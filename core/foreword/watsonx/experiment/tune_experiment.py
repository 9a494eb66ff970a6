"""Where tuners come from."""

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
    """Makes tuners and lists runs.

    Args:
        credentials: `Credentials`, or a dict of url and apikey.
        project_id: The tenant.
        space_id: The space that deployments go to.
        api_client: A client that is connected already, instead of credentials.

    Raises:
        InvalidArgumentError: The credentials are malformed or missing.
        NotFoundError: The key does not speak for that tenant, or it has no such space.
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
                raise InvalidArgumentError.of("credentials", "are missing; give credentials or api_client")
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
        """A tuner with these values; its `run` starts a run. What is left out takes the base model's recipe.

        Args:
            name: Name for people; the service makes it unique with ` (1)`, ` (2)`.
            task_id: One of `Tasks`.
            base_model: Base model or an alias of one, such as a value of ModelTypes. Default: the service's.
            verbalizer: Template with `{{input}}` that every input goes through, in tuning and in serving.
            auto_update_model: The tuned model is always stored: False is refused.
            group_by_name: True is refused: `runs(filter=name)` lists the runs of one name.

        Raises:
            InvalidArgumentError: Something is asked for that the service does not do.
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
