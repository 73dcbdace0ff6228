#!/bin/sh
# A vault whose disk does not answer: whoever uses the mount goes on, all that
# waits says for what, and can be given up.
# Functions are called through wait_for; a failed ok is no failure of a test.
# shellcheck disable=SC2317,SC2015
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/disk/vault
M=$W/m
mkdir "$W/behind" "$W/disk" "$M"

# Everything here has an end, so that a defect is a failure and no hang.
soon()
{
	timeout -k 1 5 "$@"
}

"$B/tests/probe/mirror" "$W/behind" "$W/disk" &
mirror=$!
wait_for 10 mountpoint -q "$W/disk" || skip_all "no second filesystem"
# Nobody could unmount it else.
(
	sleep 240
	pkill -CONT -P $$ -x mirror
) >/dev/null 2>&1 &
guard=$!
new_vault "$V"

hang()
{
	kill -STOP "$mirror"
}

go_on()
{
	kill -CONT "$mirror"
}

# mapped FILE TEXT: write it through a mapping.
cat >"$W/mapped.py" <<'END'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0, mmap.MAP_SHARED)
m[0:4] = b"more"
END

is_sealing()
{
	[ "$(soon "$TAZPOD" status "$M" | sed -n 's/^state *//p')" = sealing ]
}

others="1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"
for options in "" writeback nocache seal=close; do
	with="with ${options:-nothing}"
	mount_vault "$V" "$M" "$options"
	mkdir "$M/folder"
	for i in $others; do
		: >"$M/folder/$i"
	done
	echo before >"$M/file"
	sync "$M/file"
	hang

	## Requests

	[ "$options" = seal=close ] || {
		holds "$with: a file is written" \
			soon sh -c "echo now >'$M/new'"
		is "$(soon cat "$M/new")" now "$with: and read"
		wait_for 10 is_sealing
		is "$(soon "$TAZPOD" status "$M" | sed -n 's/^state *//p')" \
			sealing "$with: a seal waits for the disk"
		holds "$with: meanwhile files are written" \
			soon sh -c "for i in 1 2 3; do echo \$i >>'$M/new'; done"
	}
	is "$(soon cat "$M/file")" before "$with: what was there is read"
	holds "$with: names change" soon mv "$M/file" "$M/folder/file"
	holds "$with: a folder is listed" soon ls "$M/folder"
	holds "$with: attributes change" soon chmod 600 "$M/folder/file"
	# Nor can a mapping be shared under direct I/O; to close it seals.
	case $options in nocache | seal=close) ;; *)
		holds "$with: a mapping is written" \
			soon "$PY" "$W/mapped.py" "$M/folder/file"
		;;
	esac
	holds "$with: status answers" soon "$TAZPOD" status "$M"

	## Who waits for the disk

	begin=$(now_ms)
	run timeout -k 10 1 sync "$M/folder"
	took=$(($(now_ms) - begin))
	is "$status" 124 "$with: an fsync waits"
	[ "$took" -lt 4000 ] && ok "$with: and can be interrupted" ||
		not_ok "$with: and can be interrupted" "$took ms"
	# However many are interrupted after that.
	(
		for i in $others; do
			timeout 0.2 sync "$M/folder/$i" &
			sleep 0.4
		done
		wait
	) &
	syncing=$!
	begin=$(now_ms)
	run timeout -k 10 1 sync "$M/folder"
	took=$(($(now_ms) - begin))
	[ "$took" -lt 4000 ] && ok "$with: also when others are" ||
		not_ok "$with: also when others are" "$took ms"
	wait "$syncing"
	run timeout -k 1 4 "$TAZPOD" lock "$M"
	is "$status" 124 "$with: a lock waits"
	like "$(cat "$W/err")" \
		"^tazpod: $V: waiting for its disk, which has not finished a save in [0-9]+ s; .*lock --discard" \
		"$with: and says for what"
	run timeout -k 1 4 "$TAZPOD" save "$M"
	like "$(cat "$W/err")" "waiting for its disk.*does no harm$" \
		"$with: so does a save"
	is "$(soon cat "$M/folder/file" | tail -c 1 | wc -l)" 1 \
		"$with: and files are read"

	## The disk is back

	go_on
	pid=$(daemon_of "$M")
	holds "$with: what was asked for is done when the disk is back" \
		wait_for 20 gone "$pid"
	mount_vault "$V" "$M"
	is "$(stat -c %s "$M/folder/file")" 7 \
		"$with: nothing is lost"
	[ "$options" = seal=close ] ||
		is "$(tr '\n' ' ' <"$M/new")" "now 1 2 3 " \
			"$with: nor what was written meanwhile"
	rm -rf "$M/new" "$M/folder"
	lock "$M"
done

## Lock at once, whatever the disk does

mount_vault "$V" "$M"
echo sealed >"$M/file"
sync "$M/file"
exec 8<"$M/file"
hang
echo unsealed >"$M/file"
wait_for 10 is_sealing
pid=$(daemon_of "$M")
begin=$(now_ms)
run soon "$TAZPOD" lock --discard "$M"
took=$(($(now_ms) - begin))
is "$status $(cat "$W/out")" "0 $V: locked, without a save" \
	"lock --discard does not wait for the disk"
[ "$took" -lt 1500 ] && ok "it is quick" || not_ok "it is quick" "$took ms"
fails "the mount is gone" is_mounted "$M"
fails "and nothing can be read" soon cat <&8
exec 8<&-
# The process waits for the disk with the kernel's patience, but has nothing.
go_on
holds "the daemon is gone once the disk is back" wait_for 20 gone "$pid"
mount_vault "$V" "$M"
like "$(cat "$M/file")" '^(un)?sealed$' "the vault is whole"
is "$(ls -A "$M")" file "and has what it had"
lock "$M"

# Of a clean one, too, nothing is waited for but to lock it.
mount_vault "$V" "$M"
hang
holds "a clean one: read" soon cat "$M/file"
run timeout -k 10 1 sync "$M/file"
is "$status" 124 "a clean one: even to say that all is saved takes a look"
holds "a clean one: read again" soon ls -l "$M"
holds "a clean one: --discard" soon "$TAZPOD" lock -q --discard "$M"
go_on

## What locks by itself is not kept open by a disk

mount_vault "$V" "$M" ttl=2s
pid=$(daemon_of "$M")
hang
echo unsealed >"$M/file"
exec 8<"$M/file"
is_refused()
{
	! soon cat <&8 >/dev/null 2>&1
}
holds "ttl: it is refused while the disk hangs" wait_for 25 is_refused
exec 8<&-
run soon sh -c "echo late >'$M/late'"
is "$status" 2 "ttl: so is a change"
go_on
holds "ttl: it ends when the disk is back" wait_for 20 gone "$pid"
mount_vault "$V" "$M"
is "$(cat "$M/file") $(ls "$M")" "unsealed file" "ttl: nothing is lost"
lock "$M"

# Nor if it asks itself again before the disk has had its time.
mount_vault "$V" "$M" idle=2s
pid=$(daemon_of "$M")
echo sealed >"$M/file"
sync "$M/file"
exec 8<"$M/file"
hang
echo unsealed >"$M/file"
sleep 16 # without a use
holds "idle: it is refused while the disk hangs" is_refused
exec 8<&-
go_on
holds "idle: it ends when the disk is back" wait_for 20 gone "$pid"

# Nor if it is taken away while a lock waits.
mount_vault "$V" "$M"
pid=$(daemon_of "$M")
exec 8<"$M/file"
hang
echo unsealed >"$M/file"
run timeout -k 1 1 "$TAZPOD" lock "$M"
umount -i -l "$M"
holds "umount -l during a lock: it is refused while the disk hangs" \
	wait_for 5 is_refused
exec 8<&-
go_on
holds "umount -l during a lock: it ends when the disk is back" \
	wait_for 20 gone "$pid"

# What is refused, and cannot be saved anywhere, is tried again.
umount "$W/disk"
wait "$mirror" 2>/dev/null
mount -t tmpfs -o size=256k tazpod-e2e "$W/behind"
"$B/tests/probe/mirror" "$W/behind" "$W/disk" &
mirror=$!
wait_for 10 mountpoint -q "$W/disk"
mkdir -p "$W/state"
mount -t tmpfs -o ro tazpod-e2e "$W/state"
quick_vault 2 "$V"
mount_vault "$V" "$M" seal=off
head -c 400000 /dev/urandom >"$M/file"
want=$(digest "$M/file")
pid=$(daemon_of "$M")
exec 8<"$M/file"
hang
kill -TERM "$pid"
holds "no room: it is refused while the disk hangs" wait_for 25 is_refused
exec 8<&-
go_on
sleep 5
holds "no room: the daemon that has it stays" alive "$pid"
mount -o remount,size=4m "$W/behind"
holds "no room: it ends when there is some" wait_for 40 gone "$pid"
umount "$W/state"
mount_vault "$V" "$M"
is "$(digest "$M/file")" "$want" "no room: nothing is lost"
lock "$M"

## A daemon that does not answer

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
kill -STOP "$pid"
run timeout -k 1 15 "$TAZPOD" status "$M"
like "$status $(cat "$W/out")" 'does not answer' \
	"a daemon that is stopped: status says so"
kill -CONT "$pid"
lock "$M"

kill "$guard" 2>/dev/null
umount "$W/disk"
wait "$mirror" 2>/dev/null
done_testing
