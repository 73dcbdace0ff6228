#!/bin/sh
# mount(8), fstab(5) and umount(8) know vaults.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
command -v mount.fuse3 >/dev/null || skip_all "no mount.fuse3"

V=$W/vault
M=$W/m
HELPER=$B/mount.tazpodfs
PATH=$B:$PATH
mkdir "$M"
new_vault "$V"
mount_vault "$V" "$M"
printf 'hello\n' >"$M/file"
cp /bin/true "$M/setuid"
chmod 4755 "$M/setuid"
lock "$M"

# mount(8) looks for its helpers in /sbin alone, which is a layer over the
# real one here, seen by this test only.
mkdir "$W/sbin"
cp "$HELPER" "$TAZPODFS" "$W/sbin"
SBIN=$(readlink -f /sbin)
if mount -t overlay -o "lowerdir=$W/sbin:$SBIN" tazpod-e2e "$SBIN" \
	2>/dev/null && [ -x /sbin/mount.tazpodfs ]; then
	have_helper=yes
else
	have_helper=no
fi

flags()
{
	awk -v d="$1" '$2 == d { print $4 }' /proc/mounts
}

# mounted PROMISE: what was run mounted V at M, nosuid and nodev; umount ends.
mounted()
{
	if [ "$status" -ne 0 ] || ! is_mounted "$M"; then
		not_ok "$1" "status $status: $(cat "$W/out" "$W/err")"
		return
	fi
	is "$(cat "$M/file")" hello "$1"
	is "$(cat "$W/err")" "" "and says nothing: $1"
	like ",$(flags "$M")," ',nosuid,nodev,|,nodev,.*nosuid,' \
		"nosuid and nodev: $1"
	like "$(findmnt -n -o FSTYPE,SOURCE "$M")" \
		"^$(shown_as "$V" | sed 's/\([^ ]*\) \(.*\)/\2 +\1/')\$" \
		"type and source: $1"
	daemon=$(daemon_of "$M")
	umount "$M"
	holds "umount ends it: $1" wait_for 30 gone "$daemon"
}

## mount -t fuse.tazpodfs

run mount -t fuse.tazpodfs "$V" "$M" -o "passfile=$PASS"
mounted "mount -t fuse.tazpodfs"
run mount -t fuse.tazpodfs "$V" "$M" -o "suid,dev,passfile=$PASS"
mounted "mount -t fuse.tazpodfs, asked for suid and dev"
run mount -t fuse.tazpodfs "$V" "$M" -o "ro,noexec,noatime,passfile=$PASS"
like ",$(flags "$M")," ',ro,' "ro arrives"
like ",$(flags "$M")," ',noexec,' "noexec arrives"
run touch "$M/file"
like "$(cat "$W/err")" 'Read-only' "and nothing can be written"
umount "$M"
wait_for 30 no_daemons
run mount -t fuse.tazpodfs "$V" "$M" -o "passfile=$W/none"
fails "a passphrase file that is missing fails mount(8)" \
	test "$status" -eq 0
like "$(cat "$W/err")" "^tazpodfs: .*$W/none: .*No such file" \
	"with our line"
fails "and mounts nothing" is_mounted "$M"
run mount -t fuse.tazpodfs "$V" "$M" -o "frob,passfile=$PASS"
like "$status $(cat "$W/err")" "^[1-9].*unknown option 'frob'" \
	"an unknown option fails mount(8)"

## mount -t tazpodfs

if [ "$have_helper" = yes ]; then
	run mount -t tazpodfs "$V" "$M" -o "passfile=$PASS"
	mounted "mount -t tazpodfs"
	mount_vault "$V" "$M"
	daemon=$(daemon_of "$M")
	kill_daemon "$daemon"
	run mount -t tazpodfs "$V" "$M" -o "passfile=$PASS"
	like "$(cat "$W/err")" 'had died; unmounted it' \
		"mount -t tazpodfs clears a dead mount away"
	: >"$W/err"
	mounted "mount -t tazpodfs, where one was dead"
	run mount -t tazpodfs -o "ro,noauto,user,passfile=$PASS" "$V" "$M"
	like ",$(flags "$M")," ',ro,' "ro arrives through the helper"
	umount "$M"
	wait_for 30 no_daemons
	printf 'wrong\n' >"$W/wrong"
	chmod 600 "$W/wrong"
	run mount -t tazpodfs "$V" "$M" -o "passfile=$W/wrong"
	is "$status $(cat "$W/err")" "32 tazpodfs: $V: wrong passphrase" \
		"mount(8) passes on status 32 and our line"
	run mount -t tazpodfs "$V" "$M" -o frob
	is "$status" 1 "and status 1 for a wrong option"
else
	skip "mount -t tazpodfs works" "no overlay over /sbin"
fi

## fstab

cat >"$W/fstab" <<END
$V $M fuse.tazpodfs noauto,nofail,_netdev,x-systemd.automount,x-systemd.idle-timeout=60,passfile=$PASS 0 0
END
run mount -T "$W/fstab" "$M"
mounted "an fstab line of type fuse.tazpodfs"
cat >"$W/fstab" <<END
$V $M fuse.tazpodfs defaults,user,size=5M,passfile=$PASS 0 0
END
run mount -T "$W/fstab" "$M"
is "$(df --output=size -B1 "$M" | tail -n 1 | tr -d ' ')" 5242880 \
	"options of the fstab line arrive"
umount "$M"
wait_for 30 no_daemons
if [ "$have_helper" = yes ]; then
	sed -i 's/fuse\.tazpodfs/tazpodfs/' "$W/fstab"
	run mount -T "$W/fstab" "$M"
	mounted "an fstab line of type tazpodfs"
	run mount -T "$W/fstab" -a
	mounted "mount -a"
fi

## Names that are hard

mkdir "$W/with space, comma" "$W/Mount's \"point\", here"
cp "$V" "$W/with space, comma/vault, \\ x"
V="$W/with space, comma/vault, \\ x"
PLAIN=$M
M="$W/Mount's \"point\", here"
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
is "$status $(cat "$M/file" "$W/err")" "0 hello" \
	"blanks, commas and quotes in names: tazpodfs"
run "$TAZPOD" status --json "$V"
is "$("$PY" -c 'import json, sys
print(json.load(open(sys.argv[1]))[0]["vault"])' "$W/out")" "$V" \
	"status finds it by that name"
run "$TAZPOD" lock "$M"
is "$status" 0 "lock finds it"
run mount -t fuse.tazpodfs "$V" "$M" -o "passfile=$PASS"
is "$status $(cat "$M/file" "$W/err")" "0 hello" \
	"blanks, commas and quotes in names: mount -t fuse.tazpodfs"
umount "$M"
wait_for 30 no_daemons
run "$HELPER" "$V" "$M" -o "passfile=$PASS"
is "$status $(cat "$M/file" "$W/err")" "0 hello" \
	"blanks, commas and quotes in names: mount.tazpodfs"
umount "$M"
wait_for 30 no_daemons
cp -p "$PASS" "$W/with space, comma/p"
run "$TAZPODFS" -o "passfile=$W/with space\\, comma/p,ro" "$V" "$M"
is "$status $(cat "$M/file" "$W/err")" "0 hello" \
	"a comma in an option is written with a backslash"
umount "$M"
wait_for 30 no_daemons
M=$PLAIN
V=$W/vault

## mount.tazpodfs by itself

run "$HELPER" "$V" "$M" -o "passfile=$PASS,rw"
mounted "mount.tazpodfs"
run "$HELPER" "$V" "$M" -n -s -v -o "passfile=$PASS"
mounted "mount.tazpodfs -n -s -v"
run "$HELPER" "$V" "$M" -f -o "passfile=$PASS"
is "$status" 0 "-f only pretends"
fails "and mounts nothing" is_mounted "$M"

# translates STATUS PROMISE ARGUMENTS: the helper's status, and the same line.
translates()
{
	want=$1 promise=$2
	shift 2
	run "$TAZPODFS" "$3" "$4" "$1" "$2"
	ours=$(cat "$W/err")
	run "$HELPER" "$@"
	is "$status $(cat "$W/err")" "$want $ours" "$promise"
}

printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
: >"$W/void"
translates 1 "1: an unknown option" "$V" "$M" -o frob
translates 1 "1: a bad value" "$V" "$M" -o size=x
translates 32 "32: a wrong passphrase" "$V" "$M" -o "passfile=$W/wrong"
translates 32 "32: a vault that is missing" "$W/none" "$M" \
	-o "passfile=$PASS"
translates 32 "32: not a vault" "$W/void" "$M" -o "passfile=$PASS"
translates 32 "32: no mount point" "$V" "$W/none" -o "passfile=$PASS"
mount_vault "$V" "$M"
mkdir "$W/m2"
translates 32 "32: a vault in use" "$V" "$W/m2" -o "passfile=$PASS"
lock "$M"
run "$HELPER"
is "$status $(cat "$W/err")" \
	"1 usage: mount.tazpodfs VAULT MOUNTPOINT [-sfnv] [-o OPTIONS]" \
	"1: no arguments"
run "$HELPER" -o ro "$V" "$M"
is "$status" 1 "1: options before the names, which mount(8) never does"
done_testing
