from datetime import timedelta

import pytest

from foreword import client
from foreword.client import LengthPenalty
from foreword.errors import InvalidArgumentError
from foreword.watsonx.foundation_models.utils.enums import DecodingMethods
from foreword.watsonx.generation_params import GenerationArguments, generation_arguments
from foreword.watsonx.metanames import GenTextParamsMetaNames as GenParams
from foreword.watsonx.metanames import GenTextReturnOptMetaNames as ReturnOptions


def test_names_and_enums_become_arguments():
    arguments = generation_arguments(
        {
            GenParams.DECODING_METHOD: DecodingMethods.SAMPLE,
            GenParams.TEMPERATURE: 1.7,
            GenParams.TOP_K: 100,
            GenParams.RANDOM_SEED: 3,
            GenParams.MAX_NEW_TOKENS: 5,
            GenParams.TOP_P: None,
        }
    )

    assert arguments == {
        "decoding_method": "sample",
        "temperature": 1.7,
        "top_k": 100,
        "random_seed": 3,
        "max_new_tokens": 5,
    }


def test_parameters_with_units_and_parts_become_those_of_the_client():
    arguments = generation_arguments(
        {
            GenParams.REPETITION_PENALTY: 1.5,
            GenParams.LENGTH_PENALTY: {"decay_factor": 1.1, "start_index": 5},
            GenParams.TIME_LIMIT: 1500,
            GenParams.TRUNCATE_INPUT_TOKENS: 40,
            GenParams.RETURN_OPTIONS: {ReturnOptions.TOKEN_LOGPROBS: True, ReturnOptions.GENERATED_TOKENS: True},
            GenParams.PROMPT_VARIABLES: {"name": "Ada"},
        }
    )

    assert arguments == {
        "repetition_penalty": 1.5,
        "length_penalty": LengthPenalty(decay_factor=1.1, start_index=5),
        "time_limit": timedelta(seconds=1.5),
        "truncate_input_tokens": 40,
        "return_options": client.ReturnOptions(token_log_probabilities=True, generated_tokens=True),
        "prompt_variables": {"name": "Ada"},
        "max_new_tokens": 20,
    }


def test_every_parameter_that_is_unknown_or_of_the_wrong_kind_is_named():
    with pytest.raises(InvalidArgumentError) as refused:
        generation_arguments(
            {
                "max_tokens": 5,
                GenParams.LENGTH_PENALTY: {"start_index": 3},
                GenParams.RETURN_OPTIONS: {"token_logprob": True},
                GenParams.TIME_LIMIT: "1 s",
            }
        )

    violations = {item.field: item.description for item in refused.value.violations}
    assert set(violations) == {
        "params.max_tokens", "params.length_penalty", "params.return_options.token_logprob", "params.time_limit"
    }  # fmt: skip
    assert "max_new_tokens" in violations["params.max_tokens"]
    assert "token_logprobs" in violations["params.return_options.token_logprob"]
    assert "milliseconds" in violations["params.time_limit"]


def test_every_parameter_of_the_client_has_a_name_there():
    names = {value for name, value in vars(GenParams).items() if not name.startswith("_")}

    assert names == set(GenerationArguments.__annotations__)


def test_unsaid_values_are_those_of_the_retired_service():
    assert generation_arguments(None) == {"max_new_tokens": 20}
    assert generation_arguments({"min_new_tokens": 30})["max_new_tokens"] == 30
    # What is no number is the client's to refuse, by name.
    assert generation_arguments({"min_new_tokens": "5"}) == {"min_new_tokens": "5", "max_new_tokens": 20}
    assert generation_arguments({"stop_sequences": ["\n"]})["include_stop_sequence"] is True
