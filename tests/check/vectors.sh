#!/bin/sh
# SPDX-License-Identifier: MIT
# vectors.sh - the mesh packets of tests/vectors/mesh mean to a second reader, written from doc/protocol.md alone, what
# they mean to ours (tests/unit/test_report_vectors), and their tags and signatures are right.
set -u
folder=${srcdir:-.}/tests/vectors
command -v python3 >/dev/null 2>&1 || {
    echo "SKIP: no python3"
    exit 77
}
PYTHONDONTWRITEBYTECODE=1 exec python3 "$folder/decode_report.py" --check "$folder/mesh"
