#!/bin/sh
# A mount that has to end, and whose vault cannot be saved, loses nothing: what
# it holds is put into a rescue file, sealed.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

D=$W/disk
M=$W/m
mkdir "$D" "$M"

# A disk of 4 MiB with a vault that is mounted, changed, and cannot be saved.
fill_disk()
{
	mount -t tmpfs -o size=4M,mode=755 tazpod-e2e "$D"
	new_vault "$D/vault"
	mount_vault "$D/vault" "$M" "${1:-}"
	pid=$(daemon_of "$M")
	echo first >"$M/file"
	"$TAZPOD" save -q "$M"
	was=$(digest "$D/vault")
	head -c 16M /dev/zero >"$D/filler" 2>/dev/null
	head -c 1M /dev/urandom >"$M/large"
	echo second >"$M/file"
}

# The same, but the vault's folder takes files, and only the vault no change.
pin_vault()
{
	new_vault "$D/vault"
	mount_vault "$D/vault" "$M"
	pid=$(daemon_of "$M")
	echo first >"$M/file"
	"$TAZPOD" save -q "$M"
	was=$(digest "$D/vault")
	mount --bind "$D/vault" "$D/vault"
	echo second >"$M/file"
}

rescued()
{
	find "$D" "$W/state" -name '*.rescue-*' -o -path '*/rescue/*' \
		-type f 2>/dev/null
}

## A full disk

fill_disk
run "$TAZPOD" save "$M"
is "$status" 1 "a save on a full disk fails"
like "$(cat "$W/err")" "No space left on device" "and says why"
if on_fuse; then
	run "$PY" -c 'import os, sys
os.fsync(os.open(sys.argv[1], os.O_RDONLY))' "$M"
	like "$(cat "$W/err")" "Errno 28" "so does an fsync"
fi
like "$("$TAZPOD" status "$M")" "failed: No space left" "status tells of it"
is "$(digest "$D/vault")" "$was" "the old vault is as it was"
is "$(find "$D" -name '*.new')" "" "and nothing else takes its space"
run "$TAZPOD" lock "$M"
is "$status" 1 "a lock is refused"
is "$(cat "$M/file")" second "and nothing in memory is lost"
fails "nor can it be unmounted" umount -i "$M"
is "$(rescued)" "" "as long as it is mounted there is no rescue file"

kill -TERM "$pid"
holds "a signal ends it all the same" wait_for 30 gone "$pid"
fails "and unmounts it" is_mounted "$M"
R=$(rescued)
like "$R" "^$W/state/tazpod/rescue/[0-9a-f]{16}-" \
	"what it held is in the state folder"
is "$(stat -c %a "$R")" 600 "in a file for its owner alone"
is "$(digest "$D/vault")" "$was" "beside a vault that is as it was"
is "$(grep -c second "$R")" 0 "which is sealed"
run mount_vault "$D/vault" "$M" ro
is "$status $(cat "$M/file")" "0 first" "the vault can be mounted as before"
like "$(cat "$W/err")" "could not be saved.*sealed in $R" \
	"and the next mount tells of the rescue file"
lock "$M"
run mount_vault "$R" "$M" ro
is "$status $(cat "$M/file")" "0 second" \
	"which is a vault of its own, under the same passphrase"
lock "$M"
rm "$D/filler"
run "$TAZPOD" restore "$R" "$D/vault"
is "$status" 0 "when there is space, restore puts it in its place"
is "$(rescued)" "" "and it is a rescue file no more"
run mount_vault "$D/vault" "$M"
is "$status $(cat "$M/file") $(cat "$W/err")" "0 second " \
	"the next mount finds everything, and has nothing to tell"
is "$(stat -c %s "$M/large")" 1048576 "of any size"
lock "$M"
umount "$D"

## A lazy unmount on a full disk

fill_disk
umount -l "$M"
holds "after umount -l the daemon ends as well" wait_for 30 gone "$pid"
R=$(rescued)
like "$R" "^$W/state/" "with a rescue file"
mount_vault "$R" "$M" ro
is "$(cat "$M/file")" second "that has everything"
lock "$M"
rm "$R"
umount "$D"

fill_disk seal=off
umount -i "$M"
holds "and after a plain one, with seal=off" wait_for 30 gone "$pid"
R=$(rescued)
mount_vault "$R" "$M" ro
is "$(cat "$M/file")" second "too"
lock "$M"
rm "$R"
umount "$D"

## Nowhere to put it

fill_disk
chmod 755 "$W/state/tazpod"
kill -TERM "$pid"
wait_for 2 false
is "$(is_mounted "$M" && cat "$M/file")" second \
	"where there is no place for it, it stays mounted"
chmod 700 "$W/state/tazpod"
rm "$D/filler"
holds "until it can be saved" wait_for 90 "$TAZPOD" lock -q "$M"
mount_vault "$D/vault" "$M" ro
is "$(cat "$M/file")" second "and is"
lock "$M"
umount "$D"

## A vault that alone cannot be replaced

pin_vault
kill -TERM "$pid"
holds "a vault that cannot be replaced any more: it ends" \
	wait_for 30 gone "$pid"
R=$(rescued)
like "$R" "^$D/vault\.rescue-" "the rescue file is beside it"
is "$(digest "$D/vault")" "$was" "the vault is as it was"
umount "$D/vault"
run "$TAZPOD" restore "$R" "$D/vault"
is "$status $(rescued)" "0 " "restore puts it in its place"
mount_vault "$D/vault" "$M"
is "$(cat "$M/file")" second "with everything"
lock "$M"

"$TAZPODFS" -f -o "passfile=$PASS" "$D/vault" "$M" 2>"$W/said" &
wait_for 20 is_mounted "$M"
pid=$(daemon_of "$M")
mount --bind "$D/vault" "$D/vault"
echo third >"$M/file"
kill -TERM "$pid"
wait
like "$(cat "$W/said")" "its last state is sealed in $D/vault\.rescue-" \
	"in the foreground it says so on standard error"
umount "$D/vault"
done_testing
