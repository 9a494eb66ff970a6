from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf import timestamp_pb2

from factories.api import refused
from factories.servers import RunningServer
from foreword.v1 import catalog_pb2, inference_pb2, tenant_pb2, tune_parameters_pb2
from foreword.v1 import catalog_service_pb2 as catalog
from foreword.v1 import tenant_service_pb2 as tenants


@pytest.fixture
def stubs(server: RunningServer):
    return server.stubs()


def test_the_base_model_is_listed_with_a_recipe_for_each_method(stubs):
    (model,) = stubs.catalog.ListBaseModels(catalog.ListBaseModelsRequest()).base_models

    assert model.name == "baseModels/foreword--starter"
    assert model.architecture == catalog_pb2.ARCHITECTURE_ENCODER_DECODER
    assert model.tunable
    assert model.recipes["prompt_tuning"].num_virtual_tokens > 0
    assert model.recipes["ia3"].num_epochs > 0
    assert not model.recipes["ia3"].HasField("num_virtual_tokens")
    assert "starter" in model.aliases
    assert model.plugin == "starter"


@pytest.mark.parametrize("name", ["baseModels/foreword--starter", "starter", "foreword/starter"])
def test_a_base_model_is_found_by_name_and_alias(stubs, name: str):
    assert stubs.catalog.GetBaseModel(catalog.GetBaseModelRequest(name=name)).name == "baseModels/foreword--starter"


def test_an_alias_of_the_settings_is_listed(start_server):
    aliases = {"google/flan-t5-xl": "foreword--starter"}
    stubs = start_server(base_model_aliases=aliases).stubs()

    (model,) = stubs.catalog.ListBaseModels(catalog.ListBaseModelsRequest()).base_models

    assert "google/flan-t5-xl" in model.aliases
    assert stubs.catalog.GetBaseModel(catalog.GetBaseModelRequest(name="google/flan-t5-xl")) == model


def test_an_unknown_or_empty_name_of_a_base_model_is_refused(stubs):
    unknown = refused(stubs.catalog.GetBaseModel, catalog.GetBaseModelRequest(name="baseModels/none"))
    empty = refused(stubs.catalog.GetBaseModel, catalog.GetBaseModelRequest())

    assert unknown.code is grpc.StatusCode.NOT_FOUND
    assert empty.code is grpc.StatusCode.INVALID_ARGUMENT


def test_tasks_methods_validators_and_plugins_describe_themselves(stubs):
    tasks = {task.id: task for task in stubs.catalog.ListTasks(catalog.ListTasksRequest()).tasks}
    methods = stubs.catalog.ListTuningMethods(catalog.ListTuningMethodsRequest()).tuning_methods
    validators = stubs.catalog.ListRowValidators(catalog.ListRowValidatorsRequest()).row_validators
    plugins = stubs.catalog.ListPlugins(catalog.ListPluginsRequest()).plugins

    assert tasks["classification"].closed
    assert {option.name for option in tasks["classification"].options} >= {"labels", "multi_label", "separator"}
    assert tasks["classification"].metrics
    assert [method.id for method in methods] == ["ia3", "prompt_tuning"]
    assert all(validator.description and validator.plugin for validator in validators)
    assert {plugin.state for plugin in plugins} == {catalog_pb2.PLUGIN_STATE_LOADED}


def test_every_parameter_of_tuning_and_of_generation_describes_itself(stubs):
    found = stubs.catalog.ListParameters(catalog.ListParametersRequest())

    tuning = set(tune_parameters_pb2.TuneParameters.DESCRIPTOR.fields_by_name) - {"method_parameters"}
    assert {spec.name for spec in found.tune_parameters} == tuning
    assert {spec.name for spec in found.generate_parameters} == set(paths(inference_pb2.GenerateParameters.DESCRIPTOR))
    assert all(spec.description and spec.type for spec in (*found.tune_parameters, *found.generate_parameters))


def paths(message) -> Iterator[str]:
    """Return the field names of a message; a dot separates those of nested Foreword messages."""
    for field in message.fields:
        inner = field.message_type
        if inner is not None and inner.full_name.startswith("foreword."):
            yield from (f"{field.name}.{path}" for path in paths(inner))
        else:
            yield field.name


def test_an_administrator_makes_a_tenant_and_keys_for_it(server: RunningServer, stubs):
    created = stubs.tenants.CreateTenant(tenants.CreateTenantRequest(tenant_id="made", tenant={"display_name": "Made"}))
    key = stubs.tenants.CreateApiKey(
        tenants.CreateApiKeyRequest(parent=created.name, api_key={"display_name": "first"})
    )
    listed = stubs.tenants.ListApiKeys(tenants.ListApiKeysRequest(parent=created.name)).api_keys

    assert (created.name, created.display_name) == ("tenants/made", "Made")
    assert set(key.scopes) == {tenant_pb2.SCOPE_WRITE, tenant_pb2.SCOPE_READ, tenant_pb2.SCOPE_INFER}
    assert server.stubs(key.secret).tenants.WhoAmI(tenants.WhoAmIRequest()).tenant == "tenants/made"
    assert [item.name for item in listed] == [key.name]
    assert not listed[0].secret
    everybody = stubs.tenants.ListTenants(tenants.ListTenantsRequest(page_size=1000)).tenants
    assert "tenants/made" in [item.name for item in everybody]


def test_a_tenant_is_made_once(stubs):
    stubs.tenants.CreateTenant(tenants.CreateTenantRequest(tenant_id="twice"))

    failure = refused(stubs.tenants.CreateTenant, tenants.CreateTenantRequest(tenant_id="twice"))

    assert failure.code is grpc.StatusCode.ALREADY_EXISTS
    assert failure.resource == "tenants/twice"


def test_keys_of_an_unknown_tenant_are_not_found(stubs):
    for call, request in (
        (stubs.tenants.CreateApiKey, tenants.CreateApiKeyRequest(parent="tenants/ghost")),
        (stubs.tenants.ListApiKeys, tenants.ListApiKeysRequest(parent="tenants/ghost")),
        (stubs.tenants.DeleteApiKey, tenants.DeleteApiKeyRequest(name="tenants/ghost/apiKeys/0123456789abcdef")),
    ):
        assert refused(call, request).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("api_key", "field"),
    [
        ({"scopes": [99]}, "api_key.scopes[0]"),
        ({"scopes": [0]}, "api_key.scopes[0]"),
        ({"display_name": "x" * 201}, "api_key.display_name"),
        ({"expire_time": timestamp_pb2.Timestamp(seconds=1)}, "api_key.expire_time"),
        ({"expire_time": timestamp_pb2.Timestamp(seconds=2**62)}, "api_key.expire_time"),
        ({"expire_time": timestamp_pb2.Timestamp(seconds=4_000_000_000, nanos=-5)}, "api_key.expire_time"),
    ],
)
def test_a_bad_key_is_named_with_its_field(stubs, api_key: dict, field: str):
    request = tenants.CreateApiKeyRequest(parent="tenants/dev", api_key=api_key)

    failure = refused(stubs.tenants.CreateApiKey, request)

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {field}


def test_a_key_with_an_expiry_shows_it(stubs):
    later = timestamp_pb2.Timestamp()
    later.FromDatetime(datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))

    key = stubs.tenants.CreateApiKey(
        tenants.CreateApiKeyRequest(parent="tenants/dev", api_key=tenant_pb2.ApiKey(expire_time=later))
    )

    assert key.expire_time == later


@pytest.mark.parametrize("tenant_id", ["", "Not-Small", "a/b", "x" * 64])
def test_a_bad_tenant_id_is_refused(stubs, tenant_id: str):
    failure = refused(stubs.tenants.CreateTenant, tenants.CreateTenantRequest(tenant_id=tenant_id))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"tenant_id"}
