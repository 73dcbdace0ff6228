#!/bin/sh
# A container's first command: the vault is mounted, the user becomes another,
# and when the container is stopped nothing is lost.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
unshare --pid --fork --mount-proc true 2>/dev/null ||
	skip_all "no pid namespace can be made"
let_nobody_in

V=$W/vault
M=$W/m
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir "$M"
new_vault "$V"
NAME=$(id -un "$NOBODY")
GROUP=$(id -gn "$NOBODY")
export TAZPOD W PASS

# first COMMAND...: as process 1.
first()
{
	unshare --pid --fork --mount-proc --kill-child -- "$@"
}

# enter COMMAND...: tazpod entrypoint as process 1.
enter()
{
	first "$TAZPOD" entrypoint --vault "$V" --mount "$M" \
		--passfile "$PASS" "$@"
}

# begin COMMAND...: in the background, until it says in the file W/ready that it
# runs.  $init is process 1.
begin()
{
	: >"$W/ready"
	chmod 666 "$W/ready"
	"$@" >"$W/out" 2>"$W/err" &
	outer=$!
	wait_for 20 test -s "$W/ready"
	init=$(pgrep -P "$(pgrep -P "$outer")")
}

ended()
{
	wait "$outer"
	status=$?
	took=$(($(now_ms) - start))
}

shows()
{
	"$TAZPOD" cat --passfile "$PASS" "$1" "$V" 2>&1
}

## Who it is

run enter --user "$NAME" -- sh -c 'id -u; id -g; id -G; id -ru; id -rg'
is "$status $(tr '\n' ' ' <"$W/out")$(cat "$W/err")" \
	"0 $NOBODY $NOBODY $(id -G "$NAME") $NOBODY $NOBODY " \
	"the command is the user, with their groups"
run enter --user "$NAME" -- grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status
is "$(sed 's/.*\t//' "$W/out" | sort -u)" 0000000000000000 \
	"U28: without any capability"
run enter --user "$NAME" -- grep -E '^NoNewPrivs' /proc/self/status
is "$(sed 's/.*\t//' "$W/out")" 0 "sudo(8) and the like would work"
run enter --user "$NAME" -- sh -c 'echo "$HOME $USER $LOGNAME $TAZPOD_MOUNT"'
is "$(cat "$W/out")" "$(getent passwd "$NAME" | cut -d: -f6) $NAME $NAME $M" \
	"its environment says so, and where the secrets are"
run enter --user "$NOBODY" -- id -un
is "$(cat "$W/out")" "$NAME" "a number is a user as well"
run enter --user "$NAME:0" -- id -g
is "$(cat "$W/out")" 0 "and may come with a group"
run enter --user "1234:$GROUP" -- sh -c 'id -u; id -G; echo "$HOME$USER"'
is "$(tr '\n' ' ' <"$W/out")" "1234 $NOBODY / " "also one without a name"
run enter -- id -u
is "$(cat "$W/out")" 0 "without --user it stays as it is"
for user in nosuchuser 1234 "$NAME:nosuchgroup" '' 4294967295 -1; do
	run enter --user "$user" -- touch "$W/has-run"
	is "$status $(wc -l <"$W/err")" "2 1" "--user '$user' is refused"
done
fails "and nothing is run" test -e "$W/has-run"
run as_nobody "$W/bin/tazpod" entrypoint --user 0 --vault "$V" true
is "$status $(wc -l <"$W/err")" "1 1" "a user cannot become root"

## The mount

run enter --user "$NAME" -- sh -c 'echo 1 >"$TAZPOD_MOUNT/file" &&
	mkdir "$TAZPOD_MOUNT/d" && cat "$TAZPOD_MOUNT/file" &&
	stat -c "%u:%g" "$TAZPOD_MOUNT" "$TAZPOD_MOUNT/file"; exit 7'
is "$status $(tr '\n' ' ' <"$W/out")$(cat "$W/err")" \
	"7 1 $NOBODY:$NOBODY $NOBODY:$NOBODY " \
	"the user owns what is in the mount, and its status is passed on"
is "$(shows file)" 1 "what was changed is kept"
run enter --user "$NAME" -o umask=077 -- stat -c %a "$M/file"
is "$(cat "$W/out")" 700 "mount options are taken"
run enter --user "$NAME" -- nonexistent-command
is "$status" 127 "127 if there is no such command"
echo 'cat "$TAZPOD_MOUNT/file"; echo "$SHELL"; exit 6' >"$W/in"
status=0
enter --user 1234:1234 <"$W/in" >"$W/out" 2>&1 || status=$?
is "$status $(tr '\n' ' ' <"$W/out")" "6 1 /bin/sh " \
	"without a command it is the user's shell"
holds "nothing is left" no_daemons

## Stopped

for policy in seal=200ms seal=off; do
	begin enter --user "$NAME" -o "$policy" -- sh -c '
		echo "$1" >"$TAZPOD_MOUNT/file"; echo >"$2"
		exec sleep 300' sh "$policy" "$W/ready"
	start=$(now_ms)
	kill -TERM "$init"
	ended
	is "$status $(shows file)" "143 $policy" \
		"U18: $policy: SIGTERM ends it, and loses nothing"
	holds "within a second ($took ms)" test "$took" -lt 1000
done
begin enter --grace 1s -o seal=off --user "$NAME" -- sh -c 'trap "" TERM
	echo kept >"$TAZPOD_MOUNT/file"; echo >"$1"
	while :; do sleep 0.05; done' sh "$W/ready"
start=$(now_ms)
kill -TERM "$init"
ended
is "$status $(shows file)" "137 kept" \
	"a command that ignores SIGTERM is killed, and nothing is lost"
holds "after the grace that it has ($took ms)" test \
	$((took >= 1000 && took < 2500)) -eq 1
begin enter -o seal=off -- sh -c 'trap "" TERM
	echo usual >"$TAZPOD_MOUNT/file"; echo >"$1"
	while :; do sleep 0.05; done' sh "$W/ready"
start=$(now_ms)
kill -TERM "$init"
ended
is "$status $(shows file)" "137 usual" "the same without --grace"
holds "within the 10 seconds that a container has ($took ms)" test \
	$((took >= 7000 && took < 9500)) -eq 1
# What it writes while it is ended goes into the vault, or nowhere.
chown "$NOBODY" "$M"
: >"$W/synced"
chmod 666 "$W/synced"
begin enter --grace 300ms -o seal=off --user "$NAME" -- sh -c 'trap "" TERM
	echo >"$1"; i=0; while :; do i=$((i + 1)); echo $i >"$TAZPOD_MOUNT/w$i"
	sync "$TAZPOD_MOUNT/w$i" && echo w$i >>"$2"; done' sh "$W/ready" \
	"$W/synced"
wait_for 20 test -s "$W/synced"
start=$(now_ms)
kill -TERM "$init"
ended
is "$status $(ls -A "$M")" "137 " \
	"one that is killed writes nothing to the folder below the mount"
is "$(shows "$(tail -n 1 "$W/synced")")" "$(sed -n '$s/w//p' "$W/synced")" \
	"and what it has synced last is in the vault"
chown 0 "$M"
rm -rf "${M:?}/"*
holds "nothing is left" no_daemons

# Where something else is process 1.
"$TAZPOD" entrypoint --vault "$V" --mount "$M" --passfile "$PASS" \
	--user "$NAME" -o seal=off -- sh -c 'echo sub >"$TAZPOD_MOUNT/file"
	echo >"$1"; exec sleep 300' sh "$W/ready" &
pid=$!
wait_for 20 grep -qs sub "$M/file"
sleep 0.1
kill -TERM "$pid"
wait "$pid"
is "$? $(shows file)" "143 sub" "under another process 1 it is the same"
holds "nothing is left" no_daemons

## fstab, before

echo "$V $M tazpodfs passfile=$PASS,allow_other,uid=$NOBODY,seal=off 0 0" \
	>"$W/fstab"
# mount(8) looks for its helpers in /sbin alone; here that is a layer over it.
mkdir "$W/sbin"
cp "$B/mount.tazpodfs" "$B/tazpodfs" "$W/sbin"
SBIN=$(readlink -f /sbin)
if mount -t overlay -o "lowerdir=$W/sbin:$SBIN" tazpod-e2e "$SBIN" \
	2>/dev/null && [ -x /sbin/mount.tazpodfs ]; then
	run first sh -c 'mount -T "$W/fstab" -a && exec "$TAZPOD" entrypoint \
		--user "$1" -- sh -c '\''echo fstab >"$TAZPOD_MOUNT/file"
		echo "$TAZPOD_MOUNT"; id -u; exit 5'\' sh "$NAME"
	is "$status $(tr '\n' ' ' <"$W/out")$(cat "$W/err")" \
		"5 $M $NOBODY " \
		"what mount -a has mounted is used, without being named"
	is "$(shows file)" fstab "and saved"
	holds "nothing is left" no_daemons
	begin first sh -c 'mount -T "$W/fstab" -a && exec "$TAZPOD" entrypoint \
		--mount "$1" -- sh -c '\''echo stop >"$TAZPOD_MOUNT/file"
		echo >"$1"; exec sleep 300'\'' sh "$2"' sh "$M" \
		"$W/ready"
	start=$(now_ms)
	kill -TERM "$init"
	ended
	is "$status $(shows file)" "143 stop" "SIGTERM loses nothing"
	holds "within a second ($took ms)" test "$took" -lt 1000
else
	skip "what mount -a has mounted is used, without being named" \
		"no overlay over /sbin"
fi
# It is locked also where that is not process 1.
"$TAZPOD" unlock -o seal=off --passfile "$PASS" "$V" "$M"
run "$TAZPOD" entrypoint -- sh -c 'echo last >"$TAZPOD_MOUNT/file"'
is "$status $(shows file)" "0 last" "a vault that was unlocked before"
holds "U19: is locked at the end all the same" away "$M"
holds "nothing is left" no_daemons
done_testing
