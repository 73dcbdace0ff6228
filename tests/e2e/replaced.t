#!/bin/sh
# A vault that is removed or replaced while it is mounted: nothing is lost, and
# nothing is said to be well.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

V=$W/vault
M=$W/m

# opens VAULT: what is in its file "one".
opens()
{
	mkdir -p "$W/look" && cp "$1" "$W/copy" &&
		mount_vault "$W/copy" "$W/look" ro >/dev/null &&
		cat "$W/look/one" && umount "$W/look"
}

new_vault "$V"
mount_vault "$V" "$M"
echo 1 >"$M/one"
holds 'a first save' "$TAZPOD" save -q "$M"
rm "$V"
holds 'a save without a change makes a vault that was removed anew' \
	"$TAZPOD" save -q "$M"
is "$(opens "$V")" 1 'with all that was in it'
rm "$V"
holds 'so does fsync' sync_file "$M/one"
is "$(opens "$V")" 1 'which holds all, too'
rm "$V"
lock "$M"
is "$(opens "$V")" 1 'and lock'
mount_vault "$V" "$M"
rm "$V"
unmount "$M"
is "$(opens "$V")" 1 'and an unmount'

# It is touched, or copied there and back.
mount_vault "$V" "$M"
touch -d '2001-01-01' "$V"
echo 4 >"$M/one"
holds 'a vault that was touched is still ours' "$TAZPOD" save -q "$M"
cp "$V" "$W/there" && rm "$V" && mv "$W/there" "$V"
echo 1 >"$M/one"
lock "$M"
is "$(opens "$V")" 1 'and so is one that was copied there and back'

# Somebody puts another vault there.
new_vault "$W/other"
other=$(digest "$W/other")
mount_vault "$V" "$M"
echo 2 >"$M/one"
mv "$W/other" "$V"
run "$TAZPOD" lock "$M"
is "$status" 1 'a lock does not overwrite what somebody else put there'
like "$(cat "$W/err")" 'another file was put in its place' 'and says so'
is "$(digest "$V")" "$other" 'the other file is as it was'
fails 'nor does fsync' sync_file "$M/one"
is "$(opens "$V".conflict-*)" 2 'what is mounted is kept beside it'
echo 3 >"$M/one"
fails 'which a later save' "$TAZPOD" save -q "$M"
is "$(opens "$V".conflict-*)" 3 'keeps up with'
echo 2 >"$M/one"
is "$(cat "$M/one")" 2 'the mount goes on'
mv "$V" "$W/other"
holds 'once it is moved away, the lock goes on' "$TAZPOD" lock -q "$M"
is "$(opens "$V")" 2 'and nothing is lost'
is "$(echo "$V".conflict-*)" "$V.conflict-*" 'nor left over'

# It is not to be had back: the mount is given up.
mount_vault "$V" "$M"
echo 5 >"$M/one"
mv "$W/other" "$V"
daemon=$(daemon_of "$M")
umount -l "$M"
holds 'unmounted, its daemon ends: it has kept what it had' \
	wait_for 30 gone "$daemon"
is "$(opens "$V".conflict-*)" 5 'beside the file that is there now'
mkdir -p "$W/look"
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$W/look"
like "$(cat "$W/err")" "vault.conflict-.* is beside it" \
	'the next mount tells of it'
lock "$W/look"
mv "$V".conflict-* "$V"

# Its folder goes.
mkdir "$W/folder"
new_vault "$W/folder/v"
mount_vault "$W/folder/v" "$M"
echo 3 >"$M/one"
rm -r "$W/folder"
run "$TAZPOD" save "$M"
is "$status" 1 'without its folder nothing can be saved'
like "$(cat "$W/err")" 'its folder is gone' 'which is what is said'
is "$(cat "$M/one")" 3 'and what is there can be copied out'
kill -9 "$(daemon_of "$M")"
done_testing
