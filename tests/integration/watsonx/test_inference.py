import pytest

from foreword.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from foreword.watsonx.foundation_models import ModelInference
from foreword.watsonx.foundation_models.utils.enums import DecodingMethods, ModelTypes
from foreword.watsonx.metanames import GenTextParamsMetaNames as GenParams
from foreword.watsonx.metanames import GenTextReturnOptMetaNames as ReturnOptions

PROMPTS = [f"Comment: {text}.\nSatisfaction:\n" for text in ("Lovely cut", "They hurt my dog", "Fine", "Dirty", "Rude")]


@pytest.fixture(scope="module")
def deployment(client, tuned):
    names = client.deployments.ConfigurationMetaNames
    properties = {
        names.NAME: "Reviews",
        names.ONLINE: {},
        names.SERVING_NAME: "2024_01_31_120000",
        names.DESCRIPTION: "Satisfied or not",
        names.TAGS: ["dogs"],
    }
    return client.deployments.create(tuned.get_model_id(), meta_props=properties)


@pytest.fixture(scope="module")
def model(client, deployment):
    return ModelInference(deployment_id=deployment["metadata"]["id"], api_client=client)


def test_a_deployment_has_details(client, deployment, tuned):
    id = client.deployments.get_id(deployment)
    listed = client.deployments.list()

    assert deployment["metadata"]["name"] == "Reviews"
    assert deployment["metadata"]["tags"] == ["dogs"]
    assert deployment["entity"]["status"]["state"] == "ready"
    assert deployment["entity"]["asset"]["id"] == tuned.get_model_id()
    assert deployment["entity"]["online"]["parameters"]["serving_name"] == "2024_01_31_120000"
    assert client.deployments.get_details(id) == client.deployments.get_details("2024_01_31_120000")
    assert listed.set_index("ID").loc[id, "STATE"] == "ready"


def test_serving_names_have_rules_and_are_unique(client, deployment, tuned):
    names = client.deployments.ConfigurationMetaNames

    with pytest.raises(InvalidArgumentError, match="serving_name"):
        client.deployments.create(tuned.get_model_id(), {names.ONLINE: {}, names.SERVING_NAME: "no spaces, please"})
    with pytest.raises(AlreadyExistsError):
        client.deployments.create(tuned.get_model_id(), {names.ONLINE: {}, names.SERVING_NAME: "2024_01_31_120000"})
    with pytest.raises(InvalidArgumentError, match=r"meta_props\.batch"):
        client.deployments.create(tuned.get_model_id(), {"batch": {}})


def test_a_deployment_without_a_name_gets_one_initialises_and_is_deleted(client, tuned):
    details = client.deployments.create(tuned.get_model_id(), {"online": {}}, background_mode=True)
    id = details["metadata"]["id"]

    assert details["entity"]["status"]["state"] == "initializing"
    assert client.deployments.delete(id) == "SUCCESS"
    with pytest.raises(NotFoundError, match=id):
        client.deployments.get_details(id)


def test_a_list_of_prompts_is_answered_in_order_whatever_the_limit(model):
    alone = [model.generate_text(prompt=prompt) for prompt in PROMPTS]

    assert model.generate_text(prompt=PROMPTS, concurrency_limit=2) == alone
    assert set(alone) <= {"0", "1"}


def test_generate_returns_counts_and_the_stop_reason(model, tuned):
    answer = model.generate(PROMPTS[0])
    result = answer["results"][0]

    assert answer["model_id"] == tuned.get_model_id()
    assert result["generated_text"] == model.generate_text(PROMPTS[0])
    assert result["input_token_count"] > 5
    assert result["generated_token_count"] > 0
    assert result["stop_reason"] == "eos_token"
    assert [item["model_id"] for item in model.generate(PROMPTS[:2])] == [tuned.get_model_id()] * 2
    assert model.generate_text(PROMPTS[0], raw_response=True)["results"] == answer["results"]


def test_a_stream_carries_the_same_text(client, model, deployment):
    whole = model.generate_text(PROMPTS[1])

    assert "".join(model.generate_text_stream(prompt=PROMPTS[1])) == whole
    pieces = list(model.generate_text_stream(prompt=PROMPTS[1], raw_response=True))
    assert "".join(piece["results"][0]["generated_text"] for piece in pieces) == whole
    assert pieces[-1]["results"][0]["stop_reason"] == "eos_token"
    id = deployment["metadata"]["id"]
    assert client.deployments.generate_text(id, PROMPTS[1]) == whole
    assert "".join(client.deployments.generate_text_stream(id, PROMPTS[1])) == whole


def test_tokens_are_counted(model):
    counted = model.tokenize("Lovely cut", return_tokens=True)["result"]

    assert counted["token_count"] == len(counted["tokens"]) > 0
    assert model.tokenize("Lovely cut")["result"] == {"token_count": counted["token_count"]}


def test_a_base_model_answers_under_its_old_name_and_a_seed_repeats_it(client, capsys):
    params = {
        GenParams.DECODING_METHOD: DecodingMethods.SAMPLE,
        GenParams.TEMPERATURE: 1.7,
        GenParams.TOP_K: 100,
        GenParams.RANDOM_SEED: 7,
        GenParams.MAX_NEW_TOKENS: 8,
    }
    model = ModelInference(model_id=ModelTypes.GRANITE_13B_INSTRUCT_V2, api_client=client, params=params)

    assert (
        "ibm/granite-13b-instruct-v2 is an alias on this service: foreword/starter answers" in capsys.readouterr().out
    )
    assert model.generate("Hello")["model_id"] == "foreword/starter"
    assert model.generate_text("Hello") == model.generate_text("Hello")
    assert model.generate("Hello")["results"][0]["seed"] == 7


def test_return_options_add_tokens_in_the_original_format(client):
    params = {
        GenParams.MAX_NEW_TOKENS: 4,
        GenParams.PROMPT_VARIABLES: {"what": "sheets"},
        GenParams.RETURN_OPTIONS: {
            ReturnOptions.INPUT_TEXT: True,
            ReturnOptions.INPUT_TOKENS: True,
            ReturnOptions.GENERATED_TOKENS: True,
            ReturnOptions.TOKEN_LOGPROBS: True,
            ReturnOptions.TOKEN_RANKS: True,
            ReturnOptions.TOP_N_TOKENS: 2,
        },
    }
    model = ModelInference(model_id="foreword/starter", api_client=client, params=params)

    (result,) = model.generate("Where are my {{what}}?")["results"]

    assert result["generated_text"].startswith("Where are my sheets?")
    assert model.generate_text("Where are my {{what}}?") == result["generated_text"]
    assert len(result["input_tokens"]) == result["input_token_count"]
    assert len(result["generated_tokens"]) == result["generated_token_count"]
    first = result["generated_tokens"][0]
    assert (first["rank"], first["text"]) == (1, first["top_tokens"][0]["text"])  # greedy takes the likeliest
    assert first["logprob"] == first["top_tokens"][0]["logprob"] < 0


def test_what_cannot_be_done_is_refused_by_name(client, model):
    with pytest.raises(InvalidArgumentError, match=r"params\.frequency_penalty"):
        ModelInference(model_id="starter", api_client=client, params={"frequency_penalty": 1.2})
    with pytest.raises(InvalidArgumentError, match="guardrails"):
        model.generate_text(PROMPTS[0], guardrails=True)
    with pytest.raises(InvalidArgumentError, match="either model_id or deployment_id"):
        ModelInference(api_client=client)
    with pytest.raises(NotFoundError, match="nobody"):
        ModelInference(model_id="nobody/has-this", api_client=client)
    with pytest.raises(InvalidArgumentError, match="must be text"):
        model.generate_text([PROMPTS[0], 3])
