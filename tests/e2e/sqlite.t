#!/bin/sh
# What sqlite has committed survives a daemon that is killed at any moment.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
"$PY" -c 'import sqlite3' 2>/dev/null || skip_all "needs python3's sqlite3"
# shellcheck source=tests/e2e/rounds/rounds.sh
. "$E2E/rounds/rounds.sh"

rounds 1 rollback kill "rollback journal: what was committed is there"
rounds 2 wal kill "write-ahead log, shared memory: what was committed is there"
done_testing
