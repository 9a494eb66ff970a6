import subprocess
import sys

import pytest

from foreword.config import DEV_BASE_MODEL_ALIASES, Settings
from foreword.errors import InvalidArgumentError
from foreword.watsonx.foundation_models.utils.enums import ModelTypes
from foreword.watsonx.helpers import DataConnection
from foreword.watsonx.names import base_model_name, model_id


def test_importing_it_all_loads_nothing_heavy():
    code = (
        "import sys\n"
        "import foreword.watsonx, foreword.watsonx.experiment, foreword.watsonx.foundation_models\n"
        "import foreword.watsonx.helpers, foreword.watsonx.metanames, foreword.watsonx.wml_client_error\n"
        "print([name for name in ('torch', 'pandas', 'matplotlib', 'numpy', 'pydantic') if name in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_model_type_stands_for_the_embedded_model_in_dev_and_for_nothing_else_otherwise():
    dev = Settings(dev=True, base_model_aliases={"google--flan-t5-xl": "mine"}).base_model_aliases

    assert {base_model_name(model) for model in ModelTypes} == {f"baseModels/{id}" for id in DEV_BASE_MODEL_ALIASES}
    assert dev == {**DEV_BASE_MODEL_ALIASES, "google--flan-t5-xl": "mine"}
    assert Settings(dev=False).base_model_aliases == {}


def test_model_ids_and_resource_names_stand_for_each_other():
    assert base_model_name(ModelTypes.FLAN_T5_XL) == "baseModels/google--flan-t5-xl"
    assert model_id("baseModels/google--flan-t5-xl") == "google/flan-t5-xl"
    assert model_id("tenants/dev/tunedModels/abc") == "abc"


def test_data_that_is_somewhere_else_is_refused_by_name():
    with pytest.raises(InvalidArgumentError, match="connection_asset_id"):
        DataConnection(connection_asset_id="x", location=None)
    with pytest.raises(InvalidArgumentError, match="data_asset_id: is missing"):
        DataConnection()
