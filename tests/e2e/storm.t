#!/bin/sh
# Every vault that is sealed while everything changes is whole, and so is every
# file in it.
#
#	STORM_SECONDS	of the storm of all at once; a third for each other
#	ROUNDS		how many daemons are killed while they save
#	SEED		as printed
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

STORM_SECONDS=${STORM_SECONDS:-3}
ROUNDS=${ROUNDS:-8}
SEED=${SEED:-$(date +%s%N)}
M=$W/m
echo "# SEED=$SEED STORM_SECONDS=$STORM_SECONDS ROUNDS=$ROUNDS"
export TAZPODFS TAZPOD
number=0

# storm PARTS SECONDS OPTIONS PROMISE
storm()
{
	number=$((number + 1))
	quick_vault 2 "$W/vault$number"
	mount_vault "$W/vault$number" "$M" "seal=1ms,seal_max=4ms${3:+,$3}"
	case $3 in *writeback*) set -- "$@" unordered ;; esac
	run "$PY" "$E2E/storm/storm.py" "$1" "$2" "$SEED" "$W/vault$number" \
		"$PASS" "$M" ${5:+"$5"}
	told "$4"
	lock "$M"
}

third=$((STORM_SECONDS / 3 + 1))
all=all
# Where the kernel serves files, fsync(2) is no save.
on_fuse || all=$(cd "$E2E/storm" && "$PY" -c 'import parts
print(",".join(n for n in parts.ALL if n != "durable"))')
storm vanish "$third" '' \
	"a file that vanishes during the walk harms no other"
storm shrink "$third" '' \
	"a file that shrinks during the walk swallows no other"
storm special "$third" '' \
	"sockets and FIFOs neither hang a save nor fail it"
storm "$all" "$STORM_SECONDS" '' "a storm of everything"
storm "$all" "$third" nocache "a storm of everything, nocache"
storm "$all" "$third" writeback "a storm of everything, writeback"

quick_vault 2 "$W/crash"
run "$PY" "$E2E/storm/crash.py" "$ROUNDS" "$SEED" "$W/crash" "$PASS" "$M"
told "a crash leaves no empty vault"
done_testing
