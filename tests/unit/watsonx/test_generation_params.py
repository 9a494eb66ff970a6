import pytest

from foreword.errors import InvalidArgumentError
from foreword.watsonx.foundation_models.utils.enums import DecodingMethods
from foreword.watsonx.generation_params import generation_arguments
from foreword.watsonx.metanames import GenTextParamsMetaNames as GenParams


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


def test_every_parameter_that_is_not_supported_is_named():
    with pytest.raises(InvalidArgumentError) as refused:
        generation_arguments({GenParams.REPETITION_PENALTY: 1.5, GenParams.TIME_LIMIT: 100, "max_tokens": 5})

    told = {item.field: item.description for item in refused.value.violations}
    assert set(told) == {"params.repetition_penalty", "params.time_limit", "params.max_tokens"}
    assert "not supported by the service yet" in told["params.time_limit"]
    assert "max_new_tokens" in told["params.max_tokens"]


def test_unsaid_values_are_those_of_the_retired_service():
    assert generation_arguments(None) == {"max_new_tokens": 20}
    assert generation_arguments({"min_new_tokens": 30})["max_new_tokens"] == 30
    assert generation_arguments({"stop_sequences": ["\n"]})["include_stop_sequence"] is True
