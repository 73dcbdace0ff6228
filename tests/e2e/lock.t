#!/bin/sh
# A lock seals all that programs have written, ends its own mount, wherever
# that is by now, and touches no other.
# Some functions are called by names that are put together, or by wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
new_vault "$V"

# hold FILE: change it through a mapping, say so, and keep it mapped.
cat >"$W/hold.py" <<'EOF'
import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
m = mmap.mmap(fd, 0, mmap.MAP_SHARED)
m[0:6] = b"mapped"
print("held", flush=True)
time.sleep(60)
EOF

hold()
{
	printf 'before' >"$1"
	: >"$W/held"
	"$PY" "$W/hold.py" "$1" >"$W/held" &
	holder=$!
	wait_for 10 grep -q held "$W/held"
}

let_go()
{
	kill "$holder"
	wait "$holder" 2>/dev/null
}

by_lock()
{
	lock "$M"
}

by_signal()
{
	pid=$(daemon_of "$M")
	kill -TERM "$pid"
	wait_for 30 gone "$pid"
}

by_save_and_crash()
{
	"$TAZPOD" save -q "$M"
	pid=$(daemon_of "$M")
	kill -KILL "$pid"
	wait_for 10 gone "$pid"
	wait_for 10 away "$M"
}

for way in lock signal save_and_crash; do
	for options in seal=off seal=off,writeback; do
		mount_vault "$V" "$M" "$options"
		hold "$M/file"
		if [ "$options" = seal=off,writeback ]; then
			exec 9>"$M/open"
			printf 'gathered' >&9
		fi
		"by_$way"
		let_go
		exec 9>&-
		mount_vault "$V" "$M"
		is "$(cat "$M/file")" mapped \
			"by_$way: what was written through a mapping ($options)"
		[ "$options" != seal=off,writeback ] ||
			is "$(cat "$M/open")" gathered \
				"by_$way: what the kernel has gathered"
		rm -f "$M/open" "$M/file"
		lock "$M"
	done
done

## The passphrase on a standard descriptor

for fd in 0 1 2; do
	run sh -c "exec \"\$1\" unlock --passfd $fd \"\$2\" \"\$3\" $fd<\"\$4\"" \
		sh "$TAZPOD" "$V" "$M" "$PASS"
	is "$status" 0 "--passfd $fd mounts"
	pid=$(daemon_of "$M")
	kill -TERM "$pid"
	holds "--passfd $fd: the daemon hears of signals" wait_for 20 gone "$pid"
	! is_mounted "$M" || lock "$M"
done

## Two names for one number

# The next mount gets the number of one whose daemon still seals.
mount_vault "$V" "$M"
head -c 60000000 /dev/urandom >"$M/large"
old=$(daemon_of "$M")
new_vault "$W/other"
mkdir "$W/m2"
wait_for 10 umount "$M" 2>/dev/null || fusermount3 -u "$M"
mount_vault "$W/other" "$W/m2"
wait_for 60 gone "$old"
holds "a daemon that ends leaves the next one's socket alone" \
	"$TAZPOD" lock -q "$W/m2"
mount_vault "$V" "$M"
is "$(stat -c %s "$M/large")" 60000000 "and has sealed its own"
rm "$M/large"
lock "$M"

[ "$(id -u)" -eq 0 ] || done_testing

## Where it is by now

mount_vault "$V" "$M"
printf 'kept\n' >"$M/file"
mount -t tmpfs tazpod-e2e "$M"
run "$TAZPOD" lock "$M"
is "$status" 1 "what is mounted over it keeps it from being locked"
holds "is left in place" mountpoint -q "$M"
is "$(stat -f -c %T "$M")" tmpfs "as it was"
umount "$M"
is "$(cat "$M/file")" kept "and the vault is as it was"
lock "$M"

mkdir -p "$W/p/m"
mount_vault "$V" "$W/p/m"
mv "$W/p" "$W/q"
mkdir -p "$W/p/m"
mount -t tmpfs tazpod-e2e "$W/p/m"
holds "a mount whose folder was moved is locked" "$TAZPOD" lock -q "$W/q/m"
fails "where it is by now" mountpoint -q "$W/q/m"
holds "and not where it was" mountpoint -q "$W/p/m"
umount "$W/p/m"

# Bind mounts of it, one of them inside itself.  Whoever walks there asks the
# daemon, which must not be the one who walks.
mount_vault "$V" "$M"
mkdir "$M/sub" "$M/other" "$W/bound"
mount --bind "$M/sub" "$M/other"
mount --bind "$M" "$W/bound"
: >"$M/new"
holds "a mount with binds is saved" timeout 20 "$TAZPOD" save -q "$M"
: >"$M/newer"
daemon=$(daemon_of "$M")
holds "and locked" timeout 20 "$TAZPOD" lock -q "$M"
fails "it is gone from where it was" mountpoint -q "$M"
holds "and its daemon" gone "$daemon"
fails "and what was bound elsewhere" is_mounted "$W/bound"
mount_vault "$V" "$M"
is "$(cd "$M" && echo ./*)" "./file ./new ./newer ./other ./sub" \
	"with all that was made"
rm -r "$M/new" "$M/newer" "$M/other" "$M/sub"
lock "$M"

## Read-only stays so

mount_vault "$V" "$M" ro
# What the kernel is told, it does, where it serves the files.
! on_fuse || mount -i -o remount,rw "$M"
run sh -c "echo lost >\"\$1\"" sh "$M/new"
is "$status" 2 "a read-only mount takes no changes, whatever the kernel was told"
is "$(cat "$M/file")" kept "but is read"
lock "$M"

## Lists and permissions that a mount shows of its own

chmod 711 "$W"
if command -v setfacl >/dev/null; then
	mount_vault "$V" "$M" allow_other
	chmod 755 "$M"
	printf 'listed\n' >"$M/listed"
	chmod 600 "$M/listed"
	setfacl -m u:1234:rw "$M/listed"
	lock "$M"
	mount_vault "$V" "$M" umask=022,allow_other
	holds "umask=: what is shown as readable is, in spite of a list" \
		setpriv --reuid 4321 --regid 4321 --clear-groups \
		cat "$M/listed"
	lock "$M"
	mount_vault "$V" "$M" allow_other
	like "$(getfacl -cpn "$M/listed")" '^user:1234:rw-' \
		"umask=: the list is still there"
	lock "$M"
fi

## A mount that lies about its vault

let_nobody_in
cat >"$W/nobody/lie.py" <<'EOF'
# Mount a FUSE filesystem that says it is the vault, and wait.
import array, os, socket, sys, time
ours, theirs = socket.socketpair()
pid = os.fork()
if pid == 0:
    os.set_inheritable(theirs.fileno(), True)
    os.environ["_FUSE_COMMFD"] = str(theirs.fileno())
    os.execvp("fusermount3", ["fusermount3", "-o",
              "fsname=%s,subtype=tazpodfs" % sys.argv[1], "--", sys.argv[2]])
os.waitpid(pid, 0)
msg, data, flags, addr = ours.recvmsg(1, socket.CMSG_SPACE(4))
fd = array.array("i", data[0][2])[0]
print("lied", flush=True)
time.sleep(60)
EOF
mkdir "$W/nobody/x"
chown "$NOBODY" "$W/nobody/x" "$W/nobody/lie.py"
: >"$W/lied"
as_nobody "$PY" "$W/nobody/lie.py" "$V" "$W/nobody/x" >"$W/lied" &
liar=$!
if wait_for 10 grep -q lied "$W/lied"; then
	run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
	is "$status $(cat "$W/err")" "0 " \
		"a stranger's mount that says it is this vault is not believed"
	holds "and does not make its name ambiguous" "$TAZPOD" lock -q "$V"
else
	skip "a stranger's mount is not believed" "it could not be made"
fi
kill "$liar"
wait "$liar" 2>/dev/null
umount "$W/nobody/x" 2>/dev/null
done_testing
