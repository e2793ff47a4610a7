"""What looks like a secret is taken out of texts, and what does not stays."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from client.doctor.redaction import LEFT_OUT, Redaction, secrets_in, variables

TOKEN = f"rh_{10 * 'a'}_{49 * 'b'}"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIcanary\nMHcanary\n-----END EC PRIVATE KEY-----"
WEB_TOKEN = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"x"}', b'{"a":"bcd"}'))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("http://user:pass@host/x", f"http://{LEFT_OUT}@host/x"),
        ("postgresql://a:p4ss/w0rd@b/x", f"postgresql://{LEFT_OUT}@b/x"),
        ("https://oauth2secret@host/x.git", f"https://{LEFT_OUT}@host/x.git"),
        ("GET /?token=abcdefgh&x=1", f"GET /?token={LEFT_OUT}&x=1"),
        ("AWS_SECRET_ACCESS_KEY=abcdefgh x", f"AWS_SECRET_ACCESS_KEY={LEFT_OUT} x"),
        ('token="abcd efgh" x', f'token="{LEFT_OUT}" x'),
        (r"say(\"token=\"abcd\"\")", rf"say(\"token=\"{LEFT_OUT}\"\")"),
        ('{"password": "abcdefgh", "x": 1}', f'{{"password": "{LEFT_OUT}", "x": 1}}'),
        (r"{\"api_key\": \"abcdefgh\", \"x\": 1}", rf"{{\"api_key\": \"{LEFT_OUT}\", \"x\": 1}}"),
        ("Authorization: Bearer abcdefgh, x", f"Authorization: Bearer {LEFT_OUT}, x"),
        ("Cookie: a=b; c=d\nx", f"Cookie: {LEFT_OUT}\nx"),
        ("X-Api-Key: abcdefgh", f"X-Api-Key: {LEFT_OUT}"),
        (f"a{TOKEN}b", f"a{LEFT_OUT}b"),
        (f"{WEB_TOKEN}.c2ln x", f"{LEFT_OUT} x"),
        ("hf_abcdefghijklmnop x", f"{LEFT_OUT} x"),
        (f"x {PEM} y", f"x {LEFT_OUT} y"),
        (f"x {PEM[:50]}", f"x {LEFT_OUT}"),
        (f"{PEM[40:]} y", f"{LEFT_OUT} y"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, left: str) -> None:
    assert Redaction([]).of(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "eta 0.5, loss 1.25 at round 7",
        '{"token": "none"}',
        "sha256:" + 64 * "0",
        "http://host:9095/runs/run-7",
        "n_tokens=512, keys: 3",
        "the token abcdefghij was revoked; ask an admin for another",
        "node-d032ee8b122223d1 at 10.0.0.7:9091",
    ],
)
def test_what_looks_like_none_stays(text: str) -> None:
    assert Redaction([]).of(text) == text


@pytest.mark.parametrize(
    "text",
    ['token="abcdefgh1"', "Bearer abcdefgh1", PEM[:50], "http://a:abcdefgh1@b", 'abcdefgh1"\\é', f"x{PEM}"],
)
def test_a_document_is_one_still_and_holds_none_of_it(text: str) -> None:
    """A secret ends where its text ends, whatever its quotes are like in JSON."""
    out = json.dumps(Redaction(['abcdefgh1"\\é']).of_all({"a": [text, "next"], text: 1, "b": {"c": text}}))
    again = json.loads(out)
    assert again["a"][1] == "next" and set(again) >= {"a", "b"}
    assert "abcdefgh1" not in out and "MHcC" not in out


@pytest.mark.parametrize("secret", ["p4ss/w0rd&more", "abcdefgh", "pässwörd"])
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_known_secret_is_found_as_base64_wherever_it_stands(secret: str, before: str) -> None:
    data = f"{before}{secret}zz".encode()
    for coded in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        left = Redaction([secret]).of(f"x {coded} y")
        assert LEFT_OUT in left
        assert secret.encode() not in base64.urlsafe_b64decode(left.replace(LEFT_OUT, "").split()[1] + "===")
    assert Redaction([secret]).of(f"x {quote(secret, safe='')} y") == f"x {LEFT_OUT} y"


def test_variables_that_are_no_secrets_are_taken_for_none(tmp_path: Path) -> None:
    innocent = {
        "PWD": str(tmp_path),
        "SSH_AUTH_SOCK": str(tmp_path),
        "DESKTOP_SESSION": "ubuntu",
        "GIT_AUTHOR_NAME": "ann",
    }
    assert list(secrets_in(innocent)) == []
    guilty = {"PGPASSWORD": "a", "DB_PWD": "b", "AWS_SECRET_ACCESS_KEY": "c", "MY_KEY": "d", "X": "http://u:e@h"}
    assert set(secrets_in(guilty)) == set("abcde")


def test_of_our_variables_the_values_of_secrets_alone_are_left_out() -> None:
    environ = {"ROUNDHOUSE_TOKEN": "a", "ROUNDHOUSE_TOKEN_FILE": "/a", "ROUNDHOUSE_SERVER": "b:1", "HOME": "/x"}
    assert variables(environ) == {
        "ROUNDHOUSE_SERVER": "b:1", "ROUNDHOUSE_TOKEN": LEFT_OUT, "ROUNDHOUSE_TOKEN_FILE": "/a",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a" * 2**20, "a=" * 2**19, "://" * 2**18, "token" * 2**17, "-----BEGIN " * 2**16, "eyJaaaaaaaa-" * 2**16]
)
def test_a_megabyte_of_anything_is_read_in_seconds(text: str) -> None:
    began = time.monotonic()
    Redaction([TOKEN]).of(text)
    assert time.monotonic() - began < 20  # the square of its length would be minutes
