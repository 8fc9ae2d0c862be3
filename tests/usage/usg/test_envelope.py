"""Sealing, signing and the files in which keys are stored."""

import stat
from pathlib import Path

import pytest

from tests.samples.usg import cases
from usage.usg import envelope, fingerprints, keyfiles
from usage.usg.keyfiles import KeyFileError, Purpose

pytestmark = pytest.mark.plain

FIELD = 2**255 - 19


def test_what_is_sealed_opens_with_the_key_and_the_info_it_was_sealed_with() -> None:
    sealed = envelope.seal(b"plain", cases.SEALING.public, info=b"info")
    assert len(sealed) == 5 + 48
    private = cases.SEALING.private
    assert envelope.open_sealed(sealed, private, info=b"info") == b"plain"
    for wrong in (sealed[:-1], b"", sealed[:47], bytes(32) + sealed[32:]):
        with pytest.raises(envelope.SealBrokenError):
            envelope.open_sealed(wrong, private, info=b"info")
    with pytest.raises(envelope.SealBrokenError):
        envelope.open_sealed(sealed, private, info=b"other")
    with pytest.raises(envelope.SealBrokenError):
        envelope.open_sealed(sealed, cases.OTHER_SEALING.private, info=b"info")


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31)])
def test_nothing_is_sealed_to_a_key_of_small_order(public: bytes) -> None:
    with pytest.raises(envelope.WeakKeyError):
        envelope.seal(b"plain", public, info=b"")


def test_new_pairs_differ_and_belong_together() -> None:
    sealing, signing = envelope.new_sealing_pair(), envelope.new_signing_pair()
    assert sealing != envelope.new_sealing_pair()
    assert envelope.sealing_pair(sealing.private) == sealing
    assert envelope.signing_pair(signing.private) == signing


def test_a_private_key_does_not_show_itself() -> None:
    pair = envelope.new_signing_pair()
    held = keyfiles.KeyFile(Purpose.SIGNING, pair.public, pair.private)
    assert pair.private.hex() not in repr(pair) + repr(held)
    assert pair.public.hex() in repr(pair)
    assert pair.public.hex() in repr(held)


def test_the_fingerprint_is_the_one_in_the_docs() -> None:
    assert fingerprints.fingerprint(bytes(32)) == "a382f9df4d1c472389b7dce2fc1da1b0"
    docs = (Path(__file__).parents[3] / "docs" / "usg-format.md").read_text("utf-8")
    assert fingerprints.fingerprint(bytes(32)) in docs


def test_a_signature_is_bound_to_hash_and_key() -> None:
    digest, other = bytes(32), b"\x01" + bytes(31)
    signature = envelope.sign(digest, cases.SIGNING.private)
    assert envelope.is_signed(digest, signature, cases.SIGNING.public)
    assert not envelope.is_signed(other, signature, cases.SIGNING.public)
    assert not envelope.is_signed(digest, signature, cases.OTHER_SIGNING.public)
    assert not envelope.is_signed(digest, signature[:-1], cases.SIGNING.public)
    assert not envelope.is_signed(digest, signature, b"short")


@pytest.mark.parametrize("y", [0, 1, FIELD - 1, FIELD, FIELD + 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_signing_keys_of_small_order_are_known(y: int, sign: int) -> None:
    assert envelope.is_weak_signer((y | sign << 255).to_bytes(32, "little"))


def test_points_of_order_eight_would_verify_what_nobody_signed() -> None:
    weak = [key for key in envelope._SMALL_ORDER if int.from_bytes(key, "little") > 1]
    assert len(envelope._SMALL_ORDER) == 14
    assert not envelope.is_weak_signer(cases.SIGNING.public)
    assert envelope.is_weak_signer(b"short")
    # With R = -kA and S = 0 a weak key A verifies for some of the first digests tried.
    fooled = sum(
        envelope.is_signed(bytes([at]) * 32, key + bytes(32), key)
        for key in weak
        for at in range(64)
    )
    assert fooled > 0


def test_key_files_come_back_as_they_went(tmp_path: Path) -> None:
    pair = envelope.new_sealing_pair()
    private, public = keyfiles.write_pair(tmp_path / "a.key", Purpose.SEALING, pair)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert keyfiles.read_private(private, Purpose.SEALING) == pair
    held = keyfiles.read_key(public, Purpose.SEALING)
    assert (held.public, held.private) == (pair.public, None)
    with pytest.raises(KeyFileError, match="only the public"):
        keyfiles.read_private(public, Purpose.SEALING)
    with pytest.raises(KeyFileError, match="not a signing key"):
        keyfiles.read_key(private, Purpose.SIGNING)
    with pytest.raises(FileExistsError):
        keyfiles.write_pair(private, Purpose.SEALING, pair)
    windows = tmp_path / "windows.key"
    windows.write_bytes(private.read_bytes().replace(b"\n", b"\r\n"))
    assert keyfiles.read_private(windows, Purpose.SEALING) == pair


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("usg-key 1", "usg-key 2"),
        ("kind: ", "sort: "),
        ("sealing-private", "sealing-public"),
        ("public: ", "public: zz"),
        ("private: ", "private: 00"),
        ("private: ", "private: ab\npublic: "),
        ("private: ", "owner: x\nprivate: "),
        ("public: ", "public: 00\nremark: "),
        ("usg-key 1", "x" * 2_000),
        ("usg-key 1", "ü"),
        ("kind: ", "kind"),
    ],
)
def test_anything_else_is_not_a_key_file(tmp_path: Path, old: str, new: str) -> None:
    path, _ = keyfiles.write_pair(tmp_path / "a", Purpose.SEALING, cases.SEALING)
    path.write_text(path.read_text("ascii").replace(old, new, 1), "utf-8")
    with pytest.raises(KeyFileError, match="not a sealing key file"):
        keyfiles.read_key(path, Purpose.SEALING)


def test_a_key_file_that_a_person_has_edited_is_read_as_the_page_says(
    tmp_path: Path,
) -> None:
    digits = cases.SEALING.public.hex()
    spaced = " ".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()
    path = tmp_path / "a.pub"
    lines = ("usg-key 1", "", f"public: {'00' * 32}", f"public: {spaced}")
    text = "\r\n".join((*lines, "kind: sealing-public", "", ""))
    path.write_bytes(text.encode("ascii"))
    found = keyfiles.read_key(path, Purpose.SEALING)
    assert found.public == cases.SEALING.public


def test_a_public_key_that_is_cut_is_not_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pub"
    path.write_text("usg-key 1\nkind: sealing-public\npublic: 00ff\n")
    with pytest.raises(KeyFileError, match="cut"):
        keyfiles.read_key(path, Purpose.SEALING)


def test_keys_that_do_not_belong_together_are_noticed(tmp_path: Path) -> None:
    mixed = envelope.KeyPair(cases.OTHER_SEALING.public, cases.SEALING.private)
    path, _ = keyfiles.write_pair(tmp_path / "a", Purpose.SEALING, mixed)
    with pytest.raises(KeyFileError, match="belong together"):
        keyfiles.read_key(path, Purpose.SEALING)
