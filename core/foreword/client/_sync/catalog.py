# Generated out of `_async/catalog.py` by `unasync.py`. Change that file, then run: make client

"""What is installed."""

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
        """The base models that are offered, by name."""
        answer = self._connection.unary(self._catalog.ListBaseModels, messages.ListBaseModelsRequest(), safe=True)
        return [decode.base_model(item) for item in answer.base_models]

    def get_base_model(self, base_model: Reference) -> resources.BaseModel:
        """A base model, by name or alias.

        Raises:
            NotFoundError: None of that name is offered.
        """
        request = messages.GetBaseModelRequest(name=reference_name(base_model, "baseModels"))
        return decode.base_model(self._connection.unary(self._catalog.GetBaseModel, request, safe=True))

    def list_tasks(self) -> list[resources.Task]:
        """The tasks that are installed, by id."""
        answer = self._connection.unary(self._catalog.ListTasks, messages.ListTasksRequest(), safe=True)
        return [decode.task(item) for item in answer.tasks]

    def list_tuning_methods(self) -> list[resources.TuningMethod]:
        """The tuning methods that are installed, by id."""
        request = messages.ListTuningMethodsRequest()
        answer = self._connection.unary(self._catalog.ListTuningMethods, request, safe=True)
        return [decode.tuning_method(item) for item in answer.tuning_methods]

    def list_parameters(self) -> resources.Parameters:
        """The parameters of tuning and of generation that every model takes, with ranges, defaults and units."""
        answer = self._connection.unary(self._catalog.ListParameters, messages.ListParametersRequest(), safe=True)
        return decode.parameters(answer)

    def list_row_validators(self) -> list[resources.RowValidator]:
        """The row validators that are installed, in the order in which they run."""
        request = messages.ListRowValidatorsRequest()
        answer = self._connection.unary(self._catalog.ListRowValidators, request, safe=True)
        return [decode.row_validator(item) for item in answer.row_validators]

    def list_plugins(self) -> list[resources.Plugin]:
        """All plugins by id, with the reason where one failed to load."""
        answer = self._connection.unary(self._catalog.ListPlugins, messages.ListPluginsRequest(), safe=True)
        return [decode.plugin(item) for item in answer.plugins]
