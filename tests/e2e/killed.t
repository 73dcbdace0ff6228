#!/bin/sh
# What was said to be durable survives a daemon that is killed at any moment:
# fsync, fdatasync, msync, fsync of a folder, O_SYNC and O_DSYNC.  And what was
# written at all survives a lock.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/rounds/rounds.sh
. "$E2E/rounds/rounds.sh"

# seals HOW OPTIONS: a write does, though nothing is sealed by itself.
seals()
{
	generation=$(field generation "$M")
	run "$PY" "$E2E/rounds/sync_write.py" "$1" "$M/$1"
	is "$status $(field state "$M") \
$(($(field generation "$M") > generation))" "0 clean 1" \
		"a write with $1 is sealed${2:+ ($2)}"
}

quick_vault 2 "$W/sync"
for options in '' nocache writeback; do
	mount_vault "$W/sync" "$M" "seal=off${options:+,$options}"
	for how in O_SYNC O_DSYNC O_SYNC+O_DIRECT RWF_SYNC RWF_DSYNC; do
		seals "$how" "$options"
	done
	lock "$M"
	mount_vault "$W/sync" "$M" "seal=off,sync${options:+,$options}"
	seals nothing "sync${options:+,$options}"
	lock "$M"
done

rounds 1 files kill "format 1: what was synced is there"
rounds 2 files kill "format 2: what was synced is there"
rounds 2 files any "so it does the end of a keeper, or of both"
rounds 2 files lock "a lock drops nothing of what was written before it"
done_testing
