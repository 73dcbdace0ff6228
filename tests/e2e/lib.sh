# shellcheck shell=sh
# "a && b || c" is meant as it reads here; tests use what this file does not.
# shellcheck disable=SC2015,SC2034
# What every end-to-end test sources: a private work folder W, TAP, mounts,
# and an end that leaves nothing behind, however the test ends.
#
# As root a test runs in a mount namespace of its own.  Whatever it mounts, no
# other process sees it.

set -u
LC_ALL=C.UTF-8
export LC_ALL
umask 022

skip_all()
{
	finished=yes
	echo "1..0 # SKIP $1"
	exit 0
}

if [ "$(id -u)" -eq 0 ] && [ "${E2E_PRIVATE:-}" != "$$" ]; then
	unshare --mount true 2>/dev/null ||
		skip_all "no mount namespace can be made"
	E2E_PRIVATE=$$
	export E2E_PRIVATE
	exec unshare --mount --propagation private -- "$0" "$@"
fi

TOP=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
E2E=$TOP/tests/e2e
B=$(cd "${B:-$TOP/build}" && pwd) || exit 1
PY=/usr/bin/python3
TAZPODFS=$B/tazpodfs
TAZPOD=$B/tazpod
[ -x "$TAZPODFS" ] && [ -x "$TAZPOD" ] || {
	echo "Bail out! no programs in $B"
	exit 1
}

# What umount(8) is told of the mounts is not the machine's business either.
[ "$(id -u)" -ne 0 ] || {
	mkdir -p /run/mount && mount -t tmpfs tazpod-e2e /run/mount
} || exit 1

W=$(mktemp -d "${TMPDIR:-/tmp}/tazpod-e2e.XXXXXX") || exit 1
W=$(cd "$W" && pwd -P)
count=0
failures=0
finished=no

# Where the daemons put their sockets, and where nobody's own files are.
mkdir -m 700 "$W/run" "$W/home"
XDG_RUNTIME_DIR=$W/run
XDG_STATE_HOME=$W/state
HOME=$W/home
TMPDIR=$W
export XDG_RUNTIME_DIR XDG_STATE_HOME HOME TMPDIR
unset CREDENTIALS_DIRECTORY

# BACKEND=tmpfs and so on: the same test on that one.  Programs that are started
# in the usual way get the option along with their own.
BACKEND=${BACKEND:-fuse}
export BACKEND
if [ "$BACKEND" != fuse ]; then
	mkdir "$W/backend"
	cat >"$W/backend/tazpodfs" <<-EOF
		#!/bin/sh
		case \${1:-} in -h|--help|-V|--version) exec "$TAZPODFS" "\$@" ;; esac
		exec "$TAZPODFS" -o backend=$BACKEND "\$@"
	EOF
	cat >"$W/backend/tazpod" <<-EOF
		#!/bin/sh
		case \${1:-} in
		unlock|run|shell|entrypoint)
			c=\$1
			shift
			exec "$TAZPOD" "\$c" --backend $BACKEND "\$@" ;;
		esac
		exec "$TAZPOD" "\$@"
	EOF
	chmod 755 "$W/backend/tazpodfs" "$W/backend/tazpod"
	TAZPODFS=$W/backend/tazpodfs
	TAZPOD=$W/backend/tazpod
fi

# on FUSE alone: what other backends do not promise (docs/BACKENDS.md).
on_fuse()
{
	[ "$BACKEND" = fuse ]
}

PASS=$W/passphrase
printf 'correct horse\n' >"$PASS"
chmod 600 "$PASS"

## TAP

ok()
{
	count=$((count + 1))
	echo "ok $count - $1"
}

# not_ok PROMISE [WHAT]: it was not kept, and why.
not_ok()
{
	count=$((count + 1))
	failures=$((failures + 1))
	echo "not ok $count - $1"
	[ $# -lt 2 ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/# /'
}

skip()
{
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# is GOT WANTED PROMISE
is()
{
	if [ "$1" = "$2" ]; then
		ok "$3"
	else
		not_ok "$3" "got:    $1
wanted: $2"
	fi
}

# like TEXT PATTERN PROMISE; the pattern is an extended regular expression.
like()
{
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		ok "$3"
	else
		not_ok "$3" "got:    $1
wanted: $2"
	fi
}

# holds PROMISE COMMAND...: the command succeeds.
holds()
{
	promise=$1
	shift
	if "$@" >"$W/holds" 2>&1; then
		ok "$promise"
	else
		not_ok "$promise" "status $?: $* $(tail -n 20 "$W/holds")"
	fi
}

# fails PROMISE COMMAND...: it does not.
fails()
{
	promise=$1
	shift
	if "$@" >"$W/holds" 2>&1; then
		not_ok "$promise" "succeeded: $* $(tail -n 20 "$W/holds")"
	else
		ok "$promise"
	fi
}

# same FILE FILE PROMISE
same()
{
	if diff "$1" "$2" >"$W/diff" 2>&1; then
		ok "$3"
	else
		not_ok "$3" "$(cat "$W/diff")"
	fi
}

# told PROMISE: the last run() was successful; shows what it has printed.
told()
{
	sed 's/^/# /' "$W/out"
	if [ "$status" -eq 0 ]; then
		ok "$1"
	else
		not_ok "$1" "$(tail -n 20 "$W/err")"
	fi
}

# Every test ends with this; one that does not has failed.
done_testing()
{
	finished=yes
	echo "1..$count"
	[ "$failures" -eq 0 ]
	exit
}

## Processes

# Is process PID there and not just waiting to be reaped?
alive()
{
	[ -n "$1" ] || return
	state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) || return 1
	case $state in '' | Z* | X*) return 1 ;; esac
}

gone()
{
	! alive "$1"
}

# wait_for SECONDS COMMAND...: until it succeeds, at most so long.
wait_for()
{
	tries=$(($1 * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.05
	done
}

# The daemons that serve something below W: nobody else can name that folder.
our_daemons()
{
	# Of such a path, blanks are no part.
	# shellcheck disable=SC2013
	for file in $(grep -lF "$W/" /proc/[0-9]*/cmdline 2>/dev/null); do
		proc=${file%/cmdline}
		case $(cat "$proc/comm" 2>/dev/null) in
		tazpod*) echo "${proc#/proc/}" ;;
		esac
	done
}

# The keeper of daemon PID: the process that unmounts for it.
keeper_of()
{
	pgrep -P "$1" -x tazpodfs-keeper
}

# kill_daemon PID: and its keeper before it, so that a dead mount stays.
kill_daemon()
{
	keeper=$(keeper_of "$1")
	[ -z "$keeper" ] || kill -KILL "$keeper" 2>/dev/null
	wait_for 20 gone "$keeper"
	kill -KILL "$1" 2>/dev/null
	wait_for 20 gone "$1"
}

no_daemons()
{
	[ -z "$(our_daemons)" ]
}

now_ms()
{
	echo $(($(date +%s%N) / 1000000))
}

# run COMMAND...: its status, and its output in the files out and err of W.
run()
{
	status=0
	"$@" >"$W/out" 2>"$W/err" </dev/null || status=$?
}

## Mounts

# Mount points below W, the last mounted first.
our_mounts()
{
	awk -v top="$W/" '{
		gsub(/\\040/, " ", $5)
		gsub(/\\011/, "\t", $5)
		gsub(/\\134/, "\\", $5)
		if (index($5, top) == 1) line[n++] = $5
	} END { while (n > 0) print line[--n] }' /proc/self/mountinfo
}

is_mounted()
{
	our_mounts | grep -Fqx -- "$1"
}

# Has a keeper unmounted it?
away()
{
	! is_mounted "$1"
}

# Are FUSE mounts possible at all, with W and the programs in reach?
need_fuse()
{
	[ -c /dev/fuse ] || skip_all "no /dev/fuse"
	[ -r /dev/fuse ] && [ -w /dev/fuse ] ||
		skip_all "/dev/fuse is not for this user"
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || skip_all "needs root"
}

need_crypto()
{
	"$PY" -c 'import cryptography' 2>/dev/null ||
		skip_all "needs python3-cryptography"
}

new_vault()
{
	"$TAZPOD" create -q --passfile "$PASS" "$1"
}

# quick_vault FORMAT VAULT: one whose key is derived in a moment.
quick_vault()
{
	head -c 1024 /dev/zero | gzip -n |
		"$E2E/forge.py" seal "$1" "$PASS" 100000 >"$2"
}

# mount_vault VAULT DIR [OPTIONS]: with the passphrase of this test.
mount_vault()
{
	# Where a dead mount is, mkdir(1) cannot look.
	mkdir -p "$2" 2>/dev/null
	# What the page cache has is the kernel's affair, where it serves files.
	on_fuse || set -- "$1" "$2" "$(echo "${3:-}" | sed 's/nocache/rw/')"
	"$TAZPODFS" -o "passfile=$PASS${3:+,$3}" "$1" "$2" </dev/null
}

# field NAME DIR: what `tazpod status --json` says of a mount.
field()
{
	"$TAZPOD" status --json "$2" | "$PY" -c '
import json, sys
value = json.load(sys.stdin)[0][sys.argv[1]]
print("true" if value is True else "false" if value is False else value)' "$1"
}

daemon_of()
{
	"$TAZPOD" status "$1" | sed -n 's/^daemon *pid //p'
}

# End a mount as everybody does, and wait for what is sealed after that.
unmount()
{
	pid=$(daemon_of "$1")
	wait_for 10 umount -q "$1" && wait_for 60 gone "$pid"
}

# sync_file FILE: have it in the vault when this returns.
sync_file()
{
	if on_fuse; then
		sync "$1"
	else
		"$TAZPOD" save -q "$(dirname "$1")"
	fi
}

# How the kernel's table calls the mount of a vault.
shown_as()
{
	if on_fuse; then
		echo "$1 fuse\.tazpodfs"
	else
		echo "tazpodfs:$(id -u):$1 $BACKEND"
	fi
}

lock()
{
	"$TAZPOD" lock -q "$1"
}

# What is in a folder: types, modes, sizes, times, links, targets, digests.
manifest()
{
	(
		cd "$1" || exit
		find . -mindepth 1 \( -type d -printf '%y %m %T@ %p\n' -o \
			-printf '%y %m %s %n %T@ %p -> %l\n' \) | sort
		find . -type f -print0 | sort -z | xargs -0r sha256sum
	)
}

# Remove a folder, whatever modes are in it.
clear_away()
{
	[ -w / ] || chmod -R u+rwX "$1" 2>/dev/null
	rm -rf --one-file-system "$1"
}

digest()
{
	sha256sum <"$1" | cut -d' ' -f1
}

## A user without rights: nobody, with programs and a home of its own

NOBODY=65534

# Give every user of this namespace /dev/fuse, and nobody what it needs.
let_nobody_in()
{
	[ -u "$(command -v fusermount3)" ] ||
		skip_all "fusermount3 is not setuid"
	mkdir "$W/dev" "$W/bin" "$W/nobody" &&
		mount -t tmpfs -o mode=755 tazpod-e2e "$W/dev" &&
		mknod -m 666 "$W/dev/fuse" c 10 229 &&
		mount --bind "$W/dev/fuse" /dev/fuse &&
		cp "$B/tazpodfs" "$B/tazpod" "$W/bin" &&
		mkdir -m 700 "$W/nobody/run" &&
		cp "$PASS" "$W/nobody/passphrase" &&
		chown -R "$NOBODY:$NOBODY" "$W/nobody" &&
		chmod 711 "$W" ||
		skip_all "an unprivileged user cannot be let in"
	as_nobody "$W/bin/tazpod" --version >/dev/null 2>&1 ||
		skip_all "an unprivileged user cannot run the programs"
}

as_nobody()
{
	as_user "$NOBODY" "$@"
}

# With AddressSanitizer, mlock(2) is a call that does nothing.
locks_memory()
{
	! grep -q __asan_init "$TAZPODFS"
}

# as_user UID COMMAND...: with the usual 8 MiB that may be locked in memory.
as_user()
{
	user=$1
	shift
	prlimit --memlock=8388608:8388608 \
		setpriv --reuid "$user" --regid "$user" --clear-groups \
		env HOME="$W/nobody" TMPDIR="$W/nobody" \
		XDG_RUNTIME_DIR="$W/nobody/run" \
		XDG_STATE_HOME="$W/nobody/state" "$@"
}

## The end

end_mounts()
{
	our_mounts | while IFS= read -r dir; do
		if [ "$(id -u)" -eq 0 ]; then
			umount "$dir" 2>/dev/null || umount -l "$dir"
		else
			fusermount3 -u -q "$dir" 2>/dev/null ||
				fusermount3 -u -q -z "$dir"
		fi
	done
}

end_daemons()
{
	wait_for 2 no_daemons && return
	for pid in $(our_daemons); do
		kill -TERM "$pid" 2>/dev/null
	done
	wait_for 3 no_daemons && return
	for pid in $(our_daemons); do
		kill -KILL "$pid" 2>/dev/null
	done
	wait_for 5 no_daemons
}

# What a test has started beside that, and how it ends.
end_more()
{
	:
}

cleanup()
{
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	cd /
	end_more >&2
	[ "$finished" = yes ] ||
		not_ok "the test runs to its end" "status $status"
	{
		end_mounts
		end_daemons
		end_mounts
		clear_away "$W"
	} >&2
	[ "$finished" = yes ] || exit 1
	exit "$status"
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
