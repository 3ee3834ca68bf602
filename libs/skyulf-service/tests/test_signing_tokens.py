import base64
import json
from time import time
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from joserfc.jws import JWSRegistry
from skyulf_service.errors import UnauthenticatedError
from skyulf_service.scope import Scope
from skyulf_service.signing.keys import PublicKeys, SigningKey
from skyulf_service.signing.tokens import InternalTokenIssuer, InternalTokenVerifier

GATEWAY = SigningKey.generate("gateway")
PIPELINE = SigningKey.generate("pipeline")
KEYS = PublicKeys([GATEWAY.public, PIPELINE.public])
PROJECT = UUID("0198c5a0-0000-7000-8000-000000000001")
USER = Scope(PROJECT, "user:ada", frozenset({"models:read", "models:deploy"}))


class Clock:
    def __init__(self) -> None:
        self.now = time()

    def __call__(self) -> float:
        return self.now


def _signed(key: SigningKey, header: dict | None = None, **changes: object) -> str:
    now = int(time())
    claims: dict = {"iss": "gateway", "aud": "registry", "sub": "user:ada", "iat": now, "exp": now + 60}
    claims |= {"permissions": ["models:read"], **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "Ed25519", "kid": key.kid, **(header or {})}
    registry = JWSRegistry(algorithms=["Ed25519", "EdDSA"])
    return jwt.encode(header, claims, OKPKey.import_key(key.key), registry=registry)


def test_a_token_carries_the_scope() -> None:
    token = InternalTokenIssuer(GATEWAY, "gateway").mint("registry", USER)

    assert InternalTokenVerifier(KEYS, "registry").verify(token) == USER


def test_a_service_speaks_for_itself_in_every_project() -> None:
    token = InternalTokenIssuer(PIPELINE, "pipeline").mint("registry", Scope.system("pipeline"))

    assert InternalTokenVerifier(KEYS, "registry").verify(token).is_system


def test_a_service_cannot_speak_for_a_user_or_another_service() -> None:
    verifier = InternalTokenVerifier(KEYS, "registry")

    for subject in ("user:ada", "service:gateway", "service:registry"):
        token = InternalTokenIssuer(PIPELINE, "pipeline").mint("registry", Scope(PROJECT, subject))
        with pytest.raises(UnauthenticatedError):
            verifier.verify(token)
    with pytest.raises(UnauthenticatedError):
        verifier.verify(InternalTokenIssuer(PIPELINE, "gateway").mint("registry", USER))


def test_minting_gives_the_same_token_for_half_a_minute() -> None:
    clock = Clock()
    issuer = InternalTokenIssuer(GATEWAY, "gateway", clock=clock)
    first = issuer.mint("registry", USER)

    clock.now += 29
    assert issuer.mint("registry", USER) == first
    assert issuer.mint("pipeline", USER) != first
    clock.now += 2
    assert issuer.mint("registry", USER) != first


def test_a_verified_token_ends_with_its_minute_and_five_seconds_of_leeway() -> None:
    clock = Clock()
    verifier = InternalTokenVerifier(KEYS, "registry", clock=clock)
    token = InternalTokenIssuer(GATEWAY, "gateway", clock=clock).mint("registry", USER)
    assert verifier.verify(token) == USER

    clock.now += 63
    assert verifier.verify(token) == USER
    clock.now += 4
    with pytest.raises(UnauthenticatedError):
        verifier.verify(token)


def test_tokens_that_have_ended_do_not_stay_in_memory() -> None:
    clock = Clock()
    issuer = InternalTokenIssuer(GATEWAY, "gateway", clock=clock)
    verifier = InternalTokenVerifier(KEYS, "registry", clock=clock)

    for _ in range(50):
        verifier.verify(issuer.mint("registry", USER))
        issuer.mint("registry", Scope(uuid4(), "user:eve"))
        clock.now += 31

    assert len(verifier._verified.entries) <= 3
    assert len(issuer._minted.entries) <= 3


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "exp", "iat", "permissions"])
def test_every_claim_is_required(claim: str) -> None:
    with pytest.raises(UnauthenticatedError):
        InternalTokenVerifier(KEYS, "registry").verify(_signed(GATEWAY, **{claim: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "pipeline"},
        {"aud": ["pipeline"]},
        {"iss": "pipeline"},
        {"exp": 0},
        {"exp": int(time()) + 3600},
        {"iat": int(time()) + 3600},
        {"exp": "soon"},
        {"sub": 7},
        {"sub": ""},
        {"permissions": "models:read"},
        {"permissions": [7]},
        {"project": "not-a-uuid"},
    ],
)
def test_wrong_claims_are_refused(changes: dict) -> None:
    with pytest.raises(UnauthenticatedError):
        InternalTokenVerifier(KEYS, "registry").verify(_signed(GATEWAY, **changes))


def test_a_foreign_key_is_refused_even_under_a_known_id() -> None:
    foreign = SigningKey.generate("gateway")
    verifier = InternalTokenVerifier(KEYS, "registry")

    for header in ({}, {"kid": GATEWAY.kid}):
        with pytest.raises(UnauthenticatedError):
            verifier.verify(_signed(foreign, header))


def test_swapped_algorithms_are_refused() -> None:
    verifier = InternalTokenVerifier(KEYS, "registry")
    header, payload, _ = _signed(GATEWAY).split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": GATEWAY.kid}).encode()).decode().rstrip("=")
    public = GATEWAY.public.key.public_bytes_raw()
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    with_public_key = jwt.encode(
        {"alg": "HS256", "kid": GATEWAY.kid}, claims, OctKey.import_key(public), algorithms=["HS256"]
    )

    tokens = [f"{unsigned}.{payload}.", f"{header}.{payload}.", with_public_key, _signed(GATEWAY, {"alg": "EdDSA"})]
    for token in tokens:
        with pytest.raises(UnauthenticatedError):
            verifier.verify(token)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.b.c.d", "é.é.é", "x" * 100_000, "\x00", "." * 50])
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        InternalTokenVerifier(KEYS, "registry").verify(token)
