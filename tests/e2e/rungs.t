#!/bin/sh
# Each rung for real: what `tazpod doctor` says would be taken is taken, and
# what `tazpod status` promises for it is what is found when that is tried.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
on_fuse || skip_all "it chooses the backends itself"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
unshare --user --map-root-user --mount true 2>/dev/null ||
	skip_all "no user namespace can be made"
let_nobody_in

CLI=$W/bin/tazpod
OUT=$W/nobody/out
GO=$W/nobody/go
STRANGER=4321

# In a namespace with an empty /dev, but for what programs need.
WITHOUT_FUSE='mount -t tmpfs -o mode=755 tazpod-e2e /dev &&
	mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 &&
	mknod -m 666 /dev/urandom c 1 9 && mknod -m 666 /dev/tty c 5 0 &&
	exec "$@"'

# said KEY...: what inside.py has found, by its keys.
said()
{
	"$PY" -c 'import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[key] if value is not None else None
print(value)' "$OUT" "$@"
}

promised()
{
	said status promises "$1"
}

# agree PROMISE NAME YES: is it promised just if it is so?  YES is what was
# found, "yes" or "no"; where it holds in part, both may be.
agree()
{
	word=$(promised "$2")
	[ "$word" = partly ] && word=$3
	is "$word" "$3" "$1: $2"
}

# As a stranger, and as root: can they look into DIR of the process PID?
looks()
{
	if nsenter -t "$1" -m setpriv --reuid "$3" --regid "$3" \
		--clear-groups ls "$2/canary" >/dev/null 2>&1; then
		echo no
	else
		echo yes
	fi
}

# judge NAME RUNG DIR PID: compare, while PID sees the mount.
judge()
{
	is "$(said status rung)" "$2" "$1: status names the rung"
	case $2 in
	fuse*) type=fuse.tazpodfs ;;
	tmpfs*) type=tmpfs ;;
	*) type=ramfs ;;
	esac
	is "$(said mount type)" "$type" "$1: it is a $type"
	like "$(said mount flags)" 'nosuid.*nodev' "$1: nosuid,nodev"
	case $2 in
	fuse*)
		is "$(said program)" 0 "$1: programs run"
		kept=yes ;;
	tmpfs)
		is "$(said program)" 13 "$1: noexec"
		kept=$(said mount options | grep -q noswap && echo yes || echo no) ;;
	tmpfs-swap)
		is "$(said program)" 13 "$1: noexec"
		kept=no ;;
	ramfs)
		is "$(said program)" 13 "$1: noexec"
		kept=yes ;;
	esac
	agree "$1" swap "$kept"
	agree "$1" size "$([ "$(said full)" = 28 ] && echo yes || echo no)"
	agree "$1" attributes "$([ "$(said xattr)" = 0 ] && echo yes || echo no)"
	agree "$1" users "$(looks "$4" "$3" "$STRANGER")"
	agree "$1" root "$(looks "$4" "$3" 0)"
	# A namespace that this test has made hides it, too.
	[ "$(promised invisible)" = no ] ||
		is "$(grep -cF " $3 " /proc/$$/mountinfo)" 0 "$1: invisible"
	agree "$1" dumps "$([ "$(said status core_bytes) $(
		said status dumpable)" = "0 no" ] && echo yes || echo no)"
	agree "$1" disk "$(if grep -rqsF 'canary of the rungs' \
		--exclude-dir="$(basename "$3")" "$W"; then
		echo no; else echo yes; fi)"
}

# doctors NAME: what `tazpod doctor` has foreseen, for unlock or run.
doctors()
{
	"$PY" -c 'import json, sys
d = json.load(open(sys.argv[1]))
print(d[sys.argv[2]])' "$W/doctor" "$1"
}

# on NAME RUNG HOW WHO COMMAND...: with that rung for "unlock" or "run", as root
# or nobody; COMMAND is what the programs are run through.
on()
{
	name=$1 rung=$2 how=$3 who=$4
	shift 4
	n=$((n + 1))
	V=$W/$who/v$n M=$W/$who/m$n
	mkdir -p "$W/$who" "$M"
	quick_vault 2 "$V"
	[ "$who" = root ] || chown -R "$NOBODY:$NOBODY" "$V" "$M"
	rm -f "$OUT" "$GO"
	"$@" "$CLI" doctor --json >"$W/doctor" 2>"$W/err" </dev/null
	is "$(doctors "$how")" "$rung" "$name: doctor foresees the rung"
	if [ "$how" = unlock ]; then
		set -- "$@" sh -c '"$1" unlock -q --passfile "$2" -o size=1M \
			"$3" "$4" && "$5" "$6" "$1" "$4" "$7" "$8" &&
			"$1" lock -q "$4"' sh
	else
		set -- "$@" sh -c '"$1" run --passfile "$2" -o size=1M \
			--vault "$3" --mount "$4" "$5" "$6" "$1" "$4" "$7" "$8"' sh
	fi
	"$@" "$CLI" "$W/$who/passphrase" "$V" "$M" "$PY" "$W/bin/inside.py" \
		"$OUT" "$GO" >"$W/log" 2>&1 </dev/null &
	job=$!
	if wait_for 30 test -f "$OUT"; then
		pid=$(pgrep -f "^$PY $W/bin/inside.py" | head -n 1)
		judge "$name" "$rung" "$M" "$pid"
	else
		not_ok "$name: it is shown" "$(cat "$W/log")"
	fi
	: >"$GO"
	wait "$job"
	is "$?" 0 "$name: and locked again"
	is "$(ls -A "$M")" "" "$name: nothing is left in the mount point"
}

n=0
mkdir "$W/root"
cp "$PASS" "$W/root/passphrase"
cp "$E2E/rungs/inside.py" "$W/bin"
WITHOUT=$B/tests/probe/without
SUID=$(command -v fusermount3)

# in_userns COMMAND...: as root of a user namespace, as in a rootless container.
in_userns()
{
	as_nobody unshare --user --map-root-user --mount -- "$@"
}

## As root

on "root" fuse unlock root env
on "root without /dev/fuse" tmpfs unlock root \
	unshare --mount sh -c "$WITHOUT_FUSE" sh
on "root, by run" fuse run root env
on "root without /dev/fuse, by run" tmpfs run root \
	unshare --mount sh -c "$WITHOUT_FUSE" sh

## As root of a user namespace

on "root of a namespace" fuse-userns unlock nobody in_userns
on "root of a namespace without /dev/fuse" ramfs unlock nobody \
	unshare --mount sh -c "$WITHOUT_FUSE" sh \
	setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups \
	env HOME="$W/nobody" XDG_RUNTIME_DIR="$W/nobody/run" \
	XDG_STATE_HOME="$W/nobody/state" \
	unshare --user --map-root-user --mount --

## As a user

on "nobody" fusermount3 unlock nobody as_nobody
mount --bind /dev/null "$SUID"
on "nobody without fusermount3" fuse-userns run nobody as_nobody
umount "$SUID"

# Without /dev/fuse, and what else is said of that.
without_fuse()
{
	unshare --mount sh -c "$WITHOUT_FUSE" sh prlimit \
		--memlock=8388608:8388608 setpriv --reuid "$NOBODY" \
		--regid "$NOBODY" --clear-groups env HOME="$W/nobody" \
		XDG_RUNTIME_DIR="$W/nobody/run" \
		XDG_STATE_HOME="$W/nobody/state" "$@"
}

on "nobody without /dev/fuse" ramfs run nobody without_fuse

## Where there is none

V=$W/nobody/none M=$W/nobody/empty
quick_vault 2 "$V"
mkdir "$M"
chown "$NOBODY:$NOBODY" "$V" "$M"

# refused NAME STATUS COMMAND...: with one line, nothing mounted, and the vault
# as it was.
refused()
{
	name=$1 wanted=$2
	shift 2
	before=$(digest "$V")
	run "$@"
	is "$status" "$wanted" "$name: refused with status $wanted"
	is "$(grep -c . "$W/err")" 1 "$name: in one line"
	is "$(ls -A "$M")$(our_mounts | grep -F "$M")" "" \
		"$name: nothing is in the mount point"
	is "$(digest "$V")" "$before" "$name: the vault is as it was"
}

refused "nobody without /dev/fuse, by unlock" 7 without_fuse \
	"$CLI" unlock --passfile "$W/nobody/passphrase" "$V" "$M"
like "$(cat "$W/err")" 'tazpod (run|doctor)' "... and it says what can be done"
refused "nobody without namespaces" 7 without_fuse "$WITHOUT" unshare 1 \
	"$CLI" run --passfile "$W/nobody/passphrase" --vault "$V" --mount "$M" \
	true
like "$(cat "$W/err")" 'doctor' "... and it says what can be done"
run without_fuse "$WITHOUT" unshare 1 "$CLI" doctor --json
cp "$W/out" "$W/doctor"
is "$(doctors run) $status" "none 7" "... as doctor has foreseen"
refused "a tmpfs where fsopen(2) is not to be had" 7 \
	"$WITHOUT" fsopen 38 "$CLI" unlock --backend tmpfs --passfile "$PASS" \
	"$V" "$M"
refused "FUSE that was asked for" 7 unshare --mount sh -c "$WITHOUT_FUSE" sh \
	"$CLI" unlock --backend fuse --passfile "$PASS" "$V" "$M"
if locks_memory; then
	for kib in 0 64; do
		refused "$kib KiB to lock" 6 as_nobody prlimit \
			--memlock="$((kib << 10)):$((kib << 10))" "$CLI" run \
			--passfile "$W/nobody/passphrase" --vault "$V" \
			--mount "$M" true
	done
fi

## Durability and locks, as promised

# kept: is what was written there, when the daemon and its keeper are killed
# right after SAVE...?
kept()
{
	mount_vault "$V" "$M" "backend=$1,seal=off" 2>/dev/null
	date +%N >"$M/kept"
	cp "$M/kept" "$W/kept"
	shift
	"$@" >/dev/null
	"$TAZPOD" status --json "$M" >"$W/status"
	kill_daemon "$(daemon_of "$M")"
	mount_vault "$V" "$M" 2>/dev/null
	cmp -s "$W/kept" "$M/kept" && echo yes || echo no
	lock "$M"
}

# word NAME: what the last status has promised.
word()
{
	"$PY" -c 'import json, sys
print(json.load(open(sys.argv[1]))[0]["promises"][sys.argv[2]])' \
		"$W/status" "$1"
}

V=$W/durable M=$W/durably
quick_vault 2 "$V"
for backend in fuse tmpfs ramfs; do
	found=$(kept "$backend" sync "$M/kept")
	is "$(word fsync)" "$found" "$backend: fsync"
	found=$(kept "$backend" "$TAZPOD" save -q "$M")
	is "$found" yes "$backend: what was saved is there after a crash"
	like "$(word crash)" 'yes|partly' "$backend: crash"

	mount_vault "$V" "$M" "backend=$backend"
	printf 'held\n' >"$M/held"
	"$TAZPOD" save -q "$M"
	exec 7<"$M/held"
	lock "$M"
	is "$(cat <&7 2>/dev/null)" "" "$backend: a lock cuts off who reads"
	exec 7<&-
	like "$(word cut-off)" 'yes|partly' "$backend: cut-off"
done
done_testing
