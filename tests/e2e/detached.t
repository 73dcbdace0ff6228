#!/bin/sh
# Whoever takes a mount away, and however, no daemon is left that serves it:
# not to those who have files open in it, and not to bind mounts of it.
# Some functions are called by names that are in variables.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
new_vault "$V"

# A holder of an open file, a working folder and a mapping: what it sees is
# written to $W/seen when a line comes in.
cat >"$W/hold.py" <<'END'
import errno, mmap, os, signal, sys
def bus(*_):
    raise OSError(errno.EFAULT, "SIGBUS")
fd = os.open(sys.argv[1], os.O_RDWR)
os.chdir(os.path.dirname(sys.argv[1]))
m = mmap.mmap(fd, 4096)
m[0:4] = b"held"
print("held", flush=True)
sys.stdin.readline()
for what, f in (("read", lambda: os.pread(fd, 4, 0)),
                ("write", lambda: os.pwrite(fd, b"late", 0)),
                ("sync", lambda: os.fsync(fd)),
                ("stat", lambda: os.stat("file")),
                ("list", lambda: os.listdir(".")),
                ("make", lambda: os.open("new", os.O_CREAT | os.O_RDWR))):
    try:
        f()
        print(what, "done")
    except OSError as e:
        print(what, errno.errorcode[e.errno])
END

hold()
{
	rm -f "$W/in"
	mkfifo "$W/in"
	: >"$W/seen"
	"$PY" "$W/hold.py" "$M/file" <"$W/in" >"$W/seen" &
	holder=$!
	exec 7>"$W/in"
	wait_for 10 grep -q held "$W/seen"
}

# Not in a subshell, which has no child to wait for.
look()
{
	exec 7>&-
	wait "$holder"
	saw=$(tail -n +2 "$W/seen" | tr '\n' ' ')
}

REFUSED="read ENOTCONN write ENOTCONN sync ENOTCONN stat ENOTCONN list ENOTCONN make ENOTCONN "

# The ways to take it away; the mount is known to umount(8) in the first.
with_helper()
{
	umount -l "$M"
}

without_helper()
{
	umount -i -l "$M"
}

# By the call alone, with these flags; umount(8) asks the mount before.
umount2()
{
	"$PY" -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).umount2(sys.argv[1].encode(), int(sys.argv[2])))' \
		"$M" "$1"
}

bare()
{
	umount2 2
}

by_fusermount()
{
	fusermount3 -u -z "$M"
}

for options in "" writeback nocache seal=off; do
	for way in with_helper without_helper bare by_fusermount; do
		with="$way, ${options:-no options}"
		mount_vault "$V" "$M" "$options"
		head -c 8192 /dev/zero >"$M/file"
		sync "$M/file"
		pid=$(daemon_of "$M")
		hold
		echo unsealed >"$M/unsealed"
		"$way"
		fails "$with: it is away" is_mounted "$M"
		holds "$with: the daemon ends" wait_for 20 gone "$pid"
		look
		is "$saw" "$REFUSED" "$with: all is refused"
		mount_vault "$V" "$M"
		is "$(head -c 4 "$M/file") $(cat "$M/unsealed")" \
			"held unsealed" "$with: nothing is lost"
		rm "$M/file" "$M/unsealed"
		lock "$M"
	done
done

# A signal comes first, and has nothing to flush by then.
for options in "" writeback; do
	with="umount -l and SIGTERM at once, ${options:-no options}"
	mount_vault "$V" "$M" "$options"
	head -c 8192 /dev/zero >"$M/file"
	sync "$M/file"
	pid=$(daemon_of "$M")
	hold
	kill -STOP "$pid"
	umount -i -l "$M"
	kill -TERM "$pid"
	kill -CONT "$pid"
	holds "$with: the daemon ends" wait_for 20 gone "$pid"
	look
	mount_vault "$V" "$M"
	is "$(head -c 4 "$M/file")" held "$with: nothing is lost"
	rm "$M/file"
	lock "$M"
done

## Bind mounts, and namespaces

mount_vault "$V" "$M"
echo text >"$M/file"
sync "$M/file"
mkdir "$W/bound"
mount --bind "$M" "$W/bound"
pid=$(daemon_of "$M")
umount "$M"
holds "a bind mount of it does not keep the daemon" wait_for 20 gone "$pid"
fails "and has gone, too" is_mounted "$W/bound"

# Nor does a mount that has its number by then.
mount_vault "$V" "$M"
mount --bind "$M" "$W/bound"
mkdir "$W/other"
pid=$(daemon_of "$M")
number=$(awk -v dir="$M" '$5 == dir { print $1 }' /proc/self/mountinfo)
kill -STOP "$pid"
umount2 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	mount -t tmpfs tazpod-e2e "$W/other"
	awk -v n="$number" '$1 == n { found = 1 } END { exit !found }' \
		/proc/self/mountinfo && break
done
kill -CONT "$pid"
holds "nor does another mount that gets the number of it" \
	wait_for 20 gone "$pid"
while umount "$W/other" 2>/dev/null; do :; done

# What is mounted elsewhere is nobody's end.
mount_vault "$V" "$M"
mount -t tmpfs tazpod-e2e "$W/bound"
umount "$W/bound"
mount --bind "$M" "$W/bound"
umount "$W/bound"
unshare --mount --propagation private umount -i -l "$M"
sleep 0.5
is "$(cat "$M/file")" text "other mounts may come and go"
mkdir "$W/elsewhere"
mount --make-private "$W" 2>/dev/null
mount --move "$M" "$W/elsewhere"
sleep 0.5
is "$(cat "$W/elsewhere/file")" text "and it may be moved"
umount "$W/elsewhere"
wait_for 20 no_daemons

## Where it cannot be saved

mkdir "$W/small"
mount -t tmpfs -o size=256k tazpod-e2e "$W/small"
mkdir "$W/state" 2>/dev/null
mount -t tmpfs -o ro tazpod-e2e "$W/state"
quick_vault 2 "$W/small/vault"
mount_vault "$W/small/vault" "$M" seal=off
head -c 400000 /dev/urandom >"$M/file"
pid=$(daemon_of "$M")
hold
umount -i -l "$M"
sleep 1
look
is "$saw" "read EIO write EIO sync EIO stat EIO list EIO make EIO " \
	"what cannot be saved is refused all the same"
holds "the daemon that has it stays" alive "$pid"
run "$TAZPOD" status
like "$status $(tr '\n' ' ' <"$W/out")" \
	"^0 vault +$W/small/vault mounted at +nowhere any more.*last seal +failed.*pid $pid" \
	"and status knows it"
is "$("$TAZPOD" status --json | "$PY" -c 'import json, sys
a = json.load(sys.stdin)
print(len(a), a[0]["mount"], a[0]["pid"])')" "1 None $pid" "also as JSON"
mount -o remount,size=4m "$W/small"
holds "when there is room it saves and ends" wait_for 80 gone "$pid"
umount "$W/state"
# If the room came between a save that failed and its rescue.
for file in "$W"/small/vault.rescue-*; do
	[ ! -e "$file" ] || "$TAZPOD" restore -q "$file" "$W/small/vault"
done
mount_vault "$W/small/vault" "$M"
"$PY" - "$M/file" <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
assert data[0:4] == b"held", data[0:4]
END
is "$? $(stat -c %s "$M/file")" "0 400000" "nothing is lost"
lock "$M"
is "$("$TAZPOD" status)" "no vault is mounted" "and status forgets it"
done_testing
