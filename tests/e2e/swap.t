#!/bin/sh
# No plaintext in swap: what holds any is locked, and the kernel refuses to page
# it out, whether it is secret memory or not.  (tests/e2e/memlock.t has the
# vault that is larger than what may be locked.)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
case $B in */asan | */tsan) skip_all "sanitizers have a malloc of their own" ;; esac

SCAN=$B/tests/leak/scan
PLANT=$TOP/tests/leak/plant.py
PAGEOUT=$TOP/tests/leak/pageout.py
V=$W/vault
M=$W/m
mkdir "$M"

found()
{
	"$SCAN" "$W/words" "$1" "$2" | sed -n 's/^found \([0-9]*\) .*/\1/p'
}

# got NAME: what pageout.py has said of it.
got()
{
	tr ' ' '\n' <"$W/paged" | sed -n "s/^$1=//p"
}

kib()
{
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$pid/status"
}

new_vault "$V"
mount_vault "$V" "$M"
"$PLANT" files "$M" "$W/words"
lock "$M"
all=$(($(stat -c %s "$W/words") / 16))

for secretmem in off auto; do
	mount_vault "$V" "$M" "secretmem=$secretmem"
	pid=$(daemon_of "$M")
	find "$M" -type f -exec cat {} + >/dev/null
	head -c 100k "$W/words" >"$M/again"
	"$TAZPOD" save -q "$M"
	[ "$secretmem" = auto ] ||
		is "$(found mem "$pid")" "$all" \
			"secretmem=off: root finds the words in memory"
	is "$(found unlocked "$pid")" 0 \
		"secretmem=$secretmem: none of them where it is not locked"
	"$PAGEOUT" "$pid" >"$W/paged"
	like "$(got locked)" '^[1-9][0-9]*$' \
		"secretmem=$secretmem: mappings are locked"
	is "$(got taken)" 0 "... and the kernel pages none of them out"
	like "$(got unlocked_taken)" '^[1-9][0-9]*$' \
		"... as it would what is not locked"
	is "$(got swapped)" 0 "... nothing of them is in swap"
	is "$(kib VmSwap)" 0 "... nor anything else of the daemon"
	like "$(kib VmLck)" '^[1-9][0-9]{3,}$' "... VmLck has it"
	lock "$M"
done

bare=$B/unprotected/tazpodfs
"$bare" -o "passfile=$PASS" "$V" "$M" </dev/null
pid=$(daemon_of "$M")
is "$(found unlocked "$pid")" "$all" "without protection it is not locked"
is "$(kib VmLck)" 0 "... and VmLck says so"
lock "$M"
done_testing
