#!/bin/sh
# No seal when nothing has changed: the very same file stays.  And a mount that
# is clean and not in use does nothing at all.
# Functions are called by names that are arguments of others.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

V=$W/vault
M=$W/m

# The vault's inode, size, times of data and contents, and what is beside it.
# (An older vault that is kept is a link, which changes the time of its inode.)
sealed()
{
	stat -c '%i %s %y' "$V"
	digest "$V"
	find "$W" -maxdepth 1 -name '*vault*' | sort
}

# unchanged PROMISE: the vault is as it was when `sealed` wrote the file before.
unchanged()
{
	sealed >"$W/after"
	same "$W/before" "$W/after" "$1"
	[ $# -lt 2 ] || is "$(field state "$M")" clean "$1: nothing is dirty"
}

# seals_nothing PROMISE COMMAND...: it succeeds, and no seal comes of it.
seals_nothing()
{
	promise=$1
	shift
	run "$@"
	is "$status" 0 "$promise succeeds"
	sleep 0.1
	unchanged "$promise" state
}

# read_all DIR: contents, names, attributes of all kinds.
read_all()
{
	find "$1" -printf '%A@ %T@ %y %s %l\n' >"$W/found" &&
		find "$1" -type f -exec cat {} + >"$W/read" &&
		getfattr -R -h -d -m - "$1" >/dev/null 2>&1 &&
		test -r "$1/file" && ls -lRa "$1" >/dev/null &&
		df "$1" >/dev/null
}

map_and_open()
{
	"$PY" - "$1" <<'END'
import mmap, os, sys
top = sys.argv[1]
fd = os.open(top + "/file", os.O_RDWR)          # writes nothing
with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as m:
    bytes(m)
    m.flush()
os.lseek(fd, 0, os.SEEK_HOLE)
os.fsync(fd)
os.fdatasync(fd)
os.close(fd)
for path in (top, top + "/folder"):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
os.sync()
END
}

# What was refused has changed nothing either.
fail_in_many_ways()
{
	! mkdir "$1/folder" 2>/dev/null && ! rmdir "$1/folder" 2>/dev/null &&
		! rm "$1/none" 2>/dev/null && ! mv "$1/none" "$1/x" 2>/dev/null &&
		! ln "$1/file" "$1/folder/in" 2>/dev/null &&
		! cat "$1/folder" 2>/dev/null &&
		! setfattr -x user.none "$1/file" 2>/dev/null &&
		! (set -C && : >"$1/file") 2>/dev/null
}

quick_vault 2 "$V"
for options in '' nocache writeback seal=close; do
	mount_vault "$V" "$M" "$options"
	with=${options:+ ($options)}
	mkdir -p "$M/folder"
	head -c 100000 /dev/urandom >"$M/file"
	printf 'in\n' >"$M/folder/in"
	ln -sf file "$M/link"
	setfattr -n user.x -v y "$M/file"
	"$TAZPOD" save -q "$M"
	# Times that the kernel has kept back, with writeback.
	sync "$M/file" "$M/folder/in"
	"$TAZPOD" save -q "$M"
	sealed >"$W/before"
	generation=$(field generation "$M")

	seals_nothing "a save of nothing$with" "$TAZPOD" save -q "$M"
	seals_nothing "reading$with" read_all "$M"
	seals_nothing "mapping, opening, syncing$with" map_and_open "$M"
	seals_nothing "what is refused$with" fail_in_many_ways "$M"
	# Longer than the time after which changes are sealed at the latest.
	sleep 1.2
	unchanged "time alone$with" state
	is "$(field generation "$M")" "$generation" "the generation stays$with"
	lock "$M"
	unchanged "a lock$with"
	mount_vault "$V" "$M" "$options"
	read_all "$M"
	is "$(field generation "$M")" "$generation" "it is kept$with"
	unmount "$M"
	unchanged "a mount, reading, an unmount$with"
	mount_vault "$V" "$M" "$options"
	pid=$(field pid "$M")
	kill -TERM "$pid"
	wait_for 10 gone "$pid"
	unchanged "SIGTERM$with"
done

## A clean mount in which nobody does anything

# effort PID: what each thread has used: CPU time in nanoseconds, how often it
# ran, ticks, page faults, context switches of both kinds.
effort()
{
	for task in "/proc/$1"/task/*; do
		echo "${task##*/} $(cat "$task/comm")"
		cut -d' ' -f1,3 "$task/schedstat" 2>/dev/null
		sed 's/.*) //' "$task/stat" | cut -d' ' -f8-13
		grep ctxt_switches "$task/status"
	done
}

clean()
{
	[ "$(field state "$1")" = clean ]
}

# Three at once.
cp "$V" "$W/vault2"
cp "$V" "$W/vault3"
mount_vault "$V" "$M" ro
mount_vault "$W/vault2" "$W/m2"
mount_vault "$W/vault3" "$W/m3" nocache
printf 'changed\n' >"$W/m3/file"
exec 9<"$W/m3/file"
holds "a change is sealed" wait_for 10 clean "$W/m3"
for dir in "$M" "$W/m2" "$W/m3"; do
	field pid "$dir" >"$dir.pid"
done
# efforts NAME: those of all three, in files that end in NAME.
efforts()
{
	for dir in "$M" "$W/m2" "$W/m3"; do
		effort "$(cat "$dir.pid")" >"$dir.$1"
	done
	cat "$M.$1" "$W/m2.$1" "$W/m3.$1" >"$W/all.$1"
}

# A key is made ready for the next save, a second after the last; on a busy
# machine that takes a while.
sleep 2
for try in 1 2 3 4 5; do
	efforts before
	sleep 1
	efforts after
	! cmp -s "$W/all.before" "$W/all.after" || break
done
echo "# settled after $try"
efforts before
sleep 3
efforts after

# idle DIR PROMISE: no difference in what could be seen of all threads.
idle()
{
	same "$1.before" "$1.after" "$2"
	threads=$(find "/proc/$(cat "$1.pid")/task" -mindepth 1 -maxdepth 1 |
		wc -l)
	is "$(grep -c '^voluntary_ctxt_switches' "$1.after") \
$(grep -c tazpodfs "$1.after")" "$threads $threads" \
		"$2: all $threads threads were looked at"
}

idle "$M" "a read-only mount does nothing"
idle "$W/m2" "a mount that nobody has looked into does nothing"
idle "$W/m3" "one that was changed and sealed, and has an open file, does nothing"
exec 9<&-
for dir in "$M" "$W/m2" "$W/m3"; do
	lock "$dir"
done
done_testing
