#!/bin/sh
# Who may not mount, and has nobody to do it for them, has a vault all the same:
# in namespaces of its own, where nobody else sees it.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
PATH=/usr/sbin:/usr/bin:/sbin:/bin
unshare --user true 2>/dev/null || skip_all "no user namespace can be made"
let_nobody_in

H=$W/nobody
V=$H/vault
M=$H/m
P=$H/passphrase
CLI=$W/bin/tazpod
SUID=$(command -v fusermount3)
export CLI V H
as_nobody mkdir "$M" "$H/m2"
quick_vault 2 "$V"
chown "$NOBODY:$NOBODY" "$V"
as_nobody "$CLI" create -q --passfile "$P" "$H/other"

# with COMMAND...: with the vault unlocked for it.
with()
{
	as_nobody "$CLI" run --vault "$V" --mount "$M" --passfile "$P" "$@"
}

# hide FILE: there is an empty one in its place, until show FILE.
hide()
{
	mount --bind /dev/null "$1"
}

show()
{
	umount "$1"
}

no_mount_in_sight()
{
	! grep -q " fuse.tazpodfs " /proc/*/mountinfo 2>/dev/null
}

locked()
{
	no_daemons && no_mount_in_sight
}

# hold [OPTION...]: start a command that lasts until let_go; its pid is $inner,
# that of tazpod $holder.
hold()
{
	rm -f "$H/pid"
	as_nobody mkfifo "$H/go"
	as_nobody "$CLI" run --vault "$V" --mount "$M" --passfile "$P" "$@" \
		sh -c 'echo $$ >"$1/pid"; read -r line <"$1/go"; exit 5' sh \
		"$H" 2>"$W/hold-err" &
	wait_for 20 test -s "$H/pid"
	inner=$(cat "$H/pid")
	holder=$(awk '{ print $4 }' "/proc/$inner/stat")
}

let_go()
{
	timeout 10 sh -c 'echo >"$1"' sh "$H/go"
	wait
	rm -f "$H/go"
}

# inside COMMAND...: as the user, in the namespaces of $inner.
inside()
{
	as_nobody nsenter --target "$inner" --user --mount \
		--preserve-credentials -- "$@"
}

## Without fusermount3

hide "$SUID"
run with sh -c 'echo 1 >"$TAZPOD_MOUNT/file"; echo "$TAZPOD_MOUNT"; exit 7'
is "$status $(cat "$W/out" "$W/err")" "7 $M" \
	"U28: without any privilege, run unlocks a vault"
holds "and locks it" locked
run with cat "$M/file"
is "$status $(cat "$W/out" "$W/err")" "0 1" "what was changed is kept"
run with grep '^Cap' /proc/self/status
is "$(sort -u "$W/out" | sed 's/.*\t//' | sort -u)" "0000000000000000" \
	"the command has no capability, and can get none"
run with sh -c 'sh -c "grep ^CapEff /proc/self/status"; :'
is "$(cat "$W/out")" "CapEff:	0000000000000000" "nor have its children"
run with sh -c 'id -u; id -g; cat "/proc/$PPID/uid_map" | tr -s " "'
is "$(tr '\n' ' ' <"$W/out")" "$NOBODY $NOBODY  $NOBODY $NOBODY 1 " \
	"it is the same user"
run with sh -c 'umount "$TAZPOD_MOUNT"; ls "$TAZPOD_MOUNT"'
is "$status $(cat "$W/out")" "0 file" "who may not unmount it"
run with sh -c 'kill -USR1 $$'
is "$status" 138 "128 and the signal, if it dies of one"
run with nonexistent-command
is "$status" 127 "127 if there is none"
run with sh -c 'cat "/proc/$PPID/status" | grep CapEff'
is "$(cat "$W/out")" "CapEff:	0000000000000000" \
	"tazpod itself has given up its rights, too"
run as_nobody "$CLI" run --vault "$V" --mount "$M" \
	--passcmd "grep ^CapEff /proc/self/status >$H/caps; cat $P" true
is "$status $(cat "$H/caps")" "0 CapEff:	0000000000000000" \
	"nor has the command that knows the passphrase any"
SHELL=/bin/sh
export SHELL
echo 'cat "$TAZPOD_MOUNT/file"; exit 6' >"$W/in"
status=0
as_nobody "$CLI" shell --vault "$V" --mount "$M" --passfile "$P" <"$W/in" \
	>"$W/out" 2>&1 || status=$?
is "$status $(cat "$W/out")" "6 1" "shell does the same"
holds "all is locked" locked

## From outside

hold
is "$(grep -c " $M " /proc/self/mountinfo)" 0 "the mount is not in sight"
is "$(grep -l fuse.tazpodfs /proc/[0-9]*/mountinfo 2>/dev/null |
	xargs -n 1 dirname | sed 's|$|/ns/mnt|' | xargs -n 1 readlink |
	sort -u | wc -l)" 1 "but in one namespace"
is "$(ls "$M")" "" "root sees nothing there"
is "$(as_nobody ls "$M")" "" "nor the user outside"
is "$(as_nobody "$CLI" status)" "no vault is mounted" \
	"status shows nothing outside"
start=$(now_ms)
run as_nobody "$CLI" unlock --passfile "$P" "$V" "$H/m2"
is "$status $(wc -l <"$W/err")" "5 1" "the vault is in use for others"
like "$(cat "$W/err")" "in use by process [0-9]*.*namespace" "which is said"
holds "at once" test $(($(now_ms) - start)) -lt 5000
daemon=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' "$W/err")
holds "with its daemon" test \
	"$(cat "/proc/${daemon:-0}/comm" 2>/dev/null)" = tazpodfs
is "$(grep CapEff "/proc/$daemon/status")" "CapEff:	0000000000000000" \
	"which has no rights by then"
like "$(grep CapEff "/proc/$(keeper_of "$daemon")/status")" "[1-9a-f]" \
	"while its keeper has those to unmount"

## Joined

run as_nobody "$CLI" run --vault "$V" -- sh -c 'cat "$TAZPOD_MOUNT/file"
	pwd; grep ^CapEff /proc/self/status; id -u'
is "$status $(tr '\n' ' ' <"$W/out")$(cat "$W/err")" \
	"0 1 $PWD CapEff:	0000000000000000 $NOBODY " \
	"another run of the same user joins it, without a passphrase"
holds "and it stays unlocked" alive "$daemon"
run as_nobody "$CLI" run --vault "$V" -- sh -c 'exit 9'
is "$status" 9 "with its exit status"
run as_nobody "$CLI" status --vault "$V"
is "$status $(grep -c "$M" "$W/out")" "0 1" "status with its name finds it"
run as_nobody "$CLI" save --vault "$V"
is "$status $(cat "$W/err")" "0 " "so does save"
run "$TAZPOD" status --vault "$V"
is "$status $(wc -l <"$W/err")" "1 1" "but not that of another user, root"
let_go
hold
run as_nobody "$CLI" lock --vault "$V"
is "$status" 0 "and lock"
holds "from outside" no_mount_in_sight
let_go
hold

## From inside

run inside "$CLI" status
is "$status $(grep -c "$M" "$W/out")" "0 1" "status shows it inside"
run inside "$CLI" status --json
like "$(cat "$W/out")" '"leases": 1' "with its lease"
inside sh -c "echo 2 >'$M/file'"
run inside "$CLI" save "$M"
is "$status $(cat "$W/err")" "0 " "save saves"
cp "$V" "$W/copy"
is "$("$TAZPOD" cat --passfile "$PASS" file "$W/copy")" 2 \
	"so that a copy has it"
run inside "$CLI" run --vault "$V" cat "$M/file"
is "$status $(cat "$W/out" "$W/err")" "0 2" "a run inside uses it as well"
run inside "$CLI" status
is "$status $(grep -c "$M" "$W/out")" "0 1" "and leaves it there"
run inside sh -c 'cd "$2" && exec "$1" lock --kill' sh "$CLI" "$M"
is "$status" 0 "lock locks it"
holds "though the command still runs" alive "$inner"
is "$(inside ls "$M")" "" "and nothing is left inside"
holds "or anywhere" no_mount_in_sight
let_go

# The shell below is what holds it.
hold
run inside sh -c 'cd "$2" && "$1" lock >/dev/null 2>"$3/said"; cd /' sh "$CLI" \
	"$M" "$H"
like "$(cat "$H/said")" "still held by sh .*working folder $M" \
	"who holds it is named"
let_go

## Ends

hold
kill -TERM "$holder"
wait
holds "SIGTERM to tazpod ends the command, and locks" locked
rm -f "$H/go"
hold
inside sh -c "echo 3 >'$M/file'"
kill -KILL "$holder"
sleep 0.3
holds "if tazpod is killed the command keeps it" test \
	"$(inside cat "$M/file")" = 3
let_go
holds "U19: until its end" wait_for 20 locked
hold
inside sh -c "echo 4 >'$M/file'"
kill -KILL "$inner"
wait
holds "a command that is killed leaves nothing" wait_for 20 locked
rm -f "$H/go"
run with cat "$M/file"
is "$(cat "$W/out")" 4 "and loses nothing"
hold -o seal=off
inside sh -c "echo 5 >'$M/file'"
daemon=$(inside "$CLI" status "$M" | sed -n 's/^daemon *pid //p')
keeper=$(keeper_of "$daemon")
kill -KILL "$daemon"
wait_for 20 gone "$keeper"
is "$(inside sh -c "grep -c fuse.tazpodfs /proc/self/mountinfo")" 0 \
	"a daemon that is killed leaves no dead mount"
let_go
run with cat "$M/file"
is "$status $(cat "$W/out")" "0 4" "and the vault as it was sealed"

## Nested

run with sh -c '"$CLI" run --vault "$V" --mount "$TAZPOD_MOUNT" \
	sh -c '\''cat "$TAZPOD_MOUNT/file"; exit 3'\'
is "$status $(cat "$W/out" "$W/err")" "3 4" "a run in a run uses its mount"
run with sh -c '"$CLI" run --vault "$H/other" --mount "$H/m2" \
	--passfile "$H/passphrase" \
	sh -c '\''echo o >"$TAZPOD_MOUNT/o"; cat "$H/m/file";
		grep -c fuse.tazpodfs /proc/self/mountinfo;
		grep ^CapEff /proc/self/status'\''
	grep -c fuse.tazpodfs /proc/self/mountinfo'
is "$status $(tr '\n' ' ' <"$W/out")$(cat "$W/err")" \
	"0 4 2 CapEff:	0000000000000000 1 " \
	"another vault gets a namespace in the namespace"
holds "all is locked" locked
run as_nobody "$CLI" cat --passfile "$P" o "$H/other"
is "$(cat "$W/out")" o "and was saved"

## With fusermount3

show "$SUID"
hold
is "$(grep -c " $M " /proc/self/mountinfo)" 1 \
	"where fusermount3 is, it is mounted for all of the user's programs"
run as_nobody "$CLI" run --private --vault "$V" --passfile "$P" true
is "$status $(wc -l <"$W/err")" "5 1" "--private does not use such a mount"
let_go
hold --private
is "$(grep -c " $M " /proc/self/mountinfo)" 0 "with --private it is not"
let_go
run with --private sh -c 'cat "$TAZPOD_MOUNT/file"; exit 4'
is "$status $(cat "$W/out" "$W/err")" "4 4" "and works the same"
run setpriv --no-new-privs --reuid "$NOBODY" --regid "$NOBODY" --clear-groups \
	env HOME="$H" XDG_RUNTIME_DIR="$H/run" XDG_STATE_HOME="$H/state" \
	"$CLI" run --vault "$V" --mount "$M" --passfile "$P" cat "$M/file"
is "$status $(cat "$W/out" "$W/err")" "0 4" \
	"where setuid has no effect, neither is needed"
run setpriv --bounding-set=-sys_admin --reuid "$NOBODY" --regid "$NOBODY" \
	--clear-groups \
	env HOME="$H" XDG_RUNTIME_DIR="$H/run" XDG_STATE_HOME="$H/state" \
	"$CLI" run --vault "$V" --mount "$M" --passfile "$P" cat "$M/file"
is "$status $(cat "$W/out" "$W/err")" "0 4" \
	"nor where fusermount3 would have no rights"
cat >"$W/refuses" <<'END'
#!/bin/sh
echo 'fusermount3: mount failed: Operation not permitted' >&2
exit 1
END
chmod 4755 "$W/refuses"
mount --bind "$W/refuses" "$SUID"
run with cat "$M/file"
is "$status $(cat "$W/out") $(wc -l <"$W/err")" "0 4 2" \
	"nor when it is refused"
umount "$SUID"
holds "all is locked" locked

## Root

mkdir "$W/m"
quick_vault 2 "$W/vault"
run "$TAZPOD" run --private --vault "$W/vault" --mount "$W/m" \
	--passfile "$PASS" \
	sh -c 'echo r >"$TAZPOD_MOUNT/file"; ls "/proc/$1/root$TAZPOD_MOUNT"
	grep ^CapEff /proc/self/status; cat /proc/self/uid_map | tr -s " "' \
	sh $$
is "$status $(tr '\n' ' ' <"$W/out")" \
	"0 $(grep ^CapEff /proc/self/status)  0 0 4294967295 " \
	"root gets a mount namespace with --private, and keeps its rights"
run setpriv --bounding-set=-sys_admin --inh-caps=-all sh -c '
	grep ^CapEff /proc/self/status; exec "$@"' sh "$TAZPOD" run \
	--vault "$W/vault" --mount "$W/m" --passfile "$PASS" \
	sh -c 'grep ^CapEff /proc/self/status; cat /proc/self/uid_map |
		tr -s " "; cat "$TAZPOD_MOUNT/file"
		echo u >"$TAZPOD_MOUNT/u" && chown 1:1 "$TAZPOD_MOUNT/u" &&
		setpriv --reuid 1 --clear-groups id -u'
is "$status $(sed 1d "$W/out" | tr '\n' ' ')$(cat "$W/err")" \
	"0 $(head -n 1 "$W/out")  0 0 4294967295 r 1 " \
	"root that may not mount does it in a user namespace, with all users"
holds "all is locked" locked

## Refusals

hide "$SUID"
hide /dev/fuse
run with --backend fuse touch "$W/has-run"
is "$status $(wc -l <"$W/err")" "7 1" "without /dev/fuse there is no FUSE"
show /dev/fuse
before=$(cat /proc/sys/user/max_user_namespaces)
if [ -w /proc/sys/user/max_user_namespaces ]; then
	# A user namespace around it, whose limit is nobody else's.
	run unshare --user --map-users=all --map-groups=all --mount \
		--setuid 0 --setgid 0 -- sh -c '
		echo 0 >/proc/sys/user/max_user_namespaces || exit 99
		exec setpriv --reuid 65533 --regid 65533 --clear-groups \
			env HOME=/ XDG_RUNTIME_DIR=/nonexistent \
			"$1" run --vault "$2" --mount "$3" --passfile "$4" \
			touch "$5"' sh "$CLI" "$V" "$M" "$P" "$W/has-run"
	is "$status $(wc -l <"$W/err")" "7 1" \
		"where no user namespace can be had, it is refused"
	like "$(cat "$W/err")" \
		"fusermount3 is not setuid.*user.max_user_.*tazpod doctor" \
		"and why, and what tells more, is said"
fi
is "$(cat /proc/sys/user/max_user_namespaces)" "$before" \
	"the machine's limit is as it was"
fails "nothing is run then" test -e "$W/has-run"
holds "all is locked" locked
done_testing
