#!/usr/bin/env bash
# Makes .venv-bench for `make bench`: Roundhouse, what draws the plots and profiles, and the peers that are asked for.
# Arguments: names of peers (numpy-like core peers `scikit-learn torch jax`, `grpcio flwr ray distributed`), or `all`.
# Nothing large comes unasked: without arguments no peer is installed. PyTorch is only taken as a wheel that pip finds
# on this machine or in PIP_FIND_LINKS, or from PIP_INDEX_URL; the default index has a CUDA build of gigabytes.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-bench
peers=("$@")
[ "${1:-}" = all ] && peers=(scikit-learn torch jax grpcio flwr ray distributed)

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
# pip, not uv: it knows of wheels in the folders that pip's settings name.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint bench/constraints.txt \
    --editable ".[fast]" matplotlib py-spy "${peers[@]}"
