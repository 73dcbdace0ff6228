#!/bin/sh
. /work/main/tests/e2e/lib.sh
V=$W/vault; M=$W/m; mkdir $M
new_vault $V
"$TAZPODFS" -f -o "passfile=$PASS" "$V" "$M" </dev/null 2>"$W/said" &
daemon=$!
wait_for 20 is_mounted "$M"; wait_for 20 "$TAZPOD" status $M
pgrep -P $daemon -a
kill -KILL $(pgrep -P $daemon)
kill -TERM "$daemon"
wait "$daemon"; echo rc $?
cat $W/said
findmnt $M
strace -f -o /tmp/st -e trace=umount2,statfs,openat,newfstatat,statx "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"; echo rc $?
findmnt $M; cat $M/x
done_testing
