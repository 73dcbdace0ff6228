#!/bin/sh
# Where a passphrase may come from, and where it must not go.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
P=$W/p
mkdir "$M"
# shellcheck disable=SC2016
SECRET='kätzchen 4711, "x" $y'

# A test that runs at a terminal must not be asked there.
detached()
{
	run setsid -w "$@"
}

# opens PROMISE: what was run mounted the vault.
opens()
{
	if [ "$status" -eq 0 ] && is_mounted "$M"; then
		ok "$1"
		lock "$M"
	else
		not_ok "$1" "status $status: $(cat "$W/out" "$W/err")"
	fi
}

# refused STATUS PATTERN PROMISE: it did not, and said why in one line.
refused()
{
	if [ "$status" = "$1" ] && [ "$(wc -l <"$W/err")" = 1 ] &&
		grep -Eq -- "^tazpod(fs)?: .*$2" "$W/err" &&
		! is_mounted "$M"; then
		ok "$3"
	else
		not_ok "$3" "status $status, wanted $1 and '$2':
$(cat "$W/out" "$W/err")"
	fi
}

# passfile CONTENTS: a file P that holds it, for its owner alone.
passfile()
{
	rm -f "$P"
	(umask 077 && printf '%s' "$1" >"$P")
}

N='
'
## A file

passfile "$SECRET$N"
detached "$TAZPODFS" -o "create,passfile=$P" "$V" "$M"
opens "passfile= makes a vault"
is "$(cat "$W/err")" "" "and nothing is said"
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
opens "passfile= opens it"
passfile "$SECRET"
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
opens "a newline at the end of the file does not count"
passfile "$SECRET$N$N"
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
refused 3 "$V: wrong passphrase$" "but a second one does"
detached "$TAZPOD" create -q --passfile "$P" "$W/newline"
passfile "$SECRET$N$N"
detached "$TAZPODFS" -o "passfile=$P" "$W/newline" "$M"
opens "a passphrase may end in a newline"
passfile " $SECRET"
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
refused 3 "$V: wrong passphrase$" "blanks count"
passfile "$SECRET$N"
for mode in 620 602 666; do
	chmod "$mode" "$P"
	detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
	refused 1 "$P: others can write to it" \
		"a file that others can write is refused ($mode)"
done
for mode in 640 604; do
	chmod "$mode" "$P"
	detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
	opens "a file that others can read is taken ($mode)"
	like "$(cat "$W/err")" "^tazpodfs: .*$P: warning: others can read it$" \
		"with a warning ($mode)"
done
detached "$TAZPODFS" -o "passfile=$W/none" "$V" "$M"
refused 1 "$W/none: .*No such file" "a file that is missing is named"
detached "$TAZPODFS" -o "passfile=$W" "$V" "$M"
refused 1 "$W: .*Is a directory" "so is a folder"
passfile ''
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
refused 1 "$P: the passphrase is empty" "an empty passphrase is refused"
detached "$TAZPOD" create --passfile "$P" "$W/empty"
refused 1 "$P: the passphrase is empty" "also for a new vault"
passfile "$N"
detached "$TAZPOD" create --passfile "$P" "$W/empty"
refused 1 "$P: the passphrase is empty" "also one of a newline alone"
fails "which is not made" test -e "$W/empty"
passfile "$(head -c 100000 /dev/zero | tr '\0' x)"
detached "$TAZPODFS" -o "passfile=$P" "$V" "$M"
refused 1 "$P: the passphrase is longer than [0-9]+ bytes" \
	"a passphrase without end is refused"

## A descriptor, a command, a credential

passfile "$SECRET$N"
# shellcheck disable=SC2016
detached sh -c '"$1" -o passfd=9 "$2" "$3" 9<"$4"' sh \
	"$TAZPODFS" "$V" "$M" "$P"
opens "passfd= opens it"
printf '%s' "$SECRET" >"$W/plain"
# shellcheck disable=SC2016
detached sh -c '"$1" unlock --passfd 0 "$2" "$3" <"$4"' sh \
	"$TAZPOD" "$V" "$M" "$W/plain"
opens "unlock --passfd opens it, from standard input too"
detached "$TAZPODFS" -o passfd=77 "$V" "$M"
refused 1 '77: .*Bad file descriptor' "a closed descriptor is named"
detached "$TAZPODFS" -o "passcmd=cat $P" "$V" "$M"
opens "passcmd= opens it"
mkdir "$W/a, b"
cp -p "$P" "$W/a, b/p"
detached "$TAZPOD" unlock --passcmd "cat '$W/a, b/p'" "$V" "$M"
opens "unlock --passcmd opens it, with commas in the command"
detached "$TAZPODFS" -o "passcmd=cat $P; exit 3" "$V" "$M"
refused 1 "command 'cat $P; exit 3' failed with status 3" \
	"a command that fails is not believed"
detached "$TAZPODFS" -o "passcmd=true" "$V" "$M"
refused 1 "command 'true' printed nothing" \
	"a command that says nothing is refused"
# shellcheck disable=SC2016
detached sh -c '"$1" -o passfd=9 "$2" "$3" 9<"$4"' sh \
	"$TAZPODFS" "$V" "$M" "$W"
refused 1 'passfd=9: .*Is a directory' "a descriptor of a folder is refused"
# shellcheck disable=SC2016
detached sh -c '"$1" -o passfd=9 "$2" "$3" 9>"$4"' sh \
	"$TAZPODFS" "$V" "$M" "$W/written"
refused 1 'passfd=9: .*Bad file descriptor' \
	"so is one that cannot be read"
detached "$PY" -c '
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
ours.sendall(open(sys.argv[4], "rb").read())
ours.close()
sys.exit(subprocess.run([sys.argv[1], "-o", "passfd=%d" % theirs.fileno(),
                         *sys.argv[2:4]], pass_fds=[theirs.fileno()]).returncode)
' "$TAZPODFS" "$V" "$M" "$P"
opens "a socket is read to its end"

## Bytes

# exactly WHAT PYTHON-BYTES: a vault opens with that passphrase from a file.
exactly()
{
	"$PY" -c 'import sys; sys.stdout.buffer.write(eval(sys.argv[1]))' \
		"$2" >"$W/bytes"
	chmod 600 "$W/bytes"
	rm -f "$W/v3"
	run "$TAZPOD" create -q --passfile "$W/bytes" "$W/v3"
	detached "$TAZPODFS" -o "passcmd=cat $W/bytes" "$W/v3" "$M"
	opens "$1"
}

exactly "NUL bytes count" 'b"a\0b"'
exactly "4096 bytes are taken" 'b"x" * 4096'
exactly "a carriage return counts" 'b"word\r\n"'
printf 'word\n' >"$W/bytes"
detached "$TAZPODFS" -o "passfile=$W/bytes" "$W/v3" "$M"
refused 3 'wrong passphrase' "so a file with CRLF is another than one with LF"
head -c 4097 /dev/zero | tr '\0' x >"$W/bytes"
detached "$TAZPODFS" -o "passfile=$W/bytes" "$W/v3" "$M"
refused 1 'longer than 4096 bytes' "4097 bytes are refused"
detached "$TAZPODFS" -o "passcmd=cat $W/bytes" "$W/v3" "$M"
refused 1 "command 'cat .*' printed more than 4096 bytes" \
	"from a command as well"

## Commands that misbehave

detached "$TAZPODFS" -o "passcmd=yes" "$V" "$M"
refused 1 "command 'yes' printed more" "a command without end is ended"
detached "$TAZPODFS" -o 'passcmd=kill -9 $$' "$V" "$M"
refused 1 "was ended by a signal: Killed" "a signal that ends one is told"
detached "$TAZPODFS" -o "passcmd=/none/such" "$V" "$M"
like "$status $(cat "$W/err")" "status 127" "so is a command that is missing"
# It sees its own end of the pipe, and what it opens itself.
detached "$TAZPODFS" -f -o "passcmd=ls /proc/self/fd >$W/fds" "$V" "$M"
is "$(tr '\n' ' ' <"$W/fds")" "0 1 2 3 " "it has no descriptor of ours"
# shellcheck disable=SC2016
detached sh -c '"$1" -o "passcmd=ls /proc/self/fd >$4" "$2" "$3" 9<"$1"' sh \
	"$TAZPODFS" "$V" "$M" "$W/fds"
is "$(tr '\n' ' ' <"$W/fds")" "0 1 2 3 " "nor of those who started us"
for sig in INT TERM HUP; do
	"$PY" -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$TAZPODFS" -f -o \
		"passcmd=echo \$\$ >$W/hangs; exec sleep 300" "$V" "$M" \
		2>/dev/null &
	mounter=$!
	holds "a command that hangs runs" wait_for 10 test -s "$W/hangs"
	kill -"$sig" "$mounter"
	wait "$mounter" 2>/dev/null
	is "$(kill -l $?)" "$sig" "SIG$sig ends who waits for it"
	holds "and the command" wait_for 10 gone "$(cat "$W/hangs")"
	rm -f "$W/hangs"
done
mkdir "$W/credentials"
cp -p "$P" "$W/credentials/tazpod.passphrase"
detached env CREDENTIALS_DIRECTORY="$W/credentials" "$TAZPODFS" "$V" "$M"
opens "a credential of the service manager opens it"
passfile "wrong"
detached env CREDENTIALS_DIRECTORY="$W/credentials" \
	"$TAZPODFS" -o "passfile=$P" "$V" "$M"
refused 3 'wrong passphrase' "what is named comes before the credential"
detached "$TAZPODFS" "$V" "$M"
refused 1 "$V: no terminal to ask.*passfile=" \
	"without a terminal it says what to give"
passfile "$SECRET$N"

## A terminal

# term [WAIT=>TYPE...] -- COMMAND...; see also prompt.t
term()
{
	status=0
	"$E2E/term.py" "$@" >"$W/out" 2>"$W/err" </dev/null || status=$?
}

ASK="Passphrase for $V: "
term "$ASK=>hunter2\\r" "$ASK=>hunter3\\r" "$ASK=>hunter4\\r" \
	-- "$TAZPODFS" "$V" "$M"
is "$status" 3 "three wrong passphrases end with status 3"
is "$(grep -c "$ASK" "$W/out")" 3 "after three questions"
is "$(grep -c "tazpodfs: $V: wrong passphrase" "$W/out")" 3 \
	"each answered with one line"
fails "nothing that was typed is shown" grep -q hunter "$W/out"
is "$(grep '^echo' "$W/out")" "echo on" "and echo is on again"
fails "and nothing is mounted" is_mounted "$M"

# What is typed is in UTF-8; the driver has escapes of its own.
ESCAPED=$(printf '%s' "$SECRET" | sed 's/ä/\\xe4/')
term "$ASK=>hunter2\\r" "$ASK=>$ESCAPED\\r" -- "$TAZPODFS" "$V" "$M"
opens "a wrong one, then the right one opens it"
fails "without showing it" grep -q 4711 "$W/out"
is "$(grep '^echo' "$W/out")" "echo on" "with echo on again"
term "$ASK=>$ESCAPED\\r" -- "$TAZPOD" unlock "$V" "$M"
opens "unlock asks too"
term "$ASK=>$ESCAPED\\r" -- "$TAZPODFS" "$V" "$M"
pid=$(daemon_of "$M")
holds "the daemon outlives its terminal" alive "$pid"
tr '\0' '\n' <"/proc/$pid/cmdline" >"$W/cmdline"
holds "its command line can be looked at" test -s "$W/cmdline"
fails "the command line holds no passphrase" grep -q 4711 "$W/cmdline"
if [ "$(id -u)" -eq 0 ]; then
	tr '\0' '\n' <"/proc/$pid/environ" >"$W/environ"
	holds "its environment can be looked at by root" \
		grep -q "^HOME=" "$W/environ"
	fails "the environment holds no passphrase" \
		grep -q 4711 "$W/environ"
else
	fails "its environment cannot be looked at" cat "/proc/$pid/environ"
fi
lock "$M"

term "$ASK=>\\r" "$ASK=>$ESCAPED\\r" -- "$TAZPODFS" "$V" "$M"
opens "an empty answer is a wrong one, and may be tried again"
like "$(cat "$W/out")" "^tazpodfs: .*$V: the passphrase is empty" \
	"and it says so"
term "$ASK=>\\r" "$ASK=>\\r" "$ASK=>\\r" -- "$TAZPODFS" "$V" "$M"
is "$status" 3 "three empty answers end with status 3"
term "$ASK=>half\\x03" -- "$TAZPODFS" "$V" "$M"
is "$status" 130 "Ctrl-C ends it"
is "$(grep '^echo' "$W/out")" "echo on" "and restores the terminal"
fails "and mounts nothing" is_mounted "$M"
holds "and leaves no process" wait_for 10 no_daemons
term "$ASK=>half\\x03" -- "$TAZPODFS" -f "$V" "$M"
is "$status $(grep '^echo' "$W/out")" "130 echo on" \
	"Ctrl-C ends it in the foreground too"
term -- env CREDENTIALS_DIRECTORY="$W/credentials" \
	"$TAZPODFS" -o "passcmd=cat $P" "$V" "$M"
opens "with a source named, no terminal is asked"
fails "and nothing is prompted for" grep -q Passphrase "$W/out"

NEW="New passphrase for $W/new: "
AGAIN="Once more, for $W/new: "
term "$NEW=>first\\r" "$AGAIN=>second\\r" -- "$TAZPOD" create "$W/new"
is "$status" 1 "create asks twice and refuses two that differ"
like "$(cat "$W/out")" "^tazpod: .*$W/new: the two passphrases differ" \
	"and says so"
fails "and makes nothing" test -e "$W/new"
term "$NEW=>\\r" -- "$TAZPOD" create "$W/new"
is "$status" 1 "create refuses an empty answer"
term "$NEW=>first\\x03" -- "$TAZPOD" create "$W/new"
is "$status $(grep '^echo' "$W/out")" "130 echo on" "Ctrl-C ends create"
fails "which makes nothing" test -e "$W/new"
term "$NEW=>four words\\r" "$AGAIN=>four words\\r" \
	-- "$TAZPODFS" -o create "$W/new" "$M"
opens "-o create asks twice and mounts"
fails "without showing anything" grep -q 'four words' "$W/out"
passfile 'four words'
detached "$TAZPODFS" -o "passfile=$P" "$W/new" "$M"
opens "what was typed is the passphrase"
done_testing
