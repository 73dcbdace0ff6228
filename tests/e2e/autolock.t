#!/bin/sh
# A vault that is used does not lock itself, whatever the use is; one that is
# not used always does.  The clock is a real one here; tests/tools/autolock.c
# has a false one.
# shellcheck disable=SC2015,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

INTERVALS=${INTERVALS:-50} # of a second each

# use KIND DIR: every 0.3 to 0.7 s, until the file DIR/../stop is there.
cat >"$W/use.py" <<'END'
import errno, mmap, os, random, subprocess, sys, time
kind, top, stop = sys.argv[1:4]
path = os.path.join(top, "file")
fd = os.open(path, os.O_RDWR)
here = os.open(top, os.O_RDONLY)
mapped = mmap.mmap(fd, 4096)

def missing():
    try:
        os.stat(os.path.join(top, "missing"))
    except FileNotFoundError:
        pass

def no_attribute():
    try:
        os.getxattr(path, "user.none")
    except OSError as e:
        if e.errno != errno.ENODATA:
            raise

def renamed():
    os.rename(path, path + "2")
    os.rename(path + "2", path)

def made():
    os.mkdir(os.path.join(top, "made"))
    os.rmdir(os.path.join(top, "made"))

def listed_held():
    os.lseek(here, 0, os.SEEK_SET)
    os.listdir(here)

kinds = {
    "stat": lambda: os.stat(path),
    "fstat": lambda: os.fstat(fd),
    "read": lambda: open(path, "rb").read(),
    "pread": lambda: os.pread(fd, 100, 0),
    "map": lambda: mapped[0:4],
    "list": lambda: os.listdir(top),
    "list_held": listed_held,
    "missing": missing,
    "link": lambda: os.readlink(os.path.join(top, "link")),
    "through": lambda: os.stat(os.path.join(top, "link")),
    "access": lambda: os.access(path, os.R_OK),
    "chdir": lambda: os.chdir(top),
    "run": lambda: subprocess.run([os.path.join(top, "true")], check=True),
    "attribute": no_attribute,
    "write": lambda: os.pwrite(fd, b"x", 0),
    "append": lambda: open(path, "ab").write(b"x"),
    "chmod": lambda: os.chmod(path, 0o644),
    "sync": lambda: os.fsync(fd),
    "rename": renamed,
    "make": made,
    "end": lambda: os.lseek(fd, 0, os.SEEK_END),
}
while not os.path.exists(stop):
    kinds[kind]()
    time.sleep(random.uniform(0.3, 0.7))
END

# One that is to lock when its lease ends, cannot be saved anywhere then, and
# is looked at again at the end of this test.
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$W/full" "$W/nostate"
	mount -t tmpfs -o size=256k tazpod-e2e "$W/full"
	mount -t tmpfs -o ro tazpod-e2e "$W/nostate"
	quick_vault 2 "$W/full/vault"
	XDG_STATE_HOME=$W/nostate mount_vault "$W/full/vault" "$W/leased" \
		lease,seal=off 2>/dev/null
	head -c 400000 /dev/urandom >"$W/leased/file"
	"$PY" - "$(stat -c %Hd:%Ld "$W/leased")" <<'END'
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["XDG_RUNTIME_DIR"] + "/tazpod/" + sys.argv[1] + ".sock")
with_it = array.array("i", [os.pidfd_open(os.getpid())])
s.sendmsg([b"lease\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, with_it)])
assert s.recv(10) == b"0\n"
END
	sleep 1
	holds "a lease ends, and nothing can be saved: it stays mounted" \
		is_mounted "$W/leased"
	mount -o remount,size=4m "$W/full"
fi

USES="stat fstat read pread map list list_held missing link through access
chdir run attribute write append chmod sync rename make end"

users=
for kind in $USES; do
	quick_vault 2 "$W/vault-$kind"
	mount_vault "$W/vault-$kind" "$W/use-$kind" idle=1s
	"$PY" -c 'print("x" * 8000)' >"$W/use-$kind/file"
	ln -s file "$W/use-$kind/link"
	cp /bin/true "$W/use-$kind/true"
	"$PY" "$W/use.py" "$kind" "$W/use-$kind" "$W/stop" 2>"$W/err-$kind" &
	users="$users $!"
done

# Those that nobody uses, though somebody looks at them from outside.
quick_vault 2 "$W/vault-df"
quick_vault 2 "$W/vault-status"
mount_vault "$W/vault-df" "$W/df" idle=2s
mount_vault "$W/vault-status" "$W/status" idle=2s
begin=$(now_ms)
while [ $(($(now_ms) - begin)) -lt 10000 ]; do
	stat -f "$W/df" >/dev/null 2>&1
	"$TAZPOD" status "$W/status" >/dev/null 2>&1
	is_mounted "$W/df" || is_mounted "$W/status" || break
	sleep 0.2
done
fails "who asks how much room there is does not use it" is_mounted "$W/df"
fails "nor does who asks for its status" is_mounted "$W/status"

sleep $((INTERVALS - 10))
for kind in $USES; do
	is_mounted "$W/use-$kind" && ok "use by $kind keeps it unlocked" ||
		not_ok "use by $kind keeps it unlocked" "$(cat "$W/err-$kind")"
done
: >"$W/stop"
for pid in $users; do
	wait "$pid"
done
nothing_mounted()
{
	! our_mounts | grep -Fq "$W/use-"
}
holds "without use, all lock" wait_for 20 nothing_mounted

## When it locks

M=$W/m
V=$W/vault
quick_vault 2 "$V"
mount_vault "$V" "$M" idle=2s
begin=$(now_ms)
wait_for 10 away "$M"
took=$(($(now_ms) - begin))
[ "$took" -ge 1900 ] && [ "$took" -lt 3500 ] &&
	ok "idle=2s locks after two seconds" ||
	not_ok "idle=2s locks after two seconds" "$took ms"

# What is held does not keep it, and what was written is in it.
mount_vault "$V" "$M" idle=1s,seal=off
exec 8>"$M/held"
echo text >&8
wait_for 10 away "$M"
fails "an open file does not keep it unlocked" is_mounted "$M"
run sh -c 'echo more >&8'
[ "$status" -ne 0 ] && ok "and is refused" || not_ok "and is refused"
exec 8>&-
mount_vault "$V" "$M" ttl=2s
is "$(cat "$M/held")" text "what was written is sealed"
like "$("$TAZPOD" status "$M")" "^locks       in [12] s, used or not" \
	"status says when it locks"
begin=$(now_ms)
while is_mounted "$M" && [ $(($(now_ms) - begin)) -lt 10000 ]; do
	cat "$M/held" >/dev/null 2>&1
	sleep 0.1
done
took=$(($(now_ms) - begin))
[ "$took" -ge 1000 ] && [ "$took" -lt 3500 ] &&
	ok "ttl=2s locks after two seconds, used or not" ||
	not_ok "ttl=2s locks after two seconds, used or not" "$took ms"

## Notices

cat >"$W/notify" <<'END'
#!/bin/sh
echo "$TAZPOD_VAULT|$TAZPOD_MOUNT|$1" >>"${0%/*}/notices"
END
chmod +x "$W/notify"
mount_vault "$V" "$M" "idle=4s,notify=$W/notify \"\$1\""
wait_for 10 test -e "$W/notices"
like "$(cat "$W/notices")" "^$V\|$M\|locks in [12] s, unless it is used$" \
	"a command is told before it locks"
ls "$M" >/dev/null
sleep 2.5
holds "use after that keeps it unlocked" is_mounted "$M"
wait_for 10 away "$M"
is "$(wc -l <"$W/notices")" 2 "and it is told again"
rm "$W/notices"
mount_vault "$V" "$M" "ttl=4s,notify=$W/notify \"\$1\""
wait_for 10 away "$M"
like "$(cat "$W/notices")" \
	"^$V\|$M\|locks in [12] s, since it has been unlocked for long enough$" \
	"of its time, too"

# Nothing waits for a terminal that is stopped, whatever its flags are.
mount_vault "$V" "$M" idle=2s
: >"$W/locked"
"$PY" - "$(stat -c %Hd:%Ld "$M")" "$W/locked" <<'END' &
import array, fcntl, os, pty, socket, sys, termios, time
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["XDG_RUNTIME_DIR"] + "/tazpod/" + sys.argv[1] + ".sock")
terminal = pty.openpty()[1]
with_it = array.array("i", [os.pidfd_open(os.getpid()), terminal])
s.sendmsg([b"lease\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, with_it)])
assert s.recv(10) == b"0\n"
fcntl.fcntl(terminal, fcntl.F_SETFL, os.O_RDWR)
termios.tcflow(terminal, termios.TCOOFF)
while os.path.exists(sys.argv[2]):
    time.sleep(0.1)
END
leaser=$!
holds "a terminal that is stopped does not keep it from locking" \
	wait_for 10 away "$M"
rm "$W/locked"
wait "$leaser"

## Where it cannot be saved

if [ "$(id -u)" -eq 0 ]; then
	mkdir "$W/small"
	mount -t tmpfs -o size=256k tazpod-e2e "$W/small"
	quick_vault 2 "$W/small/vault"
	mount_vault "$W/small/vault" "$M" idle=1s,seal=off
	head -c 400000 /dev/urandom >"$M/file"
	want=$(digest "$M/file")
	pid=$(daemon_of "$M")
	wait_for 10 away "$M"
	fails "one that cannot be saved locks as well" is_mounted "$M"
	rescue=$(find "$W/state" -path '*rescue/*' -type f)
	mount -o remount,size=4m "$W/small"
	wait_for 10 gone "$pid"
	run "$TAZPOD" restore "$rescue" "$W/small/vault"
	mount_vault "$W/small/vault" "$M"
	is "$(digest "$M/file")" "$want" "and what it held is in a rescue file"
	lock "$M"
	holds "one without a lease is tried again" wait_for 90 away "$W/leased"
fi
holds "no daemon is left" wait_for 20 no_daemons
done_testing
