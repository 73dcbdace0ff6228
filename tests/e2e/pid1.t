#!/bin/sh
# As process 1, as in a container: with its end all others end, so the vault is
# sealed before.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
unshare --pid --fork --mount-proc true 2>/dev/null ||
	skip_all "no pid namespace can be made"

V=$W/vault
M=$W/m
mkdir "$M" "$W/m2"
new_vault "$V"
new_vault "$W/other"
export TAZPOD W PASS

# first COMMAND...: as process 1, in a namespace with a /proc of its own.  A
# shell has what runs in its background ignore two signals.
first()
{
	env --default-signal=INT,QUIT unshare --pid --fork --mount-proc --kill-child -- "$@"
}

# with COMMAND...: process 1 is tazpod run.
with()
{
	first "$TAZPOD" run --vault "$V" --mount "$M" --passfile "$PASS" "$@"
}

# begin COMMAND...: with COMMAND in the background; the file W/ready says that
# it runs.  $outer is unshare, $init process 1.
begin()
{
	rm -f "$W/ready"
	with "$@" >"$W/out" 2>"$W/err" &
	outer=$!
	wait_for 20 test -e "$W/ready"
	init=$(pgrep -P "$(pgrep -P "$outer")")
}

# ended: its status, and how long that took since $start.
ended()
{
	wait "$outer"
	status=$?
	took=$(($(now_ms) - start))
}

# shows FILE: what is in that of the vault, which is not mounted.
shows()
{
	"$TAZPOD" cat --passfile "$PASS" "$1" "$V" 2>&1
}

run with sh -c 'echo $PPID; echo 1 >"$TAZPOD_MOUNT/file"; exit 7'
is "$status $(cat "$W/out" "$W/err")" "7 1" \
	"tazpod run is process 1, and ends as the command does"
is "$(shows file)" 1 "what was changed is kept"
run with sh -c 'kill -USR1 $$'
is "$status" 138 "128 and the signal, if it dies of one"
run with nonexistent-command
is "$status" 127 "127 if there is none"
printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
run first "$TAZPOD" run --vault "$V" --mount "$M" --passfile "$W/wrong" true
is "$status" 3 "a wrong passphrase is one"
holds "nothing is left" no_daemons

## Signals

for sig in TERM HUP INT QUIT USR1 USR2 ALRM WINCH; do
	begin sh -c 'trap "exit 9" '"$sig"'; : >"$W/ready"
		while :; do sleep 0.05; done'
	start=$(now_ms)
	kill "-$sig" "$init"
	ended
	is "$status" 9 "SIG$sig is passed on"
done
begin "$PY" -c '
import os, signal, sys
signal.signal(signal.SIGRTMIN + 3, lambda *x: sys.exit(9))
open(os.environ["W"] + "/ready", "w").close()
while True:
    signal.pause()'
kill -37 "$init"
start=$(now_ms)
ended
is "$status" 9 "and so are real-time signals, which some containers stop by"

for policy in 'seal=200ms' seal=off; do
	begin -o "$policy" sh -c 'head -c 300000 /dev/urandom \
		>"$TAZPOD_MOUNT/data"; sha256sum <"$TAZPOD_MOUNT/data" \
		>"$W/sum"; echo "$1" >"$TAZPOD_MOUNT/file"; : >"$W/ready"
		exec sleep 300' sh "$policy"
	start=$(now_ms)
	kill -TERM "$init"
	ended
	is "$status" 143 "$policy: SIGTERM ends a command that does not mind it"
	holds "within a second ($took ms)" test "$took" -lt 1000
	is "$(shows file)" "$policy" "U18: and loses nothing"
	is "$(shows data | sha256sum)" "$(cat "$W/sum")" "nor of a larger file"
done
holds "nothing is left" no_daemons

# What it writes at its end counts, too.
begin sh -c 'trap "echo last >$TAZPOD_MOUNT/file; exit 0" TERM
	: >"$W/ready"; while :; do sleep 0.05; done'
start=$(now_ms)
kill -TERM "$init"
ended
is "$status $(shows file)" "0 last" "what it writes on SIGTERM is kept"

# Before there is a command, a signal ends it all the same.
rm -f "$W/ready"
first "$TAZPOD" run --vault "$V" --mount "$M" \
	--passcmd ": >$W/asked; exec sleep 300" touch "$W/has-run" \
	>"$W/out" 2>"$W/err" &
outer=$!
wait_for 20 test -e "$W/asked"
start=$(now_ms)
kill -TERM "$(pgrep -P "$(pgrep -P "$outer")")"
ended
is "$status" 143 "SIGTERM while the passphrase is awaited ends it"
holds "at once ($took ms)" test "$took" -lt 1000
fails "and nothing is run" test -e "$W/has-run"

## A command that does not end

begin --grace 1s -o seal=off sh -c 'trap "" TERM
	echo kept >"$TAZPOD_MOUNT/file"; : >"$W/ready"
	while :; do sleep 0.05; done'
start=$(now_ms)
kill -TERM "$init"
ended
is "$status $(shows file)" "137 kept" \
	"a command that ignores SIGTERM is killed, and nothing is lost"
holds "after the grace that it has ($took ms)" test \
	$((took >= 1000 && took < 2500)) -eq 1
is "$(wc -l <"$W/err")" 1 "which is said"
begin --grace 1s sh -c 'trap "sleep 0.3; exit 4" TERM; : >"$W/ready"
	while :; do sleep 0.05; done'
start=$(now_ms)
kill -TERM "$init"
ended
is "$status" 4 "one that takes its time has it"
run with --grace soon true
is "$status $(wc -l <"$W/err")" "2 1" "what is no time is no grace"

## Others

cat >"$W/orphans" <<'END'
# Twenty that end as orphans; then zombies are counted for two seconds.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	sh -c 'sleep 0.2 & exit 0'
done
sleep 0.5
n=20
while [ "$n" -gt 0 ]; do
	zombies=$(cat /proc/[0-9]*/stat 2>/dev/null |
		sed 's/.*) //' | grep -c '^Z')
	[ "$zombies" -gt 0 ] || break
	n=$((n - 1))
	sleep 0.1
done
echo "$zombies"
END
run with sh "$W/orphans"
is "$status $(cat "$W/out")" "0 0" "orphans are reaped"

begin sh -c 'sh -c "trap \"\" TERM; exec 3<\"$TAZPOD_MOUNT/file\"
	while :; do sleep 1; done" & sleep 0.2; echo five >"$TAZPOD_MOUNT/file"
	: >"$W/ready"; exit 5'
start=$(now_ms)
ended
is "$status $(shows file)" "5 five" \
	"who is left behind and does not end keeps nothing from being saved"
holds "nor for long ($took ms)" test "$took" -lt 2000

run with -o seal=off sh -c '"$TAZPOD" run --vault "$W/vault" sleep 300 &
	until "$TAZPOD" status | grep -q "^leases *2"; do sleep 0.05; done
	echo six >"$TAZPOD_MOUNT/file"; exit 6'
is "$status $(shows file)" "6 six" \
	"U19: another lease does not keep it from being locked"
run first "$TAZPOD" run --vault "$V" --mount "$M" --passfile "$PASS" sh -c '
	"$TAZPOD" unlock -o seal=off --passfile "$PASS" "$W/other" "$W/m2" &&
	echo other >"$W/m2/file"; exit 8'
is "$status $("$TAZPOD" cat --passfile "$PASS" file "$W/other")" "8 other" \
	"what was unlocked besides is sealed as well"
run first sh -c '"$TAZPOD" unlock -o seal=off --passfile "$PASS" "$W/vault" \
	"$W/m" && exec "$TAZPOD" run --vault "$W/vault" \
	sh -c '\''echo before >"$TAZPOD_MOUNT/file"; exit 2'\'
is "$status $(shows file)" "2 before" "and what was unlocked before"
run first sh -c '"$TAZPOD" unlock -o seal=off --passfile "$PASS" "$W/vault" \
	"$W/m" && echo fails >"$W/m/file" && exec "$TAZPOD" run \
	--vault "$W/none" true'
is "$status $(shows file)" "1 fails" "even if nothing can be run"
holds "nothing is left" no_daemons

# Who mounts it outside is not process 1's affair.
"$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
run with cat "$M/file"
is "$status $(cat "$W/out")" "0 fails" "a vault that is unlocked outside is used"
holds "and stays unlocked" is_mounted "$M"
lock "$M"

## A vault that cannot be saved

mkdir "$W/disk"
mount -t tmpfs -o size=1M tazpod-e2e "$W/disk"
cp "$V" "$W/disk/vault"
run first "$TAZPOD" run --vault "$W/disk/vault" --mount "$M" \
	--passfile "$PASS" -o seal=off sh -c '
	head -c 2M /dev/urandom >"$TAZPOD_MOUNT/large"
	sha256sum <"$TAZPOD_MOUNT/large" >"$W/sum"'
is "$status" 1 "what cannot be saved is a failure"
rescued=$(find "$W/state/tazpod/rescue" -type f | head -n 1)
is "$("$TAZPOD" cat --passfile "$PASS" large "$rescued" | sha256sum)" \
	"$(cat "$W/sum")" "and is put aside before process 1 ends"
umount "$W/disk"

## Where /proc is another's

run unshare --pid --fork --kill-child -- "$TAZPOD" run --vault "$V" \
	--mount "$M" --passfile "$PASS" -o seal=off \
	sh -c 'echo blind >"$TAZPOD_MOUNT/file"; exit 3'
is "$status $(shows file)" "3 blind" "without a /proc of its own it works, too"
holds "nothing is left" no_daemons

## A user, in a user namespace

[ "$failures" -eq 0 ] || done_testing
unshare --user true 2>/dev/null || done_testing
let_nobody_in
mount --bind /dev/null "$(command -v fusermount3)"
as_nobody mkdir "$W/nobody/m"
cp "$V" "$W/nobody/vault"
chown "$NOBODY:$NOBODY" "$W/nobody/vault"
run first prlimit --memlock=8388608:8388608 setpriv --reuid "$NOBODY" \
	--regid "$NOBODY" --clear-groups env HOME="$W/nobody" \
	XDG_RUNTIME_DIR="$W/nobody/run" XDG_STATE_HOME="$W/nobody/state" \
	"$W/bin/tazpod" run --vault "$W/nobody/vault" --mount "$W/nobody/m" \
	--passfile "$W/nobody/passphrase" -o seal=off \
	sh -c 'echo $PPID >"$TAZPOD_MOUNT/file"; exit 3'
is "$status $(as_nobody "$W/bin/tazpod" cat --passfile \
	"$W/nobody/passphrase" file "$W/nobody/vault")" "3 1" \
	"U28: so does a user's, in a namespace of its own"
holds "nothing is left" no_daemons
done_testing
