"""Forms with bundles (multipart/form-data) that are odd: each with its Content-Type and its body."""

from __future__ import annotations

import io
import zipfile

_USUAL = b"multipart/form-data; boundary=b"
_FILE = b'form-data; name="file"; filename="a.zip"'


def _bundle() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("main.py", "print(1)")
    return packed.getvalue()


BUNDLE = _bundle()


def _part(disposition: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b"--b\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + content + b"\r\n"


def _form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def _field(name: bytes, value: bytes) -> bytes:
    return _part(b'form-data; name="' + name + b'"', value)


_GOOD = _part(_FILE, BUNDLE)

FORMS = {
    "no boundary": (b"multipart/form-data", _form(_GOOD)),
    "an empty boundary": (b"multipart/form-data; boundary=", _form(_GOOD)),
    "a boundary of 60,000 letters": (b"multipart/form-data; boundary=" + b"b" * 60_000, _form(_GOOD)),
    "another boundary": (b"multipart/form-data; boundary=c", _form(_GOOD)),
    "a boundary that is no text": (b'multipart/form-data; boundary="\xff\xfe"', _form(_GOOD)),
    "another kind": (b"multipart/mixed; boundary=b", _form(_GOOD)),
    "an unknown character set": (_USUAL + b"; charset=none-such", _form(_field(b"name", b"a"))),
    "UTF-7": (_USUAL + b"; charset=utf-7", _form(_field(b"name", b"+AAA-"))),
    "nothing": (_USUAL, b""),
    "only its end": (_USUAL, b"--b--\r\n"),
    "no end": (_USUAL, _GOOD[:-20]),
    "no parts": (_USUAL, b"a" * 100_000),
    "10,000 parts": (_USUAL, _form(*[_field(b"x", b"1")] * 10_000)),
    "10,000 empty parts": (_USUAL, b"--b\r\n\r\n" * 10_000 + b"--b--\r\n"),
    "10,000 boundaries": (_USUAL, b"--b\r\n" * 10_000),
    "the same field twice": (_USUAL, _form(_GOOD, _field(b"name", b"a"), _field(b"name", b"b"))),
    "two files": (_USUAL, _form(_GOOD, _GOOD)),
    "a field that is unknown": (_USUAL, _form(_GOOD, _field(b"../../etc/passwd", b"1"))),
    "a part with 1 MB of headers": (_USUAL, _form(_part(_FILE, BUNDLE, b"X: " + b"a" * (1 << 20) + b"\r\n"))),
    "a part with 10,000 headers": (_USUAL, _form(_part(_FILE, BUNDLE, b"X: a\r\n" * 10_000))),
    "a header without a colon": (_USUAL, _form(_part(_FILE, BUNDLE, b"X\r\n"))),
    "a part without a name": (_USUAL, _form(_part(b"form-data", BUNDLE))),
    "a part without a disposition": (_USUAL, _form(b"--b\r\n\r\n" + BUNDLE + b"\r\n")),
    "a field of 1 MB": (_USUAL, _form(_GOOD, _field(b"name", b"a" * (1 << 20)))),
    "a file that is a field": (_USUAL, _form(_field(b"file", BUNDLE))),
    "a file that is no ZIP": (_USUAL, _form(_part(_FILE, b"MZ"))),
    "half a ZIP": (_USUAL, _form(_part(_FILE, BUNDLE[:40]))),
    "JSON in a field that is none": (_USUAL, _form(_GOOD, _field(b"settings", b"["))),
    "deep JSON in a field": (_USUAL, _form(_GOOD, _field(b"arguments", b"[" * 60_000))),
    "half a character in a field": (_USUAL, _form(_GOOD, _field(b"arguments", b'["\\ud800"]'))),
    "an entry of elsewhere": (_USUAL, _form(_GOOD, _field(b"main_entry", b"../../etc/passwd"))),
    "an entry with NUL": (_USUAL, _form(_GOOD, _field(b"main_entry", b"main.py\0"))),
    "requirements of elsewhere": (_USUAL, _form(_GOOD, _field(b"requirements_file", b"/etc/passwd"))),
    "a data set of elsewhere": (_USUAL, _form(_GOOD, _field(b"datasets", b'{"../a": "sha256:' + b"0" * 64 + b'"}'))),
}

_NAMES = (
    b"../../etc/passwd",
    b"..\\\\..\\\\etc\\\\passwd",
    b"/etc/passwd",
    b"C:\\\\passwd",
    b"..%2f..%2fpasswd",
    b"a.zip\0.py",
)
# What a file is called is no more than a name of the job.
HARMLESS = {
    name.decode(): (_USUAL, _form(_part(b'form-data; name="file"; filename="' + name + b'"', BUNDLE)))
    for name in _NAMES
}
