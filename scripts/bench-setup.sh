#!/usr/bin/env bash
# Makes .venv-bench for `make bench`: Roundhouse, what draws its plots and profiles, and the peers that are asked for:
# `scikit-learn torch jax grpcio flwr ray distributed rq`, or `all`. Without arguments no peer is installed; a missing one
# is named in the results. RQ also needs a Redis server of the system's packages (redis-server).
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv-bench/bin/python
peers=("$@")
[ "${1:-}" != all ] || peers=(scikit-learn torch jax grpcio flwr "ray[default]" distributed rq)

# pip, not uv: it also looks into the folders that its settings name.
install() {
    "$python" -m pip install --quiet --disable-pip-version-check --constraint bench/constraints.txt "$@"
}

[ -x "$python" ] || "${PYTHON:-python3}" -m venv .venv-bench
wanted=()
for peer in "${peers[@]}"; do
    # The index has a CUDA build of gigabytes: only a wheel that lies on this machine will do.
    if [ "$peer" = torch ] && ! "$python" -c 'import torch' 2>/dev/null && ! install --no-index --no-deps torch; then
        echo "bench: no wheel of torch for CPUs in the folders of PIP_FIND_LINKS: left out" >&2
        continue
    fi
    wanted+=("$peer")
done
# Not editable: the finder of such an installation takes 10 ms at each start of Python, and so of each script job.
install ".[fast]" matplotlib py-spy "${wanted[@]}"
