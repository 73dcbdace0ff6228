#!/bin/sh
# What a daemon has given up, seen from within and from outside, and what its
# keeper does when either of them dies.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto
PROBES=$B/tests/probe
[ -x "$PROBES/tazpodfs-probe" ] || skip_all "no $PROBES/tazpodfs-probe"

V=$W/own/vault
M=$W/m
mkdir "$M" "$W/own"
# Mounts by the dozen: a key that is derived in a moment.
quick_vault 2 "$V" || exit

# Called through wait_for.
# shellcheck disable=SC2317
answers()
{
	"$TAZPOD" status "$1" >/dev/null 2>&1
}

## From within: a daemon that tries

O=$W/outside
mkdir "$O" "$O/folder" "$O/mounted"
"$PY" -c '
import socket, sys, time
tcp = socket.create_server(("127.0.0.1", 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1] + "/socket")
unix.listen()
print(tcp.getsockname()[1], flush=True)
time.sleep(300)
' "$O" >"$W/port" &
listener=$!
wait_for 10 test -s "$W/port"
trap 'kill "$listener" 2>/dev/null; cleanup' EXIT
PROBE_DIR=$O
PROBE_PORT=$(cat "$W/port")
PROBE_PID=$listener
export PROBE_DIR PROBE_PORT PROBE_PID

# tries PROGRAM: what it says of its attempts, in one line.
tries()
{
	echo content >"$O/file"
	echo content >"$O/victim"
	[ "$(id -u)" -ne 0 ] || mount -t tmpfs tazpod-e2e "$O/mounted"
	"$1" -o "passfile=$PASS" "$V" "$M" </dev/null
	"$PY" -c '
import glob, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(glob.glob(sys.argv[1] + "/run/tazpod/*.sock")[0])
s.sendall(b"status\n")
text = b""
while True:
    more = s.recv(65536)
    if not more:
        break
    text += more
print(" ".join(line[4:] for line in text.decode().splitlines()
               if line.startswith("try_")))' "$W"
	lock "$M"
	umount "$O/folder" 2>/dev/null
	umount "$O/mounted" 2>/dev/null
	rm -rf "$O/created" "$O/made"
}

# What an ordinary user may not do anyway is no test; and the run-time library of
# a sanitizer may map what it likes.
tested()
{
	echo "$1" | if [ "$(id -u)" -ne 0 ]; then
		sed 's/u\{0,1\}mount=[0-9]* //g'
	else
		cat
	fi | if locks_memory; then
		cat
	else
		sed 's/mprotect=[0-9]* mmap=[0-9]* //'
	fi
}

# 13: EACCES, which is Landlock's; 1: EPERM, the filter's.
is "$(tested "$(tries "$PROBES/tazpodfs-probe")")" "$(tested "read=0 write=13 \
truncate=1 create=13 mkdir=13 unlink=13 tcp=1 unix=1 fork=1 ptrace=1 vm_read=1 \
kill=1 mount=1 umount=1 mprotect=1 mmap=1 setuid=1")" \
	"a daemon can read, but neither write outside, connect, fork, trace, \
mount nor make code"
is "$(tested "$(tries "$PROBES/tazpodfs-free")")" "$(tested "read=0 write=0 \
truncate=0 create=0 mkdir=0 unlink=0 tcp=0 unix=0 fork=0 ptrace=0 vm_read=0 \
kill=0 mount=0 umount=0 mprotect=0 mmap=0 setuid=0")" \
	"one that does not confine itself can do all of that"

# Called through wait_for.
# shellcheck disable=SC2317
died_of_asking()
{
	answers "$2"
	gone "$1"
}

# runs PROGRAM: the status of one that, asked for its status, runs another.
runs()
{
	PROBE_EXEC=yes "$1" -f -o "passfile=$PASS" "$V" "$M" </dev/null &
	foreground=$!
	wait_for 20 died_of_asking "$foreground" "$M"
	wait "$foreground"
	echo $?
	wait_for 20 away "$M"
}

is "$(runs "$PROBES/tazpodfs-probe" 2>"$W/err")" 159 \
	"a daemon that runs a program is killed (SIGSYS)"
fails "and its keeper unmounts what it leaves" is_mounted "$M"
is "$(runs "$PROBES/tazpodfs-free" 2>"$W/err")" 0 \
	"one that does not confine itself runs it"
kill "$listener"
trap cleanup EXIT
wait_for 20 no_daemons

## From outside

# all_threads PID PATTERN: how many have it in their status.
all_threads()
{
	cat "/proc/$1"/task/*/status | grep -c "$2"
}

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
n=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)
is "$((n >= 3))" 1 "a daemon has threads ($n)"
is "$(all_threads "$pid" '^NoNewPrivs:.1$')" "$n" \
	"each has no_new_privs"
is "$(all_threads "$pid" '^Seccomp:.2$')" "$n" "and a filter of system calls"
rights=0000000000000000
[ "$(id -u)" -ne 0 ] || rights=000000000000400b
is "$(all_threads "$pid" "^CapEff:.$rights\$") $(
	all_threads "$pid" "^CapPrm:.$rights\$")" "$n $n" \
	"and the capabilities that it needs, and no others"
is "$(all_threads "$pid" '^CapInh:.0*$') $(all_threads "$pid" '^CapAmb:.0*$')" \
	"$n $n" "of which it can hand on none"
[ "$(id -u)" -ne 0 ] || is "$(all_threads "$pid" '^CapBnd:.0*$')" "$n" \
	"and can get none back"
run "$TAZPOD" status "$M"
like "$(cat "$W/out")" "^sandbox +no new privileges: yes, seccomp: yes, \
landlock: (yes \(ABI [0-9]+\)|absent), dumpable: no, core files: no$" \
	"status tells what is in force"
if [ "$(id -u)" -eq 0 ]; then
	like "$(cat "$W/out")" "^rights +chown,dac_override,fowner,ipc_lock$" \
		"and what it may do"
else
	like "$(cat "$W/out")" "^rights +none$" "and what it may do"
fi
is "$(for key in no_new_privs seccomp dumpable core_bytes; do
	field $key "$M"
done | tr '\n' ' ')" "yes yes no 0 " "JSON has it, too"
lock "$M"

# of_kernel CALL ERRNO: mount where that call fails so.
of_kernel()
{
	run "$PROBES/without" "$1" "$2" "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
}

of_kernel landlock_create_ruleset 38
is "$status $(cat "$W/err") $(field landlock "$M")" "0  absent" \
	"what the kernel does not have is passed over, and status says so"
is "$(field seccomp "$M")" yes "and the rest is in force"
lock "$M"
of_kernel landlock_restrict_self 7
is "$status $(cat "$W/err")" "1 tazpodfs: cannot confine itself, Landlock: \
Argument list too long; nothing is mounted" "what it has, but fails, ends it"
fails "and nothing is mounted" is_mounted "$M"
is "$(sed -n '$=' /run/mount/utab 2>/dev/null)" "" "nor left in umount's table"
of_kernel seccomp 7
is "$status $(is_mounted "$M" || echo no)" "1 no" "a filter that fails, too"
wait_for 20 no_daemons

## The keeper

# How long, in ms, until the mount at DIR has gone, after PID was killed.
time_of_death()
{
	began=$(now_ms)
	kill -KILL "$1"
	wait_for 20 away "$2" && echo $(($(now_ms) - began))
}

# die PREFIX VAULT DIR ROUNDS: kill the daemon under load, over and over.
die()
{
	worst=0
	bad=
	i=0
	while [ "$i" -lt "$4" ]; do
		i=$((i + 1))
		$1 "$FS" -o "passfile=$P" "$2" "$3" </dev/null 2>"$W/err" ||
			bad="$bad mount"
		[ ! -s "$W/err" ] || bad="$bad said:$(cat "$W/err")"
		pid=$($1 "$CLI" status "$3" | sed -n 's/^daemon *pid //p')
		keeper=$(keeper_of "$pid")
		# It ends with the mount.
		# shellcheck disable=SC2016
		$1 sh -c 'cd "$1" || exit
			while head -c 100000 /dev/urandom >a &&
				sync a && mv a b; do : >"$2"; done' sh "$3" \
			"$P.ready" >/dev/null 2>&1 &
		load=$!
		# Later it would work in the folder below.
		wait_for 20 test -e "$P.ready"
		rm -f "$P.ready"
		sleep 0.0"$i"
		took=$(time_of_death "$pid" "$3") || bad="$bad stays"
		[ "${took:-0}" -le "$worst" ] || worst=$took
		$1 test "$(ls -A "$3" 2>&1)" = "" || bad="$bad unusable"
		wait_for 10 gone "$keeper" || bad="$bad keeper"
		wait "$load"
	done
}

P=$PASS
FS=$TAZPODFS
CLI=$TAZPOD
die "" "$V" "$M" 20
is "$bad" "" "a daemon killed at work leaves a usable folder (at most $worst ms)"
[ "$(id -u)" -ne 0 ] || is "$(sed -n '$=' /run/mount/utab)" "" \
	"and nothing in umount's table"

# A program whose file is open must not stop it.
mount_vault "$V" "$M"
echo open >"$M/open"
exec 9<"$M/open"
kill -KILL "$(daemon_of "$M")"
holds "also while files are open" wait_for 20 away "$M"
exec 9<&-
wait_for 20 no_daemons

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
keeper=$(keeper_of "$pid")
is "$(find "/proc/$keeper/fd" -lname '/dev/null' -printf '%f ') $(
	find "/proc/$keeper/fd" -lname 'socket:*' -printf '%f ')" "0 1 2  3 " \
	"a keeper has nothing open but its socket"
is "$(awk '/^VmLck/ { print $2 }' "/proc/$keeper/status")" 0 \
	"and no locked memory"
kill -TERM "$keeper"
kill -INT "$keeper"
kill -HUP "$keeper"
wait_for 1 false
holds "signals do not end it" alive "$keeper"
kill -KILL "$keeper"
wait_for 20 gone "$keeper"
echo later >"$M/later"
holds "without its keeper a daemon works" "$TAZPOD" save -q "$M"
run "$TAZPOD" lock "$M"
is "$status $(is_mounted "$M" || echo gone)" "0 gone" "and a lock does"
[ "$(id -u)" -ne 0 ] || is "$(sed -n '$=' /run/mount/utab)" "" \
	"with nothing left in umount's table"
holds "nothing is left running" wait_for 20 no_daemons

"$TAZPODFS" -f -o "passfile=$PASS" "$V" "$M" </dev/null 2>"$W/said" &
daemon=$!
wait_for 20 answers "$M"
keeper=$(keeper_of "$daemon")
kill -KILL "$keeper"
kill -TERM "$daemon"
wait "$daemon"
is "$? $(is_mounted "$M" && echo dead)" "0 dead" \
	"ended by a signal without its keeper, it leaves a dead mount"
like "$(cat "$W/said")" \
	"$M: cannot unmount what is left there: the keeper process has died" \
	"and says so"
run mount_vault "$V" "$M"
like "$(cat "$W/err")" 'had died; unmounted it' "which the next mount ends"
is "$(cat "$M/later")" later "with everything saved"

[ "$(id -u)" -eq 0 ] || {
	lock "$M"
	done_testing
}

# What somebody has mounted over it is not the keeper's.
pid=$(daemon_of "$M")
keeper=$(keeper_of "$pid")
mount -t tmpfs tazpod-e2e "$M"
kill -KILL "$pid"
wait_for 20 gone "$keeper"
is "$(findmnt -n -o FSTYPE "$M" | tail -n 1)" tmpfs \
	"a keeper leaves a stranger's mount alone"
umount "$M"
umount -i -l "$M"

## A user

let_nobody_in
M=$W/nobody/m
V=$W/nobody/vault
P=$W/nobody/passphrase
FS=$W/bin/tazpodfs
CLI=$W/bin/tazpod
as_nobody mkdir "$M"
cp "$W/own/vault" "$V" && chown "$NOBODY:$NOBODY" "$V"
die as_nobody "$V" "$M" 20
is "$bad" "" "the same as a user (at most $worst ms)"
holds "a user's daemon can be mounted again" as_nobody "$FS" \
	-o "passfile=$P" "$V" "$M"
pid=$(as_nobody "$CLI" status "$M" | sed -n 's/^daemon *pid //p')
n=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)
is "$(all_threads "$pid" '^NoNewPrivs:.1$') $(
	all_threads "$pid" '^Seccomp:.2$') $(
	all_threads "$pid" '^CapEff:.0*$')" "$n $n $n" \
	"each of its threads is confined and has no capability"
run as_nobody cat "/proc/$pid/mem"
like "$status $(cat "$W/err")" '^[1-9].*Permission denied' \
	"no other process of that user can read its memory"
# Seize it, as a debugger does.
run as_nobody "$PY" -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(0x4206, int(sys.argv[1]), 0, 0) == 0:
    sys.exit(0)
print(os.strerror(ctypes.get_errno()))
sys.exit(1)' "$pid"
is "$status $(cat "$W/out")" "1 Operation not permitted" "nor trace it"
kill -KILL "$(keeper_of "$pid")"
run as_nobody "$CLI" lock "$M"
is "$status $(is_mounted "$M" || echo gone)" "0 gone" \
	"a user's lock works without the keeper"
holds "and nothing is left running" wait_for 20 no_daemons
done_testing
