#!/bin/sh
# An ordinary user needs nobody's help, and nobody else gets in.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
let_nobody_in

H=$W/nobody
V=$H/vault
M=$H/m
P=$H/passphrase
FS=$W/bin/tazpodfs
CLI=$W/bin/tazpod
OTHER=65533
as_nobody mkdir "$M"

mount_it()
{
	as_nobody "$FS" -o "passfile=$P" "$V" "$M" </dev/null
}

daemon()
{
	as_nobody "$CLI" status "$M" | sed -n 's/^daemon *pid //p'
}

run as_nobody "$CLI" create --passfile "$P" "$V"
is "$status $(stat -c '%u %a' "$V")" "0 $NOBODY 600" \
	"a user can make a vault"
run mount_it
is "$status $(cat "$W/err")" "0 " "and mount it"
like "$(awk -v d="$M" '$2 == d { print $4 }' /proc/mounts)" \
	"nosuid,nodev.*user_id=$NOBODY" "as the user's, nosuid and nodev"
pid=$(daemon)
is "$(stat -c '%u %a' "$H/run/tazpod")" "$NOBODY 700" \
	"the folder of the control socket is the user's alone"
is "$(find "$H/run/tazpod" -name '*.sock' -printf '%u %m')" \
	"$(id -un "$NOBODY" 2>/dev/null || echo "$NOBODY") 600" \
	"and so is the socket"
# The scripts below expand their own arguments.
# shellcheck disable=SC2016
holds "the user can work in it" as_nobody sh -c 'cd "$1" && mkdir -p d/e &&
	echo hello >d/file && ln -s file d/link && ln d/file d/hard &&
	mv d/file d/moved && chmod 600 d/moved && cat d/hard' sh "$M"
# default_permissions and a capability are not what keeps root out.
run ls "$M"
like "$status $(cat "$W/err")" '^[1-9].*Permission denied' \
	"root cannot look into it"
run as_user "$OTHER" ls "$M"
like "$status $(cat "$W/err")" '^[1-9].*Permission denied' \
	"nor can another user"
run cat "/proc/$pid/root/$M/d/hard"
fails "nor through the daemon's own root" test "$status" -eq 0
# docs/THREAT-MODEL.md says so; should it ever fail, mend that page.
is "$(setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups \
	cat "$M/d/hard" 2>&1)" hello \
	"but root can become the user, and then reads everything"
run as_user "$OTHER" "$CLI" lock "$M"
is "$status $(wc -l <"$W/err")" "1 1" "another user cannot lock it"
holds "and its daemon goes on" alive "$pid"
run as_user "$OTHER" cat "/proc/$pid/environ"
fails "another user cannot look into the daemon" test "$status" -eq 0
run as_nobody cat "/proc/$pid/mem"
fails "not even the user's own programs can" test "$status" -eq 0
is "$(awk '/^Max core/ { print $5, $6 }' "/proc/$pid/limits")" "0 0" \
	"it leaves no core"

holds "fusermount3 -u ends it" wait_for 10 as_nobody fusermount3 -q -u "$M"
wait_for 30 gone "$pid"
mount_it
is "$(as_nobody cat "$M/d/moved" "$M/d/link" 2>&1)" \
	"hello
cat: $M/d/link: No such file or directory" "with everything saved"
as_nobody sh -c "echo 2 >'$M/d/moved'"
pid=$(daemon)
run as_nobody "$CLI" lock "$M"
is "$status $(cat "$W/err")" "0 " "tazpod lock ends it"
holds "its daemon has gone" gone "$pid"
mount_it
is "$(as_nobody cat "$M/d/moved")" 2 "with everything saved then too"
as_nobody sh -c "echo 3 >'$M/d/moved'"
pid=$(daemon)
holds "root can unmount it" wait_for 10 umount "$M"
holds "and its daemon goes" wait_for 30 gone "$pid"
mount_it
is "$(as_nobody cat "$M/d/moved")" 3 "with everything saved by then"
run env XDG_RUNTIME_DIR="$H/run" "$CLI" lock "$M"
is "$status $(cat "$W/err")" "0 " "root can lock it"
is "$(find "$H/run/tazpod" -name '*.sock')" "" "no socket is left behind"

## The usual place of the socket, in a /tmp of the test's own

mkdir -m 1777 "$W/tmp"
mkdir "$W/tmp/$(basename "$W")"
cat >"$W/usual" <<'END'
#!/bin/sh
# usual WORKFOLDER COMMAND...: with no run-time folder and another /tmp.
W=$1
shift
mount --bind "$W" "$W/tmp/$(basename "$W")" &&
	mount --rbind "$W/tmp" /tmp || exit
unset XDG_RUNTIME_DIR
exec "$@"
END
cat >"$W/session" <<'END'
#!/bin/sh
# session PROGRAMS HOME: mount, look, lock; as the user.
cd /
unset XDG_RUNTIME_DIR
XDG_STATE_HOME=$2/state
export XDG_STATE_HOME
"$1/tazpodfs" -o "passfile=$2/passphrase" "$2/vault" "$2/m" </dev/null ||
	exit
stat -c '%u %a' "/tmp/tazpod-$(id -u)"
"$1/tazpod" lock -q "$2/m"
echo "locked $?"
fusermount3 -q -u "$2/m" && echo 'unmounted instead'
exit 0
END
chmod +x "$W/usual" "$W/session"
if [ -d "/run/user/$NOBODY" ]; then
	skip "without a run-time folder, /tmp has a private one" \
		"/run/user/$NOBODY is there"
else
	run unshare -m "$W/usual" "$W" setpriv --reuid "$NOBODY" \
		--regid "$NOBODY" --clear-groups "$W/session" "$W/bin" "$H"
	is "$(cat "$W/out" "$W/err")" "$NOBODY 700
locked 0" "without a run-time folder, /tmp has a private one"
	wait_for 30 no_daemons
	rm -rf "$W/tmp/tazpod-$NOBODY"
	mkdir -m 777 "$W/tmp/tazpod-$NOBODY"
	run unshare -m "$W/usual" "$W" setpriv --reuid "$NOBODY" \
		--regid "$NOBODY" --clear-groups "$W/session" "$W/bin" "$H"
	is "$(cat "$W/out")" "0 777
locked 1
unmounted instead" "one that somebody else put there is not used"
	is "$(grep -c 'tazpodfs: .*no control socket' "$W/err")" 1 \
		"and that is said"
	wait_for 30 no_daemons
fi

## Files of another owner

new_vault "$W/root"
mount_vault "$W/root" "$W/m"
mkdir -m 700 "$W/m/private"
printf 'key\n' >"$W/m/private/key"
chmod 600 "$W/m/private/key"
chown 0:0 "$W/m/private/key"
lock "$W/m"
cp "$W/root" "$V"
chown "$NOBODY:$NOBODY" "$V"
mount_it
is "$(as_nobody cat "$M/private/key" 2>&1)" key \
	"files of another owner can be read"
is "$(as_nobody stat -c '%u %g %a' "$M/private/key")" \
	"$NOBODY $NOBODY 600" "and are shown as the user's own"
holds "and written" as_nobody sh -c "echo new >>'$M/private/key' &&
	touch '$M/private/mine' && chmod 640 '$M/private/key'"
as_nobody "$CLI" lock -q "$M"
mount_vault "$V" "$W/m"
is "$(stat -c '%u %a' "$W/m/private/key" "$W/m/private/mine" | tr '\n' ' ')" \
	"0 640 $NOBODY 644 " "and keep their owner in the vault"
lock "$W/m"
chown "$NOBODY:$NOBODY" "$V"
holds "uid=, gid= and umask= are taken" as_nobody "$FS" \
	-o "passfile=$P,uid=1234,gid=5678,umask=077" "$V" "$M"
is "$(as_nobody stat -c '%u %g %a' "$M")" "1234 5678 700" "and shown"
wait_for 10 as_nobody fusermount3 -q -u "$M"
wait_for 30 no_daemons

## 8 MiB of locked memory

as_nobody rm "$V"
as_nobody "$CLI" create -q --passfile "$P" "$V"
mount_it
holds "4 MiB fit" as_nobody sh -c "cd '$M' &&
	head -c 1048576 /dev/urandom >a &&
	head -c 3145728 /dev/urandom >b && sha256sum a b >sums"
run as_nobody "$CLI" save "$M"
is "$status $(cat "$W/err")" "0 " "and can be saved"
run as_nobody "$CLI" status --json "$M"
locked=$(sed -n 's/.*"locked_bytes": \([0-9]*\),*/\1/p' "$W/out")
# Where nothing is really locked, what a seal keeps has no limit.
locks_memory || locked=8388608
is "$((locked > 4194304 && locked <= 8388608))" 1 \
	"within what may be locked"
as_nobody "$CLI" lock -q "$M"
holds "they mount again" mount_it
holds "with every byte" as_nobody sh -c "cd '$M' && sha256sum --quiet -c sums"
if ! locks_memory; then
	skip "memory runs out" "AddressSanitizer locks no memory"
	wait_for 10 as_nobody fusermount3 -q -u "$M"
	done_testing
fi
holds "more than may be locked fits as well" as_nobody sh -c "cd '$M' &&
	head -c 20000000 /dev/urandom >big && sha256sum big >>sums"
# Names are always locked, and so are those of files that hold a byte.
cat >"$W/full.py" <<'END'
import errno, os, sys
os.chdir(sys.argv[1])
try:
    for i in range(1000000):
        with open(("full%d-" % i).ljust(99, "q"), "wb", buffering=0) as f:
            f.write(b"q")
except OSError as e:
    print(i > 1000, errno.errorcode[e.errno])
END
as_nobody "$PY" - "$M" <"$W/full.py" >"$W/out" 2>&1
is "$(cat "$W/out")" "True ENOMEM" \
	"more names than may be locked are refused to whoever makes them"
holds "the rest can still be read" \
	as_nobody sh -c "cd '$M' && sha256sum --quiet -c sums"
run as_nobody "$CLI" save "$M"
saved=$status
is "$saved $(cat "$W/err")" "0 " \
	"the vault can be saved while its memory is full"
pid=$(daemon)
run as_nobody "$CLI" lock "$M"
is "$status $(cat "$W/err")" "0 " "and locked"
[ "$status" -eq 0 ] || wait_for 10 as_nobody fusermount3 -q -u "$M"
wait_for 30 gone "$pid"
holds "it mounts again" mount_it
holds "with every byte" as_nobody sh -c "cd '$M' && sha256sum --quiet -c sums"
as_nobody "$PY" - "$M" <"$W/full.py" >"$W/out" 2>&1
holds "what is too much can be deleted" \
	as_nobody find "$M" -name 'full*' -delete
holds "and small things written" as_nobody sh -c "echo small >'$M/small'"
as_nobody "$PY" - "$M" <"$W/full.py" >"$W/out" 2>&1
as_nobody sh -c "echo full >'$M/small'"
pid=$(daemon)
wait_for 10 as_nobody fusermount3 -q -u "$M"
holds "an unmount while its memory is full is saved" wait_for 10 gone "$pid"
gone "$pid" || kill -KILL "$pid"
wait_for 10 gone "$pid"
mount_it
is "$(as_nobody cat "$M/small")" full "with the last change"
holds "and has every byte" as_nobody sh -c "cd '$M' && sha256sum --quiet -c sums"
wait_for 10 as_nobody fusermount3 -q -u "$M"

## What a seal keeps for the next one gives way to whoever needs memory

cat >"$W/grow.py" <<'END'
import os, sys
os.chdir(sys.argv[1])
for i in range(30):
    f = os.open("data%d" % i, os.O_WRONLY | os.O_CREAT)
    os.write(f, os.urandom(65536))
    if sys.argv[2] == "sync":
        os.fsync(f)
    os.close(f)
n = 0
try:
    while True:
        os.close(os.open(("%d-" % n).ljust(200, "q"),
                         os.O_CREAT | os.O_WRONLY))
        n += 1
except OSError:
    print(n)
END
grown=
for how in plain sync; do
	as_nobody "$CLI" create -q --passfile "$H/passphrase" "$H/v-$how"
	as_nobody mkdir "$H/m-$how"
	as_nobody "$FS" -o "passfile=$H/passphrase" "$H/v-$how" "$H/m-$how"
	names=$(as_nobody "$PY" - "$H/m-$how" "$how" <"$W/grow.py")
	as_nobody "$CLI" lock -q "$H/m-$how" && grown="$grown $names"
done
# Pieces lie otherwise, which is a few of several thousand.
holds "after seals as many files can be made as without any ($grown)" \
	awk -v grown="$grown" 'BEGIN { split(grown, n)
		exit !(n[1] > 1000 && n[2] > n[1] * 0.99) }'
done_testing
