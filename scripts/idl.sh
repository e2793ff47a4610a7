#!/usr/bin/env bash
# Makes gen-py/ of idl/ (no argument), or says whether gen-py/ is what the compiler makes of idl/ (check).
set -euo pipefail
cd "$(dirname "$0")/.."

wanted="Thrift version 0.17.0"
found=$(thrift --version 2>/dev/null || echo "no Thrift compiler")

# The package alone: the top-level __init__.py would make a package of gen-py, and the remote scripts are not ours to ship.
generate() {
    thrift --gen py:slots -out "$1" idl/trainer.thrift
    rm -f "$1/__init__.py" "$1"/trainer_idl/*-remote
}

if [ "$found" != "$wanted" ]; then
    if [ "${1:-}" = check ]; then
        echo "idl: not checked ($found; the check needs $wanted)"
        exit 0
    fi
    echo "idl: $found, but gen-py is made with $wanted; install that one (Debian 12: apt-get install thrift-compiler)" >&2
    exit 1
fi
if [ "${1:-}" = check ]; then
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    generate "$fresh"
    if ! diff -r --exclude=__pycache__ "$fresh" gen-py; then
        echo "idl: gen-py differs from what the compiler makes of idl/trainer.thrift; run 'make idl' and commit gen-py" >&2
        exit 1
    fi
    echo "idl: gen-py is what $wanted makes of idl/"
else
    generate gen-py
fi
