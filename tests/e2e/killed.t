#!/bin/sh
# What was said to be durable survives a daemon that is killed at any moment:
# fsync, fdatasync, msync, fsync of a folder, O_SYNC and O_DSYNC.  And what was
# written at all survives a lock.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/rounds/rounds.sh
. "$E2E/rounds/rounds.sh"

rounds 1 files kill "format 1: what was synced is there"
rounds 2 files kill "format 2: what was synced is there"
rounds 2 files lock "a lock drops nothing of what was written before it"
done_testing
