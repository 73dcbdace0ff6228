#!/bin/sh
# Changes are sealed by themselves, soon and not too often; a seal that fails
# is tried again.
# Some functions are called by names that are put together, or by wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m

is_clean()
{
	[ "$(field state "$M")" = clean ]
}

# Kill the daemon as nothing can stop; its keeper takes away what it leaves.
crash()
{
	pid=$(field pid "$M")
	kill -KILL "$pid"
	wait_for 10 gone "$pid"
	wait_for 10 away "$M"
}

# ticks PID: clock ticks and context switches of all its threads.
ticks()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
	cat "/proc/$1"/task/*/status | awk '/ctxt_switches/ { n += $2 }
		END { print n }'
}

new_vault "$V"
mount_vault "$V" "$M"

printf 'one\n' >"$M/file"
holds "a change is sealed though nobody asks" wait_for 10 is_clean
crash
mount_vault "$V" "$M"
is "$(cat "$M/file")" one "and survives the daemon's death"

generation=$(field generation "$M")
cat "$M/file" >/dev/null
ls -lR "$M" >/dev/null
is "$(field state "$M")" clean "reading changes nothing"
is "$(field generation "$M")" "$generation" "and seals nothing"

# Once the next key has been made ready, a second after the last seal.
# The kernel may tell it of what it drops from its caches meanwhile; not each
# time.
pid=$(field pid "$M")
for try in 1 2 3 4 5 6; do
	sleep 2
	ticks "$pid" >"$W/ticks1"
	sleep 2
	ticks "$pid" >"$W/ticks2"
	! cmp -s "$W/ticks1" "$W/ticks2" || break
done
same "$W/ticks1" "$W/ticks2" \
	"a clean mount that nobody uses does nothing at all (try $try)"

# Changes at intervals that are shorter than the quiet that is waited for.
generation=$(field generation "$M")
i=0
begin=$(now_ms)
while [ $i -lt 40 ]; do
	echo $i >>"$M/log"
	sleep 0.05
	i=$((i + 1))
done
sealed=$(($(field generation "$M") - generation))
seconds=$((($(now_ms) - begin) / 1000))
is "$((sealed >= 1 && sealed <= seconds + 3))" 1 \
	"changes without a pause are sealed about every second ($sealed times)"
lock "$M"

## seal=close

mount_vault "$V" "$M" seal=close
printf 'closed\n' >"$M/file"
if on_fuse; then
	is "$(field state "$M")" clean "seal=close: a close waits for the seal"
else
	holds "seal=close: a close is followed by a seal" wait_for 10 is_clean
fi
crash
mount_vault "$V" "$M" seal=close
is "$(cat "$M/file")" closed "seal=close: what was closed survives"
generation=$(field generation "$M")
cat "$M/file" >/dev/null
is "$(field generation "$M")" "$generation" \
	"seal=close: a close after reading seals nothing"
mkdir "$M/folder"
holds "seal=close: what has no close is sealed after a while" \
	wait_for 10 is_clean
lock "$M"

## seal=off and times

mount_vault "$V" "$M" seal=off
printf 'off\n' >"$M/file"
sleep 1.5
is "$(field state "$M")" dirty "seal=off: nothing is sealed by itself"
holds "seal=off: a save seals" sync_file "$M/file"
is "$(field state "$M")" clean "seal=off: and the mount is clean then"
lock "$M"

mount_vault "$V" "$M" seal=30s,seal_max=1m
printf 'long\n' >"$M/file"
sleep 1.5
is "$(field state "$M")" dirty "seal=30s waits for longer than this test"
lock "$M"
mount_vault "$V" "$M" seal=30s,seal_max=300ms
printf 'short\n' >"$M/file"
holds "seal_max= rules" wait_for 10 is_clean
lock "$M"
for bad in seal= seal=x seal=1x seal=-1 seal_max=off seal=25h seal=1ss; do
	run "$TAZPODFS" -o "passfile=$PASS,$bad" "$V" "$M"
	is "$status" 2 "$bad is refused"
done

## A seal that fails

if [ "$(id -u)" -eq 0 ]; then
	mkdir "$W/small"
	mount -t tmpfs -o size=256k tazpod-e2e "$W/small"
	cp "$V" "$W/small/vault"
	mount_vault "$W/small/vault" "$M"
	head -c 200000 /dev/urandom >"$M/random"
	fell_short()
	{
		[ "$(field last_error "$M")" = 28 ]
	}
	head -c 200000 /dev/urandom >"$M/random2"
	holds "a seal without space fails, and status says so" \
		wait_for 10 fell_short
	is "$(field state "$M")" dirty "what it held stays unsealed"
	digest "$M/random2" >"$W/digest"
	run sync_file "$M/random2"
	is "$status" 1 "and whoever asks for it is told"
	mount -o remount,size=4m "$W/small"
	holds "when there is space again, it is sealed without being asked" \
		wait_for 20 is_clean
	crash
	mount_vault "$W/small/vault" "$M"
	is "$(digest "$M/random2")" "$(cat "$W/digest")" "with all that it held"
	lock "$M"
fi
done_testing
