import pytest

from foreword.errors import InvalidArgumentError
from foreword.watsonx import Credentials


def test_a_dict_and_an_object_say_the_same():
    as_dict = Credentials.of({"url": "http://127.0.0.1:1", "apikey": "secret"})
    as_object = Credentials(url="http://127.0.0.1:1", api_key="secret")

    assert as_dict.to_dict() == as_object.to_dict() == {"url": "http://127.0.0.1:1", "apikey": "secret"}
    assert as_object.apikey == "secret"


def test_the_key_stays_out_of_the_repr():
    assert "secret" not in repr(Credentials(url="x", apikey="secret"))


def test_what_is_not_used_is_refused_by_name():
    with pytest.raises(InvalidArgumentError) as refused:
        Credentials.from_dict({"url": "x", "apikey": "k", "username": "me", "instance_id": "openshift"})

    assert [item.field for item in refused.value.violations] == ["credentials.instance_id", "credentials.username"]


@pytest.mark.parametrize("given", [{"api_key": "a", "token": "b"}, {"verify": False}])
def test_two_keys_and_unchecked_certificates_are_refused(given):
    with pytest.raises(InvalidArgumentError):
        Credentials(url="x", **given)
