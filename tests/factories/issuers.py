"""An issuer of OpenID Connect tokens over real HTTP, with keys that can be rotated."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "foreword"


class Issuer:
    """An issuer on loopback.

    Attributes:
        keys: The private keys by id, with their algorithms. All of them are published.
        status: Status of its answers.
        requests: The paths that were requested.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.announced = self.url
        self.keys: dict[str, tuple[str, Any]] = {"first": ("RS256", rsa.generate_private_key(65537, 2048))}
        self.status = 200
        self.requests: list[str] = []

    def rotate(self, kid: str, algorithm: str = "ES256") -> None:
        """Replace all keys by a new one."""
        made = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()
        self.keys = {kid: (algorithm, made)}

    def token(self, kid: str | None = None, **claims: Any) -> str:
        """Return a signed token; a claim that is None is left out.

        Args:
            kid: Id of the key. Default: the newest.
        """
        kid = kid or list(self.keys)[-1]
        algorithm, key = self.keys[kid]
        now = time.time()
        all_claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 300,
            "tenant": "acme",
            "scope": "openid foreword:write foreword:read",
            **claims,
        }
        present = {name: value for name, value in all_claims.items() if value is not None}
        from jwt import PyJWS

        payload = json.dumps(present).encode()  # as it is: `jwt.encode` refuses some wrong claims
        return PyJWS().encode(payload, key, algorithm=algorithm, headers={"kid": kid})

    def answer(self, path: str) -> Any:
        """Return the document at a path; None if there is none."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.announced, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            from jwt.algorithms import get_default_algorithms

            return {
                "keys": [
                    {
                        **get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True),
                        "kid": kid,
                        "alg": algorithm,
                        "use": "sig",
                    }
                    for kid, (algorithm, key) in self.keys.items()
                ]
            }
        return None


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Run an issuer until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            document = issuer.answer(self.path)
            status = 404 if document is None else issuer.status
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
