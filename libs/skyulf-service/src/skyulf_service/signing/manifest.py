"""Signed manifests: a JSON document that is believed because of who signed it, never because of where it lies.

The envelope is ``{"manifest": {...}, "signatures": [{"kid", "alg": "EdDSA", "sig"}]}``; the signature covers a prefix
and the canonical bytes of the manifest (keys sorted, no spaces, UTF-8).
"""

import base64
import binascii
import json
from collections.abc import Mapping

from pydantic import JsonValue

from skyulf_service.signing.keys import PublicKeys, SigningKey

ALGORITHM = "EdDSA"
MOST_BYTES = 4 * 2**20
MOST_SIGNATURES = 8

# A signature over a manifest can never be taken for one over something else, such as a token.
_PURPOSE = b"skyulf.manifest/1\x00"


class UntrustedManifestError(Exception):
    """The bytes are no manifest that anybody we trust has signed; ``code`` says why, for counters."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def canonical(document: Mapping[str, JsonValue]) -> bytes:
    """The one way to write a document; ``ValueError`` for NaN, Infinity and lone surrogates."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sign_manifest(manifest: Mapping[str, JsonValue], key: SigningKey) -> bytes:
    """Return the manifest in its signed envelope."""
    signature = base64.urlsafe_b64encode(key.sign(_PURPOSE + canonical(manifest))).decode()
    signatures: list[JsonValue] = [{"alg": ALGORITHM, "kid": key.kid, "sig": signature}]
    data = canonical({"manifest": dict(manifest), "signatures": signatures})
    if len(data) > MOST_BYTES:
        raise ValueError(f"the manifest has {len(data)} bytes; {MOST_BYTES} are allowed")
    return data


def verify_manifest(data: bytes, keys: PublicKeys) -> dict[str, JsonValue]:
    """Return the manifest, or raise `UntrustedManifestError` unless every signature is good and of a trusted key."""
    envelope = _parse(data)
    if set(envelope) != {"manifest", "signatures"}:
        raise UntrustedManifestError("malformed", "the envelope holds something else than manifest and signatures")
    manifest, signatures = envelope["manifest"], envelope["signatures"]
    if not isinstance(manifest, dict) or not isinstance(signatures, list):
        raise UntrustedManifestError("malformed", "manifest must be an object and signatures a list")
    if not 1 <= len(signatures) <= MOST_SIGNATURES:
        raise UntrustedManifestError("unsigned", f"there are {len(signatures)} signatures")
    try:
        signed = _PURPOSE + canonical(manifest)
    except ValueError as error:
        raise UntrustedManifestError("malformed", "the manifest holds text that is no Unicode") from error
    for entry in signatures:
        _check(entry, signed, keys)
    return manifest


def _check(entry: JsonValue, signed: bytes, keys: PublicKeys) -> None:
    if not isinstance(entry, dict) or set(entry) != {"alg", "kid", "sig"}:
        raise UntrustedManifestError("malformed", "a signature consists of alg, kid and sig")
    algorithm, kid, signature = entry["alg"], entry["kid"], entry["sig"]
    if algorithm != ALGORITHM:
        raise UntrustedManifestError("unknown-algorithm", f"the algorithm must be {ALGORITHM}")
    key = keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise UntrustedManifestError("unknown-key", "it is signed by a key that is not trusted here")
    if not isinstance(signature, str) or not key.verifies(_decoded(signature), signed):
        raise UntrustedManifestError("bad-signature", "the signature does not fit: the manifest was changed")


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise UntrustedManifestError("malformed", "a signature is not base64") from None


def _parse(data: bytes) -> dict[str, JsonValue]:
    if len(data) > MOST_BYTES:
        raise UntrustedManifestError("too-large", f"it has {len(data)} bytes; {MOST_BYTES} are allowed")
    try:
        found = json.loads(data.decode(), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UntrustedManifestError("malformed", "it is not the JSON of a signed manifest") from error
    if not isinstance(found, dict):
        raise UntrustedManifestError("malformed", "it is not the JSON of a signed manifest")
    return found


def _without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
