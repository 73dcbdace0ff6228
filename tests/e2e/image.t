#!/bin/sh
# The image with tazpod entrypoint as its first command, and the variant with a
# line in /etc/fstab: who the command is, which way the vault is shown with what
# the container is given, and what a stop and a kill in the middle of writes
# leave.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/podman.sh
. "$E2E/podman.sh"
need_podman

D=$W/data
mkdir "$D" "$W/log" "$W/look"
chown "$OWNER:$OWNER" "$D" "$W/log"
quick_vault 2 "$D/vault.tar.aes"
V=$D/vault.tar.aes
cp "$PASS" "$W/pass"

# box OPTIONS...: podman run, with the vault, the passphrase and a log.
box()
{
	timeout 60 podman run --volume "$D:/data" --volume "$W/log:/log" \
		--volume "$W/pass:/run/secrets/pass:ro" "$@"
}

VAULT="--vault /data/vault.tar.aes --passfile /run/secrets/pass"

# Each writes files, a line a time, and syncs every third; the logs say which
# were written, and which synced.
writer='i=0; while :; do i=$((i + 1)); echo $i >"$TAZPOD_MOUNT/w$i"
	[ $((i % 3)) -ne 0 ] || { sync "$TAZPOD_MOUNT/w$i" && echo $i >>/log/synced; }
	echo $i >>/log/written; done'

# missing LOG: those in it that the vault does not have.
missing()
{
	"$TAZPODFS" -o "ro,passfile=$PASS" "$V" "$W/look" ||
		echo "it cannot be mounted"
	while read -r i; do
		[ "$(cat "$W/look/w$i" 2>/dev/null)" = "$i" ] || echo "$i"
	done <"$1"
	umount "$W/look"
}

# life NAME OPTIONS -- COMMAND...: a container of that image and with those
# options, which is stopped and killed while it writes.
life()
{
	name=$1
	shift
	run box --rm "$@" sh -c 'id -un; id -G
		grep -E "^Cap(Eff|Prm|Inh|Amb)" /proc/self/status | sort -u -k 2
		stat -f -c %T "$TAZPOD_MOUNT"; echo "$HOME"
		echo first >"$TAZPOD_MOUNT/first"'
	is "$status $(tr '\n' ' ' <"$W/out")" \
		"0 tazpod 1000 CapInh:	0000000000000000 fuseblk /home/tazpod " \
		"$name: the command is the user, without any capability"
	is "$("$TAZPOD" cat --passfile "$PASS" first "$V")" first \
		"$name: what it wrote is in the vault when the container ends"
	run box --rm "$@" sh -c 'exit 6'
	is "$status" 6 "$name: its exit status is the container's"
	for how in stop kill; do
		rm -f "$W/log/"*
		box --detach --name "box-$how" "$@" sh -c "$writer" \
			>/dev/null 2>"$W/err"
		holds "$name: it writes" wait_for 30 test -s "$W/log/synced"
		sleep 0.5
		run timeout 60 podman "$how" "box-$how"
		is "$status" 0 "$name: podman $how, during writes"
		is "$(missing "$W/log/synced")" "" \
			"$name: $how loses nothing that was synced"
		[ "$how" = kill ] || is "$(missing "$W/log/written")" "" \
			"$name: nor anything else that was written"
		timeout 60 podman rm --force --time 1 "box-$how" >/dev/null
	done
	run box --rm "$@" sh -c 'cat "$TAZPOD_MOUNT/first"'
	is "$status $(cat "$W/out")" "0 first" "$name: the next one has it all"
}

MAY="--device /dev/fuse --cap-add SYS_ADMIN"
# They are lists.
# shellcheck disable=SC2086
life entrypoint $MAY localhost/tazpod $VAULT --mount /home/tazpod/secrets \
	--user tazpod --
# shellcheck disable=SC2086
life fstab $MAY localhost/tazpod-fstab

run box --rm --device /dev/fuse --cap-add SYS_ADMIN localhost/tazpod-fstab \
	sh -c 'grep -c " /secrets fuse.tazpodfs " /proc/self/mounts; ls -l /sbin/mount.tazpodfs >/dev/null && echo "$TAZPOD_MOUNT"'
is "$status $(tr '\n' ' ' <"$W/out")" "0 1 /secrets " "fstab's line is what mounted it"
echo wrong >"$W/pass"
# shellcheck disable=SC2086
run box --rm $MAY localhost/tazpod $VAULT --user tazpod -- true
is "$status $(grep -c 'wrong passphrase' "$W/err")" "3 1" \
	"a wrong passphrase ends the container with 3"
# shellcheck disable=SC2086
run box --rm $MAY localhost/tazpod-fstab true
holds "and with fstab, not with 0" test "$status" -ne 0
cp "$PASS" "$W/pass"

## What is given decides

# shown WHAT RUNG OPTIONS...: with those the vault is shown by RUNG.
shown()
{
	what=$1 rung=$2
	shift 2
	run box --rm "$@" sh -c '
		tazpod status --json | sed -n "s/.*\"rung\": \"\(.*\)\".*/\1/p"'
	is "$status $(cat "$W/out")" "0 $rung" "$what: $rung"
}

chmod 755 "$W"
# shellcheck disable=SC2086
{
	shown "nothing, as root" ramfs localhost/tazpod $VAULT --
	shown "/dev/fuse, as root" fuse-userns --device /dev/fuse \
		localhost/tazpod $VAULT --
	shown "/dev/fuse and SYS_ADMIN, as root" fuse $MAY localhost/tazpod \
		$VAULT --
	shown "SYS_ADMIN without /dev/fuse, as root" tmpfs --cap-add SYS_ADMIN \
		localhost/tazpod $VAULT --
	shown "no_new_privs" fuse $MAY --security-opt no-new-privileges \
		localhost/tazpod $VAULT --
	mknod -m 666 "$W/fuse" c 10 229
	chown -R "$OWNER:$OWNER" "$D" "$W/pass"
	shown "a user with /dev/fuse" fuse-userns --user tazpod \
		--device "$W/fuse:/dev/fuse" localhost/tazpod $VAULT --
	shown "a user with /dev/fuse that is root's" ramfs --user tazpod \
		--device /dev/fuse localhost/tazpod $VAULT --
	shown "a user with nothing" ramfs --user tazpod localhost/tazpod \
		$VAULT --
	shown "a user, no_new_privs" fuse-userns --user tazpod \
		--security-opt no-new-privileges --device "$W/fuse:/dev/fuse" \
		localhost/tazpod $VAULT --
}
done_testing
