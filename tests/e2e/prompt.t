#!/bin/sh
# The prompt for a passphrase: whatever signal comes, the terminal is put right,
# and what was typed is nowhere.
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

# The number of signal NAME: 128 and it is the status of whom it ends.
number()
{
	"$PY" -c 'import signal, sys
print(128 + getattr(signal, "SIG" + sys.argv[1]))' "$1"
}

echo_now()
{
	grep '^echo' "$W/out"
}

# What cat says of a file that a vault has not once it has opened it.
OPENED='^tazpod: nothing: not in '

## Signals that end it

for sig in INT TERM HUP QUIT ALRM PIPE USR1 USR2 VTALRM PROF XCPU XFSZ IO PWR \
	ABRT SYS TRAP STKFLT RTMIN RTMAX; do
	term "New passphrase for $W/new: =>half!echo!!0.2!!$sig!" \
		-- "$TAZPOD" create "$W/new"
	is "$status $(echo_now) $(grep -c '\[echo off\]' "$W/out")" \
		"$(number "$sig") echo on 1" \
		"create dies of SIG$sig with echo on again"
done
fails "and nothing was made" test -e "$W/new"
fails "nor shown" grep -q half "$W/out"
for sig in INT TERM HUP QUIT; do
	term "$ASK=>half!$sig!" -- "$TAZPODFS" -f "$V" "$M"
	is "$status $(echo_now)" "$(number "$sig") echo on" \
		"so does tazpodfs -f (SIG$sig)"
done
for sig in TERM HUP; do
	# The daemon to be is not the process that was started.
	term "$ASK=>half!$sig!" -- "$TAZPODFS" "$V" "$M"
	is "$status" "$(number "$sig")" "tazpodfs dies of SIG$sig"
	holds "and leaves no process (SIG$sig)" wait_for 10 no_daemons
done
for key in 03 1c; do
	term "$ASK=>half\\x$key" -- "$TAZPODFS" "$V" "$M"
	like "$status $(echo_now)" "^13[01] echo on$" \
		"the key \\x$key ends tazpodfs, with echo on"
	holds "and leaves no process (\\x$key)" wait_for 10 no_daemons
done
# Nothing is flushed, either: the key is just no signal there.
term "$ASK=>!INT!correct horse\\r" -- sh -c 'trap "" INT; exec "$@"' sh \
	"$TAZPOD" cat nothing "$V"
like "$(cat "$W/out")" "$OPENED" "a signal that is ignored stays ignored"

## Signals that stop it

for program in "$TAZPODFS" "$TAZPOD unlock"; do
	# The program may be two words.
	# shellcheck disable=SC2086
	term "$ASK=>half\\x1a" "stopped by=>!fg!" "$RIGHT" -- $program "$V" "$M"
	is "$status $(echo_now)" "0 echo on" \
		"${program##*/}: ^Z stops it, fg has it ask again"
	like "$(cat "$W/out")" '^\[stopped by SIG[A-Z]*, echo on\]$' \
		"${program##*/}: with echo on meanwhile"
	holds "${program##*/}: what was typed before does not count" \
		is_mounted "$M"
	lock "$M"
done
for sig in TSTP TTIN TTOU; do
	term "$ASK=>half!$sig!" "stopped by SIG$sig, echo on=>!fg!" "$RIGHT" \
		-- "$TAZPODFS" -f -o ro "$V" "$M" &
	term=$!
	holds "SIG$sig stops it, SIGCONT has it ask again" \
		wait_for 20 is_mounted "$M"
	lock "$M"
	wait "$term"
done
term "$ASK=>half!STOP!" "stopped by SIGSTOP=>!fg!" "$RIGHT" \
	-- "$TAZPOD" cat nothing "$V"
is "$(grep -c "$OPENED" "$W/out") $(echo_now) $(grep -o "$ASK" "$W/out" |
	wc -l)" "1 echo on 2" \
	"after SIGSTOP, too, it asks again, and restores what was before"
term "$ASK=>half\\x1a" "stopped by=>!bg!" "stopped by SIGTTOU, echo on=>!fg!" \
	"$RIGHT" -- "$TAZPOD" cat nothing "$V"
is "$(grep -c "$OPENED" "$W/out") $(echo_now)" "1 echo on" \
	"in the background it stops again, and leaves the terminal alone"
term "$ASK=>half\\x1a" "stopped by=>!TERM!!bg!" -- "$TAZPOD" cat nothing "$V"
is "$status $(echo_now)" "143 echo on" "SIGTERM ends it there"

## What a terminal may send

LONG=$(printf '%4094s' '' | tr ' ' x)
printf '%s' "$LONG" >"$W/long"
chmod 600 "$W/long"
NEW="New passphrase for $W/new: "
AGAIN="Once more, for $W/new: "
term "$NEW=>$LONG\\r" "$AGAIN=>$LONG\\r" -- "$TAZPOD" create "$W/new"
is "$status" 0 "4094 bytes can be typed"
run setsid -w "$TAZPODFS" -o "passfile=$W/long" "$W/new" "$M"
is "$status" 0 "and are the passphrase"
lock "$M"
for more in y yy yyyyyyyyyy; do
	term "Passphrase for $W/new: =>$LONG$more\\r" \
		"Passphrase for $W/new: =>\\x03" -- "$TAZPODFS" "$W/new" "$M"
	like "$(cat "$W/out")" "a terminal takes at most 4094 bytes" \
		"what the terminal cuts off is not overlooked (${#more} more)"
done
term "$ASK=>correct\\x04 horse\\r" -- "$TAZPOD" cat nothing "$V"
like "$(cat "$W/out")" "$OPENED" "^D within a line does not end it"
term "$ASK=>\\x04" "$ASK=>\\x04" "$ASK=>\\x04" -- "$TAZPOD" cat nothing "$V"
is "$status" 3 "^D alone is an empty answer"
rm "$W/new"
term "$NEW=>a\\x00b\\r" "$AGAIN=>a\\x00b\\r" -- "$TAZPOD" create "$W/new"
printf 'a\0b' >"$W/nul"
chmod 600 "$W/nul"
run setsid -w "$TAZPODFS" -o "passfile=$W/nul" "$W/new" "$M"
is "$status" 0 "a NUL byte that is typed counts"
lock "$M"
term "$ASK=>wrong\\rleft over\\r" "$ASK=>!0.3!correct horse\\r" \
	-- "$TAZPOD" cat nothing "$V"
like "$(cat "$W/out")" "$OPENED" "what is typed ahead is thrown away"
mkdir "$W/a b"
cp "$V" "$W/a b/$(printf 'v\033[31m')"
term "Passphrase for $W/a b/v?[31m: =>correct horse\\r" \
	-- "$TAZPOD" cat nothing "$W/a b/$(printf 'v\033[31m')"
like "$(cat "$W/out")" "nothing: not in .*\?\[31m" "a vault's name cannot command the terminal"

## Where it is not

# What is typed is in no other test.
WORD=zqxjkvbwpf
printf '%s\n' "$WORD" >"$W/secret"
chmod 600 "$W/secret"
rm "$W/new"
run "$TAZPOD" create -q --passfile "$W/secret" "$W/new"
rm "$W/secret"
TERM_PS=$W/ps
export TERM_PS
SEEN="Passphrase for $W/new: "
term "$SEEN=>x$WORD!ps!\\r!ps!" "$SEEN=>!ps!$WORD\\r!ps!0.1!ps!" \
	-- "$TAZPODFS" "$W/new" "$M"
is "$status" 0 "a vault is mounted with a word of its own"
holds "what /proc shows of its processes is looked at" \
	grep -aq "cmdline: .*tazpodfs.*$W/new" "$W/ps"
pid=$(daemon_of "$M")
for file in cmdline environ; do
	tr '\0' '\n' <"/proc/$pid/$file" >>"$W/ps" 2>/dev/null
done
fails "the word is in no command line or environment" grep -aq "$WORD" "$W/ps"
echo changed >"$M/file"
"$TAZPOD" save "$M" >"$W/save" 2>&1
"$TAZPOD" status "$M" >"$W/status" 2>&1
"$TAZPOD" status --json "$M" >"$W/json" 2>&1
kill -TERM "$pid"
holds "a signal ends it" wait_for 20 gone "$pid"
is "$(grep -arl "$WORD" "$W" 2>/dev/null)" "" \
	"nor is it in any file: what was said and shown, the vault, the state"
done_testing
