#!/bin/sh
# What surrounds a daemon does not end it, and it does not hinder what surrounds
# it: limits on files, a log that nobody reads, signals that are to be ignored,
# descriptors of who started it, commands that will not wait for it.
# Functions are called by names that are arguments of others.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
mkdir "$M"
new_vault "$V"

## A limit on the size of files

prlimit --fsize=2097152:2097152 \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$M" </dev/null
pid=$(daemon_of "$M")
echo kept >"$M/kept"
head -c 3500000 /dev/urandom >"$M/large"
run "$TAZPOD" save "$M"
like "$status $(cat "$W/err")" '^1 .*File too large' \
	"a vault beyond RLIMIT_FSIZE is a save that fails"
holds "and no end of the daemon" alive "$pid"
rm "$M/large"
holds "a smaller one is saved" "$TAZPOD" save -q "$M"
lock "$M"
mount_vault "$V" "$M"
is "$(cat "$M/kept")" kept "with all that was written"
lock "$M"

## Descriptors

exec 9>"$W/flock"
flock 9
mount_vault "$V" "$M"
exec 9>&-
holds "a lock of the script that mounts is not held by the daemon" \
	flock -n "$W/flock" true
lock "$M"
exec 9<"$PASS"
holds "passfile= may be one of its descriptors" \
	"$TAZPODFS" -o passfile=/dev/fd/9 "$V" "$M"
exec 9<&-
lock "$M"

## Signals

(
	trap '' HUP
	exec "$TAZPODFS" -f -o "passfile=$PASS" "$V" "$M" </dev/null
) &
daemon=$!
wait_for 20 is_mounted "$M" && wait_for 20 daemon_of "$M" >/dev/null
kill -HUP "$daemon"
sleep 0.3
holds "a signal that it has been told to ignore is ignored" \
	test -e "$M/kept"
kill -TERM "$daemon"
wait "$daemon"
is "$? $(is_mounted "$M" || echo gone)" "0 gone" "another ends it"

## A passphrase where the kernel reads straight into memory

new_vault "$W/other"
mkdir "$W/n"
mount_vault "$W/other" "$M" nocache
cp "$PASS" "$M/passphrase"
chmod 600 "$M/passphrase"
holds "a passphrase file on a file system with direct I/O" \
	"$TAZPODFS" -o "passfile=$M/passphrase" "$V" "$W/n"
lock "$W/n"
lock "$M"

[ "$(id -u)" -eq 0 ] || done_testing

## A log that nobody reads

mkdir "$W/small"
mount -t tmpfs -o size=1m tazpod-e2e "$W/small"
new_vault "$W/small/v"
mount -t tmpfs tazpod-e2e "$W/run"
"$PY" - "$W/log.sock" "$W/log.ready" <<'END' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
c.setblocking(False)
try:
    while True:
        c.sendto(b"full", sys.argv[1])
except BlockingIOError:
    open(sys.argv[2], "w").close()
time.sleep(60)
END
reader=$!
wait_for 10 test -e "$W/log.ready"
mkdir "$W/dev"
mount -t tmpfs -o mode=755 tazpod-e2e "$W/dev"
for node in null zero fuse tty urandom; do
	touch "$W/dev/$node"
	mount --bind "/dev/$node" "$W/dev/$node"
done
ln -s "$W/log.sock" "$W/dev/log"
ln -s /proc/self/fd "$W/dev/fd"
mount --rbind "$W/dev" /dev
mount_vault "$W/small/v" "$M"
head -c 1500000 /dev/urandom >"$M/large"
sleep 1.5
holds "a log that is full keeps nobody waiting" timeout 5 ls "$M"
run timeout 10 "$TAZPOD" save "$M"
like "$status $(cat "$W/err")" '^1 .*No space left' "and a save fails as ever"
rm "$M/large"
holds "until it can be made" timeout 20 "$TAZPOD" save -q "$M"
lock "$M"
kill "$reader"
umount -R /dev
umount -R "$W/dev"
umount "$W/run"

## Who will not wait

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
kill -STOP "$pid"
began=$(now_ms)
timeout 60 "$B/umount.tazpodfs" "$M" -l >/dev/null 2>&1
took=$(($(now_ms) - began))
holds "umount -l waits for a daemon that hangs no longer than it must ($took ms)" \
	test "$took" -lt 40000
fails "and it is unmounted" is_mounted "$M"
kill -CONT "$pid"
wait_for 20 gone "$pid"

## Two after each other in one place

UTAB=/run/mount/utab
mount_vault "$V" "$M"
first=$(daemon_of "$M")
exec 8<"$M/kept"
umount -i -l "$M"
mount_vault "$W/other" "$M" 8<&-
grep -q "SRC=$W/other" "$UTAB"
is $? 0 "umount's table has the vault that is mounted"
exec 8<&-
wait_for 20 gone "$first"
holds "also when the one that was there before has ended" \
	grep -q "SRC=$W/other" "$UTAB"
lock "$M"
done_testing
