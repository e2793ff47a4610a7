"""What a hostile job tries from inside: each probe returns whether it got out. Runs as the job, standard library only.

The secrets that it looks for match `SECRET`; it is never told one, so that it cannot find what it was told.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

SECRET = re.compile(rb"SECRET-[0-9a-f]{32}")
LIBC = ctypes.CDLL(None, use_errno=True)
PROBE_S = 10
Targets = dict[str, str]
Probe = Callable[[Targets], bool]

NEW_USER = 0x10000000
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
KEYCTL, KEYCTL_SEARCH, SESSION_KEYRING = 250, 10, -3


def processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def holds_secret(path: str) -> bool:
    with suppress(OSError):
        flags = os.O_RDONLY | os.O_NONBLOCK
        fd = os.open(path, flags)
        try:
            return SECRET.search(os.read(fd, 1 << 20)) is not None
        finally:
            os.close(fd)
    return False


def variables_of_the_node(_: Targets) -> bool:
    return any(holds_secret(f"/proc/{pid}/environ") for pid in processes())


def command_lines_of_the_node(_: Targets) -> bool:
    return any(holds_secret(f"/proc/{pid}/cmdline") for pid in processes())


def open_files_of_the_node(_: Targets) -> bool:
    for pid in processes():
        with suppress(OSError):
            if any(holds_secret(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")):
                return True
    return False


def memory_of_the_node(_: Targets) -> bool:
    for pid in processes():
        with suppress(OSError), open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                if " rw" in line and "[v" not in line:
                    start, end = (int(each, 16) for each in line.split()[0].split("-"))
                    memory.seek(start)
                    if SECRET.search(memory.read(min(end - start, 1 << 24))):
                        return True
    return False


def folders_above(_: Targets) -> bool:
    where = os.getcwd()
    while where != "/":
        where = os.path.dirname(where)
        with suppress(OSError):
            if any(holds_secret(f"{where}/{name}") for name in os.listdir(where)):
                return True
    return False


def private_file(targets: Targets) -> bool:
    return holds_secret(targets["private_file"])


def public_file(targets: Targets) -> bool:
    return holds_secret(targets["public_file"])


def shared_memory(targets: Targets) -> bool:
    return holds_secret(targets["shared_memory"])


def another_job(targets: Targets) -> bool:
    return holds_secret(targets["another_job"])


def password_hashes(_: Targets) -> bool:
    return os.access("/etc/shadow", os.R_OK)


def _watchdogs() -> Iterator[int]:
    for pid in processes():
        with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"scripts.watchdog" in file.read():
                yield pid


def watchdog_killed(targets: Targets) -> bool:
    for pid in (*_watchdogs(), int(targets["node_pid"])):
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def traced_another(targets: Targets) -> bool:
    for pid in (*_watchdogs(), int(targets["node_pid"])):
        if LIBC.ptrace(PTRACE_ATTACH, pid, None, None) == 0:
            LIBC.ptrace(PTRACE_DETACH, pid, None, None)
            return True
    return False


def service_of_this_machine(targets: Targets) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", int(targets["port"])), timeout=1):
        return True
    return False


def abstract_socket(targets: Targets) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\0" + targets["abstract_socket"])
        return True
    return False


def container_engine(targets: Targets) -> bool:
    for path in (targets["engine"], "/var/run/docker.sock", "/run/podman/podman.sock"):
        with suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            return True
    return False


def _has_route(address: str) -> bool:
    # A datagram socket that is connected sends nothing: it only finds the way.
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 53))
        return True
    return False


def cloud_metadata(_: Targets) -> bool:
    return _has_route("169.254.169.254")


def name_servers(_: Targets) -> bool:
    return _has_route("192.0.2.53")


def raw_packets(_: Targets) -> bool:
    with suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return True
    return False


def _writes(path: str) -> bool:
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return True
    return False


def public_folder_written(targets: Targets) -> bool:
    return _writes(targets["public_folder"] + "/written")


def system_written(_: Targets) -> bool:
    return any(_writes(f"{folder}/written") for folder in ("", "/usr", "/usr/bin", "/etc", "/root", "/dev", "/proc"))


def python_written(_: Targets) -> bool:
    return any(_writes(f"{folder}/written") for folder in {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)})


def mounted(_: Targets) -> bool:
    return bool(LIBC.mount(b"none", os.fsencode(os.getcwd()), b"tmpfs", 0, None) == 0)


def user_namespace(_: Targets) -> bool:
    return bool(LIBC.unshare(NEW_USER) == 0)


def changed_root(_: Targets) -> bool:
    with suppress(OSError):
        os.chroot(os.getcwd())
        return True
    return False


def device_made(_: Targets) -> bool:
    with suppress(OSError):
        os.mknod("device", 0o60600, os.makedev(1, 1))
        return True
    return False


def device_opened(_: Targets) -> bool:
    names = ("mem", "kmem", "port", "vda", "sda", "nvme0n1")
    return any(os.access(f"/dev/{name}", os.R_OK) for name in names)


def became_root(_: Targets) -> bool:
    with suppress(OSError):
        os.setuid(0)
        return True
    return False


def set_user_program(_: Targets) -> bool:
    """Programs that run as their owner must not."""
    with open("/proc/self/status") as status:
        return "NoNewPrivs:\t1" not in status.read()


def has_capabilities(_: Targets) -> bool:
    with open("/proc/self/status") as status:
        return any(int(line.split()[1], 16) for line in status if line.startswith(("CapEff", "CapPrm", "CapInh")))


def limit_raised(_: Targets) -> bool:
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            hard = resource.getrlimit(what)[1]
            resource.setrlimit(what, (hard + 1, hard + 1))
            return True
    return False


def priority_raised(_: Targets) -> bool:
    with suppress(OSError):
        os.nice(-1)
        return True
    return False


def core_dumped(_: Targets) -> bool:
    child = os.fork()
    if child == 0:
        os.abort()
    return os.WCOREDUMP(os.waitpid(child, 0)[1])


def more_files_opened(_: Targets) -> bool:
    files = []
    with suppress(OSError):
        for _number in range(300):
            files.append(os.open("/dev/null", os.O_RDONLY))
        return True
    return False


def inherited_files(_: Targets) -> bool:
    """Anything open but for input, output and errors (and the listing itself)."""
    return len(os.listdir("/proc/self/fd")) > 4


def key_of_the_node(targets: Targets) -> bool:
    return bool(LIBC.syscall(KEYCTL, KEYCTL_SEARCH, SESSION_KEYRING, b"user", targets["key"].encode(), 0) >= 0)


def system_request(_: Targets) -> bool:
    return os.access("/proc/sysrq-trigger", os.W_OK)


def kernel_setting(_: Targets) -> bool:
    return os.access("/proc/sys/kernel/core_pattern", os.W_OK)


def left_its_groups(_: Targets) -> bool:
    for where, _folders, files in os.walk("/sys/fs/cgroup"):
        if "cgroup.procs" in files:
            with suppress(OSError), open(f"{where}/cgroup.procs", "w") as members:
                members.write(str(os.getpid()))
                return True
    return False


def host_name_changed(_: Targets) -> bool:
    with suppress(OSError):
        socket.sethostname("owned")
        return True
    return False


PROBES: tuple[Probe, ...] = (
    variables_of_the_node,
    command_lines_of_the_node,
    open_files_of_the_node,
    memory_of_the_node,
    folders_above,
    private_file,
    public_file,
    shared_memory,
    another_job,
    password_hashes,
    watchdog_killed,
    traced_another,
    service_of_this_machine,
    abstract_socket,
    container_engine,
    cloud_metadata,
    name_servers,
    raw_packets,
    public_folder_written,
    system_written,
    python_written,
    mounted,
    user_namespace,
    changed_root,
    device_made,
    device_opened,
    became_root,
    set_user_program,
    has_capabilities,
    limit_raised,
    priority_raised,
    core_dumped,
    more_files_opened,
    inherited_files,
    key_of_the_node,
    system_request,
    kernel_setting,
    left_its_groups,
    host_name_changed,
)


def main(told: str, left_out: str) -> None:
    """Run each probe in a process of its own; print the names of those that got out, one a line."""
    for probe in PROBES:
        if probe.__name__ == left_out:
            continue
        code = [sys.executable, __file__, told, probe.__name__]
        done = subprocess.run(code, capture_output=True, text=True, timeout=PROBE_S)
        assert done.stdout in ("out\n", "in\n"), (probe.__name__, done)
        if done.stdout == "out\n":
            print(probe.__name__, flush=True)
    print("tried", len(PROBES))


if __name__ == "__main__":
    if sys.argv[2].startswith("-"):
        main(sys.argv[1], sys.argv[2][1:])
    else:
        print("out" if globals()[sys.argv[2]](json.loads(sys.argv[1])) else "in")
