"""The certificates that Roundhouse makes: made once, made anew when they must be, readable by nobody else."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpc.errors import BadData, TrainerError
from rpc.own_certificates import fingerprint_of, own_certificates

NAMES = ("127.0.0.1", "::1", "localhost")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_there_is_taken_again(folder: Path) -> None:
    own_certificates(folder, NAMES)
    before = contents(folder)
    own_certificates(folder, NAMES)
    assert contents(folder) == before


@pytest.mark.parametrize("later", [timedelta(days=340), timedelta(days=500)])
def test_a_certificate_that_is_about_to_end_is_made_anew_by_the_same_authority(folder: Path, later: timedelta) -> None:
    made = own_certificates(folder, NAMES)
    before = contents(folder)
    own_certificates(folder, NAMES, datetime.now(UTC) + later)
    after = contents(folder)
    assert after["server.pem"] != before["server.pem"]
    assert after["authority.pem"] == before["authority.pem"] == made.authority.read_bytes()


def test_other_names_make_another_certificate(folder: Path) -> None:
    before = own_certificates(folder, NAMES).certificate.read_bytes()
    assert own_certificates(folder, (*NAMES, "trainer.example")).certificate.read_bytes() != before


def test_a_certificate_whose_key_is_gone_is_made_anew(folder: Path) -> None:
    made = own_certificates(folder, NAMES)
    before = made.certificate.read_bytes()
    made.key.unlink()
    own_certificates(folder, NAMES)
    assert made.certificate.read_bytes() != before


def test_nobody_else_may_read_a_key(folder: Path) -> None:
    made = own_certificates(folder, NAMES)
    for key in (made.key, folder / "authority.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_other_software_takes_the_chain(folder: Path) -> None:
    made = own_certificates(folder, NAMES)
    check = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(made.authority)]
    subprocess.run([*check, str(made.certificate)], check=True, capture_output=True)


def test_the_fingerprint_is_the_one_that_others_show(folder: Path) -> None:
    made = own_certificates(folder, NAMES)
    show = ["openssl", "x509", "-in", str(made.authority), "-noout", "-fingerprint", "-sha256"]
    shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert fingerprint_of(made.authority.read_bytes()) == shown.partition("=")[2].strip().replace(":", "").lower()


@pytest.mark.parametrize("name", ["authority.pem", "authority.key", "server.pem", "server.key"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    own_certificates(folder, NAMES)
    (folder / name).write_bytes(b"nonsense")
    with pytest.raises(BadData, match=name):
        own_certificates(folder, NAMES)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file")
    with pytest.raises(TrainerError, match="tls: certificates cannot be kept there"):
        own_certificates(tmp_path / "tls", NAMES)
