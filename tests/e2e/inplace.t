#!/bin/sh
# A vault that is itself a mount point, as containers do with single files: it
# is read-only, and with -o inplace it is overwritten where it is.
#
#	ROUNDS	how many daemons are killed while they save
#	SEED	as printed
# Functions are called by names that are arguments of others.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
need_crypto

ROUNDS=${ROUNDS:-25}
SEED=${SEED:-$(date +%s%N)}
M=$W/m
mkdir "$M"
export TAZPODFS TAZPOD
echo "# SEED=$SEED ROUNDS=$ROUNDS"
awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' \
	"$TOP/docs/RECOVERY.md" >"$W/recover.py"

# place NAME WHERE FOLDER: a vault at V, which is a mount point; the file is
# also at H.  WHERE: itself, or another path.  FOLDER: writable or read-only.
place()
{
	H=$W/$1/host/vault
	case $2 in
	itself) V=$H ;;
	another) V=$W/$1/box/vault ;;
	esac
	mkdir "$W/$1" "$W/$1/host" "$W/$1/box"
	: >"$W/$1/box/vault"
	: >"$W/$1/pin"
	quick_vault 2 "$H"
	chown 1234:2345 "$H"
	chmod 640 "$H"
	mount --bind "$H" "$W/$1/pin"
	if [ "$3" = read-only ]; then
		mount --bind "${V%/*}" "${V%/*}"
		mount -o remount,ro,bind "${V%/*}"
	fi
	mount --bind "$W/$1/pin" "$V"
	umount "$W/$1/pin"
}

# What must stay: the inode, owner, mode and links of the vault, and its folder.
stays()
{
	stat -c '%i %u:%g %a %h' "$V"
	ls -A "${V%/*}"
}

# reads NAME: what the script of docs/RECOVERY.md finds in that file.
reads()
{
	rm -rf "$W/unpacked"
	"$PY" "$W/recover.py" "$V" "$W/unpacked" "$PASS" &&
		cat "$W/unpacked/$1"
}

# errno_of WORDS: that of a failed Python statement, or 0.
errno_of()
{
	"$PY" -c 'import os, sys
try:
    exec(sys.argv[1])
    print(0)
except OSError as e:
    print(e.errno)' "$@"
}

crash()
{
	pid=$(daemon_of "$1")
	kill -KILL "$pid"
	wait_for 10 gone "$pid"
	wait_for 10 away "$1"
}

## Who else has it mounted.  A refusal takes ten seconds, which pass meanwhile.

# meanwhile DIR VAULT NAME [OPTIONS]: a mount that ought to be refused.
meanwhile()
{
	{
		mount_vault "$2" "$1" "${4:-}" 2>"$W/$3.err"
		echo $? >"$W/$3.status"
	} &
}

place used another read-only
usedH=$H
mount_vault "$V" "$W/m.box" inplace
meanwhile "$W/m.refused1" "$H" refused1
refused1=$!
place held another read-only
heldV=$V
mount_vault "$H" "$W/m.host"
meanwhile "$W/m.refused2" "$V" refused2 inplace
refused2=$!

## All that a mount does

for where in itself another; do
	for folder in writable read-only; do
		t="$where, $folder"
		place "$where-$folder" "$where" "$folder"
		stays >"$W/before"
		was=$(digest "$V")

		run mount_vault "$V" "$M"
		is "$status $(cat "$W/err")" "0 tazpodfs: $V: mounting\
 read-only: the file is itself a mount point, so it cannot be replaced;\
 -o inplace overwrites it" "$t: it is mounted read-only, which is said"
		is "$(errno_of 'os.mkdir(sys.argv[2])' "$M/x")" 30 \
			"$t: a change gets EROFS"
		lock "$M"
		is "$(digest "$V")" "$was" "$t: and the vault is as it was"

		run mount_vault "$V" "$M" inplace,seal=off
		is "$status $(cat "$W/err")" "0 " "$t: inplace says nothing"
		echo 1 >"$M/file"
		sync "$M/file"
		is "$(reads file)" 1 "$t: an fsync is in the file"
		echo 2 >"$M/file"
		"$TAZPOD" save -q "$M"
		is "$(reads file)" 2 "$t: so is a save"
		head -c 300000 /dev/urandom >"$M/large"
		sync "$M/large"
		is "$(reads large | sha256sum)" "$(sha256sum <"$M/large")" \
			"$t: it grows"
		rm "$M/large"
		"$TAZPOD" save -q "$M"
		is "$(reads file) $(($(stat -c %s "$V") < 4096))" "2 1" \
			"$t: and shrinks"
		echo 3 >"$M/file"
		lock "$M"
		is "$(reads file)" 3 "$t: so is a lock"
		mount_vault "$V" "$M" inplace,seal=off
		is "$(cat "$M/file")" 3 "$t: the next mount sees it"
		echo 4 >"$M/file"
		unmount "$M"
		is "$(reads file)" 4 "$t: so is an unmount"
		mount_vault "$V" "$M" inplace
		echo 5 >"$M/file"
		clean()
		{
			[ "$(field state "$M")" = clean ]
		}
		wait_for 10 clean
		crash "$M"
		is "$(reads file)" 5 "$t: so is what is sealed by itself"
		stays >"$W/after"
		same "$W/before" "$W/after" \
			"$t: inode, owner, mode and folder stay"
		is "$("$TAZPOD" history "$V")" "$V: no older vaults are kept" \
			"$t: there is no history, which is said"
	done
done

## Killed while it saves

place killed another read-only
run "$PY" "$E2E/rounds/inplace.py" "$ROUNDS" "$SEED" "$V" "$PASS" "$M" \
	"$W/recover.py"
told "whenever the daemon is killed, all that was synced is there"

## A full disk

mkdir "$W/disk"
mount -t tmpfs -o size=600k,mode=755 tazpod-e2e "$W/disk"
quick_vault 2 "$W/disk/vault"
V=$W/disk/vault
mount --bind "$V" "$V"
mount_vault "$V" "$M" inplace,seal=off
head -c 100000 /dev/urandom >"$M/large"
"$TAZPOD" save -q "$M"
was=$(digest "$V")
head -c 1M /dev/zero >"$W/disk/filler" 2>"$W/full"
echo 1 >"$M/file"
is "$(errno_of 'os.fsync(os.open(sys.argv[2], os.O_RDONLY))' "$M/file")" 28 \
	"without space for the journal an fsync gets ENOSPC"
run "$TAZPOD" save "$M"
like "$status $(cat "$W/err")" "^1 .*save failed: No space left on device" \
	"a save says it"
like "$("$TAZPOD" status "$M")" "failed: No space left" "and status"
is "$(digest "$V")" "$was" "the old vault is as it was"
rm "$W/disk/filler"
holds "when there is space, a save" "$TAZPOD" save -q "$M"
is "$(reads file)" 1 "has it all"
lock "$M"
umount "$V"
umount "$W/disk"

## The file is replaced at its other path

# replaced NAME WHERE FOLDER: a mount whose vault is no more what it was.
replaced()
{
	place "$@"
	"$TAZPODFS" -f -o "passfile=$PASS,inplace,seal=off" "$V" "$M" \
		2>"$W/said" &
	front=$!
	wait_for 20 is_mounted "$M"
	echo kept >"$M/file"
	quick_vault 2 "$W/new"
	new=$(digest "$W/new")
	# Elsewhere it is no mount point.
	# shellcheck disable=SC2016
	unshare --mount --propagation private sh -c '
		[ "$3" != itself ] || umount "$2"
		mv "$1" "$2"' sh "$W/new" "$H" "$2"
	t="replaced: $2, $3"
	is "$(errno_of 'os.fsync(os.open(sys.argv[2], os.O_RDONLY))' \
		"$M/file")" 116 "$t: an fsync gets ESTALE"
	run "$TAZPOD" save "$M"
	like "$status $(cat "$W/err")" \
		"^1 .*another file was put in its place" "$t: a save says it"
	cp "$W/err" "$W/save.err"
	is "$(cat "$M/file")" kept "$t: the mount goes on"
	kill -TERM "$(daemon_of "$M")"
	wait "$front"
	is "$(digest "$H")" "$new" "$t: nothing is overwritten"
}

# kept_in VAULT PROMISE: what the mount held is in that file.
kept_in()
{
	mount_vault "$1" "$M" ro
	is "$(cat "$M/file")" kept "$t: $2"
	lock "$M"
}

replaced replaced1 itself writable
kept_in "$(echo "$V".conflict-*)" "what it held is in the conflict file"
replaced replaced2 another writable
is "$(stat -c %h "$V")" 0 "$t: the file that it sees has no name"
kept_in "$(echo "$V".conflict-*)" "what it held is in the conflict file"
run mount_vault "$V" "$M" inplace
like "$(cat "$W/err")" "mounting read-only: another file was put in its place" \
	"$t: the next mount is read-only, and says why"
crash "$M"
replaced replaced3 another read-only
is "$(grep -c 'is kept beside it' "$W/save.err")" 0 \
	"$t: what has no place beside it is not said to be there"
R=$(find "$W/state" -path '*/rescue/*' -type f)
like "$(cat "$W/said")" "its last state is sealed in $R" \
	"$t: without a place beside it there is a rescue file, which is said"
kept_in "$R" "with what it held"

## create

V=$W/made/vault
mkdir "$W/made"
holds "create makes a vault" mount_vault "$V" "$M" create,inplace
echo 1 >"$M/file"
lock "$M"
stays >"$W/before"
mount_vault "$V" "$M" create,inplace
is "$(cat "$M/file")" 1 "with what was put into it"
echo 2 >"$M/file"
lock "$M"
is "$(reads file)" 2 "from then on it is overwritten"
stays >"$W/after"
same "$W/before" "$W/after" "where it is"
mount --bind "$W/made" "$W/made"
mount -o remount,ro,bind "$W/made"
run mount_vault "$W/made/other" "$M" create,inplace
like "$status $(cat "$W/err")" "^1 .*its folder cannot be written" \
	"where none can be made, that is said"

## Those who had to wait

# refused NUMBER PROMISE
refused()
{
	like "$(cat "$W/refused$1.status" "$W/refused$1.err")" "^5" "$2"
	like "$(cat "$W/refused$1.err")" ': in use.* by another path' \
		"and that is said"
}

wait "$refused1" "$refused2"
refused 1 "where it is mounted in place, its host cannot mount it"
refused 2 "nor the other way round"
echo box >"$W/m.box/file"
lock "$W/m.box"
holds "once it is locked, it can" mount_vault "$usedH" "$W/m.refused1"
is "$(cat "$W/m.refused1/file")" box "and has it all"
lock "$W/m.refused1"
lock "$W/m.host"
holds "and the other way round" mount_vault "$heldV" "$W/m.refused2" inplace
lock "$W/m.refused2"
done_testing
