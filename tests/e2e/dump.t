#!/bin/sh
# No plaintext in dumps: not even root finds in the daemon's memory what is in
# the vault, the passphrase, or a key; by /proc/PID/mem, process_vm_readv(2), a
# core file that gdb makes of all mappings, or one of the kernel's.
# Functions are called by names that are arguments of others.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
case $B in */asan | */tsan) skip_all "sanitizers have a malloc of their own" ;; esac
"$PY" -c 'import ctypes
exit(0 if ctypes.CDLL(None).syscall(447, 0) >= 0 else 1)' ||
	skip_all "the kernel has no memfd_secret(2)"

SCAN=$B/tests/leak/scan
PLANT=$TOP/tests/leak/plant.py
D=$W/disk
V=$D/vault
M=$W/m
mkdir "$D" "$M"
mount -t tmpfs -o size=16m tazpod-test "$D" || exit 1
# Long and random, so that it can be recognised.
head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$PASS"

# found HOW WHERE WORDS: how many words.
found()
{
	"$SCAN" "$3" "$1" "$2" >"$W/scanned" || return
	sed 's/^/# /' "$W/scanned" >&2
	sed -n 's/^found \([0-9]*\) .*/\1/p' "$W/scanned"
}

# core_of PID FILE: all that gdb can get, also of what asks not to be dumped.
core_of()
{
	rm -f "$2"
	timeout 120 gdb -q -nx -batch -ex 'set debuginfod enabled off' \
		-ex 'set use-coredump-filter off' \
		-ex 'set dump-excluded-mappings on' -p "$1" \
		-ex "gcore $2" >"$W/gdb" 2>&1
	[ -s "$2" ]
}

# nothing_in PID WHEN: no word of what was planted, and of the keys.
nothing_in()
{
	# Where files are walked, wait until that is over.
	on_fuse || wait_for 20 is_settled
	"$PLANT" keys "$V" "$PASS" "$W/keys"
	cat "$W/words" "$W/keys" >"$W/both"
	for how in mem vm; do
		is "$(found "$how" "$1" "$W/both")" 0 "$2: nothing by $how"
	done
	core_of "$1" "$W/core" || {
		not_ok "$2: gdb makes a core" "$(tail -n 5 "$W/gdb")"
		return
	}
	is "$(found file "$W/core" "$W/both")" 0 \
		"$2: nothing in a core of all mappings"
	rm -f "$W/core"
}

is_settled()
{
	sleep 0.3
	case $(field state "$M") in clean|read-only) ;; *) return 1 ;; esac
}

read_all()
{
	find "$M" -type f -exec cat {} + >/dev/null
	find "$M" -type l -exec readlink {} + >/dev/null
	getfattr -R -d -m - "$M" >/dev/null 2>&1
}

## A life, looked at in between

prlimit --core=unlimited --pid $$
new_vault "$V"
mount_vault "$V" "$M"
pid=$(daemon_of "$M")
"$PLANT" files "$M" "$W/words"
read_all
nothing_in "$pid" "after writing and reading"
run "$TAZPOD" save "$M"
is "$status" 0 "it saves"
nothing_in "$pid" "after a save"

# There is no room for another save.
head -c 16m /dev/zero >"$D/full" 2>/dev/null
head -c 1m "$W/words" >"$M/again"
run "$TAZPOD" save "$M"
like "$status $(cat "$W/err")" '^1 .*No space left' "a save fails"
nothing_in "$pid" "after a failed save"
rm "$D/full" "$M/again"
run "$TAZPOD" save "$M"
is "$status" 0 "it saves again"
lock "$M" || not_ok "it locks"

# Without FUSE there is a page cache, whatever is asked for.
on_fuse && all="'' nocache writeback ro" || all="'' ro"
eval "set -- $all"
for options in "$@"; do
	mount_vault "$V" "$M" "$options"
	pid=$(daemon_of "$M")
	nothing_in "$pid" "unlocked${options:+ with $options}"
	read_all
	[ "$options" = ro ] || touch -h "$M"/*/*
	nothing_in "$pid" "read again${options:+ with $options}"
	lock "$M" || not_ok "it locks"
done

# Where less may be locked than there is, most of it is encrypted.
prlimit --memlock=8388608:8388608 \
	setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$M" </dev/null
pid=$(daemon_of "$M")
head -c 20m /dev/zero | tr '\0' x >"$M/more"
like "$(field encrypted_bytes "$M")" '^[1-9][0-9]{6,}$' \
	"within 8 MiB most contents are encrypted"
read_all
touch -h "$M"/*/*
run "$TAZPOD" save "$M"
is "$status" 0 "it saves within 8 MiB"
nothing_in "$pid" "within 8 MiB"
rm "$M/more"
lock "$M" || not_ok "it locks"

## The kernel's own core file

pattern=$(cat /proc/sys/kernel/core_pattern)

# abort_with PROGRAM: in the foreground, where a core file would be of W.
abort_with()
{
	(cd "$W" && exec "$1" -f -o "passfile=$PASS" "$V" "$M") </dev/null &
	wait_for 20 is_mounted "$M" && wait_for 20 test -d "$M/." &&
		read_all
	kill -ABRT $!
	wait $!
	umount -l "$M" 2>/dev/null
	set -- "$W"/core*
	[ -e "$1" ]
}


case $pattern in
core)
	fails "a daemon that aborts leaves no core file" abort_with "$TAZPODFS"
	rm -f "$W"/core*
	;;
*)
	skip "a daemon that aborts leaves no core file" \
		"core files go to $pattern"
	;;
esac

## The same finds them where there is no protection

bare=$B/unprotected/tazpodfs
"$bare" -o "passfile=$PASS" "$V" "$M" </dev/null
pid=$(daemon_of "$M")
read_all
all=$(($(stat -c %s "$W/words") / 16))
for how in mem vm unlocked; do
	is "$(found "$how" "$pid" "$W/words")" "$all" \
		"without protection all of the words by $how"
done
core_of "$pid" "$W/core"
is "$(found file "$W/core" "$W/words")" "$all" \
	"without protection all of the words in a core"
"$PLANT" keys "$V" "$PASS" "$W/keys"
like "$(found mem "$pid" "$W/keys")" '^[1-9]' \
	"without protection the keys as well"
rm -f "$W/core"
lock "$M"
if [ "$pattern" = core ]; then
	holds "without protection a core file is left" abort_with "$bare"
	like "$(found file "$(ls "$W"/core*)" "$W/words")" '^[1-9]' \
		"without protection words are in it"
fi
umount "$D"
done_testing
