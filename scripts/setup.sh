#!/usr/bin/env bash
# Makes .venv and installs what pyproject.toml asks for, in the versions of constraints.txt. Uses uv where it is installed, else pip.
# What is missing from the machine is named in the one line that installs it.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo "

# The first Python of at least 3.11: the one named in PYTHON, the default one, then others by name.
find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

missing() {
    echo "setup: $1; install it with: ${as_root}apt-get install -y $2" >&2
    exit 1
}

install() {
    "$@" --constraint constraints.txt --editable ".[fast,mlflow,plot,sklearn,tensorboard,web,dev]"
}

if [ -n "${PYTHON:-}" ] && [ "$(find_python)" != "$PYTHON" ]; then
    echo "setup: PYTHON=$PYTHON is no Python of at least 3.11; name another one, or none" >&2
    exit 1
fi
python=$(find_python) || missing "no Python of at least 3.11" "python3.11 python3.11-venv"

if command -v uv >/dev/null; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --seed --python "$(command -v "$python")" "$venv"
    install uv pip install --quiet --python "$venv/bin/python"
else
    if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        "$python" -c 'import ensurepip, venv' 2>/dev/null || missing "$python has no venv" "python$version-venv"
        "$python" -m venv "$venv"
    fi
    install "$venv/bin/python" -m pip install --quiet --disable-pip-version-check
fi
# numba compiles a kernel at its first use: better here than in the first run.
"$venv/bin/python" - <<'PYTHON'
from mlcore.kernels import get_backend, numeric_class

for dtype in ("float32", "float64"):
    numeric_class(get_backend(), dtype=dtype, threads=1)
PYTHON
touch "$venv/installed"
