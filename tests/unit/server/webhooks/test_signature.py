from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from foreword.server.webhooks.signature import signed_headers

SECRETS = ("whsec_plJ3nmyCDGBKInavdOK15jsl", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
PAYLOAD = '{"event_type":"ping","data":{"success":true}}'


def test_the_signature_is_that_of_the_example_in_the_specification():
    headers = signed_headers("msg_loFOjxBNrRLzqYUf", PAYLOAD, SECRETS[:1], datetime.fromtimestamp(1731705121, UTC))

    assert headers == {
        "webhook-id": "msg_loFOjxBNrRLzqYUf",
        "webhook-timestamp": "1731705121",
        "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    }


@pytest.mark.parametrize("secret", SECRETS)
def test_a_receiver_that_knows_one_of_two_secrets_accepts_the_event(secret: str):
    headers = signed_headers("evt-1", PAYLOAD, SECRETS, datetime.now(UTC))

    assert Webhook(secret).verify(PAYLOAD, dict(headers))["event_type"] == "ping"


@pytest.mark.parametrize("changed", ["webhook-id", "payload", "secret"])
def test_a_receiver_refuses_what_was_changed(changed: str):
    headers = dict(signed_headers("evt-1", PAYLOAD, SECRETS[:1], datetime.now(UTC)))
    if changed == "webhook-id":
        headers["webhook-id"] = "evt-2"

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRETS[1] if changed == "secret" else SECRETS[0]).verify(
            PAYLOAD.replace("true", "false") if changed == "payload" else PAYLOAD, headers
        )
