"""What a coordinator asks of a node about script jobs."""

from __future__ import annotations

import io
import zipfile
from time import monotonic
from uuid import uuid4

from compute_node.scripts.workshop import name_of
from rpc.blobs import blob_name
from rpc.client import Client
from rpc.kept_log import records_of
from rpc.messages import SCRIPTS, TRYING, DataFile, ScriptNews, ScriptSpec, ScriptTask
from tests.rpc.running import PATIENCE_S

MIB = 1 << 20


def wait_for_sandboxes(control: Client) -> None:
    """Return when the node has tried its sandboxes."""
    end = monotonic() + 3 * PATIENCE_S  # as many programs start one after the other
    while control.call("status").labels.get(SCRIPTS, TRYING) == TRYING:
        assert monotonic() < end


def task_of(
    slot: Client, code: str, *, sandbox: str = "bwrap", requirements: str = "", lease_s: float = 60.0
) -> ScriptTask:
    """A job for a program, whose bundle is on the node; nothing else on the machine is called as it."""
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py"), code)
        archive.writestr(zipfile.ZipInfo("requirements.txt"), requirements)
    data = bundle.getvalue()
    slot.call("put_blob", blob_name(data), len(data), 0, data)
    spec = ScriptSpec("x", DataFile("x.zip", blob_name(data), len(data)), sandbox=sandbox)
    job = f"j-{uuid4().hex[:12]}"
    return ScriptTask(f"{job}/0/0#1", 1, job, spec, lease_s=lease_s)


def mark_of(task: ScriptTask) -> str:
    """What the processes of a job have among their variables."""
    return f"JOB_NAME={name_of(task)}"


def news_until(slot: Client, task: ScriptTask, words: str = "") -> tuple[ScriptNews, str]:
    """Follow a job until it is over, or has printed this; the last news, and the end of its log."""
    offset, text = 0, ""
    while True:
        news: ScriptNews = slot.call("follow", task.attempt, offset, 1000)
        offset = news.next_offset
        text = (text + "".join(f"{record.text}\n" for record in records_of(bytes(news.log))))[-MIB:]
        if news.ended is not None or (words and words in text):
            return news, text
