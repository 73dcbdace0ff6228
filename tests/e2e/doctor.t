#!/bin/sh
# tazpod doctor: what it says of a machine is so, by other means, as root and as
# a user, with a device and without, and with what a kernel may lack.  What it
# promises is what docs/BACKENDS.md promises.
# Scripts in quotes expand their own arguments.
# shellcheck disable=SC2016
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
[ -c /dev/fuse ] || skip_all "no /dev/fuse"
unshare --user --map-root-user --mount true 2>/dev/null ||
	skip_all "no user namespace can be made"
let_nobody_in

LOOK=$W/bin/doctor.py
WITHOUT=$W/bin/without
DOCS=$TOP/docs/BACKENDS.md
D=$W/doctor.json
cp "$E2E/doctor.py" "$B/tests/probe/without" "$W/bin"
chmod 755 "$W/bin"/*
chmod 755 "$W/nobody"
cd / || exit

# asked COMMAND...: what doctor says below it is in D, and its status in status.
asked()
{
	status=0
	"$@" "$W/bin/tazpod" doctor --json ${backend:+--backend "$backend"} \
		>"$D" 2>"$W/err" </dev/null || status=$?
}

got()
{
	"$PY" "$LOOK" got "$D" "$1"
}

# rungs: what unlock and run would take, and the exit status.
rungs()
{
	echo "$(got unlock) $(got run) $status"
}

# agrees PROMISE COMMAND...: below COMMAND all facts are as they are found, and
# all promises as they are documented.
agrees()
{
	promise=$1
	shift
	asked "$@"
	is "$("$@" "$PY" "$LOOK" facts - <"$D" 2>&1)" "" \
		"$promise: it says what is so"
}

# documented PROMISE [OWN]: the promises are those that are documented.
documented()
{
	is "$("$PY" "$LOOK" table "$D" "$DOCS" ${2:+"$2"} 2>&1)" "" "$1"
}

# better RUNG: why and how.
better()
{
	"$PY" -c '
import json, sys
for b in json.load(open(sys.argv[1]))["better"]:
    if b["rung"] == sys.argv[2]:
        print(b["why"] + "; " + b["how"])' "$D" "$1"
}

# A folder of devices without FUSE.
cat >"$W/bin/no_device" <<'EOF2'
#!/bin/sh
# no_device COMMAND...
exec unshare --mount --propagation private sh -c '
	mount -t tmpfs -o mode=755 x /dev &&
	mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 &&
	mknod -m 666 /dev/urandom c 1 9 && exec "$@"' sh "$@"
EOF2
# Another file in the place of FILE.
cat >"$W/bin/in_place" <<'EOF2'
#!/bin/sh
# in_place OTHER FILE COMMAND...
other=$1 file=$2
shift 2
exec unshare --mount --propagation private sh -c '
	mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$other" "$file" "$@"
EOF2
# User namespaces, and no more of them, nor a right to mount.
cat >"$W/bin/no_userns" <<'EOF2'
#!/bin/sh
# no_userns COMMAND...
exec unshare --user --map-root-user sh -c '
	echo 0 >/proc/sys/user/max_user_namespaces &&
	exec setpriv --bounding-set=-all --inh-caps=-all "$@"' sh "$@"
EOF2
chmod 755 "$W/bin"/*
NO_DEVICE=$W/bin/no_device
IN_PLACE=$W/bin/in_place

## Root

mounts_before=$(cat /proc/self/mountinfo)
agrees "as root" env
is "$(rungs)" "fuse fuse 0" "... and would mount FUSE itself"
documented "... and promises what is documented"
is "$(cat /proc/self/mountinfo)" "$mounts_before" "... and leaves no mount"
is "$(better fuse)$(better tmpfs)" "" "... and has nothing better"

agrees "without /dev/fuse" "$NO_DEVICE"
is "$(rungs)" "tmpfs tmpfs 0" "... it would take a tmpfs"
like "$(better fuse)" 'no /dev/fuse; .*(modprobe|--device)' \
	"... and says what FUSE takes"
agrees "with something else there" "$IN_PLACE" /dev/null /dev/fuse
is "$(rungs)" "tmpfs tmpfs 0" "... it would take a tmpfs"
like "$(better fuse)" 'not the FUSE device; .*(modprobe|--device)|its module' \
	"... and says so"
is "$(got facts.dev_fuse)" 19 "... which is ENODEV"

for backend in fuse tmpfs ramfs auto; do
	asked env
	want=$backend
	[ "$backend" != auto ] || want=fuse
	is "$(rungs)" "$want $want 0" "--backend $backend has it take that"
done
backend=fuse
asked "$NO_DEVICE"
is "$(rungs)" "none none 7" "--backend fuse without a device: none, status 7"
like "$(cat "$W/err")" '^tazpod: no vault can be mounted here' "... in words"
like "$(better fuse)" 'no /dev/fuse' "... and it says why"
is "$(better tmpfs)" "" "... and nothing of others"
backend=nonsense
asked env
is "$status" 2 "an unknown backend is wrong usage"
backend=

## A user

agrees "as nobody" as_nobody
is "$(rungs)" "fusermount3 fusermount3 0" "... it would use fusermount3"
documented "... and promises what is documented" own
agrees "nobody with no new privileges" as_nobody setpriv --no-new-privs
is "$(rungs)" "none fuse-userns 0" \
	"... there is FUSE in a namespace, for run, and nothing for unlock"
like "$(better fuse)" 'no_new_privs' "... and it says what FUSE takes"
agrees "nobody without /dev/fuse" "$NO_DEVICE" setpriv --reuid "$NOBODY" \
	--regid "$NOBODY" --clear-groups
is "$(rungs)" "none ramfs 0" "... there is ramfs, for run"
like "$(better tmpfs)" 'may not mount' "... and it says what tmpfs takes"
documented "... and promises what is documented" own
backend=tmpfs
asked "$NO_DEVICE" setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups
is "$(rungs)" "none tmpfs-swap 0" "... and with --backend tmpfs one that swaps"
backend=

mknod -m 600 "$W/closed" c 10 229
agrees "nobody whom /dev/fuse is closed to" "$IN_PLACE" "$W/closed" /dev/fuse \
	setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups
is "$(got facts.dev_fuse) $(rungs)" "13 none ramfs 0" "... there is ramfs"
like "$(better fuse)" 'may not open /dev/fuse; .*chmod 666' \
	"... and it says what FUSE takes"
as_nobody /usr/bin/env PATH=/nowhere "$W/bin/tazpod" doctor \
	--json >"$D" 2>/dev/null
is "$(got facts.fusermount3) $(got unlock)" "2 none" \
	"without fusermount3 there is nothing for unlock"
like "$(better fuse)" 'not installed; apt install fuse3' "... and it says so"
cp "$(command -v fusermount3)" "$W/plain"
asked "$IN_PLACE" "$W/plain" "$(command -v fusermount3)" \
	setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups
is "$(got facts.fusermount3) $(got unlock)" "1 none" \
	"one without its setuid bit is none"
like "$(better fuse)" 'setuid' "... and it says so"

## Without user namespaces

# A user's own, in which there are none: what would root be there has no rights.
agrees "user namespaces off" as_nobody "$W/bin/no_userns"
is "$(got facts.first_userns) $(got facts.userns)" "false 28" \
	"... which is seen, and why"
asked as_nobody setpriv --no-new-privs "$W/bin/no_userns"
is "$(rungs)" "none none 7" "... without fusermount3 there is no way"
like "$(better fuse-userns)" 'max_user_namespaces; .*sysctl|are off' \
	"... and it says what would help"
for call in unshare mount; do
	asked as_nobody "$WITHOUT" "$call" 1
	is "$(got facts.userns) $(rungs)" "1 none none 7" \
		"nobody, with $call(2) refused: there is no way"
	like "$(better fuse-userns)" 'no user namespace can be made.*;' \
		"... and it says why"
done

# As AppArmor does on some systems: a namespace can be made, and no mount.
asked as_nobody "$WITHOUT" mount 13
is "$(got facts.userns) $(rungs)" "13 none none 7" \
	"namespaces in which nothing mounts do not count"

# In a user namespace, who is root there.
as_nobody unshare --user --map-root-user --mount \
	"$W/bin/tazpod" doctor --json >"$D"
is "$(got facts.tmpfs_noswap) $(got unlock)" "22 fuse-userns" \
	"root of a user namespace mounts FUSE, and no noswap"
as_nobody unshare --user --map-root-user --mount sh -c \
	'mount --bind /dev/null /dev/fuse && exec "$@"' sh \
	"$W/bin/tazpod" doctor --json >"$D"
is "$(got unlock) $(got run)" "ramfs ramfs" "... and without FUSE, ramfs"
like "$(better tmpfs)" 'cannot be noswap' "... and it says why no tmpfs"

## What a kernel or a filter lacks

agrees "without memfd_secret" "$WITHOUT" memfd_secret 38
is "$(got facts.memfd_secret)" 38 "... which is seen"
agrees "without Landlock" "$WITHOUT" landlock_create_ruleset 38
is "$(got facts.landlock)" 0 "... which is seen"
agrees "without fsopen" "$WITHOUT" fsopen 38
is "$(rungs)" "fuse fuse 0" "... it mounts as before"
is "$(got facts.filtered) $(got facts.no_new_privs)" "true true" \
	"... and sees that it is filtered"
asked "$WITHOUT" unshare 1
is "$(rungs) $(got facts.tmpfs_noswap)" "fuse fuse 0 0" \
	"root who may make no namespace mounts all the same"
asked "$WITHOUT" mount 1
is "$(rungs)" "none none 7" "root who may not mount has no way"
asked "$IN_PLACE" /dev/null /dev/fuse "$WITHOUT" unshare 1
is "$(rungs)" "tmpfs tmpfs 0" "... but for a tmpfs if it only lacks namespaces"

## Memory

if locks_memory; then
	for bytes in 65536 8388608 unlimited; do
		prlimit --memlock="$bytes:$bytes" true 2>/dev/null || {
			skip "nobody who may lock $bytes bytes" \
				"root may not raise the limit here"
			continue
		}
		agrees "nobody who may lock $bytes bytes" prlimit \
			--memlock="$bytes:$bytes" setpriv --reuid "$NOBODY" \
			--regid "$NOBODY" --clear-groups
		case $bytes in
		65536) want="65536 65536 6" ;;
		unlimited) want="-1 268435456 0" ;;
		*) want="$bytes $bytes 0" ;;
		esac
		is "$(got facts.memlock) $(got facts.lockable) $status" "$want" \
			"... which is what it finds"
		[ "$bytes" != 65536 ] || like "$(cat "$W/err")" \
			"the 64 KiB that are allowed.*ulimit -l" \
			"... and says is too little"
	done
	agrees "root with 64 KiB" prlimit --memlock=65536:65536
	is "$(got facts.lockable)" 268435456 "... has the right to lock more"
	agrees "root with 64 KiB and without the right" \
		prlimit --memlock=65536:65536 setpriv --bounding-set=-ipc_lock
	is "$(got facts.lockable) $status" "65536 6" "... has those"
fi

## What makes a difference to the promises

printf '%s\t%s\n' Filename Type >"$W/off"
printf '%s\t%s\n' Filename Type /dev/sda2 partition >"$W/on"
echo Y >"$W/yes"
printf '#user_allow_other\n user_allow_other \n' >"$W/fuse.conf"
for swap in on off; do
	agrees "with swap $swap" "$IN_PLACE" "$W/$swap" /proc/swaps
	want=true
	[ "$swap" = on ] || want=false
	is "$(got facts.swap)" "$want" "... which is seen"
	is "$("$IN_PLACE" "$W/$swap" /proc/swaps "$PY" "$LOOK" table "$D" \
		"$DOCS")" "" "... and promises what is documented"
done
access=/sys/module/fuse/parameters/allow_sys_admin_access
if [ -e "$access" ]; then
	agrees "with allow_sys_admin_access" "$IN_PLACE" "$W/yes" "$access"
	is "$("$IN_PLACE" "$W/yes" "$access" "$PY" "$LOOK" table "$D" \
		"$DOCS")" "" "... it promises what is documented"
fi
if [ -e /etc/fuse.conf ]; then
	agrees "with user_allow_other" "$IN_PLACE" "$W/fuse.conf" \
		/etc/fuse.conf
	is "$(got facts.user_allow_other)" true "... which is seen"
fi
asked env container=podman
is "$(got facts.container)" true "a container is seen by what it says of itself"
asked unshare --pid --fork --mount-proc
is "$(got facts.pid_1)" true "process 1 knows that it is"

## In words

run "$W/bin/tazpod" doctor
is "$status $(cat "$W/err")" "0 " "it says all that in words"
for line in 'kernel +Linux [0-9]' '/dev/fuse opens +yes' 'swap +(yes|no)' \
	'landlock +(yes, ABI [0-9]+|no)' 'unlock +FUSE, mounted by root' \
	'run, shell +FUSE, mounted by root' '  (yes|no|partly) +nothing in swap: .'; do
	like "$(cat "$W/out")" "^$line" "there is a line: $line"
done
"$PY" "$LOOK" titles "$D" "$DOCS" | sort >"$W/wanted"
sed -n 's/^  \(yes\|no\|partly\) *\([^:]*\): .*/\2/p' "$W/out" | sort >"$W/got"
same "$W/wanted" "$W/got" "the promises have the words of the documentation"
run "$NO_DEVICE" "$W/bin/tazpod" doctor
like "$(cat "$W/out")" '^  fuse: there is no /dev/fuse; ' \
	"what would be better is one line"
for option in --kill --vault=x extra; do
	run "$W/bin/tazpod" doctor "$option"
	is "$status" 2 "it takes no $option"
done
"$W/bin/tazpod" doctor >/dev/full 2>"$W/err"
is "$? $(wc -l <"$W/err")" "1 1" "what cannot be printed is an error"
done_testing
