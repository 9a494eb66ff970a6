# Generated from `_async/catalog.py` by `unasync.py`. Change that file, then run: make client

"""Installed models, tasks, methods, validators and plugins."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from foreword.client import decode, resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.reference import Reference, reference_name
from foreword.v1 import catalog_service_pb2 as messages
from foreword.v1 import catalog_service_pb2_grpc


class CatalogMethods(ServiceMethods):
    """Methods of `CatalogService`."""

    @cached_property
    def _catalog(self) -> Any:
        return self._connection.stub(catalog_service_pb2_grpc.CatalogServiceStub)

    def list_base_models(self) -> list[resources.BaseModel]:
        """Return the available base models, ordered by name."""
        answer = self._connection.unary(self._catalog.ListBaseModels, messages.ListBaseModelsRequest(), safe=True)
        return [decode.base_model(item) for item in answer.base_models]

    def get_base_model(self, base_model: Reference) -> resources.BaseModel:
        """Return a base model by its name or an alias.

        Raises:
            NotFoundError: The base model is not available.
        """
        request = messages.GetBaseModelRequest(name=reference_name(base_model, "baseModels"))
        return decode.base_model(self._connection.unary(self._catalog.GetBaseModel, request, safe=True))

    def list_tasks(self) -> list[resources.Task]:
        """Return the installed tasks, ordered by id."""
        answer = self._connection.unary(self._catalog.ListTasks, messages.ListTasksRequest(), safe=True)
        return [decode.task(item) for item in answer.tasks]

    def list_tuning_methods(self) -> list[resources.TuningMethod]:
        """Return the installed tuning methods, ordered by id."""
        request = messages.ListTuningMethodsRequest()
        answer = self._connection.unary(self._catalog.ListTuningMethods, request, safe=True)
        return [decode.tuning_method(item) for item in answer.tuning_methods]

    def list_parameters(self) -> resources.Parameters:
        """Return the tuning and generation parameters of all models, with ranges, defaults and units."""
        answer = self._connection.unary(self._catalog.ListParameters, messages.ListParametersRequest(), safe=True)
        return decode.parameters(answer)

    def list_row_validators(self) -> list[resources.RowValidator]:
        """Return the installed row validators in the order in which they run."""
        request = messages.ListRowValidatorsRequest()
        answer = self._connection.unary(self._catalog.ListRowValidators, request, safe=True)
        return [decode.row_validator(item) for item in answer.row_validators]

    def list_plugins(self) -> list[resources.Plugin]:
        """Return all plugins, ordered by id; those that failed to load have the reason."""
        answer = self._connection.unary(self._catalog.ListPlugins, messages.ListPluginsRequest(), safe=True)
        return [decode.plugin(item) for item in answer.plugins]
