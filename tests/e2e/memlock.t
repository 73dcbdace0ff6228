#!/bin/sh
# A vault of 60 MiB where 8 MiB of memory may be locked, or less: nothing is
# lost, and nothing of it is where swap could take it.
#
#	LIMITED	who mounts: nobody (the default), or root without its right to
#		lock memory beyond the limit
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
locks_memory || skip_all "AddressSanitizer locks no memory"
[ "${LIMITED:-nobody}" = root ] || let_nobody_in

export TAZPODFS TAZPOD
H=$W/nobody
V=$H/vault
M=$H/m
P=$H/passphrase
WORK=$H/memlock.py
KIB=8192
if [ "${LIMITED:-nobody}" = root ]; then
	mkdir -p "$H" "$W/bin"
	cp "$B/tazpodfs" "$B/tazpod" "$W/bin"
	cp "$PASS" "$P"
fi
cp "$E2E/memlock.py" "$WORK"
chmod 755 "$WORK"

# limited COMMAND...: as somebody who may lock KIB.
limited()
{
	if [ "${LIMITED:-nobody}" = root ]; then
		prlimit --memlock="$((KIB * 1024)):$((KIB * 1024))" \
			setpriv --bounding-set=-ipc_lock "$@"
	else
		as_nobody prlimit --memlock="$((KIB * 1024)):$((KIB * 1024))" "$@"
	fi
}

mount_it()
{
	limited "$W/bin/tazpodfs" -o "passfile=$P,size=128M${1:+,$1}" "$V" "$M" \
		</dev/null
}

said()
{
	limited "$W/bin/tazpod" status --json "$M" |
		sed -n "s/.*\"$1\": \\([0-9]*\\),*/\\1/p"
}

daemon()
{
	limited "$W/bin/tazpod" status "$M" | sed -n 's/^daemon *pid //p'
}

locked_kib()
{
	awk '/^VmLck/ { print $2 }' "/proc/$1/status"
}

# within PROMISE: no more is locked than may be, and much is encrypted.
within()
{
	kib=$(locked_kib "$(daemon)")
	encrypted=$(said encrypted_bytes)
	if [ "$kib" -le "$KIB" ] && [ "$encrypted" -gt 30000000 ]; then
		ok "$1"
	else
		not_ok "$1" "$kib KiB locked, $encrypted bytes encrypted"
	fi
}

unlocked_canaries()
{
	"$PY" "$WORK" scan "$(daemon)" unlocked
}

limited mkdir "$M"
limited "$W/bin/tazpod" create -q --passfile "$P" "$V"
holds "a vault can be mounted where 8 MiB may be locked" mount_it
holds "60 MiB fit" limited "$PY" "$WORK" fill "$M" 1
within "within what may be locked"
total=$(unlocked_canaries)
like "$total" '^0 of [0-9]{3,}$' "none of it is in memory that is not locked"
total=${total#0 of }
holds "it can be read" limited "$PY" "$WORK" check "$M" 1
run limited "$W/bin/tazpod" save "$M"
is "$status $(cat "$W/err")" "0 " "it can be saved"
is "$(unlocked_canaries)" "0 of $total" "which leaves none behind"
run limited "$W/bin/tazpod" lock "$M"
is "$status $(cat "$W/err")" "0 " "and locked"
mount_it ''
is "$?" 0 "it mounts again"
within "within what may be locked"
is "$(unlocked_canaries)" "0 of $total" "and none of it is left behind"
holds "every byte is there" limited "$PY" "$WORK" check "$M" 1
holds "it can be changed" limited "$PY" "$WORK" fill "$M" 2
run limited "$W/bin/tazpod" save "$M"
is "$status $(cat "$W/err")" "0 " "and saved again"
within "within what may be locked"
is "$(unlocked_canaries)" "0 of $total" "with none left behind"
limited "$W/bin/tazpod" lock -q "$M"
holds "it mounts once more" mount_it nocache,secretmem=off
holds "with every byte, also without the kernel's cache" \
	limited "$PY" "$WORK" check "$M" 2
# Room for what is changed is made by what is not.
holds "some of it is written anew" limited "$PY" "$WORK" fill "$M" 2
like "$("$PY" "$WORK" scan "$(daemon)" locked)" "^[1-9][0-9]* of $total$" \
	"what is hot is found by the same search in what is locked"
is "$(unlocked_canaries)" "0 of $total" "and there alone"
limited "$W/bin/tazpod" lock -q "$M"

mkfifo "$W/end"
"$PY" "$WORK" hold <"$W/end" >"$W/ready" &
holder=$!
exec 9>"$W/end"
wait_for 60 grep -q ready "$W/ready"
is "$("$PY" "$WORK" scan "$holder" unlocked)" "$total of $total" \
	"the same search finds them all in a process that has them unlocked"
exec 9>&-
wait "$holder"

## The least, and less

KIB=5120
holds "it mounts where 5 MiB may be locked" mount_it
within "within those"
holds "every byte is there" limited "$PY" "$WORK" check "$M" 2
limited "$W/bin/tazpod" lock -q "$M"
for KIB in 64 1024; do
	run mount_it
	like "$status $(cat "$W/err")" \
		"^6 tazpodfs: $V: .*beyond the $KIB KiB .* takes 5120 KiB.*ulimit -l" \
		"$KIB KiB are refused, and it is said what it takes"
	is "$(wc -l <"$W/err")" 1 "in one line"
done
KIB=8192

## Whoever may lock as much as there is

mount_vault "$V" "$W/m" size=128M
holds "without a limit it mounts as well" "$PY" "$WORK" check "$W/m" 2
is "$(field encrypted_bytes "$W/m")" 0 "and all of it stays locked"
is "$("$PY" "$WORK" scan "$(daemon_of "$W/m")" unlocked)" "0 of $total" \
	"with nothing in ordinary memory"
lock "$W/m"

## Anything at all

# Names take locked memory; so the model is not let go beyond what fits.
MODEL=$B/tests/model/model
if [ -x "$MODEL" ]; then
	mkdir "$W/tmpfs"
	mount -t tmpfs -o size=1G,nr_inodes=100k,noatime,nosuid,nodev \
		tazpod-e2e "$W/tmpfs"
	chmod 777 "$W/tmpfs"
	new_vault "$W/random"
	prlimit --memlock=8388608:8388608 setpriv --bounding-set=-ipc_lock \
		"$TAZPODFS" -o "passfile=$PASS,size=1G,nr_inodes=100k,allow_other" \
		"$W/random" "$W/m" </dev/null
	chmod 777 "$W/m"
	run "$MODEL" -n "${OPERATIONS:-20000}" "$W/tmpfs" "$W/m"
	sed 's/^/# /' "$W/out" "$W/err"
	is "$status" 0 "random operations give what they give on a tmpfs"
	lock "$W/m"
fi
if "$PY" -c 'import cryptography' 2>/dev/null; then
	quick_vault 2 "$W/storm"
	prlimit --memlock=8388608:8388608 setpriv --bounding-set=-ipc_lock \
		"$TAZPODFS" -o "passfile=$PASS,seal=1ms,seal_max=4ms" \
		"$W/storm" "$W/m" </dev/null
	head -c 30000000 /dev/urandom >"$W/m/ballast"
	ballast=$(digest "$W/m/ballast")
	run "$PY" "$E2E/storm/storm.py" all "${STORM_SECONDS:-3}" \
		"${SEED:-$(date +%s%N)}" "$W/storm" "$PASS" "$W/m"
	told "a storm of everything"
	is "$(digest "$W/m/ballast")" "$ballast" "harms nothing that is cold"
	is "$(($(field encrypted_bytes "$W/m") > 20000000))" 1 "and some was"
	lock "$W/m"
fi
done_testing
