"""Errors about invalid model names."""

from __future__ import annotations

import pytest

from foreword.errors import InvalidArgumentError
from foreword.names import DatasetName
from foreword.server.convert.deployment import parse_model


def test_an_empty_name_is_called_empty():
    with pytest.raises(InvalidArgumentError, match=r"name: is empty; it must look like tenants/\{tenant\}/datasets"):
        DatasetName.parse("")


def test_an_empty_model_is_called_empty():
    with pytest.raises(InvalidArgumentError, match=r"deployment\.model: is empty; it must look like tenants/"):
        parse_model("", "deployment.model")


def test_a_model_of_another_shape_is_shown():
    with pytest.raises(InvalidArgumentError, match=r"baseModels/\{model\}, not 'complaints'"):
        parse_model("complaints", "deployment.model")
