"""Paths that lead elsewhere, ranges, forms and JSON that are too much: a problem each time, never a bug or a file."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import quote

import nicegui
import pytest

from tests.system.besieged import GROWTH, size_of
from tests.web.hostile.conftest import Web
from tests.web.hostile.forms import FORMS, HARMLESS
from tests.web.hostile.raw import JSON, Answer, answers_to, is_problem, request, say, sized
from tests.web.hostile.spellings import N_SPELLINGS, spellings

pytestmark = pytest.mark.alone
_AT_ONCE = 25
_KNOWN = (b"root:x:", b"PATH=", b"[build-system]", b"def make_parser")  # what is in the files that spellings lead to
_STATIC = ("static", "libraries", "components", "resources/a", "dynamic_resources", "esm/a")


def paths_to_try(web: Web) -> list[bytes]:
    """All spellings after each path that takes a name of something here; half of them after those of the dashboard."""
    ours = [
        *("/api/v1/blobs/{}", "/api/v1/blobs/sha256:{}", "/api/v1/runs/{}/model", "/api/v1/jobs/{}/log.txt"),
        *(f"/api/v1/jobs/{web.job}/artifacts/{{}}", f"/api/v1/runs/{web.run}/{{}}", "/api/{}"),
    ]
    dashboard = ["/{}", "/console/{}", *(f"/_nicegui/{nicegui.__version__}/{each}/{{}}" for each in _STATIC)]
    every = [quote(each, safe="%/\\;:.") for each in spellings(str(web.canary))]
    assert len(set(every)) == N_SPELLINGS
    found = [route.format(each) for each in every for route in ours]
    found += [route.format(each) for each in every[::2] for route in dashboard]
    return [each.encode() for each in found]


def test_no_spelling_of_a_path_leads_elsewhere(web: Web) -> None:
    told: Counter[int] = Counter()
    targets = paths_to_try(web)
    with web.besieged(f"{len(targets):,} paths that lead elsewhere") as siege:
        for first in range(0, len(targets), _AT_ONCE):
            some = targets[first : first + _AT_ONCE]
            for target, answer in zip(some, answers_to(web.port, some), strict=True):
                told[answer.status] += 1
                assert answer.status < 500 and not any(each in answer.body for each in (*_KNOWN, web.secret)), target
                assert answer.status >= 400 or _leads_to_itself(answer), (target, answer)
        siege.said = f"; answered {dict(told)}"


def _leads_to_itself(answer: Answer) -> bool:
    """Whether it asks for the same path without its last slash, or with one."""
    return answer.status == 307 and b"\r\nlocation: http://localhost/" in answer.head


def test_no_name_of_a_file_that_is_sent_leads_elsewhere(web: Web) -> None:
    for name in spellings(str(web.canary))[::5]:
        answer = say(web.port, post(b"/api/v1/blobs/new?file=" + quote(name).encode(), b"harmless", b""))[0]
        assert answer.status < 500, name
        spec = {"data": {"files": [{"file": name, "blob": name, "size": 1}]}}
        answer = say(web.port, post(b"/api/v1/runs", json.dumps(spec).encode()))[0]
        assert is_problem(answer), (name, answer)


def test_the_files_that_are_there_are_answered(web: Web) -> None:
    answers = answers_to(web.port, [f"/api/v1/jobs/{web.job}/artifacts/0".encode(), b"/console/console.css"])
    assert [each.status for each in answers] == [200, 200] and answers[0].body == b"what the job has left"


def test_odd_ranges_cost_nothing(web: Web) -> None:
    blob = json.loads(say(web.port, post(b"/api/v1/blobs/new?file=a", bytes(1000), b""))[0].body)["blob"]
    ranges = {
        "bytes=" + "0-0," * 10_000 + "0-0": 416,
        "bytes=0-,0-,0-": 416,
        "bytes=0-9,5-14": 416,
        "bytes=10-5": 416,
        "bytes=1000-": 416,
        f"bytes={10**20}-": 416,
        f"bytes={10**17}-": 416,
        f"bytes=0-{10**20}": 416,
        f"bytes=-{10**20}": 416,
        "bytes=-0": 416,
        "bytes=-": 416,
        "bytes=a-b": 416,
        "bytes=0x0-0x1": 416,
        "bytes=-1-5": 416,
        "bytes=\u0660-\u0661": 416,
        "chars=0-5": 416,
        "bytes=" + " " * 50_000 + "0-1": 422,
        "bytes=0-0": 206,
        "bytes=-1": 206,
        f"bytes=0-{10**17}": 206,
    }
    with web.besieged(f"{len(ranges)} odd ranges") as siege:
        for _ in siege.rounds():
            for target in (f"/api/v1/blobs/{blob}", f"/api/v1/jobs/{web.job}/artifacts/0", "/console/console.css"):
                for said, status in ranges.items():
                    answer = say(web.port, request(target=target.encode(), headers=f"Range: {said}\r\n".encode()))[0]
                    assert answer.status < 500, (target, said[:50])
                    assert answer.status == status or "console" in target, (target, said[:50], answer)
                    assert len(answer.body) <= 200_000


def test_odd_forms_are_problems(web: Web) -> None:
    with web.besieged(f"{len(FORMS)} odd forms") as siege:
        for _ in siege.rounds():
            for name, (kind, body) in FORMS.items():
                for target in (b"/api/jobs", b"/api/v1/jobs/bundle"):
                    answer = say(web.port, post(target, body, b"Content-Type: " + kind + b"\r\n"))[0]
                    assert is_problem(answer), (name, target, answer)


def test_names_of_bundles_lead_nowhere(web: Web) -> None:
    for name, (kind, body) in HARMLESS.items():
        answer = say(web.port, post(b"/api/jobs", body, b"Content-Type: " + kind + b"\r\n"))[0]
        assert answer.status == 200 and json.loads(answer.body)["id"].startswith("job-"), (name, answer)


def bombs() -> dict[str, bytes]:
    """JSON that costs much, or that is none."""
    many = b",".join(b'"k%d":1' % number for number in range(80_000))
    return {
        "100,000 deep lists": b"[" * 100_000 + b"]" * 100_000,
        "100,000 deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a million keys": b'{"code":"1",' + b",".join(b'"%d":1' % number for number in range(1_000_000)) + b"}",
        "80,000 keys": b'{"code":"1",' + many + b"}",
        "80,000 keys below": b'{"code":"1","settings":{' + many + b"}}",
        "80,000 variables": b'{"code":"1","settings":{"env":{' + many + b"}}}",
        "200,000 words for numbers": b'{"rows":[[' + b",".join([b'"x"'] * 200_000) + b"]]}",
        "200,000 rows that are none": b'{"rows":[' + b",".join([b"1"] * 200_000) + b"]}",
        "a number of 900,000 digits": b'{"code":"1","settings":{"priority":' + b"9" * 900_000 + b"}}",
        "a number of 10^999999999": b'{"code":"1","settings":{"priority":1e999999999}}',
        "not a number": b'{"code":"1","settings":{"priority":NaN}}',
        "infinity": b'{"code":"1","settings":{"cpus":Infinity}}',
        "half a character": b'{"code":"print(1)","name":"\\ud800"}',
        "half a character in code": b'{"code":"\\udfff"}',
        "NUL in a name": b'{"code":"print(1)","name":"\\u0000"}',
        "bytes that are no text": b'{"code":"\xff\xfe"}',
        "nothing": b"",
        "a word": b"null",
        "a list": b"[]",
        "half of it": b'{"code":"1"',
        "gzip": b"\x1f\x8b\x08\x00" + bytes(100),
    }


def test_bombs_of_json_are_problems(web: Web) -> None:
    every = bombs()
    predict = f"/api/v1/runs/{web.run}/predict".encode()
    with web.besieged(f"{len(every)} bombs of JSON") as siege:
        for _ in siege.rounds():
            for name, body in every.items():
                for target in (b"/api/v1/jobs", b"/jobs", b"/api/v1/runs", b"/api/v1/jobs/cancel", predict):
                    answers = say(web.port, post(target, body))
                    hung_up = not answers and len(body) > 1 << 20
                    assert hung_up or is_problem(answers[0]), (name, target, answers)
                    assert hung_up or len(answers[0].body) < 10_000, (name, target)


def state_changing(web: Web) -> list[tuple[str, bytes]]:
    """All requests that change something, by the interface's description, and those of the dashboard."""
    paths = json.loads(say(web.port, request(target=b"/openapi.json"))[0].body)["paths"]
    found = [(method.upper(), path) for path in paths for method in paths[path] if method not in ("get", "head")]
    return [(method, path.encode()) for method, path in [*found, ("POST", "/login"), ("POST", "/logout")]]


def test_pages_that_nobody_opens_are_not_kept(web: Web) -> None:
    before = size_of(web.program).memory
    for _ in range(100):
        assert say(web.port, request(headers=b"Accept: text/html\r\n", target=b"/"))[0].status == 200
    grown = size_of(web.program).memory - before
    print(f"web, 100 pages that nobody opens: memory {grown / 1e6:+.1f} MB")
    assert grown < GROWTH


def test_what_a_page_of_elsewhere_can_send_changes_nothing(web: Web) -> None:
    """Forms and text need no leave of the browser; it says where they come from, or a proxy has removed that."""
    asked = state_changing(web)
    assert len(asked) >= 22
    cross = (b"Origin: https://evil.example\r\n", b"Origin: null\r\n", b"Sec-Fetch-Site: cross-site\r\n")
    text = b"Content-Type: text/plain\r\n"
    with web.besieged(f"{len(asked)} requests of elsewhere") as siege:
        for _ in siege.rounds():
            for method, path in asked:
                for header in cross:
                    body = b'{"code":"print(1)"}'
                    answer = say(web.port, request(method, path, header + text + sized(body), body))[0]
                    assert answer.status == 403 and is_problem(answer), (method, path, header)
    for target in (b"/jobs", b"/api/v1/jobs", b"/api/v1/runs", b"/api/v1/webhooks", b"/api/v1/jobs/cancel"):
        answer = say(web.port, post(target, b'{"code":"print(1)"}', text))[0]
        assert is_problem(answer), (target, answer)


def post(target: bytes, body: bytes, headers: bytes = JSON) -> bytes:
    return request("POST", target, headers + sized(body), body)
