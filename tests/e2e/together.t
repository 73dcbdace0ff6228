#!/bin/sh
# Whoever unlocks a vault at the same time as others finds one mount, and nobody
# waits for a daemon that is stopped.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
mkdir "$M"
quick_vault 2 "$V"
quick_vault 2 "$W/vault2"
"$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
echo kept >"$M/file"
lock "$M"

mounts_at()
{
	our_mounts | grep -Fxc -- "$1"
}

# begin COMMAND...: another one at once; what it says is in the file said.
begin()
{
	"$@" >>"$W/said" 2>&1 </dev/null &
	pids="$pids $!"
}

# The statuses of all that have been begun, sorted.
statuses()
{
	got=
	for pid in $pids; do
		code=0
		wait "$pid" || code=$?
		got="$got $code"
	done
	pids=
	echo "$got" | xargs -n 1 | sort -n | xargs >"$W/statuses"
}
pids=

## One vault

wrong=
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	: >"$W/said"
	for _ in 1 2 3 4 5; do
		begin "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
	done
	statuses
	[ "$(cat "$W/statuses") $(mounts_at "$M") $(cat "$M/file")" = \
		"0 0 0 0 0 1 kept" ] &&
		[ "$(cat "$W/said")" = "$(yes \
			"$V: unlocked already at $M" | head -n 4)" ] ||
		wrong="$wrong $round: $(cat "$W/statuses" "$W/said")"
	lock "$M"
done
is "$wrong" "" "five unlocks at once give one mount, and say so, 20 times"

wrong=
for round in 1 2 3 4 5 6 7 8 9 10; do
	: >"$W/said"
	for _ in 1 2 3; do
		begin "$TAZPOD" unlock --passfile "$PASS" "$V"
	done
	statuses
	[ "$(cat "$W/statuses") $(our_mounts | wc -l)" = "0 0 0 1" ] ||
		wrong="$wrong $round: $(cat "$W/statuses" "$W/said")"
	lock "$V"
done
is "$wrong" "" "as they do in the usual folder"

for _ in 1 2 3; do
	begin "$TAZPOD" unlock --passfile "$PASS" -o create,size=1M \
		"$W/new" "$M"
done
statuses
is "$(cat "$W/statuses") $(mounts_at "$M")" "0 0 0 1" \
	"and with a vault that is made only then"
lock "$M"

wrong=
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	: >"$W/said"
	for n in 1 2 3 4; do
		begin "$TAZPOD" run --vault "$V" --mount "$M" \
			--passfile "$PASS" sh -c "sleep 0.0$((n * round % 9))
cat '$M/file' && sleep 0.0$((n * round % 7)) && cat '$M/file'"
		# Some come when others go.
		[ "$n" -lt 3 ] || sleep "0.0$((round % 10))"
	done
	statuses
	[ "$(cat "$W/statuses") $(sort -u "$W/said")" = "0 0 0 0 kept" ] ||
		wrong="$wrong $round: $(cat "$W/statuses" "$W/said")"
	wait_for 10 away "$M" || wrong="$wrong $round: unlocked"
done
is "$wrong" "" "commands that come and go always find it unlocked, 20 times"
wait_for 20 no_daemons

# The first has a passphrase only when the second has waited.
mkfifo "$W/words"
begin "$TAZPOD" unlock --passcmd "cat $W/words" "$V" "$M"
wait_for 10 sh -c "pgrep -f 'cat $W/words' >/dev/null"
"$E2E/term.py" -- "$TAZPOD" unlock --passfile "$PASS" "$V" "$M" >"$W/out" 2>&1 &
term=$!
sleep 2
cat "$PASS" >"$W/words"
wait "$term"
is "$?" 0 "the second waits while the first asks for the passphrase"
like "$(cat "$W/out")" "^tazpod: waiting for another 'tazpod unlock' of $V" \
	"and says so"
like "$(cat "$W/out")" "^$V: unlocked already at $M" "and then finds it unlocked"
statuses
start=$(now_ms)
run "$TAZPOD" unlock "$V"
holds "nobody waits once it is" test $(($(now_ms) - start)) -lt 1000
lock "$M"

## Two vaults

wrong=
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	: >"$W/said"
	for vault in "$V" "$W/vault2"; do
		begin "$TAZPODFS" -o "passfile=$PASS" "$vault" "$M"
	done
	statuses
	[ "$(cat "$W/statuses") $(mounts_at "$M")" = "0 7 1" ] &&
		[ "$(grep -c 'busy: something is mounted there' \
			"$W/said")" = 1 ] ||
		wrong="$wrong $round: $(cat "$W/statuses" "$W/said")"
	while is_mounted "$M"; do
		lock "$M" || break
	done
done
is "$wrong" "" "of two vaults for one folder one is mounted, 20 times"
"$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
"$TAZPODFS" -o "passfile=$PASS,nonempty" "$W/vault2" "$M"
is "$(mounts_at "$M")" 2 "unless that is asked for"
lock "$M"
lock "$M"

# Whoever holds the folder for long does not keep others from it.
exec 8<"$M"
flock 8
run "$TAZPODFS" -o "passfile=$PASS" "$V" "$M"
exec 8<&-
is "$status $(mounts_at "$M")" "0 1" "a stranger's lock of the folder ends nothing"

## A daemon that is stopped

pid=$(daemon_of "$M")
kill -STOP "$pid"
run timeout 30 "$TAZPOD" unlock --passfile "$PASS" "$V"
like "$status $(cat "$W/err")" "^7 .*its daemon does not answer" \
	"unlocking a vault whose daemon is stopped fails"
run timeout 30 "$TAZPOD" unlock --passfile "$PASS" "$V" "$W/home"
like "$status $(cat "$W/err")" "^7 .*its daemon does not answer" \
	"wherever it is to be"
start=$(now_ms)
run timeout 30 "$TAZPODFS" -o "passfile=$PASS" "$W/vault2" "$M"
like "$status $(cat "$W/err")" "^7 .*busy: something is mounted there" \
	"as does unlocking another one in its place"
holds "which is said at once" test $(($(now_ms) - start)) -lt 3000
run timeout 30 "$TAZPOD" unlock --passfile "$PASS" "$W/vault2"
is "$status" 0 "elsewhere that is possible"
lock "$W/vault2"
kill -CONT "$pid"
lock "$M"
done_testing
