"""Script jobs over HTTP: started from code or a ZIP, ended, started anew; what they say and leave."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest

from rpc.blobs import blob_name
from rpc.kept_log import Record
from rpc.messages import DataFile
from tests.client.fake import RUN_ID, Serving
from tests.client.fake_jobs import ARTIFACTS, JOB, JOB_ID, METRICS, RECORDS, log_of


def zip_of(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packing:
        for name, text in files.items():
            packing.writestr(name.replace("_", "."), text)
    return out.getvalue()


BUNDLE = zip_of(main_py="print(1)", train_py="print(2)")


def bundle_of(coordinator: Serving) -> zipfile.ZipFile:
    (spec,) = coordinator.fake.scripts
    return zipfile.ZipFile(io.BytesIO(coordinator.fake.blobs.get(spec.bundle.blob, 0, spec.bundle.size)))


def test_code_is_started_with_all_that_was_said(coordinator: Serving, http: httpx.Client) -> None:
    wanted = {
        "code": "import sys; print(sys.argv)",
        "name": "mine",
        "arguments": ["--fast"],
        "requirements": "numpy==2.0\n",
        "settings": {"memory_bytes": 1 << 30, "env": {"A": "b"}, "retries": 0, "owner": "eve"},
    }
    answer = http.post("/api/v1/jobs", json=wanted, headers={"Idempotency-Key": "monday"})
    assert (answer.status_code, answer.json(), answer.headers["location"]) == (
        201,
        {"id": JOB_ID},
        f"/api/v1/jobs/{JOB_ID}",
    )
    (spec,) = coordinator.fake.scripts
    assert (spec.name, spec.arguments, spec.key, spec.owner) == ("mine", ("--fast",), "monday", "eve")
    assert (spec.memory_bytes, dict(spec.env), spec.retries, spec.inline_code) == (1 << 30, {"A": "b"}, 0, True)
    with bundle_of(coordinator) as packed:
        assert packed.read("main.py") == b"import sys; print(sys.argv)\n"
        assert packed.read("requirements.txt") == b"numpy==2.0\n"


def test_a_data_set_is_a_blob_and_never_a_path(coordinator: Serving, http: httpx.Client) -> None:
    blob = coordinator.fake.blobs.store(BUNDLE)
    assert http.post("/api/v1/jobs", json={"code": "1", "datasets": {"toy": blob}}).status_code == 201
    assert coordinator.fake.scripts[0].datasets == (DataFile("toy", blob, len(BUNDLE)),)
    for path in ("/etc", "../x", f"{blob}\n", "sha256:" + 64 * "G"):
        answer = http.post("/api/v1/jobs", json={"code": "1", "datasets": {"toy": path}})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_request")


def test_a_bundle_is_started_from_a_form(coordinator: Serving, http: httpx.Client) -> None:
    fields = {"main_entry": "train.py", "settings": json.dumps({"timeout_s": 9})}
    answer = http.post("/api/v1/jobs/bundle", files={"file": ("my job.zip", BUNDLE)}, data=fields)
    assert (answer.status_code, answer.json()) == (201, {"id": JOB_ID})
    (spec,) = coordinator.fake.scripts
    assert (spec.name, spec.main, spec.timeout_s, spec.inline_code) == ("my job", "train.py", 9.0, False)
    assert sorted(bundle_of(coordinator).namelist()) == ["main.py", "train.py"]


def test_a_bundle_has_arguments_and_data_as_code_has(coordinator: Serving, http: httpx.Client) -> None:
    blob = coordinator.fake.blobs.store(BUNDLE)
    fields = {"arguments": '["--name", "two words"]', "datasets": json.dumps({"toy": blob})}
    assert http.post("/api/v1/jobs/bundle", files={"file": ("a.zip", BUNDLE)}, data=fields).status_code == 201
    (spec,) = coordinator.fake.scripts
    assert spec.arguments == ("--name", "two words")
    assert spec.datasets == (DataFile("toy", blob, len(BUNDLE)),)


@pytest.mark.parametrize("name", ["../../etc/x.zip", "C:\\x.zip", "\x1b[31mx.zip", "\u202ex.zip", ".zip"])
def test_the_name_of_a_file_is_no_path(name: str, coordinator: Serving, http: httpx.Client) -> None:
    assert http.post("/api/v1/jobs/bundle", files={"file": (name, BUNDLE)}).status_code == 201
    assert coordinator.fake.scripts[0].name in ("x", "[31mx", "bundle")


@pytest.mark.parametrize(
    ("files", "data", "status", "detail"),
    [
        ({"file": ("a.zip", b"no zip")}, {}, 422, "'a.zip' is no ZIP; only ZIPs are taken"),
        ({"file": ("a.zip", b"PK no zip")}, {}, 422, "this is no ZIP, or it is cut off"),
        ({"file": ("a.zip", BUNDLE)}, {"main_entry": "../x.py"}, 422, "x.py"),
        ({"file": ("a.zip", BUNDLE)}, {"more": "1"}, 400, "not 'more'"),
        ({"file": ("a.zip", BUNDLE)}, {"settings": '{"no": 1}'}, 400, "settings.no: "),
        ({"file": ("a.zip", BUNDLE)}, {"settings": "[" * 10_000}, 400, "settings: "),
        ({"file": ("a.zip", BUNDLE)}, {"settings": '{"cpus": "a"}'}, 400, "settings.cpus: "),
        ({"file": ("a.zip", BUNDLE)}, {"arguments": "--epochs"}, 400, "arguments: "),
        ({"file": ("a.zip", BUNDLE)}, {"arguments": "[1]"}, 400, "arguments.0: "),
        ({"file": ("a.zip", BUNDLE)}, {"datasets": '{"toy": "/etc"}'}, 400, "datasets.toy: "),
        ({"other": ("a.zip", BUNDLE)}, {}, 400, "file: send the bundle"),
        ({"file": ("a.zip", BUNDLE), "file2": ("b.zip", BUNDLE)}, {}, 400, "Too many files"),
    ],
)
def test_a_form_that_is_none_is_refused(
    files: dict[str, Any], data: dict[str, str], status: int, detail: str, http: httpx.Client
) -> None:
    answer = http.post("/api/v1/jobs/bundle", files=files, data=data)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


def test_what_is_no_form_is_refused(http: httpx.Client) -> None:
    assert http.post("/api/v1/jobs/bundle", json={}).status_code == 415
    head = {"Content-Type": "multipart/form-data"}
    assert http.post("/api/v1/jobs/bundle", content=b"x", headers=head).status_code == 400


def test_a_job_is_shown_listed_and_told_apart_from_runs(http: httpx.Client) -> None:
    assert http.get(f"/api/v1/jobs/{JOB_ID}").json()["job"]["sandbox"] == JOB.sandbox
    assert [row["id"] for row in http.get("/api/v1/jobs").json()["items"]] == [JOB_ID]
    assert http.get(f"/api/v1/jobs/{RUN_ID}").status_code == 404


def test_many_jobs_are_cancelled_at_once_all_or_none(coordinator: Serving, http: httpx.Client) -> None:
    assert http.post("/api/v1/jobs/cancel", json={"ids": [JOB_ID, "nobody"]}).status_code == 404
    assert coordinator.fake.cancelled == []
    coordinator.fake.end_together = 2
    rows = http.post("/api/v1/jobs/cancel", json={"ids": [JOB_ID, JOB_ID]}).json()
    assert [row["state"] for row in rows] == ["cancelled", "cancelled"]


def test_a_job_is_started_anew_once_for_a_key(coordinator: Serving, http: httpx.Client) -> None:
    answer = http.post(f"/api/v1/jobs/{JOB_ID}/retry", headers={"Idempotency-Key": "again"})
    assert answer.status_code == 201
    assert [(spec.key, spec.bundle) for spec in coordinator.fake.scripts] == [("again", JOB.spec.bundle)]


def test_a_log_is_read_from_a_byte_on_and_by_level(http: httpx.Client) -> None:
    whole = http.get(f"/api/v1/jobs/{JOB_ID}/log").json()
    assert [line["text"] for line in whole["lines"]] == [record.text for record in RECORDS] and whole["is_whole"]
    rest = http.get(f"/api/v1/jobs/{JOB_ID}/log", params={"offset": whole["lines"][1]["next_offset"]}).json()
    assert rest["lines"] == whole["lines"][2:]
    levels = {"INFO": 5, "WARNING": 2, "ERROR": 1, "PROGRESS": 1}
    for level, count in levels.items():
        part = http.get(f"/api/v1/jobs/{JOB_ID}/log", params={"level": level}).json()
        assert (len(part["lines"]), part["next_offset"]) == (count, whole["next_offset"])


def test_a_log_is_searched_capital_or_small_and_far_ahead(coordinator: Serving, http: httpx.Client) -> None:
    texts = [f"line {number}" for number in range(200_000)]
    texts[150_000] = "Änderung: 100 % of it"
    coordinator.fake.log = log_of(*(Record(1, "o", "i", text) for text in texts))
    found = http.get(f"/api/v1/jobs/{JOB_ID}/log", params={"contains": "äNDERUNG: 100 %"}).json()
    assert [line["text"] for line in found["lines"]] == [texts[150_000]]
    after = found["lines"][0]["next_offset"]
    assert found["start"] < after <= found["next_offset"]
    rest = http.get(f"/api/v1/jobs/{JOB_ID}/log", params={"contains": "änderung", "offset": after}).json()
    assert (rest["lines"], rest["next_offset"], rest["is_whole"]) == ([], len(coordinator.fake.log), True)


def test_a_log_is_downloaded_as_text(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.log = log_of(*(Record(1, "o", "i", f"line {number}") for number in range(100_000)))
    text = http.get(f"/api/v1/jobs/{JOB_ID}/log.txt")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.splitlines()[-1] == "1 stdout INFO line 99999" and text.text.count("\n") == 100_000


def test_metrics_are_told_after_a_number(http: httpx.Client) -> None:
    told = http.get(f"/api/v1/jobs/{JOB_ID}/metrics", params={"after": 1}).json()
    assert [(each["number"], each["value"]) for each in told] == [(each.number, each.value) for each in METRICS[1:]]


def test_artifacts_are_fetched_by_number_and_named_by_their_last_part(http: httpx.Client) -> None:
    listed = http.get(f"/api/v1/jobs/{JOB_ID}/artifacts").json()
    assert [(each["number"], each["name"]) for each in listed] == [*enumerate(ARTIFACTS)]
    second = http.get(f"/api/v1/jobs/{JOB_ID}/artifacts/1")
    assert second.content == ARTIFACTS["plots/loss.txt"]
    assert second.headers["content-disposition"] == "attachment; filename*=UTF-8''loss.txt"
    assert (second.headers["content-type"], second.headers["x-content-type-options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    assert "sandbox" in second.headers["content-security-policy"]


@pytest.mark.parametrize(
    "number", ["2", "-1", "0x1", "..%2f..%2fetc", "%252e%252e", "model.bin", "1%00", "99999999999"]
)
def test_what_is_no_number_of_an_artifact_is_none(number: str, http: httpx.Client) -> None:
    assert http.get(f"/api/v1/jobs/{JOB_ID}/artifacts/{number}").status_code in (404, 422)


def test_a_hostile_artifact_name_stays_in_its_header(coordinator: Serving, http: httpx.Client) -> None:
    data = b"<script>"
    blob = coordinator.fake.blobs.store(data)
    left = DataFile('a/"\r\nX-Evil: 1\u2028.html', blob, len(data))
    coordinator.fake.job = replace(JOB, artifacts=(left,))
    answer = http.get(f"/api/v1/jobs/{JOB_ID}/artifacts/0")
    assert "x-evil" not in answer.headers and answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].endswith("%22%0D%0AX-Evil%3A%201%E2%80%A8.html")


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-2", 206, b"wei"),
        ("bytes=5-", 206, b"ts"),
        ("bytes=-3", 206, b"hts"),
        ("bytes=0-999", 206, b"weights"),
        ("bytes=7-", 416, None),
        ("bytes=3-1", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=0-1,3-4", 416, None),
        ("lines=1-2", 416, None),
    ],
)
def test_one_range_of_bytes_is_given(wanted: str, status: int, content: bytes | None, http: httpx.Client) -> None:
    answer = http.get(f"/api/v1/jobs/{JOB_ID}/artifacts/0", headers={"Range": wanted})
    assert answer.status_code == status
    assert content is None or answer.content == content


def test_ten_thousand_ranges_are_refused_at_once(http: httpx.Client) -> None:
    many = "bytes=" + ",".join(f"{start}-" for start in range(10_000))
    answer = http.get(f"/api/v1/jobs/{JOB_ID}/artifacts/0", headers={"Range": many})
    assert answer.status_code == 416 and answer.elapsed.total_seconds() < 0.5


def test_a_blob_is_sent_in_pieces_that_go_on_where_they_stopped(coordinator: Serving, http: httpx.Client) -> None:
    data = bytes(range(256)) * 40_000  # 10 MB: three parts
    url = f"/api/v1/blobs/{blob_name(data)}"
    where = {"size": len(data)}
    assert http.head(url, params=where).headers["upload-offset"] == "0"
    first = http.patch(url, params=where, content=data[:5_000_000], headers={"Upload-Offset": "0"})
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5000000")
    wrong = http.patch(url, params=where, content=data[:10], headers={"Upload-Offset": "7"})
    assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, "5000000")
    rest = http.patch(url, params=where, content=data[5_000_000:], headers={"Upload-Offset": "5000000"})
    assert rest.headers["upload-offset"] == str(len(data))
    assert http.get(url).content == data
    assert http.get(url, headers={"Range": "bytes=9999990-9999999"}).content == data[9_999_990:10_000_000]


def test_a_blob_with_a_wrong_hash_is_dropped(http: httpx.Client) -> None:
    url = "/api/v1/blobs/sha256:" + 64 * "0"
    answer = http.patch(url, params={"size": 3}, content=b"abc", headers={"Upload-Offset": "0"})
    assert (answer.status_code, answer.json()["code"]) == (404, "missing_blob")
    assert http.get(url).status_code == 404
    longer = http.patch(url, params={"size": 3}, content=b"abcd", headers={"Upload-Offset": "0"})
    assert (longer.status_code, longer.json()["code"]) == (400, "bad_request")
