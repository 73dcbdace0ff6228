#!/bin/sh
# What tazpodfs(8) promises of changes, line by line.  What another test shows
# is only named here.
#
#  1 synced is sealed	here; killed.t and sqlite.t: and survives a SIGKILL
#  2 sealed by itself	the times here; autoseal.t: seal=close, seal=off
#  3 unmount seals	umount8.t, pin.t, lock.t
#  4 a snapshot		here; storm.t: of all that can change
#  5 old or new		what is verified here; tests/faults, storm.t; where no
#			rename works, inplace.t
#  6 a seal that fails	here; autoseal.t: a full disk; rescue.t: at the end
#  7 ends		lifecycle.t: signals; killed.t: SIGKILL; stale.t: what
#			it leaves
#  8 changed under us	the error here; replaced.t: all that follows
#  9 generations	history.t, cat.t, rollback.t
# Functions are called by names that are arguments of others.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

V=$W/vault
M=$W/m
mkdir "$M"
export TAZPOD
${CC:-gcc} -shared -fPIC -D_GNU_SOURCE -Wall -Wextra -o "$W/faulty.so" \
	"$E2E/contract/faulty.c" -ldl || exit 1

# mount_faulty NAME VAULT DIR OPTIONS: with a disk that does as told.
mount_faulty()
{
	: >"$W/fault.$1"
	mkdir -p "$3"
	env LD_PRELOAD="$W/faulty.so" FAULTY="$W/fault.$1" \
		ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		"$TAZPODFS" -f -o "passfile=$PASS,$4" "$2" "$3" \
		2>"$W/said.$1" </dev/null &
	wait_for 30 field pid "$3" >"$W/pid.$1" 2>&1
}

# shows WHAT OPTIONS PROMISE [MORE]: what contract.py sees of a mount.
shows()
{
	what=$1
	mount_vault "$V" "$M" "$2"
	promise=$3
	shift 3
	run "$PY" "$E2E/contract/contract.py" "$what" "$V" "$PASS" "$M" "$@"
	told "$promise"
	lock "$M"
}

# shows_faulty WHAT FAULT PROMISE: the same with a disk that does as told.
shows_faulty()
{
	mount_faulty "$1" "$V" "$M" seal=off
	echo "$2" >"$W/fault.$1"
	run env FAULTY="$W/fault.$1" "$PY" "$E2E/contract/contract.py" "$1" \
		"$V" "$PASS" "$M"
	told "$3"
	: >"$W/fault.$1"
	lock "$M"
}

errno_of_fsync()
{
	"$PY" -c 'import os, sys
try:
    os.fsync(os.open(sys.argv[1], os.O_RDONLY))
    print(0)
except OSError as e:
    print(e.errno)' "$1"
}

quick_vault 2 "$V"

## 1

for options in '' nocache writeback; do
	shows calls "seal=off${options:+,$options}" "1: what syncs returns when \
the file on disk holds the change${options:+ ($options)}"
done
shows_faulty group 'delay 20' "1: many callers share one seal"

## 2

shows window '' "2: one change is sealed 200 ms after it" 200 900 1
shows window '' "2: changes without a pause are, about a second after the first" \
	200 1900 200
shows window seal=700ms "2: seal= says after which pause" 700 1600 1
shows window seal=10s,seal_max=500ms "2: seal_max= says when at the latest" \
	500 1400 1

## 4

shows torn seal=1ms,seal_max=4ms \
	"4: what one write has written is sealed whole or not at all"
shows_faulty writers 'delay 1000' \
	"4: while a seal takes two seconds, nobody else waits"

## 5

mount_faulty lies "$V" "$M" seal=off
echo before >"$M/file"
"$TAZPOD" save -q "$M"
was=$(digest "$V")
echo flip >"$W/fault.lies"
echo after >"$M/file"
run "$TAZPOD" save "$M"
like "$status $(cat "$W/err")" "^1 .*save failed: Input/output error" \
	"5: a disk that does not keep what is written fails a save"
is "$(errno_of_fsync "$M/file")" 5 "5: and an fsync"
is "$(digest "$V") $(find "$W" -maxdepth 1 -name '.*.new')" "$was " \
	"5: the new vault is opened before it replaces the old one, which stays"
: >"$W/fault.lies"
holds "5: the next one succeeds" "$TAZPOD" save -q "$M"
lock "$M"
mount_vault "$V" "$M" ro
is "$(cat "$M/file")" after "5: with all that was held"
lock "$M"

## 6: a disk for each error, all at once

# each_error FUNCTION: with errno, name and words of each.
each_error()
{
	"$1" 5 EIO 'Input/output error'
	"$1" 28 ENOSPC 'No space left on device'
	"$1" 122 EDQUOT 'Disk quota exceeded'
	"$1" 30 EROFS 'it cannot be replaced where it is \(read-only\)'
}

begin_failing()
{
	v=$W/$2
	quick_vault 2 "$v"
	mount_faulty "$2" "$v" "$W/m.$2" ''
	echo old >"$W/m.$2/file"
	"$TAZPOD" save -q "$W/m.$2"
	digest "$v" >"$v.was"
	echo "fail $1" >"$W/fault.$2"
	echo new >"$W/m.$2/file"
	is "$(errno_of_fsync "$W/m.$2/file")" "$1" "6: fsync gets $2"
	run "$TAZPOD" save "$W/m.$2"
	like "$status $(cat "$W/err")" "^1 .*save failed: $3" "6: save says $2"
	is "$(field last_error "$W/m.$2") $(field state "$W/m.$2")" \
		"$1 dirty" "6: status has $2"
	like "$("$TAZPOD" status "$W/m.$2")" "^last seal +failed: $3" \
		"6: in words ($2)"
	if [ "$(id -u)" -eq 0 ]; then
		run "$B/umount.tazpodfs" "$W/m.$2"
		like "$status $(cat "$W/err")" \
			"^32 .*cannot be saved: $3; it stays mounted" \
			"6: umount says $2, and refuses"
	fi
	# From here on nobody asks.
	: >"$W/fault.$2.log"
}

# tried NAME TIMES: so many seals, or more, since then.
tried()
{
	[ "$(wc -l <"$W/fault.$1.log")" -ge "$2" ]
}

go_on_failing()
{
	holds "6: $2: it is tried again" wait_for 20 tried "$2" 2
	like "$(cat "$W/said.$2")" \
		"cannot save: $3; the changes are kept in memory" \
		"6: $2: the log has it"
	is "$(grep -c 'cannot save' "$W/said.$2")" 1 "6: $2: once"
	is "$(digest "$W/$2") $(cat "$W/m.$2/file")" "$(cat "$W/$2.was") new" \
		"6: $2: the old vault is kept, and what is held"
	is "$(find "$W" -maxdepth 1 -name ".$2.new")" "" \
		"6: $2: and nothing else is there"
	: >"$W/fault.$2"
}

# gaps NAME: between the first three attempts, in seconds, rounded down.
gaps()
{
	awk 'NR > 1 && NR <= 3 { printf "%d ", ($1 - last) / 1000 }
		{ last = $1 }' "$W/fault.$1.log"
}

is_clean()
{
	[ "$(field state "$1")" = clean ]
}

end_failing()
{
	holds "6: $2: it heals without being asked" \
		wait_for 20 is_clean "$W/m.$2"
	like "$(gaps "$2")" '^[0-9]+ [2-9] ' \
		"6: $2: after a pause that grows ($(gaps "$2"))"
	is "$(field last_error "$W/m.$2")" 0 "6: $2: status has no error more"
	like "$(cat "$W/said.$2")" "saved at last" "6: $2: which the log tells"
	pid=$(field pid "$W/m.$2")
	kill -KILL "$pid"
	wait_for 10 gone "$pid"
	wait_for 10 away "$W/m.$2"
	mount_vault "$W/$2" "$W/m.$2" ro
	is "$(cat "$W/m.$2/file")" new "6: $2: and nothing is lost"
	lock "$W/m.$2"
}

each_error begin_failing
each_error go_on_failing
each_error end_failing

## 8

mount_vault "$V" "$M" seal=off
echo ours >"$M/file"
quick_vault 2 "$W/theirs"
theirs=$(digest "$W/theirs")
mv "$W/theirs" "$V"
is "$(errno_of_fsync "$M/file")" 116 \
	"8: where another vault has been put in its place, fsync gets ESTALE"
is "$(digest "$V")" "$theirs" "8: which is not overwritten"
mount_vault "$(echo "$V".conflict-*)" "$W/look" ro
is "$(cat "$W/look/file")" ours "8: ours is beside it"
lock "$W/look"
rm "$V"
lock "$M"
done_testing
