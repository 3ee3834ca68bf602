import json

import pytest
from skyulf_service.signing.keys import PublicKeys, SigningKey
from skyulf_service.signing.manifest import UntrustedManifestError, canonical, sign_manifest, verify_manifest

KEY = SigningKey.generate("pipeline")
TRUSTED = PublicKeys([KEY.public])
MANIFEST = {"format": "skyulf.bundle/1", "files": [{"path": "plan.json", "size": 12}], "tolerance": 1e-9, "name": "Zoë"}


def _envelope() -> dict:
    return json.loads(sign_manifest(MANIFEST, KEY))


def _refusal(data: bytes, keys: PublicKeys = TRUSTED) -> str:
    with pytest.raises(UntrustedManifestError) as caught:
        verify_manifest(data, keys)
    return caught.value.code


def test_a_signed_manifest_comes_back_unchanged() -> None:
    assert verify_manifest(sign_manifest(MANIFEST, KEY), TRUSTED) == MANIFEST


def test_canonical_form_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": [1.5, None]}) == canonical({"a": [1.5, None], "b": 1}) == b'{"a":[1.5,null],"b":1}'


def test_every_flipped_bit_is_noticed() -> None:
    data = sign_manifest({"a": 1}, KEY)

    for position in range(len(data)):
        for bit in (1, 4, 128):
            changed = bytearray(data)
            changed[position] ^= bit
            try:
                found = verify_manifest(bytes(changed), TRUSTED)
            except UntrustedManifestError:
                continue
            # the spare bits of a base64 signature's last character may differ; the content never
            assert found == {"a": 1}


def test_foreign_keys_are_refused() -> None:
    foreign = SigningKey.generate("pipeline")

    assert _refusal(sign_manifest(MANIFEST, foreign)) == "unknown-key"
    assert _refusal(sign_manifest(MANIFEST, KEY), PublicKeys([])) == "unknown-key"


def test_a_signature_by_a_foreign_key_under_a_trusted_id_is_refused() -> None:
    envelope = json.loads(sign_manifest(MANIFEST, SigningKey.generate("pipeline")))
    envelope["signatures"][0]["kid"] = KEY.kid

    assert _refusal(json.dumps(envelope).encode()) == "bad-signature"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "eddsa", None, 7])
def test_other_algorithms_are_refused(algorithm: object) -> None:
    envelope = _envelope()
    envelope["signatures"][0]["alg"] = algorithm

    assert _refusal(json.dumps(envelope).encode()) == "unknown-algorithm"


def test_one_good_signature_does_not_carry_a_bad_one() -> None:
    envelope = _envelope()
    envelope["signatures"].append({**envelope["signatures"][0], "sig": "AAAA"})

    assert _refusal(json.dumps(envelope).encode()) == "bad-signature"


def test_unsigned_manifests_are_refused() -> None:
    assert _refusal(json.dumps({"manifest": MANIFEST, "signatures": []}).encode()) == "unsigned"
    assert _refusal(json.dumps(MANIFEST).encode()) == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"\x80\x04K\x01.",
        b"[" * 100_000,
        b'{"manifest": {}, "manifest": {}, "signatures": []}',
        b'{"manifest": {"a": NaN}, "signatures": [{}]}',
        b'{"manifest": {"a": "\\ud800"}, "signatures": [{}]}',
        b'{"manifest": {}, "signatures": [{"kid": "a", "alg": "EdDSA"}]}',
        b'{"manifest": [], "signatures": [{}]}',
    ],
)
def test_malformed_envelopes_are_refused(data: bytes) -> None:
    assert _refusal(data) == "malformed"


def test_duplicate_keys_and_trailing_bytes_are_refused() -> None:
    data = sign_manifest({"a": 1}, KEY)

    assert _refusal(data.replace(b'{"a":1}', b'{"a":2,"a":1}')) == "malformed"
    assert _refusal(data + b"{}") == "malformed"


def test_oversized_envelopes_are_refused_unparsed() -> None:
    assert _refusal(b"[" * (5 * 2**20)) == "too-large"


def test_a_manifest_that_nobody_would_read_is_not_signed() -> None:
    with pytest.raises(ValueError, match="bytes"):
        sign_manifest({"text": "x" * (5 * 2**20)}, KEY)
    with pytest.raises(ValueError, match="JSON compliant"):
        sign_manifest({"a": float("nan")}, KEY)
