#!/bin/sh
# umount(8) returns when everything is on disk, by way of its helper.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
new_vault "$V"

# umount(8) looks for its helpers in /sbin alone, which is a layer over the
# real one here, seen by this test only.
mkdir "$W/sbin"
cp "$B/umount.tazpodfs" "$W/sbin"
SBIN=$(readlink -f /sbin)
mount -t overlay -o "lowerdir=$W/sbin:$SBIN" tazpod-e2e "$SBIN" 2>/dev/null
[ -x /sbin/umount.tazpodfs ] || skip_all "no layer over /sbin can be made"

mount_vault "$V" "$M" seal=off
grep -q "TARGET=$M .*helper=tazpodfs" /run/mount/utab 2>/dev/null ||
	skip_all "umount(8) keeps no utab here"
head -c 20000000 /dev/urandom >"$M/large"
digest "$M/large" >"$W/digest"
daemon=$(daemon_of "$M")
run umount "$M"
is "$status $(cat "$W/err")" "0 " "umount ends the mount"
holds "and the daemon has ended when it returns" gone "$daemon"
fails "and the mount is gone" is_mounted "$M"
is "$(grep -c "$M" /run/mount/utab)" 0 "and from utab"
mount_vault "$V" "$M"
is "$(digest "$M/large")" "$(cat "$W/digest")" "what had not been sealed is"

exec 9<"$M/large"
printf 'more\n' >"$M/more"
run umount "$M"
is "$status" 32 "umount refuses while a file is open"
holds "and the mount stays" is_mounted "$M"
is "$(field state "$M")" clean "though it has been sealed"
exec 9<&-
holds "and goes when it is closed" umount "$M"

mount_vault "$V" "$M"
lock "$M"
is "$(grep -c "$M" /run/mount/utab)" 0 "a lock leaves nothing in utab"

mount_vault "$V" "$M" ro
holds "a read-only mount is unmounted, too" umount "$M"

# A seal that fails.
mkdir "$W/small"
mount -t tmpfs -o size=64k tazpod-e2e "$W/small"
new_vault "$W/small/vault"
mount_vault "$W/small/vault" "$M" seal=off
head -c 200000 /dev/urandom >"$M/random"
run umount "$M"
is "$status" 32 "umount refuses when the last seal fails"
like "$(cat "$W/err")" "cannot be saved.*No space left" "and says why"
holds "and the mount stays: it has the only copy" is_mounted "$M"
daemon=$(daemon_of "$M")
holds "umount -l ends it all the same" umount -l "$M"
holds "and the daemon keeps what it has" alive "$daemon"
mount -o remount,size=4m "$W/small"
holds "until it can be sealed" wait_for 30 gone "$daemon"
mount_vault "$W/small/vault" "$M"
is "$(stat -c %s "$M/random")" 200000 "and then it is"

# The daemon dies; umount has nothing to wait for.
daemon=$(daemon_of "$M")
kill_daemon "$daemon"
holds "a dead mount is unmounted" umount "$M"

for bad in "" "-x" "$M -x" "$M more"; do
	# These are words.
	# shellcheck disable=SC2086
	run "$B/umount.tazpodfs" $bad
	is "$status" 1 "umount.tazpodfs $bad: is refused"
done
done_testing
