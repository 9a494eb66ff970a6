"""CatalogService: installed base models, tasks, tuning methods, validators and plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.parameters import TUNE_PARAMETER_SPECS
from foreword.domain.violations import Violations
from foreword.plugin.interfaces import BaseModel
from foreword.plugin.manager import PluginManager
from foreword.server.convert import catalog as convert
from foreword.server.convert.parameters import parameter_spec
from foreword.server.convert.text_limits import MAX_DISPLAY_NAME
from foreword.v1 import catalog_pb2, catalog_service_pb2, catalog_service_pb2_grpc


class CatalogService(catalog_service_pb2_grpc.CatalogServiceServicer):
    """The implementation of `foreword.v1.CatalogService`.

    Args:
        aliases: Aliases of base models from the settings, in addition to those of the models.
    """

    def __init__(self, *, plugins: PluginManager, aliases: Mapping[str, str]) -> None:
        self._plugins = plugins
        self._aliases = aliases

    async def ListBaseModels(
        self, request: catalog_service_pb2.ListBaseModelsRequest, context: Any
    ) -> catalog_service_pb2.ListBaseModelsResponse:
        """List the available base models."""
        models = sorted(self._plugins.base_models, key=lambda model: model.spec.id)
        return catalog_service_pb2.ListBaseModelsResponse(base_models=[self._base_model(model) for model in models])

    async def GetBaseModel(
        self, request: catalog_service_pb2.GetBaseModelRequest, context: Any
    ) -> catalog_pb2.BaseModel:
        """Return a base model by name or alias."""
        violations = Violations()
        name = violations.text("name", request.name, MAX_DISPLAY_NAME, required=True)
        violations.check()
        return self._base_model(self._plugins.base_model(name))

    async def ListTasks(
        self, request: catalog_service_pb2.ListTasksRequest, context: Any
    ) -> catalog_service_pb2.ListTasksResponse:
        """List the installed tasks."""
        tasks = self._plugins.tasks
        return catalog_service_pb2.ListTasksResponse(
            tasks=[convert.task(item, tasks.owner(id)) for id, item in sorted(tasks.items.items())]
        )

    async def ListTuningMethods(
        self, request: catalog_service_pb2.ListTuningMethodsRequest, context: Any
    ) -> catalog_service_pb2.ListTuningMethodsResponse:
        """List the installed tuning methods."""
        methods = self._plugins.tuning_methods
        return catalog_service_pb2.ListTuningMethodsResponse(
            tuning_methods=[
                convert.tuning_method(item, methods.owner(id)) for id, item in sorted(methods.items.items())
            ]
        )

    async def ListParameters(
        self, request: catalog_service_pb2.ListParametersRequest, context: Any
    ) -> catalog_service_pb2.ListParametersResponse:
        """List the tuning and generation parameters."""
        return catalog_service_pb2.ListParametersResponse(
            tune_parameters=map(parameter_spec, TUNE_PARAMETER_SPECS),
            generate_parameters=map(parameter_spec, GENERATE_PARAMETER_SPECS),
        )

    async def ListRowValidators(
        self, request: catalog_service_pb2.ListRowValidatorsRequest, context: Any
    ) -> catalog_service_pb2.ListRowValidatorsResponse:
        """List the installed row validators, in the order in which they run."""
        validators = self._plugins.row_validators
        return catalog_service_pb2.ListRowValidatorsResponse(
            row_validators=[convert.row_validator(item, validators.owner(id)) for id, item in validators.items.items()]
        )

    async def ListPlugins(
        self, request: catalog_service_pb2.ListPluginsRequest, context: Any
    ) -> catalog_service_pb2.ListPluginsResponse:
        """List all plugins, with the reason for each one that failed to load."""
        statuses = sorted(self._plugins.statuses, key=lambda status: status.id)
        return catalog_service_pb2.ListPluginsResponse(plugins=[convert.plugin(status) for status in statuses])

    def _base_model(self, model: BaseModel) -> catalog_pb2.BaseModel:
        spec = model.spec
        configured = sorted(alias for alias, id in self._aliases.items() if id == spec.id)
        aliases = tuple(dict.fromkeys((*spec.aliases, *configured)))
        return convert.base_model(spec, self._plugins.base_models.owner(spec.id), aliases)
