#!/bin/sh
# Archives that would take memory or time without end are refused, soon, in one
# line, and in little memory.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

V=$W/vault
M=$W/m
mkdir "$M"
FORGE=$E2E/forge.py

cat >"$W/measure" <<'END'
import os, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(int(time.monotonic() - start), peak)
sys.exit(done.returncode)
END

# refused STATUS PATTERN PROMISE: V is, within 20 seconds and 80 MB.
refused()
{
	run "$PY" "$W/measure" "$TAZPODFS" -f \
		-o "passfile=$PASS,ro,size=1M" "$V" "$M"
	read -r took peak <"$W/out"
	if [ "$status" = "$1" ] && [ "$(wc -l <"$W/err")" = 1 ] &&
		grep -Eq -- "^tazpodfs: $V: $2" "$W/err"; then
		ok "refused with status $1: $3"
	else
		not_ok "refused with status $1: $3" "status $status: $(
			cat "$W/err")"
	fi
	is "$((took < 20))" 1 "soon: $3"
	if locks_memory; then
		is "$((peak < 80000))" 1 "in little memory: $3 ($peak KiB)"
	fi
}

for kind in links names folders devices blocks; do
	"$FORGE" many "$kind" 200000 | "$FORGE" seal 2 "$PASS" >"$V"
	refused 1 "holds more than size=1M allows" "200,000 $kind"
done
"$FORGE" many map 4000000 | "$FORGE" seal 2 "$PASS" >"$V"
refused 1 "holds more than size=1M allows" \
	"a sparse file of four million pieces"
for kind in headers global; do
	"$FORGE" many "$kind" 100000 | "$FORGE" seal 2 "$PASS" >"$V"
	refused 4 "its archive is refused" "100,000 $kind in a row"
done
for size in 4611686018427387904 9223372036854775807; do
	"$FORGE" declared "$size" | "$FORGE" seal 2 "$PASS" >"$V"
	refused 4 "its archive is refused" "a member that claims to have $size bytes"
done
"$FORGE" zbomb $((1 << 30)) | "$FORGE" seal 2 "$PASS" 100000 2 >"$V"
is "$(($(stat -c %s "$V") < 50000))" 1 "a zstd bomb is small"
refused 4 "its archive is refused" "a zstd bomb that is no archive"
"$FORGE" bomb $((1 << 28)) | gzip -1 | "$FORGE" seal 2 "$PASS" >"$V"
refused 4 "its archive is refused" "a gzip within the gzip"
done_testing
