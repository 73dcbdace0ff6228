#!/bin/sh
# While there are changes that no sealed vault holds, nobody unmounts: it would
# return before the last seal.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m

# Write, fsync if asked to, and call umount2(2) at once: its errno, or 0.
cat >"$W/at_once" <<'END'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
folder, sync = sys.argv[1], sys.argv[2] == "sync"
fd = os.open(folder + "/file", os.O_RDWR | os.O_CREAT, 0o600)
os.write(fd, os.urandom(100))
if sync:
    os.fsync(fd)
os.close(fd)
print(ctypes.get_errno() if libc.umount2(folder.encode(), 0) else 0)
END

new_vault "$V"
mount_vault "$V" "$M" seal=10s,seal_max=10s
busy=
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	busy="$busy $("$PY" "$W/at_once" "$M" no)"
	"$TAZPOD" save -q "$M"
done
is "$busy" " 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16 16" \
	"umount2(2) right after a write says EBUSY, 20 times of 20"
is "$(field state "$M")" clean "it is clean after a save"
pid=$(daemon_of "$M")
holds "and can be unmounted at once" umount -i "$M"
wait_for 30 gone "$pid"

missed=
for i in 1 2 3 4 5 6 7 8 9 10; do
	mount_vault "$V" "$M" seal=10s,seal_max=10s
	pid=$(daemon_of "$M")
	[ "$("$PY" "$W/at_once" "$M" sync)" = 0 ] || missed="$missed $i"
	is_mounted "$M" && umount "$M"
	wait_for 30 gone "$pid"
done
is "$missed" "" "so it can right after an fsync, 10 times of 10"

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
echo soon >"$M/file"
fails "an unmount right after a change is refused" umount -i "$M"
holds "and succeeds when it has been sealed" wait_for 10 umount -q -i "$M"
wait_for 30 gone "$pid"
mount_vault "$V" "$M" seal=10s,seal_max=10s
is "$(cat "$M/file")" soon "with the change"

# What reads holds nothing.
cat "$M/file" >"$W/read"
ls -lR "$M" >"$W/read"
holds "reading makes it no busier" umount -i "$M"
wait_for 30 no_daemons

# Nothing can stop this, but nothing is lost by it either.
mount_vault "$V" "$M" seal=300ms
pid=$(daemon_of "$M")
echo lazy >"$M/file"
holds "umount -l is not refused" umount -l "$M"
holds "the daemon seals what was left, and ends" wait_for 30 gone "$pid"
mount_vault "$V" "$M" seal=off
is "$(cat "$M/file")" lazy "and nothing is lost"

# With seal=off there may be changes for hours: they are sealed after it.
pid=$(daemon_of "$M")
echo off >"$M/file"
holds "with seal=off an unmount is not refused" umount -i "$M"
wait_for 30 gone "$pid"
mount_vault "$V" "$M" seal=10s,seal_max=10s
is "$(cat "$M/file")" off "what was left has been sealed"

# A lock needs no patience, and a moved mount none either.
echo locked >"$M/file"
holds "tazpod lock ends a dirty mount at once" lock "$M"
mount_vault "$V" "$M" seal=200ms
mkdir "$W/elsewhere"
mount --move "$M" "$W/elsewhere"
echo moved >"$W/elsewhere/file"
holds "a mount that was moved is sealed and ended where it is" \
	lock "$W/elsewhere"
mount_vault "$V" "$M" ro
is "$(cat "$M/file")" moved "with its last change"
lock "$M"
done_testing
