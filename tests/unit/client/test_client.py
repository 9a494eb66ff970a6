import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import foreword.v1
from factories.processor_time import STANDARD_LIBRARY, processor_seconds
from foreword.client import AsyncClient, Client
from foreword.client.endpoint import key_metadata, parse_endpoint
from foreword.errors import InvalidArgumentError, UnauthenticatedError

SERVICES = [
    service
    for module in pkgutil.iter_modules(foreword.v1.__path__)
    if module.name.endswith("_service_pb2")
    for service in importlib.import_module(f"foreword.v1.{module.name}").DESCRIPTOR.services_by_name.values()
]
HEAVY = {"torch", "transformers", "sqlalchemy", "pydantic", "pluggy", "numpy", "matplotlib"}
RPCS = [method.name for service in SERVICES for method in service.methods]


@pytest.mark.parametrize("client", [AsyncClient, Client])
@pytest.mark.parametrize("rpc", RPCS)
def test_every_rpc_has_a_documented_method_of_its_name_in_both_clients(rpc, client):
    name = re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", rpc).lower()

    method = getattr(client, name)

    assert method.__doc__


def test_importing_the_client_is_fast_and_loads_no_part_of_a_server():
    script = f"import foreword; foreword.Client; import sys; print(*{HEAVY} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []
    assert processor_seconds("import foreword; foreword.Client") < 6 * processor_seconds(STANDARD_LIBRARY)


@pytest.mark.parametrize(
    ("text", "target", "tls"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051", False),
        ("localhost", "localhost:50051", False),
        ("[::1]:7", "[::1]:7", False),
        ("unix:/tmp/socket", "unix:/tmp/socket", False),
        ("127.example.com", "127.example.com:50051", True),
        ("foreword.example:443", "foreword.example:443", True),
        ("http://foreword.example", "foreword.example:50051", False),
        ("https://127.0.0.1:8443", "127.0.0.1:8443", True),
    ],
)
def test_a_key_leaves_the_machine_in_plain_text_only_when_asked_to(text, target, tls):
    assert parse_endpoint(text) == (target, tls)


@pytest.mark.parametrize("text", ["", "ftp://host", "host:port", "a b", "https://host/path"])
def test_a_malformed_endpoint_is_refused_with_its_shape(text):
    with pytest.raises(InvalidArgumentError, match="HOST:PORT"):
        parse_endpoint(text)


def test_endpoint_and_key_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("FOREWORD_ENDPOINT", "127.0.0.1:7")

    with Client() as client:
        assert client.endpoint == "127.0.0.1:7"


@pytest.mark.parametrize("key", [" key\n", "key\r\n", "\tkey"])
def test_what_stands_around_a_key_is_no_part_of_it(key):
    assert key_metadata(key) == [("authorization", "Bearer key")]


@pytest.mark.parametrize("key", ["k\ney", "schlüssel", "k\x00", "k\udcff"])
def test_a_key_that_cannot_be_one_is_refused_with_the_remedy(key):
    with pytest.raises(UnauthenticatedError, match="foreword keys create"):
        Client("127.0.0.1:7", key)
