#!/bin/sh
# When a mount ends, however it does, nothing is left of it anywhere: no bind
# mount, no copy in another mount namespace.  What is another's stays.
# Functions are called by names that are put together, or by wait_for; scripts
# in quotes expand their own arguments.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
new_vault "$V"
new_vault "$W/other"
mkdir "$W/bound" "$W/live" "$W/tmpfs"
: >"$W/boundfile"

# hold OUT FILE...: in a namespace, open them, say so, and when $W/over is
# there, what reading each says.
cat >"$W/hold.py" <<'EOF2'
import errno, os, sys, time
fds = [os.open(name, os.O_RDONLY) for name in sys.argv[3:]]
out = open(sys.argv[2], "w", buffering=1)
print("held", os.getpid(), file=out)
for _ in range(1200):
    if os.path.exists(sys.argv[1]):
        break
    time.sleep(0.05)
for fd in fds:
    try:
        os.pread(fd, 1, 0)
        print("read", file=out)
    except OSError as e:
        print(errno.errorcode[e.errno], file=out)
print("alive", file=out)
time.sleep(60)
EOF2

# With a bind copy of its own, of a folder and of a file, and a tmpfs.
cat >"$W/with_binds" <<'EOF2'
#!/bin/sh
# with_binds W COMMAND...
W=$1
shift
mount --bind "$W/m" "$W/bound" && mount --bind "$W/m/file" "$W/boundfile" &&
	mount -t tmpfs tazpod-e2e "$W/tmpfs" || exit
exec "$@"
EOF2
chmod 755 "$W/with_binds"

holders=

# held OUT COMMAND...: start it, and wait until it says so in W/OUT.
held()
{
	rm -f "$W/$1"
	name=$1
	shift
	"$@" >/dev/null 2>"$W/err" &
	wait_for 20 grep -qs held "$W/$name"
	holder=$(sed -n 's/^held //p' "$W/$name")
	holders="$holders $holder"
}

apart()
{
	unshare --mount --propagation private -- "$@"
}

let_go()
{
	for pid in $holders; do
		kill "$pid"
		wait_for 20 gone "$pid"
	done
	holders=
	rm -f "$W/over"
}

# left PID [VAULT]: how many mounts of it that process sees.
left()
{
	grep -c " fuse.tazpodfs ${2:-$V} " "/proc/$1/mountinfo"
}

none_left()
{
	[ "$(left "$1" "$2")" -eq 0 ]
}

by_lock()
{
	"$TAZPOD" lock -q "$M"
}

by_signal()
{
	pid=$(daemon_of "$M")
	kill -TERM "$pid"
	wait_for 30 gone "$pid"
}

# The keeper ends when nothing is left.
by_death()
{
	pid=$(daemon_of "$M")
	keeper=$(keeper_of "$pid")
	kill -KILL "$pid"
	wait_for 30 gone "$keeper"
}

mount_vault "$W/other" "$W/live"
echo lives >"$W/live/file"
for way in lock signal death; do
	mount_vault "$V" "$M"
	echo text >"$M/file"
	mkdir -p "$M/sub"
	mount --bind "$M/sub" "$W/bound"
	mount --bind "$M/file" "$W/boundfile"
	held one apart "$W/with_binds" "$W" "$PY" "$W/hold.py" "$W/over" \
		"$W/one" "$M/file" "$W/bound/file" "$W/boundfile"
	one=$holder
	held two apart unshare --mount --propagation private -- \
		"$PY" "$W/hold.py" "$W/over" "$W/two" "$M/file"
	two=$holder
	is "$(left self) $(left "$one") $(left "$two")" "3 5 3" \
		"by_$way: there are copies"
	"by_$way"
	is "$(left self) $(left "$one") $(left "$two")" "0 0 0" \
		"and none is left, here or there"
	: >"$W/over"
	wait_for 20 grep -q alive "$W/one"
	wait_for 20 grep -q alive "$W/two"
	is "$(tr '\n' ' ' <"$W/one")$(tr '\n' ' ' <"$W/two")" \
		"held $one ENOTCONN ENOTCONN ENOTCONN alive \
held $two ENOTCONN alive " \
		"who had files open there gets errors, and lives"
	is "$(left self "$W/other") $(left "$one" "$W/other") \
$(left "$two" "$W/other") $(cat "$W/live/file")" "1 1 1 lives" \
		"another vault stays everywhere, and works"
	is "$(grep -c " $W/tmpfs " "/proc/$one/mountinfo")" 1 \
		"and so does a tmpfs"
	let_go
	holds "nothing is in the way of the next mount" mount_vault "$V" "$M"
	lock "$M"
done

## Unmounted here alone, it ends elsewhere, too

mount_vault "$V" "$M"
pid=$(daemon_of "$M")
held one apart "$PY" "$W/hold.py" "$W/over" "$W/one" "$M/file"
umount -i "$M"
holds "a copy does not keep a mount alive that was unmounted here" \
	wait_for 30 gone "$pid"
is "$(left self) $(left "$holder")" "0 0" "and goes with it"
let_go

## In the way

mount_vault "$V" "$M"
mkdir -p "$M/sub"
held one apart sh -c 'mount -t tmpfs tazpod-e2e "$1/m/sub" && shift &&
	exec "$@"' sh "$W" "$PY" "$W/hold.py" "$W/over" "$W/one"
one=$holder
held two apart "$PY" "$W/hold.py" "$W/over" "$W/two"
lock "$M"
is "$(left "$one") $(grep -c " $M/sub " "/proc/$one/mountinfo")" "1 1" \
	"what is mounted in a copy there stays, and with it that copy"
is "$(left "$holder") $(left self)" "0 0" "but no other"
let_go

# On the way to a copy is a filesystem that hangs.
cat >"$W/hang.py" <<'EOF2'
# hang.py DIR: a filesystem of folders, in which nothing may be cached.
import ctypes, os, stat, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"hang", sys.argv[1].encode(), b"fuse.hang", 0,
              options.encode()) != 0:
    sys.exit(1)
INIT, LOOKUP, GETATTR = 26, 1, 3
while True:
    head = os.read(fd, 1 << 17)
    op, unique, node = struct.unpack_from("<4xIQQ", head)
    attr = struct.pack("<6Q10I", node + (op == LOOKUP), 0, 0, 0, 0, 0, 0, 0, 0,
                       stat.S_IFDIR | 0o755, 2, 0, 0, 0, 4096, 0)
    body, err = b"", 0
    if op == INIT:
        body = struct.pack("<4I2HI", 7, 12, 0, 0, 16, 12, 4096)
    elif op == LOOKUP:
        body = struct.pack("<4Q2I", node + 1, 0, 0, 0, 0, 0) + attr
    elif op == GETATTR:
        body = struct.pack("<Q2I", 0, 0, 0) + attr
    else:
        err = -38
    os.write(fd, struct.pack("<IiQ", 16 + len(body), err, unique) + body)
EOF2
mkdir "$W/hang"
"$PY" "$W/hang.py" "$W/hang" &
hung=$!
wait_for 20 is_mounted "$W/hang"
mount_vault "$V" "$M"
held one apart sh -c 'mount --bind "$1/m" "$1/hang/in" && shift &&
	exec "$@"' sh "$W" "$PY" "$W/hold.py" "$W/over" "$W/one"
one=$holder
held two apart "$PY" "$W/hold.py" "$W/over" "$W/two"
is "$(left "$one") $(left "$holder")" "2 1" "a copy is in what will hang"
kill -STOP "$hung"
begun=$(now_ms)
lock "$M"
took=$(($(now_ms) - begun))
is "$((took > 1000 && took < 9000)) $(left self) $(left "$holder") \
$(left "$one")" "1 0 0 1" "it hinders nobody else's end ($took ms)"
kill -KILL "$hung"
umount -l "$W/hang"
let_go

## No process

mount_vault "$V" "$M"
held one apart "$PY" "$W/hold.py" "$W/over" "$W/one"
exec 7<"/proc/$holder/ns/mnt"
let_go
lock "$M"
in_space()
{
	nsenter --mount="/proc/$$/fd/7" grep -c " fuse.tazpodfs $V " \
		/proc/self/mountinfo
}
case $(uname -r) in
[0-5].* | 6.[0-9].* | 6.1[01].*)
	skip "a namespace without processes" "needs Linux 6.12"
	;;
*)
	is "$(in_space)" 0 "a namespace without processes has none left either"
	;;
esac
exec 7<&-

## Locked in place

let_nobody_in
H=$W/nobody
mkdir "$H/home"
cp "$W/hold.py" "$H/hold.py"
cp "$V" "$H/vault"
mkdir "$H/home/m"
chown -R "$NOBODY:$NOBODY" "$H"
N=$H/home/m
setfacl -m u:1234:rx "$N" 2>/dev/null
setfattr -n user.tazpod -v kept "$N" 2>/dev/null
chmod 2750 "$N"
touch -d '2001-02-03 04:05:06.789' "$N"

nobody_mounts()
{
	as_nobody "$W/bin/tazpodfs" -o "passfile=$H/passphrase${1:+,$1}" \
		"$H/vault" "$N"
}

nobody_by_lock()
{
	as_nobody "$W/bin/tazpod" lock -q "$N"
}

nobody_by_death()
{
	pid=$(as_nobody "$W/bin/tazpod" status "$N" |
		sed -n 's/^daemon *pid //p')
	keeper=$(keeper_of "$pid")
	kill -KILL "$pid"
	wait_for 30 gone "$keeper"
}

# What a folder is like, but for its number.
looks()
{
	stat -c '%F %a %u %g %y' "$1"
	getfacl -cpn "$1" 2>/dev/null
	getfattr -d -m - "$1" 2>/dev/null
	ls -A "$1"
}

nobody_holds()
{
	out=$1
	shift
	held "nobody/$out" as_nobody "$@" \
		"$PY" "$H/hold.py" "$W/over" "$H/$out" "$N"
}

for way in lock death; do
	looks "$N" >"$W/before"
	inode=$(stat -c %i "$N")
	nobody_mounts
	is "$(left self "$H/vault")" 1 "a user has it mounted"
	mount --bind "$N" "$W/bound"
	nobody_holds one unshare -Urm
	one=$holder
	nobody_holds two unshare -Urm unshare -Urm
	two=$holder
	is "$(left self "$H/vault") $(left "$one" "$H/vault") \
$(left "$two" "$H/vault")" "2 2 2" "and copies are locked in namespaces"
	umount "$W/bound"
	"nobody_by_$way"
	is "$(left self "$H/vault") $(grep -c " $N " "/proc/$one/mountinfo") \
$(grep -c " $N " "/proc/$two/mountinfo")" "0 0 0" \
		"by_$way: they are gone all the same"
	looks "$N" >"$W/after"
	same "$W/before" "$W/after" "the folder looks as before"
	is "$([ "$(stat -c %i "$N")" -ne "$inode" ] && echo new) \
$(ls -A "$H/home")" "new m" "though it is another, and nothing lies beside it"
	let_go
done

nobody_mounts
held two apart "$PY" "$W/hold.py" "$W/over" "$W/two"
nobody_by_lock
is "$(left "$holder" "$H/vault")" 0 "so is one that the user may not enter"
let_go

# Its own copies elsewhere, in a namespace of its own.
nobody_mounts
mount --bind "$N" "$W/bound"
as_nobody mkdir "$H/bound"
held nobody/one as_nobody unshare -Urm sh -c 'mount --bind "$1" "$2" &&
	shift 2 && exec "$@"' sh "$N" "$H/bound" \
	"$PY" "$H/hold.py" "$W/over" "$H/one" "$N"
one=$holder
inode=$(stat -c %i "$H/home")
is "$(left "$one" "$H/vault")" 3 "a user binds it elsewhere"
nobody_by_lock
is "$(left self "$H/vault") $(grep -c " $N \| $H/bound " \
	"/proc/$one/mountinfo")" "0 0" "nothing of that is left"
let_go

# unrenewed PROMISE: after a lock the folder is the very same, copies stay.
unrenewed()
{
	nobody_by_lock
	is "$(stat -c %i "$N") $(left "$one" "$H/vault") \
$(left self "$H/vault") $(ls -A "$H/home")" "$inode 1 0 m" "$1"
	let_go
}

begin()
{
	inode=$(stat -c %i "$N")
	nobody_mounts "$@"
	nobody_holds one unshare -Urm
	one=$holder
}

held two apart sh -c 'mount -t tmpfs tazpod-e2e "$1" && shift && exec "$@"' \
	sh "$N" "$PY" "$W/hold.py" "$W/over" "$W/two"
two=$holder
begin
nobody_by_lock
is "$(stat -c %i "$N") $(grep -c " $N .* tmpfs " "/proc/$two/mountinfo")" \
	"$inode 1" "what another has mounted on the folder stays"
let_go
held two apart sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' \
	sh "$N" "$W/tmpfs" "$PY" "$W/hold.py" "$W/over" "$W/two"
begin
unrenewed "the folder stays where it is itself mounted elsewhere"
as_nobody touch "$N/file"
begin nonempty
unrenewed "and if it is not empty"
rm "$N/file"
chmod 777 "$H/home"
begin
unrenewed "and where others can change names"
chmod 755 "$H/home"
chown 0 "$H/home"
begin
unrenewed "and where the user cannot"

## Root's, in the namespace of a user

mount_vault "$V" "$M" allow_other
chmod 755 "$M"
held nobody/one as_nobody unshare -Urm \
	"$PY" "$H/hold.py" "$W/over" "$H/one" "$M/file"
lock "$M"
is "$(left "$holder") $(left self) $(stat -c '%u %a' "$M")" "0 0 0 755" \
	"root's, locked in a user's namespace, is gone as well"
let_go
done_testing
