"""Callers that are known by the certificate of their connection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cachetools import LRUCache
from cryptography import x509

from foreword.domain.client_certificate import CertificateIdentity
from foreword.errors import UnauthenticatedError

_CACHED: Final = 1_000
_PROPERTIES: Final = (("URI", "peer_uri"), ("DNS", "peer_dns"), ("CN", "x509_common_name"))
"""Kinds of names in a certificate, with the properties in which gRPC reports them."""
_CERTIFICATE: Final = "x509_pem_cert"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCertificate:
    """The certificate of a connection, and whose it is.

    Attributes:
        expire_time: Time from which it is not valid any more. gRPC checks it only when a connection begins.
        digest: SHA-256 of the certificate.
    """

    identity: CertificateIdentity
    expire_time: datetime
    digest: str


class ClientCertificates:
    """The callers that certificates identify. gRPC has checked that an authority of the operator has issued them."""

    def __init__(self, identities: Sequence[CertificateIdentity]) -> None:
        self._by_subject = {identity.subject: identity for identity in identities}
        self._times: LRUCache[str, datetime] = LRUCache(_CACHED)

    def find(self, properties: Mapping[str, Sequence[bytes]]) -> KnownCertificate | None:
        """Return the certificate of a call; None if its connection has none.

        Args:
            properties: The authentication context of the call.

        Raises:
            UnauthenticatedError: Nobody has the certificate according to the settings.
        """
        pem = next(iter(properties.get(_CERTIFICATE, ())), None)
        if pem is None:
            return None
        subjects = [
            f"{kind}:{value.decode('utf-8', 'replace')}"
            for kind, name in _PROPERTIES
            for value in properties.get(name, ())
        ]
        identity = next((self._by_subject[subject] for subject in subjects if subject in self._by_subject), None)
        if identity is None:
            shown = ", ".join(subjects)[:300] or "no name"
            raise UnauthenticatedError(
                f"There is no API key, and the client's certificate has {shown}, which no caller has. Send a key, or "
                "ask the operator of the service to add the name to FOREWORD_TLS_CLIENTS.",
                reason="CERTIFICATE_UNKNOWN",
            )
        digest = hashlib.sha256(pem).hexdigest()
        expire_time = self._times.get(digest)
        if expire_time is None:
            expire_time = self._times[digest] = x509.load_pem_x509_certificate(pem).not_valid_after_utc
        return KnownCertificate(identity=identity, expire_time=expire_time, digest=digest)
