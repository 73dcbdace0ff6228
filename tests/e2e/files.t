#!/bin/sh
# The forerunner's defects where a vault is shown as files in memory, which is
# what it did: each is named as docs/TESTING.md names them.
# Functions are called through holds, and scripts expand their own arguments.
# shellcheck disable=SC2016,SC2154,SC2317
BACKEND=tmpfs
export BACKEND
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_root

V=$W/vault
M=$W/m
quick_vault 2 "$V"
mkdir "$M"
mount_vault "$V" "$M"
printf 'the canary of files\n' >"$M/canary"
chmod 600 "$M/canary"
lock "$M"

# nothing_left: nothing is mounted, and nothing of it in a folder.
nothing_left()
{
	[ -z "$(ls -A "$M")" ] && ! is_mounted "$M" &&
		! grep -rqsF 'canary of files' "$W"
}

## U1: a mount that fails

run setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin \
	"$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
is "$status" 7 "U1: where nothing can be mounted, nothing is unlocked"
holds "U1: and nothing is unpacked onto the disk" nothing_left
mount_vault "$V" "$M"
head -c 300000 /dev/urandom >"$M/large"
lock "$M"
run "$TAZPODFS" -o "passfile=$PASS,size=100k" "$V" "$M"
is "$status" 1 "U1: nor where it does not fit"
holds "U1: and nothing of it is left" nothing_left
mount_vault "$V" "$M"
is "$(stat -f -c %T "$M") $(stat -c %a "$M")" "tmpfs 700" \
	"U1: what is mounted is a tmpfs, and private"
is "$(df --output=size -B1 "$M" | tail -n 1 | tr -d ' ')" 67108864 \
	"U1: of 64 MiB"
rm "$M/large"
lock "$M"

## U6: a wrong passphrase

printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
"$PY" -c '
import os, sys, time
end = time.monotonic() + 20
while not os.path.exists(sys.argv[2]) and time.monotonic() < end:
    with open("/proc/self/mountinfo") as table:
        if "tazpodfs:" in table.read():
            open(sys.argv[1], "w").close()
' "$W/seen" "$W/enough" &
watcher=$!
run "$TAZPOD" unlock --passfile "$W/wrong" "$V" "$M"
is "$status" 3 "U6: a wrong passphrase is refused"
: >"$W/enough"
wait "$watcher"
fails "U6: and nothing was mounted meanwhile" test -e "$W/seen"
holds "U6: nor is anything left" nothing_left

## U11: which folder is it?

mkdir "$W/secrets" "$W/secrets-old"
mount_vault "$V" "$W/secrets-old"
run "$TAZPOD" status "$W/secrets"
is "$status" 1 "U11: another folder whose name begins so is not this one"
quick_vault 2 "$W/second"
holds "U11: which can be mounted on" mount_vault "$W/second" "$W/secrets"
lock "$W/secrets"
holds "U11: and locked without the other" is_mounted "$W/secrets-old"
lock "$W/secrets-old"

## U14 to U17: a save while everything changes, and of everything

mount_vault "$V" "$M"
"$PY" -c '
import os, sys, time
os.chdir(sys.argv[1])
end = time.monotonic() + 3
n = 0
while time.monotonic() < end:
    n += 1
    with open("shrinks", "wb") as f:
        f.write(b"x" * 100000)
    os.truncate("shrinks", 10)
    os.mkdir("goes")
    with open("goes/too", "w") as f:
        f.write("soon")
    os.unlink("goes/too")
    os.rmdir("goes")
    with open("new", "w") as f:
        f.write("whole %d" % n)
    os.rename("new", "replaced")
' "$M" &
storm=$!
saves=0
while alive "$storm"; do
	timeout 20 "$TAZPOD" save -q "$M" || break
	saves=$((saves + 1))
done
wait "$storm"
is "$((saves > 1))" 1 "U14: saves succeed while files vanish and shrink ($saves)"
"$PY" -c '
import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$M/socket"
holds "U15: a socket in the tree does no harm" \
	timeout 20 "$TAZPOD" save -q "$M"
is "$(field skipped "$M")" 1 "U15: and is counted"
mkfifo "$M/fifo"
mknod "$M/null" c 1 3
ln -s / "$M/out"
holds "U16: nothing hangs on a FIFO" timeout 20 "$TAZPOD" save -q "$M"
is "$(field skipped "$M")" 2 "U16: a device is left out"
"$TAZPOD" cat --passfile "$PASS" replaced "$V" >"$W/replaced"
like "$(cat "$W/replaced")" '^whole [0-9]+$' "U14: and every file is whole"

mkdir "$W/disk"
mount -t tmpfs -o size=200k tazpod-e2e "$W/disk"
quick_vault 2 "$W/disk/vault"
mount_vault "$W/disk/vault" "$W/secrets"
printf 'good\n' >"$W/secrets/file"
"$TAZPOD" save -q "$W/secrets"
good=$(digest "$W/disk/vault")
head -c 400000 /dev/urandom >"$W/secrets/large"
run "$TAZPOD" save "$W/secrets"
is "$status $(digest "$W/disk/vault")" "1 $good" \
	"U17: a vault that cannot be written does not replace a good one"
rm "$W/secrets/large"
lock "$W/secrets"

## U18: a lock

printf 'edited\n' >"$M/canary"
exec 7<"$M/canary"
(cd "$M" && while [ ! -e "$W/locked" ]; do sleep 0.1; done
	ls -A . >"$W/listed") &
inside=$!
sleep 0.3
lock "$M"
: >"$W/locked"
wait "$inside"
is "$(cat <&7)$(cat "$W/listed")" "" \
	"U18: who has files open, or works there, has nothing left of them"
exec 7<&-
is "$("$TAZPOD" cat --passfile "$PASS" canary "$V")" edited \
	"U18: and the last edit is in the vault"

## U20: a vault that nobody uses

run "$TAZPOD" unlock --passfile "$PASS" -o idle=1s "$V" "$M"
echo used >"$M/used"
cat "$M/used" >/dev/null
is_locked()
{
	! our_mounts | grep -Fqx "$M"
}
holds "U20: locks itself, also after it was used" wait_for 10 is_locked
is "$("$TAZPOD" cat --passfile "$PASS" used "$V")" used "U20: and is saved"

## U37: two at once

"$TAZPOD" unlock --passfile "$PASS" "$V" "$M" >"$W/one" 2>&1 &
one=$!
"$TAZPOD" unlock --passfile "$PASS" "$V" "$M" >"$W/two" 2>&1
two=$?
wait "$one"
is "$? $two $(our_mounts | grep -cFx "$M")" "0 0 1" \
	"U37: of two that unlock, one mounts, and both have it"
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$W/secrets"
is "$status" 5 "U37: a second guardian is refused"
lock "$M"

## U38: exit codes

echo none >"$W/none"
run "$TAZPOD" unlock --passfile "$PASS" "$W/none" "$M"
is "$status" 4 "U38: what is no vault"
run "$TAZPOD" unlock --passfile "$PASS" "$W/missing" "$M"
is "$status" 1 "U38: what is not there"
run "$TAZPOD" unlock --frob "$V" "$M"
is "$status" 2 "U38: what is no option"
run "$TAZPOD" lock "$M"
is "$status" 1 "U38: a lock of nothing"
run "$TAZPOD" save "$M"
is "$status" 1 "U38: a save of nothing"
done_testing
