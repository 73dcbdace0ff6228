#!/bin/sh
# A daemon that has its own mount, its vault or its state in its way, and
# strangers where it was.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
new_vault "$V"
mkdir "$M" "$W/stranger"

## What is mounted after it has gone may get its numbers

cat >"$W/swap.py" <<'END'
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
pid, ours, other = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
os.kill(pid, signal.SIGTERM)
gone = libc.umount2(ours, 0) == 0
libc.mount(b"tazpod-e2e", other, b"tmpfs", 0, None)
print("swapped" if gone else "too late")
END
swapped=0
torn=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	mount_vault "$V" "$M" ro
	pid=$(daemon_of "$M")
	[ "$("$PY" "$W/swap.py" "$pid" "$M" "$W/stranger")" = swapped ] &&
		swapped=$((swapped + 1))
	wait_for 20 gone "$pid"
	if is_mounted "$W/stranger"; then
		umount "$W/stranger"
	else
		torn=$((torn + 1))
	fi
	is_mounted "$M" && umount "$M"
done
is "$torn" 0 "a daemon that ends never unmounts a stranger ($swapped of 15)"

## Its state folder is in its mount

mount_vault "$V" "$M" && mkdir "$M/state" && lock "$M"
(
	export XDG_STATE_HOME="$M/state"
	mount_vault "$V" "$M"
)
pid=$(daemon_of "$M")
echo 1 >"$M/file"
holds "the state folder may be in the mount: a save" \
	timeout 20 "$TAZPOD" save -q "$M"
holds "and a lock end" timeout 20 "$TAZPOD" lock -q "$M"
holds "and so does the daemon" wait_for 20 gone "$pid"
# What was noted before it was mounted lies under it.
rm -r "$M/state"

## Its vault is below its mount point, and cannot be saved

mkdir "$W/below"
mount -t tmpfs -o size=4M tazpod-e2e "$W/below"
new_vault "$W/below/vault"
mount_vault "$W/below/vault" "$W/below" nonempty,seal=off
pid=$(daemon_of "$W/below")
head -c 6M /dev/urandom >"$W/below/large"
kill -TERM "$pid"
holds "a vault below its own mount that cannot be saved: the daemon ends" \
	wait_for 20 gone "$pid"
R=$(find "$W/below" "$W/state" -name '*.rescue-*' -o -path '*/rescue/*' \
	-type f)
mount_vault "$R" "$M" ro
is "$(stat -c %s "$M/large")" 6291456 "and nothing is lost"
lock "$M"
rm "$R"
umount "$W/below"

## Conflict copies are looked at

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
cp "$V" "$W/other"
echo 2 >"$M/file"
"$TAZPOD" save -q "$M"
mv "$W/other" "$V"
echo 3 >"$M/file"
run "$TAZPOD" save "$M"
like "$(cat "$W/err")" "NAME.conflict-TIME" "a conflict is told"
rm "$V".conflict-*
kill -TERM "$pid"
wait_for 20 gone "$pid"
mount_vault "$(find "$W" -maxdepth 1 -name 'vault.conflict-*')" "$M" ro
is "$(cat "$M/file")" 3 "a conflict copy that somebody has removed is made anew"
lock "$M"
rm "$V".conflict-*

## What failed for long does not delay what comes after it

mkdir "$W/disk"
mount -t tmpfs -o size=4M tazpod-e2e "$W/disk"
new_vault "$W/disk/vault"
mount_vault "$W/disk/vault" "$M"
pid=$(daemon_of "$M")
head -c 16M /dev/zero >"$W/disk/filler" 2>/dev/null
head -c 1M /dev/urandom >"$M/large"
wait_for 8 false
rm "$W/disk/filler"
holds "when there is room again, a save succeeds" "$TAZPOD" save -q "$M"
was=$(field generation "$M")
echo after >"$M/after"
# Called by wait_for.
# shellcheck disable=SC2317
sealed()
{
	[ "$(field generation "$M")" -gt "$was" ]
}
holds "and the next change is sealed as soon as ever" wait_for 2 sealed
lock "$M"
umount "$W/disk"

## What is mounted in it

# The vault is the older one that was put in its place above.
mount_vault "$V" "$M" rollback
mkdir -p "$M/inner"
mount -t tmpfs tazpod-e2e "$M/inner"
run "$TAZPOD" lock "$M"
is "$status" 1 "a mount with another one in it is not locked"
like "$(cat "$W/err")" "mounted over it or in it" "which is said"
holds "and that one stays" is_mounted "$M/inner"
umount "$M/inner"
holds "until it has gone" lock "$M"

## A daemon that hangs

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
kill -STOP "$pid"
run timeout 20 "$TAZPOD" status
like "$status $(cat "$W/out")" "does not answer" "status does not wait for ever"
kill -CONT "$pid"
lock "$M"

## Restoring to where nothing can be renamed

mount_vault "$V" "$M"
echo old >"$M/file"
lock "$M"
cp "$V" "$W/backup"
mount_vault "$V" "$M"
echo new >"$M/file"
lock "$M"
mount --bind "$V" "$V"
run "$TAZPOD" restore "$W/backup" "$V"
is "$status $(cat "$W/err")" "0 " "a vault that is a mount point is restored"
mount_vault "$V" "$M" ro
is "$(cat "$M/file")" old "in place"
lock "$M"
umount "$V"
newest=$("$TAZPOD" history --json "$V" | "$PY" -c 'import json, sys
print(max(json.load(sys.stdin), key=lambda g: g["sealed_ns"])["number"])')
is "$("$TAZPOD" cat --passfile "$PASS" --generation "$newest" file "$V")" new \
	"and what was there is kept"

mkfifo "$V.~77~"
run timeout 20 "$TAZPOD" restore 77 "$V"
is "$status" 1 "what is no file is no older vault"
done_testing
