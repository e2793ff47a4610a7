"""Every route of the interface, by callers of every role, with a real coordinator: they get what the table says."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from tests.system.guarded import CALLERS, LISTED, Guarded

# +: it is done, or fails for another reason; 401: who are you?; 403: not with this role; 404: there is no such work.
KINDS = """
          none viewer other owner operator admin node
open      +    +      +     +     +        +     +
see       401  +      +     +     +        +     403
own       401  +      404   +     +        +     403
submit    401  403    +     +     +        +     403
act       401  403    404   +     +        +     403
operate   401  403    403   403   +        +     403
admin     401  403    403   403   403      +     403
"""
ROUTES = """
GET /health                              open
GET /metrics                             see
GET /jobs                                see
GET /jobs/{name}                         own
POST /jobs                               submit
POST /api/jobs                           submit
GET /api/v1/work                         see
POST /api/v1/work/remove                 act
GET /api/v1/overview                     see
GET /api/v1/events                       see
GET /api/v1/events/stream                see
GET /api/v1/why/{kind}/{thing}           own
GET /api/v1/runs                         see
POST /api/v1/runs                        submit
GET /api/v1/runs/{name}                  own
DELETE /api/v1/runs/{name}               act
POST /api/v1/runs/{name}/cancel          act
POST /api/v1/runs/{name}/branch          act
POST /api/v1/runs/{name}/verify          act
GET /api/v1/runs/{name}/attempts         own
GET /api/v1/runs/{name}/model            own
GET /api/v1/runs/{name}/confusion        own
POST /api/v1/runs/{name}/predict         own
GET /api/v1/runs/{name}/export           own
GET /api/v1/runs/{name}/stream           own
GET /api/v1/jobs                         see
POST /api/v1/jobs                        submit
POST /api/v1/jobs/bundle                 submit
POST /api/v1/jobs/cancel                 act
GET /api/v1/jobs/{name}                  own
DELETE /api/v1/jobs/{name}               act
POST /api/v1/jobs/{name}/cancel          act
POST /api/v1/jobs/{name}/retry           act
GET /api/v1/jobs/{name}/log              own
GET /api/v1/jobs/{name}/log.txt          own
GET /api/v1/jobs/{name}/log/stream       own
GET /api/v1/jobs/{name}/metrics          own
GET /api/v1/jobs/{name}/metrics/stream   own
GET /api/v1/jobs/{name}/artifacts        own
GET /api/v1/jobs/{name}/artifacts/{number}  own
GET /api/v1/jobs/{name}/export           own
GET /api/v1/jobs/{name}/stream           own
GET /api/v1/schedules                    see
GET /api/v1/schedules/{name}             own
DELETE /api/v1/schedules/{name}          act
POST /api/v1/schedules/{name}/{act}      act
GET /api/v1/nodes                        see
POST /api/v1/nodes                       operate
GET /api/v1/nodes/{node}                 see
POST /api/v1/nodes/{node}/{order}        operate
GET /api/v1/blobs/{name}                 see
HEAD /api/v1/blobs/{name}                submit
PATCH /api/v1/blobs/{name}               submit
POST /api/v1/blobs/new                   submit
GET /api/v1/webhooks                     admin
POST /api/v1/webhooks                    admin
DELETE /api/v1/webhooks/{name}           admin
GET /api/v1/tokens                       admin
POST /api/v1/tokens                      admin
DELETE /api/v1/tokens/{id}               admin
GET /api/v1/audit                        admin
"""
TABLE = dict(line.rsplit(maxsplit=1) for line in ROUTES.strip().splitlines())
_MISSING = ("/api/v1/webhooks/{name}", "/api/v1/tokens/{id}", "/artifacts/{number}", "/model")  # named, and not there


def expected(kind: str) -> dict[str, str]:
    head, *lines = KINDS.strip().splitlines()
    of = {line.split()[0]: line.split()[1:] for line in lines}
    return dict(zip(head.split(), of[kind], strict=True))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


@pytest.fixture(scope="module")
def client(guarded: Guarded) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.url, timeout=60.0) as client:
        yield client


def bundle() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("main.py", "print(1)")
    return out.getvalue()


def request(guarded: Guarded, route: str) -> dict[str, Any]:
    """What the route is asked, about new work of ann's where it is about work."""
    path = route.split()[1]
    asked: dict[str, Any] = {}
    values: dict[str, str] = {"kind": "job", "act": "pause", "order": "resume", "number": "0", "name": ""}
    if path.startswith("/api/v1/runs/"):
        values["name"] = guarded.run()
    elif path.startswith(("/api/v1/jobs/", "/jobs/")):
        values["name"] = guarded.job()
    elif path.startswith("/api/v1/schedules/"):
        values["name"] = guarded.admin.add_schedule(guarded.job_spec(), "@yearly").id
    elif path.startswith("/api/v1/nodes/"):
        values["node"] = LISTED
    elif path.startswith("/api/v1/blobs/"):
        values["name"] = guarded.job_spec().bundle.blob
    elif path.startswith("/api/v1/webhooks/"):
        values["name"] = "webhook-00000000"
    elif path.startswith("/api/v1/tokens/"):
        values["id"] = "0123456789"
    if "{thing}" in path:
        values["thing"] = guarded.job()
    asked["url"] = path.format(**values)
    asked |= body(guarded, route)
    return asked


def body(guarded: Guarded, route: str) -> dict[str, Any]:
    """What is sent along."""
    zipped = {"files": {"file": ("main.zip", bundle())}}
    settings = {"force_queue": True}
    bodies: Mapping[str, Callable[[], dict[str, Any]]] = {
        "POST /jobs": lambda: {"json": {"code": "1"}},
        "POST /api/jobs": lambda: zipped,
        "POST /api/v1/jobs/bundle": lambda: zipped,
        "POST /api/v1/jobs": lambda: {"json": {"code": "1", "settings": settings}},
        "POST /api/v1/runs": lambda: {"json": {"data": {"kind": "letters"}, "rounds": 1, "epochs": 1, "hidden": [2],
                                               "eta": 0.1}},
        "POST /api/v1/work/remove": lambda: {"json": {"ids": [guarded.job()]}},
        "POST /api/v1/jobs/cancel": lambda: {"json": {"ids": [guarded.job()]}},
        "POST /api/v1/runs/{name}/branch": lambda: {"json": {}},
        "POST /api/v1/runs/{name}/verify": lambda: {"json": {}},
        "POST /api/v1/runs/{name}/predict": lambda: {"json": {"rows": [[1.0, 2.0]]}},
        "POST /api/v1/nodes": lambda: {"json": {"address": LISTED}},
        "POST /api/v1/webhooks": lambda: {"json": {"url": "http://127.0.0.1:1/"}},
        "POST /api/v1/tokens": lambda: {"json": {"role": "viewer"}},
        "POST /api/v1/blobs/new": lambda: {"params": {"file": "a.txt"}, "content": b"1", "headers": _OCTETS},
        "HEAD /api/v1/blobs/{name}": lambda: {"params": {"size": 1}},
        "PATCH /api/v1/blobs/{name}": lambda: {"params": {"size": 1}, "content": b"1",
                                               "headers": {**_OCTETS, "Upload-Offset": "0"}},
    }  # fmt: skip
    return bodies[route]() if route in bodies else {}


_OCTETS = {"Content-Type": "application/octet-stream"}


def test_every_route_has_a_row(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    assert routes == set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_each_caller_gets_what_the_table_says(route: str, guarded: Guarded, client: httpx.Client) -> None:
    method, path = route.split()
    found = {}
    for name in CALLERS:
        asked = request(guarded, route)
        token = guarded.tokens[name]
        headers = asked.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        with client.stream(method, headers=headers, **asked) as answer:
            status = answer.status_code
            if status in (401, 403) and method != "HEAD":
                answer.read()
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.json()["code"] in ("unauthenticated", "forbidden")
            if status == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
        assert status < 500 and status != 422, (name, status)
        is_missing = status == 404 and path.endswith(_MISSING)
        found[name] = str(status) if status in (401, 403, 404) and not is_missing else "+"
        if is_missing and expected(TABLE[route])[name] == "404":
            found[name] = "404"
    assert found == expected(TABLE[route])


def test_pages_lead_who_is_not_known_to_the_login_and_back(guarded: Guarded, client: httpx.Client) -> None:
    html = {"Accept": "text/html"}
    asked = client.get("/runs?state=failed", headers=html)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fruns%3Fstate%3Dfailed")
    form = client.get(asked.headers["location"], headers=html)
    assert form.status_code == 200 and "form-action 'self'" in form.headers["content-security-policy"]
    wrong = client.post("/login", data={"token": guarded.tokens["viewer"][:-1] + "x"}, headers=html)
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers
    right = client.post(asked.headers["location"], data={"token": guarded.tokens["viewer"]}, headers=html)
    assert (right.status_code, right.headers["location"]) == (303, "/runs?state=failed")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "max-age" not in cookie
    try:
        assert client.get("/runs?state=failed", headers=html).status_code == 200
        assert client.get("/api/v1/overview").status_code == 200
        # What changes something must come from a page of ours.
        assert client.post(f"/api/v1/nodes/{LISTED}/drain").status_code == 403
        foreign = client.post(f"/api/v1/nodes/{LISTED}/drain", headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        ours = client.post(f"/api/v1/nodes/{LISTED}/drain", headers={"Origin": guarded.url})
        assert (ours.status_code, ours.json()["code"]) == (403, "forbidden")  # a viewer
        left = client.post("/logout", headers={"Origin": guarded.url})
        assert (left.status_code, left.headers["location"]) == (303, "/login")
    finally:
        client.cookies.clear()


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\r\nSet-Cookie: b=c"]
)
def test_the_login_leads_to_no_other_site(then: str, guarded: Guarded, client: httpx.Client) -> None:
    answer = client.post("/login", params={"next": then}, data={"token": guarded.tokens["viewer"]})
    client.cookies.clear()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "bearer rh_x", "Token x", "Bearer " + "x" * 5000])
def test_a_header_without_a_token_of_ours_is_refused(header: str, client: httpx.Client) -> None:
    answer = client.get("/api/v1/overview", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_token_in_the_url_is_none(guarded: Guarded, client: httpx.Client) -> None:
    for name in ("token", "access_token"):
        assert client.get("/api/v1/overview", params={name: guarded.tokens["admin"]}).status_code == 401


def test_no_page_is_built_for_who_is_not_known(client: httpx.Client) -> None:
    for path in ("/_nicegui/nothing", "/_nicegui/../jobs"):
        answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=False)
        assert "<title>" not in answer.text and answer.status_code in (303, 404), path
