"""Requests that are none, or that two readers could take for two different things (RFC 9112, section 11)."""

from __future__ import annotations

from tests.web.hostile.raw import CHUNKED, JSON, request, sized

_HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"  # what another reader would take for a request
_TO_SOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_KEYED = _TO_SOCKET + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def _post(headers: bytes, body: bytes) -> bytes:
    return request("POST", b"/jobs", JSON + headers, body, ends=False)


def _chunks(body: bytes) -> bytes:
    return _post(CHUNKED, body)


def _get(headers: bytes) -> bytes:
    return request(headers=headers, ends=False)


def _line(line: bytes) -> bytes:
    return line + b"\r\nHost: localhost\r\n\r\n"


# Each is refused with a problem, once, and its connection closed: nothing after it is read.
REFUSED = {
    "length and chunks": _post(b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n" + _HIDDEN),
    "chunks and length": _post(CHUNKED + b"Content-Length: 4\r\n", b"2\r\n{}\r\n0\r\n\r\n" + _HIDDEN),
    "two lengths": _post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}" + _HIDDEN),
    "the same length twice": _post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}" + _HIDDEN),
    "a list of lengths": _post(b"Content-Length: 2, 2\r\n", b"{}" + _HIDDEN),
    "length with a sign": _post(b"Content-Length: +2\r\n", b"{}" + _HIDDEN),
    "negative length": _post(b"Content-Length: -2\r\n", b"{}"),
    "length in hex": _post(b"Content-Length: 0x2\r\n", b"{}"),
    "length with an underscore": _post(b"Content-Length: 1_0\r\n", b"{}"),
    "length of 5,000 digits": _post(b"Content-Length: " + b"9" * 5000 + b"\r\n", b"{}"),
    "no length": _post(b"Content-Length: \r\n", b"{}"),
    "chunks on a folded line": _post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n" + _HIDDEN),
    "chunks on a folded line, and length": _post(
        b"Transfer-Encoding: \r\n\tchunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + _HIDDEN
    ),
    "xchunked": _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + _HIDDEN),
    "identity": _post(b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n", b"{}" + _HIDDEN),
    "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "chunked twice": _post(CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "a space before the colon": _post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + _HIDDEN),
    "a tab of another kind": _post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "chunk of -1": _chunks(b"-1\r\n{}\r\n0\r\n\r\n"),
    "chunk of +2": _chunks(b"+2\r\n{}\r\n0\r\n\r\n"),
    "chunk of 0x2": _chunks(b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk of 1_0": _chunks(b"1_0\r\n{}\r\n0\r\n\r\n"),
    "chunk of zz": _chunks(b"zz\r\n{}\r\n0\r\n\r\n"),
    "chunk of 5,000 digits": _chunks(b"f" * 5000 + b"\r\n{}\r\n0\r\n\r\n"),
    "chunk that is longer than it says": _chunks(b"2\r\n{}xx\r\n0\r\n\r\n"),
    "chunks with LF": _chunks(b"2\n{}\n0\n\n" + _HIDDEN),
    "chunks after an answer": request("POST", b"/api/v1/nothing", CHUNKED, b"zz\r\n", ends=False),
    "chunks that nobody reads": request("GET", b"/health", CHUNKED, b"zz\r\n", ends=False),
    "lines end with LF": b"GET /health HTTP/1.1\nHost: localhost\n\n",
    "one line ends with LF": b"GET /health HTTP/1.1\r\nX: 1\nHost: localhost\r\n\r\n",
    "lines end with CR": b"GET /health HTTP/1.1\rHost: localhost\r\r",
    "NUL in a value": _get(b"X: a\0b\r\n"),
    "NUL in a name": _get(b"X\0: a\r\n"),
    "a control character": _get(b"X: a\x01b\r\n"),
    "a name with a space": _get(b" X: a\r\n"),
    "a name with bytes above 127": _get(b"X\xff: a\r\n"),
    "a line without a colon": _get(b"X\r\n"),
    "a header of 1 MB": _get(b"X: " + b"a" * (1 << 20) + b"\r\n"),
    "10,000 headers": _get(b"".join(b"X%d: a\r\n" % number for number in range(10_000))),
    "200 headers": _get(b"X: a\r\n" * 200),
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": _get(b"Host: evil.example\r\n"),
    "HTTP/2.0": _line(b"GET /health HTTP/2.0"),
    "HTTP/9.9": _line(b"GET /health HTTP/9.9"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bytes above 127 in the target": _line(b"GET /\xff HTTP/1.1"),
    "a space in the target": _line(b"GET /health evil HTTP/1.1"),
    "a tab for a space": _line(b"GET\t/health HTTP/1.1"),
    "empty lines": b"\r\n" * 1000 + _get(b""),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a socket by POST": request("POST", b"/any", _KEYED + sized(b"abcd"), b"abcd", ends=False),
    "a socket with a body": _get(_KEYED + CHUNKED) + b"5\r\n",
    "a socket with a header that is too long": _get(b"X: " + b"a" * 20_000 + b"\r\n" + _KEYED),
    "a socket with 120 headers": _get(b"X: a\r\n" * 120 + _KEYED),
}

# These are answered by who serves what they ask for, which is nothing.
ANSWERED = {
    "an absolute target": (404, _line(b"GET http://evil.example/health HTTP/1.1")),
    "an absolute target of here": (404, _line(b"GET http://localhost/api/v1/jobs HTTP/1.1")),
    "an authority": (404, _line(b"CONNECT localhost:80 HTTP/1.1")),
    "an authority to get": (404, _line(b"GET localhost:80 HTTP/1.1")),
    "an asterisk": (404, _line(b"OPTIONS * HTTP/1.1")),
    "TRACE": (405, _line(b"TRACE /health HTTP/1.1")),
    "a method of 60,000 letters": (405, _line(b"F" * 60_000 + b" /health HTTP/1.1")),
    "a target of 60,000 letters": (404, _line(b"GET /" + b"a" * 60_000 + b" HTTP/1.1")),
    "HTTP/1.0 without a host": (403, b"GET /health HTTP/1.0\r\n\r\n"),
    "a user in the host": (403, b"GET /health HTTP/1.1\r\nHost: evil.example@localhost\r\n\r\n"),
    "a path in the host": (403, b"GET /health HTTP/1.1\r\nHost: localhost/evil\r\n\r\n"),
    "a host of elsewhere": (403, b"GET /api/v1/jobs HTTP/1.1\r\nHost: rebound.example\r\n\r\n"),
    "a gzip body": (400, _post(b"Content-Encoding: gzip\r\n" + sized(b"\x1f\x8b\x08"), b"\x1f\x8b\x08")),
    "a socket to nowhere": (403, _get(_KEYED)),
    "a socket of elsewhere": (403, _get(_KEYED + b"Origin: https://evil.example\r\n")),
    "a socket without a key": (400, _get(_TO_SOCKET)),
    "a socket of another version": (400, _get(_KEYED.replace(b"13", b"99"))),
    "a socket with odd extensions": (400, _get(_KEYED + b"Sec-WebSocket-Extensions: permessage-deflate; =;;\r\n")),
}

# Nothing comes of these: more is waited for, and the connection closed when it does not come.
UNANSWERED = {
    "HTTP/0.9": b"GET /health\r\n",
    "chunk of 2^64 bytes": _chunks(b"10000000000000002\r\n{}\r\n0\r\n\r\n" + _HIDDEN),
    "chunk of 20 digits": _chunks(b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n" + _HIDDEN),
    "a body that ends too early": _post(b"Content-Length: 10\r\n", b"{}"),
}
