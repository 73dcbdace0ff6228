#!/bin/sh
# Who still holds something of a mount that is locked: what they see then, that
# they are listed and live on, and that --kill ends them.
# Some functions are called by wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

D=$W/folder
V=$D/vault
M=$W/m
HOLD=$W/hold
mkdir "$D" "$W/said"
quick_vault 2 "$V"
${CC:-gcc} -D_GNU_SOURCE -Wall -Wextra -O1 -o "$HOLD" \
	"$E2E/holders/hold.c" || exit 1

# Three pages of it.
new_mount()
{
	mount_vault "$V" "$M" "$@"
	head -c 12288 /dev/zero | tr '\0' x >"$M/file"
}

# start NAME COMMAND...: a holder of that name, which says what it sees to the
# file said/NAME.
start()
{
	name=$1
	shift
	"$@" >"$W/said/$name" 2>"$W/said/$name.err" &
	wait_for 10 grep -Esq '^(held|waits)' "$W/said/$name"
}

pid_of()
{
	sed -n '1s/.* //p' "$W/said/$1"
}

# sees NAME: its next line.
sees()
{
	lines=$(wc -l <"$W/said/$1")
	kill -USR1 "$(pid_of "$1")"
	wait_for 10 has_lines "$1" $((lines + 1))
	tail -n 1 "$W/said/$1"
}

has_lines()
{
	[ "$(wc -l <"$W/said/$1")" -ge "$2" ]
}

# End what was started.
end_holders()
{
	for said in "$W"/said/*; do
		case $said in *.err) continue ;; esac
		kill -KILL "$(sed -n '1s/.* //p' "$said")" 2>/dev/null
	done
	wait 2>/dev/null
	rm -f "$W"/said/*
}

# What was said of the holder with that name, without its number.
listed()
{
	sed -n "s/(pid $(pid_of "$1")\([,)]\)/(pid\1/p" "$W/err"
}

# is_listed NAME AS WHAT
is_listed()
{
	is "$(listed "$1")" "tazpod: still held by $2" "it is listed: $1"
}

# all_alive NAME...
all_alive()
{
	for name in "$@"; do
		alive "$(pid_of "$name")" || return
	done
}

# none_alive NAME...
none_alive()
{
	for name in "$@"; do
		gone "$(pid_of "$name")" || return
	done
}

# What is beside the vault that has no business there.
left_beside()
{
	find "$D" -mindepth 1 ! -name vault ! -name .vault.lock \
		! -name 'vault.~*~'
}

nothing_left()
{
	is "$(our_daemons)$(our_mounts)$(ls -A "$W/run/tazpod")" "" \
		"$1: no process of the daemon, no mount and no socket is left"
	is "$(left_beside)" "" "$1: nor anything beside the vault"
}

## What each of them sees

new_mount seal=off
cp "$HOLD" "$M/program"
start file "$HOLD" file "$M/file"
start folder "$HOLD" folder "$M"
start shared "$HOLD" shared "$M/file"
start private "$HOLD" private "$M/file"
start program "$M/program" program x
start lock "$HOLD" lock "$M/file"
start wait "$HOLD" wait "$M/file"
for how in file shared; do
	start "$how-elsewhere" unshare --mount "$HOLD" "$how" "$M/file"
done
start folder-elsewhere unshare --mount "$HOLD" folder "$M"
start watch "$HOLD" watch "$M"
holders='file folder shared private program lock wait file-elsewhere
	folder-elsewhere shared-elsewhere watch'
run "$TAZPOD" lock "$M"
is "$status $(cat "$W/out")" "0 $V: locked" \
	"a mount that is held by others is locked"
# They are names without blanks.
# shellcheck disable=SC2086
holds "and all of them live" all_alive $holders
nothing_left "held"
for how in file lock wait; do
	is_listed "$how" "hold (pid): $M/file"
done
is_listed folder "hold (pid): working folder $M"
is_listed shared "hold (pid): mapping $M/file"
is_listed private "hold (pid): mapping $M/file"
is_listed program "program (pid): program $M/program"
there=', in another mount namespace'
is_listed file-elsewhere "hold (pid$there): $M/file"
is_listed folder-elsewhere "hold (pid$there): working folder $M"
is_listed shared-elsewhere "hold (pid$there): mapping $M/file"
is "$(listed watch)" "" "who only watches holds nothing"
is "$(wc -l <"$W/err")" 10 "and nobody else is listed"

for how in file lock file-elsewhere; do
	is "$(sees "$how")" \
		"read ENOTCONN write ENOTCONN sync ENOTCONN stat ENOTCONN" \
		"$how: a descriptor gets ENOTCONN"
done
is "$(sees folder)" "list ENOTCONN make ENOTCONN getcwd ENOTCONN" \
	"folder: so does who works there"
like "$(sees folder-elsewhere)" '^list ENOTCONN make ENOTCONN' \
	"folder-elsewhere: and there"
for how in shared shared-elsewhere; do
	is "$(sees "$how")" "written SIGBUS read SIGBUS new SIGBUS" \
		"$how: a mapping gets SIGBUS"
done
is "$(sees private)" "written w read SIGBUS new SIGBUS" \
	"private: but for what the program has written to a copy of its own"
program=$(pid_of program)
kill -USR1 "$program"
holds "program: one that runs from there goes on until it needs its code" \
	wait_for 10 gone "$program"
is "$(wc -l <"$W/said/wait")" 1 "wait: who waits for a lock still waits"
kill "$(pid_of lock)"
holds "and has it when the one before lets go" wait_for 10 has_lines wait 3
is "$(sed -n 2p "$W/said/wait")" "lock done" "as it does in any mount"
like "$(sees watch)" '^events( other)*$' "watch: a watch is not told"
for how in $holders; do
	[ "$how" = watch ] || kill -KILL "$(pid_of "$how")" 2>/dev/null
done
told_of_end()
{
	sees watch | grep -q 'UNMOUNT.* IGNORED'
}
holds "until nobody holds the filesystem any more" wait_for 10 told_of_end
end_holders

## While the daemon ends

if command -v strace >/dev/null; then
	new_mount seal=off
	start file "$HOLD" file "$M/file"
	start folder "$HOLD" folder "$M"
	strace -f -q -e trace=writev -o "$W/trace" \
		-e inject=writev:delay_enter=3000000:when=1 \
		-p "$(daemon_of "$M")" 2>"$W/err" &
	wait_for 5 grep -q '^TracerPid:[^0]*[1-9]' \
		"/proc/$(daemon_of "$M")/status"
	"$TAZPOD" lock -q "$M" &
	locker=$!
	sleep 1
	like "$(sees file)" "write EIO sync EIO stat EIO" \
		"before it has gone a descriptor gets EIO"
	like "$(sees folder)" "make EIO" "and so does who works there"
	wait "$locker"
	like "$(sees file)" "write ENOTCONN" "and then ENOTCONN"
	end_holders
else
	skip "before it has gone a descriptor gets EIO" "no strace"
fi

## How they are listed

new_mount seal=off
for n in 1 2 3 4; do
	: >"$M/file$n"
done
# An open file counts most, and each path once.
start many sh -c "cd '$M' && exec 4<file1 5<file2 6<file3 7<file4 8<file1 &&
	rm file2 && exec '$HOLD' folder ."
start named "$HOLD" named "$M/file"
run "$TAZPOD" lock "$M"
is "$(listed many)" \
	"tazpod: still held by hold (pid): $M/file1 and 4 more" \
	"one line for a process, with the number of what else it holds"
is_listed named "a?[31mb?c (pid): $M/file"
end_holders

new_mount seal=off
for n in $(seq 23); do
	start "$n" "$HOLD" file "$M/file"
done
run "$TAZPOD" lock "$M"
is "$(grep -c 'still held by' "$W/err") $(tail -n 1 "$W/err")" \
	"20 tazpod: and 3 more processes" "at most 20 are named"
end_holders

new_mount seal=off
start file "$HOLD" file "$M/file"
run "$TAZPOD" lock -q "$M"
is "$status $(cat "$W/out" "$W/err")" "0 " "-q: nobody is listed"
end_holders
new_mount seal=off
run "$TAZPOD" lock "$M"
is "$status $(cat "$W/err")" "0 " "nor is anybody who holds nothing"

## The filesystem is asked nothing

# What it takes to look depends on the machine, so that is only shown.
${CC:-gcc} -D_GNU_SOURCE -I"$TOP" -Wall -Wextra -O2 -o "$W/find" \
	"$E2E/holders/find.c" "$TOP/tools/mounts/holders.c" \
	"$TOP/tools/mounts/maps.c" ||
	exit 1
new_mount seal=off
cp "$HOLD" "$M/program"
start file "$HOLD" file "$M/file"
start folder "$HOLD" folder "$M"
start shared "$HOLD" shared "$M/file"
start program "$M/program" program x
daemon=$(daemon_of "$M")
device=$(mountpoint -d "$M")
sleepers=
for n in $(seq 300); do
	sleep 300 &
	sleepers="$sleepers $!"
done
kill -STOP "$daemon"
run timeout 20 "$W/find" "$device" "$daemon"
kill -CONT "$daemon"
# They are numbers.
# shellcheck disable=SC2086
kill $sleepers
is "$status $(grep -c . "$W/out")" "0 4" \
	"holders are found while the daemon hangs"
sed 's/^/# /' "$W/err"
lock "$M"
end_holders

## --kill

new_mount seal=off
start last "$HOLD" last "$M"
start elsewhere unshare --mount "$HOLD" shared "$M/file"
start stopped "$HOLD" file "$M/file"
kill -STOP "$(pid_of stopped)"
# In the place of the one that is ended comes another.
start again sh -c "trap '\"$HOLD\" file file >\"$W/said/next\" & exit' TERM
	cd '$M' && echo held \$\$
	while [ -e file ]; do sleep 0.1; done"
begin=$(now_ms)
run "$TAZPOD" lock --kill "$M"
took=$(($(now_ms) - begin))
is "$status $(cat "$W/out")" "0 $V: locked" "--kill: locked"
nothing_left "--kill"
holds "all who held something have ended" \
	none_alive last elsewhere stopped again next
# The loop's sleep(1) may have ended by itself.
grep -v ' sleep ' "$W/err" | sort >"$W/ended"
{
	for how in last elsewhere stopped next; do
		echo "tazpod: ended hold (pid $(pid_of "$how"))"
	done
	echo "tazpod: ended sh (pid $(pid_of again))"
} | sort >"$W/wanted"
same "$W/ended" "$W/wanted" "and it is said who"
is "$((took < 4500))" 1 "a stopped one is not waited for ($took ms)"
end_holders
mount_vault "$V" "$M"
is "$(cat "$M/last")" "last words" "what one wrote at its end is in the vault"
start stubborn "$HOLD" stubborn "$M/file"
start shown "$HOLD" file "$M/file"
run sh -c "cd '$M' && '$TAZPOD' lock --kill '$M' && echo survived"
is "$status $(tail -n 1 "$W/out")" "0 survived" \
	"whoever has started the lock lives"
like "$(cat "$W/err")" "still held by sh .*: working folder $M\$" \
	"and is listed"
holds "who ignores SIGTERM has ended, too" none_alive stubborn shown
like "$(cat "$W/err")" "ended hold \(pid $(pid_of stubborn)\)" "as is said"
nothing_left "--kill"
end_holders
new_mount seal=off
start file "$HOLD" file "$M/file"
run "$TAZPOD" lock -q --kill "$M"
is "$status $(cat "$W/out" "$W/err")" "0 " "-q --kill: nothing is said"
holds "and it has ended" none_alive file
end_holders
for command in save unlock status; do
	run "$TAZPOD" "$command" --kill "$V"
	is "$status" 2 "--kill is not for $command"
done

## A user

let_nobody_in
H=$W/nobody
cp "$HOLD" "$W/bin"
cp "$V" "$H/vault"
as_nobody mkdir "$H/m"
chown -R "$NOBODY:$NOBODY" "$H"
for who in user root; do
	as_nobody "$W/bin/tazpodfs" -o "passfile=$H/passphrase" "$H/vault" \
		"$H/m" </dev/null
	as_nobody sh -c "echo text >'$H/m/file'"
	start file as_nobody "$W/bin/hold" file "$H/m/file"
	start folder as_nobody "$W/bin/hold" folder "$H/m"
	if [ "$who" = user ]; then
		run as_nobody "$W/bin/tazpod" lock "$H/m"
	else
		run env XDG_RUNTIME_DIR="$H/run" "$TAZPOD" lock "$H/m"
	fi
	is "$status" 0 "a user's mount, locked by $who"
	is_listed file "hold (pid): $H/m/file"
	is_listed folder "hold (pid): working folder $H/m"
	holds "and they live" all_alive file folder
	end_holders
done
done_testing
