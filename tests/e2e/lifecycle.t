#!/bin/sh
# From the first mount to the last unmount: what is written stays.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
mkdir "$M"

## A new vault, as a folder

new_vault "$V"
is "$(stat -c '%a %F' "$V")" "600 regular file" "a new vault is private"
holds "it mounts" mount_vault "$V" "$M"
is "$(ls -A "$M")" "" "it is empty"
like "$(awk -v d="$M" '$2 == d { print $1, $3, $4 }' /proc/mounts)" \
	"^$(shown_as "$V") rw,nosuid,nodev," \
	"the mount table shows the vault, nosuid and nodev"

fill()
{
	cd "$1" || return
	mkdir -p 'one/two three/Übung/鍵' && mkdir -m 700 private &&
		mkdir -m 1777 sticky && mkdir -m 2755 setgid
	printf 'a\nb\n' >'one/two three/Übung/鍵/κλειδί'
	printf 'x' >"$(printf 'new\nline\ttab')"
	printf 'y' >"$(printf 'not UTF-8: \377\376')"
	printf 'z' >"$(printf '%0255d' 1)"
	long=one
	for i in 1 2 3 4 5 6; do
		long=$long/$(printf '%0200d' "$i")
		mkdir "$long"
	done
	printf 'deep\n' >"$long/file"
	head -c 10485760 /dev/urandom >random
	: >empty
	truncate -s 20000000 hole
	printf 'tail' | dd of=hole bs=1 seek=20000000 conv=notrunc status=none
	printf 'middle' | dd of=hole bs=1 seek=9000001 conv=notrunc status=none
	ln -s one/two\ three relative
	ln -s /nowhere/at/all dangling
	ln -s "$(printf '%04000d' 3)" 'long link'
	ln random hard1
	ln random private/hard2
	for mode in 000 400 444 640 755 1755 2755 4755; do
		printf '%s' "$mode" >"mode $mode"
		chmod "$mode" "mode $mode"
	done
	touch -d '2001-02-03 04:05:06.789012345' dated
	touch -d '1960-01-01 00:00:00.000000001' 'before 1970'
	touch -d '2150-06-07 08:09:10.999999999' 'after 2038'
	touch -h -d '2002-01-01 01:01:01.123456789' relative
	chown 1234:5678 dated
	touch -d '2003-03-03 03:03:03.030303030' private one
	cd / || return
}
fill "$M" 2>"$W/err"
is "$(cat "$W/err")" "" "files of every kind can be made"

# A program that replaces a file while others read the old one.
printf 'old\n' >"$M/config"
printf 'new\n' >"$M/config.tmp"
exec 5<"$M/config"
mv "$M/config.tmp" "$M/config"
is "$(cat "$M/config")" new "a rename over a file shows the new one"
is "$(cat <&5)" old "and who has the old one open still reads it"
exec 5<&-
printf 'gone\n' >"$M/unlinked"
exec 5<>"$M/unlinked"
rm "$M/unlinked"
printf 'and more\n' >>/proc/$$/fd/5
is "$(cat /proc/$$/fd/5)" "gone
and more" "a deleted file that is open can be read and written"
exec 5>&-
is "$(stat -c %h "$M/random" "$M/hard1" | tr '\n' ' ')" "3 3 " \
	"hard links are counted"
is "$(stat -c %i "$M/random")" "$(stat -c %i "$M/hard1")" \
	"hard links are one file"
cat >"$W/many.py" <<'END'
import os, sys
os.chdir(sys.argv[1])
files = [open("open%d" % i, "w+b") for i in range(100)]
for i in range(100):
    os.unlink("open%d" % i)
for i, f in enumerate(files):
    f.write(b"%d" % i * 1000)
    f.flush()
assert os.listdir(".") == []
for i, f in enumerate(files):
    f.seek(0)
    assert f.read() == b"%d" % i * 1000, i
END
mkdir "$M/many"
holds "100 deleted files that are open can be used" \
	"$PY" "$W/many.py" "$M/many"
holds "and their folder can be removed" rmdir "$M/many"
fails "a folder that is not empty cannot be removed" rmdir "$M/one"

manifest "$M" >"$W/before"
chown_before=$(stat -c '%u:%g' "$M/dated")
holds "it unmounts" unmount "$M"
is "$(ls -A "$M")" "" "the folder below is empty again"
mount_vault "$V" "$M"
manifest "$M" >"$W/after"
same "$W/before" "$W/after" \
	"types, modes, times to the nanosecond, links and contents come back"
is "$(stat -c '%u:%g' "$M/dated")" "$chown_before" "owners come back"
is "$(stat -c %i "$M/random")" "$(stat -c %i "$M/private/hard2")" \
	"hard links are still one file"
blocks=$(stat -c %b "$M/hole")
# A ramfs does not count any.
[ "$BACKEND" = ramfs ] ||
	is "$((blocks < 2000))" 1 "holes take no memory"
is "$(stat -c %a "$W/vault")" 600 "the vault is still private"
lock "$M"

## Ready when it says so

new_vault "$W/small"
missed=
mount_vault "$W/small" "$M"
printf 'here\n' >"$M/file"
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	wait_for 10 umount "$M"
	mount_vault "$W/small" "$M"
	[ "$(ls "$M" 2>&1)" = file ] || missed="$missed $i"
	printf '%s\n' "$i" >"$M/file"
done
is "$missed" "" "when tazpodfs returns the mount is ready, 20 times of 20"
is "$(cat "$M/file")" 20 "the last change is there"

# Each of those remounts came right after an umount with unsaved changes.
printf 'unsaved\n' >"$M/late"
wait_for 10 umount "$M"
run mount_vault "$W/small" "$M"
is "$status $(cat "$M/late")" "0 unsaved" \
	"a mount right after an unmount waits for the last seal and finds it"

## The ends of a mount

pid=$(daemon_of "$M")
is "$(ps -o tty= -p "$pid")" "?" "the daemon has no terminal"
is "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid" \
	"the daemon has a session of its own"
is "$(readlink "/proc/$pid/fd/0" "/proc/$pid/fd/1" "/proc/$pid/fd/2" |
	sort -u)" /dev/null "the daemon holds nothing of who started it open"
is "$(readlink "/proc/$pid/cwd")" / "the daemon keeps no folder busy"

printf 'by fusermount3\n' >"$M/how"
wait_for 10 fusermount3 -q -u "$M"
wait_for 60 gone "$pid"
mount_vault "$W/small" "$M"
is "$(cat "$M/how")" "by fusermount3" "fusermount3 -u keeps the last change"

for signal in TERM INT HUP; do
	pid=$(daemon_of "$M")
	printf 'by %s\n' "$signal" >"$M/how"
	kill "-$signal" "$pid"
	holds "SIG$signal to the daemon ends it" wait_for 60 gone "$pid"
	fails "and unmounts ($signal)" is_mounted "$M"
	mount_vault "$W/small" "$M"
	is "$(cat "$M/how")" "by $signal" "SIG$signal keeps the last change"
done
lock "$M"

for signal in TERM INT; do
	"$TAZPODFS" -f -o "passfile=$PASS" "$W/small" "$M" </dev/null \
		>"$W/out" 2>"$W/err" &
	pid=$!
	wait_for 30 is_mounted "$M"
	is "$(daemon_of "$M")" "$pid" "-f stays in front ($signal)"
	printf 'in front, %s\n' "$signal" >"$M/how"
	# An sh without job control starts it with SIGINT ignored.
	kill "-$signal" "$pid"
	wait "$pid"
	is "$? $(cat "$W/out" "$W/err")" "0 " "SIG$signal ends it cleanly"
	mount_vault "$W/small" "$M"
	is "$(cat "$M/how")" "in front, $signal" \
		"with everything saved ($signal)"
	lock "$M"
done

## Two mounts of one vault

mount_vault "$W/small" "$M"
mkdir "$W/m2"
start=$(now_ms)
run mount_vault "$W/small" "$W/m2"
took=$(($(now_ms) - start))
is "$status" 5 "a vault that is mounted cannot be mounted again"
is "$((took < 5000))" 1 "and that is said at once"
is "$(wc -l <"$W/err")" 1 "in one line"
fails "and nothing is mounted" is_mounted "$W/m2"
printf 'shared\n' >"$M/shared"
"$TAZPOD" save -q "$M"
holds "it can be mounted read-only beside that" \
	mount_vault "$W/small" "$W/m2" ro
is "$(cat "$W/m2/shared")" shared "with what was saved last"
for change in 'echo x >new' 'echo x >>shared' 'rm shared' 'mkdir d' \
	'mv shared s' 'chmod 600 shared' 'touch shared' 'ln -s a b' \
	'ln shared hard' 'truncate -s 0 shared'; do
	run sh -c "cd '$W/m2' && $change"
	like "$status $(cat "$W/err")" '[1-9].*Read-only file system' \
		"read-only refuses '$change'"
done
lock "$W/m2"
holds "the other mount goes on" test -f "$M/shared"
lock "$M"
# Bytes and time: nothing may have touched it.
stat -c '%i %Y' "$W/small" >"$W/stat"
digest "$W/small" >>"$W/stat"
mount_vault "$W/small" "$M" ro
cat "$M/shared" >/dev/null
lock "$M"
mount_vault "$W/small" "$M"
find "$M" -type f -exec cat {} + >/dev/null
lock "$M"
{
	stat -c '%i %Y' "$W/small"
	digest "$W/small"
} >"$W/stat2"
same "$W/stat" "$W/stat2" "a mount that changed nothing writes nothing"

## Space

mount_vault "$W/small" "$M" size=4M
[ "$BACKEND" = ramfs ] ||
	is "$(df --output=size -B1 "$M" | tail -n 1 | tr -d ' ')" 4194304 \
		"df shows size="
# A ramfs has no end.
if [ "$BACKEND" != ramfs ]; then
	run dd if=/dev/urandom of="$M/big" bs=64k count=100
	like "$status $(cat "$W/err")" '^1 .*No space left on device' \
		"a write beyond size= fails with ENOSPC"
	is "$(($(stat -c %s "$M/big") > 3000000))" 1 "but not long before size="
fi
is "$(cat "$M/shared")" shared "the rest can still be read"
holds "a full vault can be saved" "$TAZPOD" save -q "$M"
is "$(field state "$M")" clean "and is clean then"
rm -f "$M/big"
holds "after a deletion there is room again" \
	dd if=/dev/urandom of="$M/smaller" bs=64k count=40 status=none
manifest "$M" >"$W/before"
unmount "$M"
mount_vault "$W/small" "$M" size=4M
manifest "$M" >"$W/after"
same "$W/before" "$W/after" "and it all comes back"
rm "$M/smaller"
lock "$M"

mount_vault "$W/small" "$M" size=1M
run sh -c "cd '$M' && seq -f 'n%.0f' 2000 | xargs touch"
[ "$BACKEND" = ramfs ] ||
	like "$status $(cat "$W/err")" '[1-9].*No space left on device' \
		"there is an end of inodes too"
holds "which leaves the vault usable" sh -c \
	"cd '$M' && rm -f n* && touch again && rm again"
lock "$M"

## Many files

new_vault "$W/many"
mount_vault "$W/many" "$M"
cat >"$W/small.py" <<'END'
import os, sys
os.chdir(sys.argv[1])
for d in range(100):
    os.mkdir("d%02d" % d)
    for f in range(100):
        with open("d%02d/f%02d" % (d, f), "w") as out:
            out.write("%d\n" % (100 * d + f))
END
holds "10,000 small files can be made" "$PY" "$W/small.py" "$M"
is "$(find "$M" -type f | wc -l)" 10000 "and all are listed"
manifest "$M" >"$W/before"
unmount "$M"
mount_vault "$W/many" "$M"
manifest "$M" >"$W/after"
same "$W/before" "$W/after" "10,000 small files come back"
holds "and can be removed" rm -rf "$M/d00" "$M/d99"
on_fuse || "$TAZPOD" save -q "$M"
is "$(field files "$M")" 9800 "status counts them"
lock "$M"

## A crash

# crash PROMISE: the daemon is killed, and its keeper; what was synced has to be there.
crash()
{
	pid=$(daemon_of "$M")
	kill_daemon "$pid"
	run ls "$M"
	# The second is for those who ask just while it dies.
	if on_fuse; then
		like "$(cat "$W/err")" 'not connected|connection abort' \
			"a dead mount says so ($1)"
	else
		is "$(field state "$M")" dead "status says so ($1)"
	fi
	run "$TAZPODFS" -o "passfile=$PASS" "$W/small" "$M"
	is "$status $(wc -l <"$W/err")" "0 1" \
		"and the next mount takes its place ($1)"
	is "$(cat "$M/synced" 2>&1)" "$1" "$1 loses nothing in a crash"
}

# Where the kernel serves files, fsync(2) is no save.
on_fuse && ways='file folder save' || ways=save
for by in $ways; do
	mount_vault "$W/small" "$M" 2>/dev/null
	rm -f "$M/synced"
	case $by in
	file)
		printf 'sync FILE' >"$M/synced"
		holds "sync FILE returns" sync "$M/synced"
		crash 'sync FILE'
		;;
	folder)
		printf 'fsync of a folder' >"$M/synced"
		holds "fsync of a folder returns" "$PY" -c "import os
os.fsync(os.open('$M', os.O_RDONLY | os.O_DIRECTORY))"
		crash 'fsync of a folder'
		;;
	save)
		printf 'tazpod save' >"$M/synced"
		holds "tazpod save returns" "$TAZPOD" save -q "$M"
		crash 'tazpod save'
		;;
	esac
done
# Killed while it seals: the vault is the one before or the one after.
head -c 8000000 /dev/urandom >"$M/big"
cp "$W/small" "$W/copy"
torn=
for delay in 0 0.02 0.05 0.1 0.2 0.3; do
	printf '%s' "$delay" >"$M/synced"
	pid=$(daemon_of "$M")
	sync "$M/synced" 2>/dev/null &
	syncer=$!
	sleep "$delay"
	kill -KILL "$pid"
	wait "$syncer"
	wait_for 10 gone "$pid"
	wait_for 10 away "$M"
	mount_vault "$W/small" "$M" || torn="$torn $delay"
	[ -f "$M/shared" ] || torn="$torn $delay"
done
is "$torn" "" "a vault is whole whenever the daemon is killed"
lock "$M"
is "$(find "$W" -maxdepth 1 -name '.small*')" "$W/.small.lock" \
	"no temporary file is left"
done_testing
