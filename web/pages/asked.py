"""What somebody asked for who submitted a script job."""

from __future__ import annotations

from client.sizes import size
from rpc.messages import JobDetail
from web.pages.frame import facts
from web.pages.words import seconds


def show_asked(job: JobDetail) -> None:
    """Show what was set; what was left to the node goes without saying."""
    spec = job.spec
    env = ", ".join(sorted(spec.env))
    known = {
        "program": spec.main,
        "arguments": " ".join(spec.arguments),
        "bundle": f"{spec.bundle.file}, {size(spec.bundle.size)}",
        "environment": env,
        "data": ", ".join(each.file for each in spec.datasets),
        "timeout": seconds(spec.timeout_s) if spec.timeout_s else "none",
        "memory": size(spec.memory_bytes) if spec.memory_bytes else "",
        "CPUs": f"{spec.cpus:g}" if spec.cpus else "",
        "GPUs": str(spec.gpus) if spec.gpus else "",
        "network": spec.network,
        "sandbox": spec.sandbox,
        "image": spec.image,
        "array": spec.array,
        "after": ", ".join(spec.after),
        "owner": spec.owner,
        "select": ", ".join(f"{name}={value}" for name, value in spec.select.items()),
        "retries": str(spec.retries),
    }
    facts(known)
