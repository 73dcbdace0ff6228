#!/bin/sh
# A mount whose daemon and keeper have died is cleared away by the next one, and
# by lock.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
healed="$M: the daemon of the mount there had died; unmounted it"
mkdir "$M"
new_vault "$V"

# Called through wait_for.
# shellcheck disable=SC2317
disconnected()
{
	case $("$@" 2>&1) in
	*'not connected') ;;
	*) return 1 ;;
	esac
}

# crash DIR: kill the daemon of the mount there and its keeper, and wait until
# they have gone.
crash()
{
	kill_daemon "$(daemon_of "$1")"
	wait_for 20 disconnected stat -f "$1"
}

mounts_at()
{
	our_mounts | grep -Fxc -- "$1"
}

sockets()
{
	find "$W/run/tazpod" -name '*.sock' | wc -l
}

## The next mount

mount_vault "$V" "$M" seal=off
echo sealed >"$M/file"
"$TAZPOD" save -q "$M"
crash "$M"
fails "a mount whose daemon was killed cannot be listed" ls "$M"
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
is "$status $(cat "$W/err")" "0 tazpodfs: $healed" \
	"tazpodfs unmounts it, says so, and mounts"
is "$(cat "$M/file") $(mounts_at "$M") $(sockets)" "sealed 1 1" \
	"and that mount is whole and the only one"
if [ "$(id -u)" -eq 0 ]; then
	is "$(grep -c "TARGET=$M " /run/mount/utab)" 1 \
		"umount(8) knows of the new one alone"
	holds "which it ends" umount "$M"
	is "$(grep -c "TARGET=$M " /run/mount/utab)" 0 \
		"and nothing is left in its table"
else
	lock "$M"
fi

mount_vault "$V" "$M"
crash "$M"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
is "$status $(cat "$W/err")" "0 tazpodfs: $healed" "so does tazpod unlock"
lock "$M"
mount_vault "$V" "$M"
crash "$M"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M/"
is "$status" 0 "whatever the folder is called"
lock "$M"

mkdir "$W/elsewhere"
mount_vault "$V" "$M"
crash "$M"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$W/elsewhere"
is "$status $(cat "$W/err")" "0 " \
	"a dead mount does not keep its vault from being mounted elsewhere"
lock "$W/elsewhere"
# A daemon that still seals is waited for, in spite of the dead mount.
mount_vault "$V" "$W/elsewhere" seal=off
head -c 40000000 /dev/urandom >"$W/elsewhere/large"
umount -i "$W/elsewhere" 2>/dev/null || fusermount3 -u "$W/elsewhere"
run mount_vault "$V" "$W/elsewhere"
is "$status $(cat "$W/err")" "0 " "nor from being waited for"
rm "$W/elsewhere/large"
lock "$W/elsewhere"
"$TAZPOD" lock -q "$M" 2>/dev/null

for n in 1 2 3; do
	new_vault "$W/vault$n"
	"$TAZPODFS" -o "nonempty,passfile=$PASS" "$W/vault$n" "$M"
done
pids=$(our_daemons)
for pid in $pids; do
	kill_daemon "$pid"
done
wait_for 20 disconnected stat -f "$M"
is "$(mounts_at "$M")" 3 "several can lie on top of each other"
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
is "$status $(cat "$W/err")" "0 tazpodfs: $healed" "all are unmounted"
is "$(cat "$M/file") $(mounts_at "$M")" "sealed 1" "before the mount"

# What is below a dead one is alive.
"$TAZPODFS" -o "nonempty,passfile=$PASS" "$W/vault1" "$M"
crash "$M"
run "$TAZPODFS" -o "passfile=$PASS" "$W/vault2" "$M"
is "$status $(mounts_at "$M")" "7 1" "what lives below is left alone"
like "$(cat "$W/err")" 'busy: something is mounted there' \
	"and keeps the place"
is "$(cat "$M/file")" sealed "as it was"
lock "$M"

# While one waits for its turn, the place is taken.
mount_vault "$V" "$M"
crash "$M"
exec 8>>"$W/run/tazpod/unmount.lock"
flock 8
inode=$(stat -c %i "$W/run/tazpod/unmount.lock")
"$TAZPODFS" -o "passfile=$PASS" "$W/vault1" "$M" 2>"$W/slow" 8>&- &
slow=$!
holds "one at a time unmounts what is dead" \
	wait_for 20 grep -q -e "-> FLOCK .*:$inode " /proc/locks
umount -l "$M" 2>/dev/null || fusermount3 -u -z "$M"
"$TAZPODFS" -o "passfile=$PASS" "$V" "$M" 8>&-
exec 8>&-
wait "$slow"
is "$? $(mounts_at "$M") $(cat "$M/file")" "7 1 sealed" \
	"and looks again when it is its turn"
like "$(cat "$W/slow")" 'busy: something is mounted there' "which it says"
lock "$M"

## lock and status

# Who unmounts a dead one by hand leaves its socket.
rm -f "$W"/run/tazpod/*.sock
mount_vault "$V" "$M" seal=off
echo lost >"$M/lost"
crash "$M"
run "$TAZPOD" status
like "$(cat "$W/out")" \
	"^state +dead: its daemon has died; 'tazpod lock $M', or unlocking" \
	"status says what it is"
is "$status" 0 "and lists it as any other"
run "$TAZPOD" status "$M"
is "$status" 1 "asked for by name, it does not answer"
is "$(field answers "$M") $(field state "$M")" "false dead" \
	"JSON says so, too"
run "$TAZPOD" save "$M"
is "$status $(wc -l <"$W/err")" "1 1" "it cannot be saved"
run "$TAZPOD" lock "$M"
is "$status $(cat "$W/err")" \
	"1 tazpod: $healed; what was not sealed is lost" \
	"lock unmounts it, and does not call that done"
fails "it is gone" is_mounted "$M"
is "$(sockets)" 0 "with its socket"
run "$TAZPOD" status
is "$status $(grep -cF "$W/" "$W/out")" "0 0" "and from the status"
run "$TAZPOD" lock "$M"
like "$status $(cat "$W/err")" '^1 .*no vault is mounted there' \
	"a second lock finds nothing"
mount_vault "$V" "$M"
crash "$M"
run "$TAZPOD" lock "$V"
is "$status $(is_mounted "$M" || echo gone)" "1 gone" \
	"the vault's name does as well"

[ "$(id -u)" -eq 0 ] || done_testing

## Other kinds

cat >"$W/alien.py" <<'END'
# Mount a FUSE filesystem of another kind, and let it die.
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"alien", sys.argv[1].encode(), sys.argv[2].encode(), 0,
              options.encode()) != 0:
    sys.exit(1)
END
"$PY" "$W/alien.py" "$M" fuse.alien
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
like "$status $(cat "$W/err")" '^7 .*a mount whose daemon has died is there' \
	"a dead mount of another kind is not ours to unmount"
is "$(mounts_at "$M")" 1 "and is left"
umount -l "$M"

## A user

let_nobody_in
M=$W/nobody/m
V=$W/nobody/vault
healed="$M: the daemon of the mount there had died; unmounted it"
as_nobody mkdir "$M"
as_nobody "$W/bin/tazpod" create -q --passfile "$W/nobody/passphrase" "$V"

nobody_mounts()
{
	as_nobody "$W/bin/tazpodfs" -o "passfile=$W/nobody/passphrase$1" \
		"$V" "$M"
}

nobody_crashes()
{
	pid=$(as_nobody "$W/bin/tazpod" status "$M" |
		sed -n 's/^daemon *pid //p')
	kill_daemon "$pid"
	wait_for 20 disconnected as_nobody stat -f "$M"
}

nobody_mounts ""
# The script expands its own argument.
# shellcheck disable=SC2016
as_nobody sh -c 'echo sealed >"$1/file"; sync "$1/file"' sh "$M"
nobody_crashes
run "$TAZPODFS" -o "passfile=$PASS" "$W/vault1" "$M"
is "$status $(mounts_at "$M")" "7 1" \
	"root, who cannot look into it, leaves a user's alone"
run nobody_mounts ""
is "$status $(cat "$W/err")" "0 tazpodfs: $healed" \
	"a user's dead mount is unmounted by the user's next"
is "$(as_nobody cat "$M/file") $(mounts_at "$M")" "sealed 1" "which is whole"
nobody_crashes
run as_nobody "$W/bin/tazpod" lock "$M"
is "$status $(cat "$W/err")" \
	"1 tazpod: $healed; what was not sealed is lost" "or by a lock"
is "$(mounts_at "$M")" 0 "it is gone then"
nobody_mounts ""
nobody_crashes
nobody_mounts ",nonempty" 2>/dev/null
nobody_crashes
run nobody_mounts ""
is "$status $(mounts_at "$M")" "0 1" "nothing piles up"
as_nobody "$W/bin/tazpod" lock -q "$M"
echo user_allow_other >"$W/fuse.conf"
if mount --bind "$W/fuse.conf" /etc/fuse.conf 2>/dev/null; then
	nobody_mounts ",allow_other"
	nobody_crashes
	run "$TAZPODFS" -o "passfile=$PASS" "$W/vault1" "$M"
	is "$status $(cat "$W/err") $(mounts_at "$M")" "0 tazpodfs: $healed 1" \
		"root unmounts one that it can look into"
	lock "$M"
	chmod 755 "$W/nobody"
	mount_vault "$W/vault1" "$M" allow_other
	crash "$M"
	run nobody_mounts ""
	is "$status $(wc -l <"$W/err") $(mounts_at "$M")" "7 1 1" \
		"a user leaves root's alone"
	like "$(cat "$W/err")" "run 'umount $M' first" "and says what to do"
	umount -l "$M"
	umount /etc/fuse.conf
else
	skip "root unmounts one that it can look into" "no fuse.conf of its own"
	skip "a user leaves root's alone" "no fuse.conf of its own"
fi
done_testing
