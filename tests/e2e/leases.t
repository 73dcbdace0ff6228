#!/bin/sh
# A vault that is unlocked for a command or a shell is locked when that ends,
# however it ends, and not before.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
mkdir "$M"
quick_vault 2 "$V"
ASK="Passphrase for $V: "
RIGHT="$ASK=>correct horse\\r"

# term [WAIT=>TYPE...] -- COMMAND...
term()
{
	status=0
	"$E2E/term.py" "$@" >"$W/out" 2>"$W/err" </dev/null || status=$?
}

# with COMMAND...: with the vault unlocked for it.
with()
{
	"$TAZPOD" run --vault "$V" --mount "$M" --passfile "$PASS" "$@"
}

cat >"$W/ask.py" <<'END'
# ask.py DIR WORD [pipe | pid]: what the daemon of the mount there answers, with
# a descriptor of a pipe or of a process.
import array, os, socket, sys
for line in open("/proc/self/mountinfo"):
    part = line.split()
    if part[4] == sys.argv[1]:
        number = part[2]
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["XDG_RUNTIME_DIR"] + "/tazpod/" + number + ".sock")
fds = []
if len(sys.argv) > 3:
    fds = [os.pipe()[0] if sys.argv[3] == "pipe"
           else os.pidfd_open(int(sys.argv[3]))]
word = sys.argv[2].encode() + b"\n"
answer = b""
try:
    s.sendmsg([word], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                        array.array("i", fds))] if fds else [])
    while True:
        more = s.recv(65536)
        if not more:
            break
        answer += more
except ConnectionError:
    pass
sys.stdout.buffer.write(answer)
END

# What the daemon says of a key.
says()
{
	"$PY" "$W/ask.py" "$M" status | sed -n "s/^$1=//p"
}

# Is it locked, with nothing left?  Called through holds and wait_for.
# shellcheck disable=SC2317
locked()
{
	away "$M" && no_daemons
}

# The same.
# shellcheck disable=SC2317
has_leases()
{
	is_mounted "$M" && [ "$(says leases)" -eq "$1" ]
}

# hold NAME: start a command that lasts until let_go NAME; its pid is in the
# file NAME.pid, that of tazpod in $holder.
hold()
{
	rm -f "$W/$1.pid"
	mkfifo "$W/$1"
	# The command expands its own arguments.
	# shellcheck disable=SC2016
	with sh -c 'echo $$ >"$1.pid"; read -r line <"$1"' sh "$W/$1" &
	holder=$!
	wait_for 20 test -s "$W/$1.pid"
}

let_go()
{
	# Nobody reads it if the command was not started.
	# shellcheck disable=SC2016
	timeout 10 sh -c 'echo >"$1"' sh "$W/$1"
	rm "$W/$1"
}

## What the command gets, and gives

# It expands its own variables.
# shellcheck disable=SC2016
run with sh -c 'cd / && echo 1 >"$TAZPOD_MOUNT/file"; echo "$TAZPOD_MOUNT"'
is "$status $(cat "$W/out" "$W/err")" "0 $M" \
	"run unlocks, and says where in TAZPOD_MOUNT"
is "$(ls "$M")" "" "when it returns, nothing is there any more"
holds "and the daemon has gone" no_daemons
run with cat "$M/file"
is "$status $(cat "$W/out" "$W/err")" "0 1" "what was changed is kept"
is "$(with pwd)" "$(pwd)" "the working folder stays"
is "$(echo in | with cat)" in "and so does the input"
run with printf '<%s>' -q --vault 'a b' -- -o
is "$(cat "$W/out")" "<-q><--vault><a b><--><-o>" \
	"all after the command is the command's"
run with -- printf '%s' word
is "$(cat "$W/out")" word "-- may come before it"
ls /proc/self/fd >"$W/fds-without"
with ls /proc/self/fd >"$W/fds-with"
same "$W/fds-with" "$W/fds-without" "it gets no descriptor more"
run with "$PY" "$W/ask.py" "$M" status
is "$(grep -E '^(leases|lease_only)=' "$W/out" | tr '\n' ' ')" \
	"leases=1 lease_only=1 " "its lease is there before it is"

run with -- sh -c 'exit 7'
is "$status" 7 "its exit status is run's"
run with sh -c 'kill -USR1 $$'
is "$status" 138 "128 and the signal, if it dies of one"
run with nonexistent-command
is "$status $(cat "$W/err")" "127 tazpod: nonexistent-command: not found" \
	"127 if there is none"
run with "$W/nonexistent/command"
is "$status" 127 "wherever it is said to be"
run with /etc
is "$status $(wc -l <"$W/err")" "126 1" "126 if it cannot be run"
run with
is "$status" 2 "without a command that is wrong usage"
run "$TAZPOD" shell --vault "$V" word
is "$status" 2 "as is an argument of shell"
holds "each time it is locked" locked
printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
run "$TAZPOD" run --vault "$V" --mount "$M" --passfile "$W/wrong" \
	touch "$W/has-run"
is "$status" 3 "with a wrong passphrase it fails as unlock does"
fails "and nothing is run" test -e "$W/has-run"
run "$TAZPOD" run --vault "$W/none" --mount "$M" --passfile "$PASS" true
is "$status $(wc -l <"$W/err")" "1 1" "as it does without a vault"

## Signals

for sig in TERM HUP USR1 USR2 INT; do
	# The command expands its own variables; sh ignores INT in an
	# asynchronous list.
	# shellcheck disable=SC2016
	"$PY" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
		"$TAZPOD" run --vault "$V" --mount "$M" --passfile "$PASS" \
		sh -c 'trap "exit 9" '"$sig"'; : >"$1"
while :; do sleep 0.05; done' sh "$W/trapped" &
	pid=$!
	wait_for 20 test -e "$W/trapped"
	rm -f "$W/trapped"
	kill "-$sig" "$pid"
	wait "$pid"
	is "$?" 9 "SIG$sig is passed on to the command"
done
holds "and then it is locked" locked

hold one
kill -KILL "$(cat "$W/one.pid")"
wait "$holder"
is "$?" 137 "a command that is killed"
holds "leaves nothing unlocked" locked
rm "$W/one"

hold one
kill -KILL "$holder"
wait "$holder" 2>/dev/null
sleep 0.3
holds "the lease is the command's: if tazpod is killed it stays" has_leases 1
let_go one
holds "until the command ends" wait_for 20 locked

## Several

hold one
first=$holder
hold two
holds "a second command has a lease of its own" has_leases 2
let_go two
wait "$holder"
is "$?" 0 "it ends"
holds "and the first one keeps the vault unlocked" has_leases 1
start=$(now_ms)
run with true
holds "who leaves others behind does not wait for them" \
	test $(($(now_ms) - start)) -lt 2000
# It expands its own variables.
# shellcheck disable=SC2016
run with "$TAZPOD" run --vault "$V" sh -c 'echo "$TAZPOD_MOUNT"'
is "$status $(cat "$W/out" "$W/err")" "0 $M" "they may be nested"
holds "which ends with the inner and then the outer one" has_leases 1
let_go one
wait "$first"
holds "the last one locks" wait_for 5 locked

# The command expands its own arguments.
# shellcheck disable=SC2016
with sh -c 'sleep 300 >"$1" 2>&1 & echo $! >"$2"' sh /dev/null "$W/left"
holds "what a command leaves behind does not keep it unlocked" locked
kill "$(cat "$W/left")"

# A seal of this takes a while.
with -o seal=off sh -c "head -c 40M /dev/urandom >'$M/large'" &
holder=$!
wait_for 20 test -e "$M/large"
holds "a vault that is being saved to be locked is still there" \
	wait_for 20 has_leases 0
run with sh -c "cat '$M/file' && sleep 1 && cat '$M/file' && rm '$M/large'"
is "$status $(cat "$W/out" "$W/err" | tr '\n' ' ')" "0 1 1 " \
	"but not for the next command, which unlocks it anew"
wait "$holder"
is "$?" 0 "nor is the lock disturbed by that"

mkdir "$W/other"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
run with "$PY" "$W/ask.py" "$M" status
is "$(grep -E '^(leases|lease_only)=' "$W/out" | tr '\n' ' ')" \
	"leases=1 lease_only=0 " "a vault that was unlocked before is used"
run "$TAZPOD" run --vault "$V" cat "$M/file"
is "$status $(cat "$W/out")" "0 1" "wherever it is"
run "$TAZPOD" run --vault "$V" --mount "$W/other" true
is "$status $(wc -l <"$W/err")" "5 1" "unless another place was named"
sleep 0.3
is "$(cat "$M/file")" 1 "and stays unlocked, as that person said"
lock "$M"
hold one
run "$TAZPOD" unlock "$V"
like "$status $(cat "$W/out")" "^0 .*until the last" \
	"unlock says if a vault is unlocked for commands only"
lock "$M"
let_go one
wait "$holder"
is "$?" 0 "a lock while a command runs is no failure of that"

## Leases that are none

"$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
is "$("$PY" "$W/ask.py" "$M" lease pipe)" 22 "a pipe is no process"
is "$("$PY" "$W/ask.py" "$M" lease)" 22 "nor is nothing"
is "$("$PY" "$W/ask.py" "$M" lease $$) $(says leases)" "0 1" \
	"a process is one, and has a lease"
if [ "$(id -u)" -eq 0 ]; then
	# What keeps strangers out of the folder is another matter.
	chmod 711 "$W" "$W/run/tazpod" "$W/run"
	chmod 666 "$W"/run/tazpod/*.sock
	setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups \
		"$PY" - "$M" lease $$ <"$W/ask.py" >"$W/out" 2>"$W/err"
	is "$(cat "$W/out" "$W/err") $(says leases)" " 1" \
		"a stranger is not answered"
	chmod 700 "$W/run/tazpod" "$W/run"
else
	skip "a stranger is not answered" "needs root"
fi
lock "$M"

## Terminals

run_shell()
{
	term "$RIGHT" "$@" -- "$TAZPOD" shell --vault "$V" --mount "$M"
}

echo 'PS1="ready> "' >"$W/home/.bashrc"
printf '%s\n' 'PROMPT="ready> "' 'setopt no_check_jobs no_hup' \
	>"$W/home/.zshrc"
PS1='ready> '
TERM=dumb
export PS1 TERM
for name in dash bash zsh; do
	SHELL=$(command -v "$name")
	[ -n "$SHELL" ] || {
		skip "a shell on a terminal: $name" "not installed"
		continue
	}
	export SHELL
	rm -f "$W/job" "$W/seen"
	run_shell "ready> =>cat \$TAZPOD_MOUNT/file >$W/seen\\r" \
		"ready> =>sleep 300 & echo \$! >$W/job\\r" \
		"ready> =>exit 5\\r"
	is "$status $(cat "$W/seen")" "5 1" "$name: a shell, and its status"
	holds "$name: locked when it ends, whatever runs in its background" \
		locked
	holds "$name: which goes on" alive "$(cat "$W/job")"
	kill "$(cat "$W/job")"
	run_shell "ready> =>$TAZPOD shell --vault $V\\r" \
		"ready> =>$PY $W/ask.py $M status | grep leases= >$W/in\\r" \
		"ready> =>exit\\r" \
		"ready> =>$PY $W/ask.py $M status | grep leases= >$W/out1\\r" \
		"ready> =>exit 4\\r"
	is "$status $(cat "$W/in" "$W/out1" | tr '\n' ' ')" \
		"4 leases=2 leases=1 " "$name: a shell in a shell"
	holds "$name: locked after the outer one" locked
	run_shell "ready> =>kill -KILL \$\$\\r"
	is "$status" 137 "$name: killed"
	holds "$name: locked then" wait_for 20 locked
	# A terminal that goes away takes its shell along.
	"$PY" -c '
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
end = time.monotonic() + 20
shown = b""
while b"ready> " not in shown and time.monotonic() < end:
    shown += os.read(master, 4096)
print(os.path.ismount(sys.argv[1]))
os.close(master)' "$M" "$TAZPOD" shell --vault "$V" --mount "$M" \
		--passfile "$PASS" >"$W/out" 2>&1 </dev/null
	is "$(cat "$W/out")" True "$name: on a terminal"
	holds "$name: locked when that goes" wait_for 20 locked
done
SHELL=/bin/false
run "$TAZPOD" shell --vault "$V" --mount "$M" --passfile "$PASS"
is "$status" 1 "the shell is that in SHELL"
SHELL=
echo 'exit 6' >"$W/in"
status=0
"$TAZPOD" shell --vault "$V" --mount "$M" --passfile "$PASS" <"$W/in" \
	>"$W/out" 2>&1 || status=$?
is "$status" 6 "or the user's own"

# shellcheck disable=SC2016
term "$RIGHT" "started=>\\x1a" "stopped by=>!fg!go\\r" \
	-- "$TAZPOD" run --vault "$V" --mount "$M" \
	sh -c 'echo started; read -r line; echo "$line on"; exit 6'
is "$status $(grep -c '\[stopped by SIGTSTP, echo on\]$' "$W/out")" "6 1" \
	"^Z stops a command, and fg continues it"
like "$(cat "$W/out")" "^go on" "where it was"
term "$RIGHT" "started=>\\x03" \
	-- "$TAZPOD" run --vault "$V" --mount "$M" \
	sh -c 'trap "echo caught; exit 9" INT; echo started; read -r line'
is "$status $(grep -c '^^Ccaught\|^caught' "$W/out")" "9 1" \
	"^C is the command's affair, and comes once"
term "$RIGHT" "started=>\\x1c" \
	-- "$TAZPOD" run --vault "$V" --mount "$M" \
	sh -c 'ulimit -c 0; echo started; read -r line'
is "$status" 131 "it may die of ^\\"
term "$ASK=>half\\x03" -- "$TAZPOD" run --vault "$V" --mount "$M" \
	touch "$W/has-run"
is "$status $(grep -c '^echo on' "$W/out")" "130 1" \
	"^C at the prompt ends it, with echo on"
term "$ASK=>half\\x1a" "stopped by=>!fg!" "$RIGHT" \
	-- "$TAZPOD" run --vault "$V" --mount "$M" sh -c 'exit 3'
is "$status $(grep -c '^\[stopped by SIG[A-Z]*, echo on\]$' "$W/out")" "3 1" \
	"^Z there stops it, and fg has it ask again"
fails "nothing was run without a passphrase" test -e "$W/has-run"
holds "and all is locked" locked

## Notices

term -- "$TAZPOD" run --vault "$V" --mount "$M" --passfile "$PASS" \
	-o ttl=3s sh -c 'sleep 5; exit 2'
is "$status $(grep -c "^tazpod: $M: locks in [12] s, since" "$W/out")" "2 1" \
	"a terminal is told once of a lock that is to come"
like "$(cat "$W/out")" "^tazpod: $M: locks now: unlocked for 3 s" \
	"and of the lock"
holds "which comes although the command still ran" locked
run with -o "ttl=2s,notify=echo \"\$1 \$TAZPOD_VAULT \$TAZPOD_MOUNT\" \
>$W/noticed" sleep 3
like "$(cat "$W/noticed")" "^locks in 1 s.* $V $M$" \
	"a command is told, with the vault and its folder"

## A lock that fails

if [ "$(id -u)" -eq 0 ]; then
	mkdir "$W/disk"
	mount -t tmpfs -o size=1M tazpod-e2e "$W/disk"
	cp "$V" "$W/disk/vault"
	# The command expands its own arguments.
	# shellcheck disable=SC2016
	fill='head -c 2M /dev/urandom >"$TAZPOD_MOUNT/large"; exit '
	for code in 0 7; do
		run "$TAZPOD" run --vault "$W/disk/vault" --mount "$M" \
			--passfile "$PASS" -o seal=off sh -c "$fill$code"
		like "$(cat "$W/err")" "has ended, but its vault .* could not" \
			"that it could not be saved is said"
		is "$status" $((code == 0 ? 1 : code)) \
			"the status is 1, or the command's own ($code)"
		holds "the mount has gone" locked
		# Their names have the time in seconds.
		rm -r "$W/state/tazpod/rescue"
	done
	umount "$W/disk"
else
	skip "that it could not be saved is said" "needs root"
fi

hold one 2>"$W/err"
pid=$(daemon_of "$M")
kill -STOP "$pid"
let_go one
wait "$holder"
is "$? $(cat "$W/err")" "1 tazpod: $V: not locked yet; 'tazpod lock $M' waits \
for it" "a daemon that is stopped is not waited for for ever"
kill -CONT "$pid"
holds "and locks when it goes on" wait_for 20 locked

## An ordinary user

[ "$(id -u)" -eq 0 ] || done_testing
let_nobody_in
as_nobody mkdir "$W/nobody/m"
cp "$V" "$W/nobody/vault"
chown "$NOBODY:$NOBODY" "$W/nobody/vault"
# It expands its own variables.
# shellcheck disable=SC2016
run as_nobody "$W/bin/tazpod" run --vault "$W/nobody/vault" \
	--mount "$W/nobody/m" --passfile "$W/nobody/passphrase" \
	sh -c 'cat "$TAZPOD_MOUNT/file"; exit 3'
is "$status $(cat "$W/out" "$W/err")" "3 1" "a user needs nobody's help"
fails "and finds it locked" is_mounted "$W/nobody/m"
done_testing
