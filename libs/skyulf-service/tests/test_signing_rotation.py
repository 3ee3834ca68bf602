"""Keys are rotated while others sign and verify."""

import shutil
from pathlib import Path

import pytest
from skyulf_service.scope import Scope
from skyulf_service.signing import keys as keys_module
from skyulf_service.signing import rotation
from skyulf_service.signing.keys import KeyFileError, PublicKeys, load_or_create, load_public
from skyulf_service.signing.manifest import UntrustedManifestError, sign_manifest, verify_manifest
from skyulf_service.signing.tokens import InternalTokenIssuer, InternalTokenVerifier

USER = Scope(None, "user:ada", frozenset({"models:read"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("gateway", "pipeline"):
        load_or_create(tmp_path, name)
    return tmp_path


def test_what_the_old_key_signed_stays_trusted(folder: Path) -> None:
    old = load_or_create(folder, "pipeline")
    bundle = sign_manifest({"model": "a"}, old)

    new = rotation.rotate(folder, "pipeline")

    assert load_or_create(folder, "pipeline").kid == new.kid != old.kid
    assert verify_manifest(bundle, PublicKeys.load(folder, ["pipeline"])) == {"model": "a"}
    assert verify_manifest(bundle, load_public(folder)) == {"model": "a"}
    assert (folder / "pipeline.key").stat().st_mode & 0o777 == 0o600


def test_trust_in_an_old_key_can_be_ended(folder: Path) -> None:
    old = load_or_create(folder, "pipeline")
    bundle = sign_manifest({"model": "a"}, old)
    rotation.rotate(folder, "pipeline")

    rotation.distrust(folder, "pipeline", old.kid)

    with pytest.raises(UntrustedManifestError, match="not trusted"):
        verify_manifest(bundle, PublicKeys.load(folder, ["pipeline"]))
    assert [each.current for each in rotation.trusted(folder, "pipeline")] == [True]


def test_trust_in_the_current_key_cannot_be_ended(folder: Path) -> None:
    current = load_or_create(folder, "pipeline").kid

    with pytest.raises(KeyFileError, match="rotate first"):
        rotation.distrust(folder, "pipeline", current)
    with pytest.raises(KeyFileError, match="no key that is trusted"):
        rotation.distrust(folder, "pipeline", "0" * 16)


@pytest.fixture
def public(folder: Path, tmp_path: Path) -> Path:
    """Another service's folder, where only the public keys lie."""
    other = tmp_path / "other"
    other.mkdir()
    for path in folder.glob("*.pub"):
        shutil.copy(path, other)
    return other


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_documented_order_ends_trust_where_only_public_keys_lie(folder: Path, public: Path) -> None:
    old = load_or_create(folder, "gateway").kid
    new = rotation.prepare(folder, "gateway").kid
    shutil.copy(folder / f"gateway.{new}.pub", public)
    rotation.rotate(folder, "gateway")

    for each in (folder, public):
        rotation.distrust(each, "gateway", old)

    assert [each.key.kid for each in rotation.trusted(public, "gateway")] == [new]
    assert load_public(public).get(old) is None
    assert load_public(folder).get(old) is None
    assert not list(public.glob("*.key")), "no key is made"
    issuer = InternalTokenIssuer(load_or_create(folder, "gateway"), "gateway")
    assert InternalTokenVerifier(load_public(public), "registry").verify(issuer.mint("registry", USER)) == USER


def test_a_retired_key_is_removed_where_only_public_keys_lie(folder: Path, public: Path) -> None:
    old = load_or_create(folder, "gateway").kid
    new = rotation.rotate(folder, "gateway").kid
    shutil.copy(folder / "gateway.pub", public)
    shutil.copy(folder / f"gateway.{old}.pub", public)

    rotation.distrust(public, "gateway", old)

    assert {path.name for path in public.iterdir()} == {"gateway.pub", "pipeline.pub"}
    assert [each.key.kid for each in rotation.trusted(public, "gateway")] == [new]


@pytest.mark.parametrize("kid", ["0" * 16, "the only one"])
def test_an_id_that_cannot_be_distrusted_changes_nothing(folder: Path, public: Path, kid: str) -> None:
    kid = load_or_create(folder, "gateway").kid if kid == "the only one" else kid
    before = content(public)

    with pytest.raises(KeyFileError, match=kid):
        rotation.distrust(public, "gateway", kid)

    assert content(public) == before


def test_a_key_is_not_prepared_where_only_public_keys_lie(public: Path) -> None:
    before = content(public)

    with pytest.raises(KeyFileError, match="there is no key"):
        rotation.prepare(public, "gateway")

    assert content(public) == before


def test_a_running_verifier_forgets_a_key_whose_file_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN", 0.0)
    old = load_or_create(folder, "gateway").kid
    rotation.rotate(folder, "gateway")
    running = load_public(folder)
    assert running.get(old) is not None

    rotation.distrust(folder, "gateway", old)

    assert running.get(old) is None


def test_a_token_that_was_believed_ends_with_the_trust_in_its_key(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "LOOK_AGAIN", 0.0)
    monkeypatch.setattr(rotation, "LOOK_AGAIN", 0.0)
    stolen = load_or_create(folder, "gateway")
    issuer = InternalTokenIssuer(rotation.followed(folder, "gateway"), "gateway")
    verifier = InternalTokenVerifier(load_public(folder), "registry")
    forged = InternalTokenIssuer(stolen, "gateway").mint("registry", USER)
    honest = issuer.mint("registry", USER)
    assert (verifier.verify(forged), verifier.verify(honest)) == (USER, USER)

    rotation.rotate(folder, "gateway")
    rotation.distrust(folder, "gateway", stolen.kid)

    with pytest.raises(Exception, match="not valid"):
        verifier.verify(forged)
    assert verifier.verify(issuer.mint("registry", USER)) == USER


def test_every_token_is_believed_while_keys_are_rotated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "LOOK_AGAIN", 0.0)  # the issuer follows at once; the verifier has its usual pace
    issuer = InternalTokenIssuer(rotation.followed(folder, "gateway"), "gateway")
    verifier = InternalTokenVerifier(load_public(folder), "registry")
    kids = set()

    for number in range(20):
        scope = Scope(None, f"user:{number}", frozenset({"models:read"}))
        assert verifier.verify(issuer.mint("registry", scope)) == scope
        kids.add(rotation.rotate(folder, "gateway").kid)
        nonsense = InternalTokenIssuer(keys_module.SigningKey.generate("gateway"), "gateway")
        with pytest.raises(Exception, match="not valid"):  # somebody makes the verifier look all the time
            verifier.verify(nonsense.mint("registry", USER))

    assert len(kids) == 20


def test_a_prepared_key_signs_nothing_until_it_is_rotated_in(folder: Path) -> None:
    old = load_or_create(folder, "gateway").kid

    prepared = rotation.prepare(folder, "gateway")

    assert rotation.prepare(folder, "gateway").kid == prepared.kid
    assert load_or_create(folder, "gateway").kid == old
    assert load_public(folder).get(prepared.kid) is not None
    assert rotation.rotate(folder, "gateway").kid == prepared.kid
    assert {each.key.kid for each in rotation.trusted(folder, "gateway")} == {old, prepared.kid}


def test_a_retired_key_speaks_for_its_own_service_only(folder: Path) -> None:
    old = load_or_create(folder, "pipeline")
    rotation.rotate(folder, "pipeline")
    forged = InternalTokenIssuer(old, "gateway").mint("registry", USER)

    with pytest.raises(Exception, match="not valid"):
        InternalTokenVerifier(load_public(folder), "registry").verify(forged)


def test_a_damaged_new_key_file_leaves_the_issuer_with_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "LOOK_AGAIN", 0.0)
    current = rotation.followed(folder, "gateway")
    before = current().kid

    (folder / "gateway.key").write_text("half")

    assert current().kid == before
