#!/bin/sh
# What systemd-logind tells of sleep and of locked sessions is heard, and nobody
# else is believed: on a bus of this test's own, with a program that plays
# logind.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
PROBES=$B/tests/probe
[ -x "$PROBES/logind" ] || skip_all "no $PROBES/logind"
command -v dbus-daemon >/dev/null || skip_all "no dbus-daemon"

USER_ID=$(id -u)
[ "$USER_ID" -ne 0 ] || USER_ID=$NOBODY
OTHER=/org/freedesktop/login1/session/other
bus='' watch='' logind='' impostor=''
trap 'end_all; cleanup' EXIT

# For both users of the bus and the program.
chmod 711 "$W"
mkdir "$W/bin"
cp "$PROBES/logind_watch" "$W/bin" || exit
WATCH=$W/bin/logind_watch

## A bus, a logind on it, and who listens

cat >"$W/bus.conf" <<-END
	<!DOCTYPE busconfig PUBLIC
	 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	  <type>system</type>
	  <listen>unix:path=$W/bus</listen>
	  <auth>EXTERNAL</auth>
	  <policy context="default">
	    <allow user="*"/>
	    <allow own="*"/>
	    <allow send_type="method_call"/>
	    <allow send_type="signal"/>
	    <allow send_requested_reply="true" send_type="method_return"/>
	    <allow send_requested_reply="true" send_type="error"/>
	    <allow receive_type="method_call"/>
	    <allow receive_type="method_return"/>
	    <allow receive_type="error"/>
	    <allow receive_type="signal"/>
	  </policy>
	</busconfig>
END
DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/bus
export DBUS_SYSTEM_BUS_ADDRESS

# Each of the programs obeys a FIFO, which is descriptor 5, 6 or 7 here.
mkfifo "$W/watch.in" "$W/logind.in" "$W/impostor.in" || exit

start_bus()
{
	rm -f "$W/bus"
	dbus-daemon --config-file="$W/bus.conf" --nofork \
		>"$W/bus.out" 2>&1 5>&- 6>&- 7>&- &
	bus=$!
	wait_for 10 test -S "$W/bus"
}

# start_logind own|none|wrong
start_logind()
{
	: >"$W/logind.out"
	"$PROBES/logind" "$1" "$USER_ID" <"$W/logind.in" >"$W/logind.out" \
		2>&1 5>&- 6>&- 7>&- &
	logind=$!
	exec 6>"$W/logind.in"
	saw logind ready
}

end_logind()
{
	exec 6>&-
	wait "$logind"
	logind=''
}

# start_watch COMMAND...: logind_watch, in whatever way.
start_watch()
{
	: >"$W/watch.out"
	"$@" <"$W/watch.in" >"$W/watch.out" 2>&1 5>&- 6>&- 7>&- &
	watch=$!
	exec 5>"$W/watch.in"
	saw watch watching
}

end_watch()
{
	exec 5>&-
	wait "$watch"
	watch=''
}

# At the end of the test, whatever it is.
# shellcheck disable=SC2317
end_all()
{
	exec 5>&- 6>&- 7>&-
	for pid in $watch $logind $impostor $bus; do
		kill -KILL "$pid" 2>/dev/null
	done
}

# lines NAME LINE: how often NAME has printed that line.
lines()
{
	grep -cFx -- "$2" "$W/$1.out"
}

# Called through wait_for.
# shellcheck disable=SC2317
seen_times()
{
	[ "$(lines "$1" "$2")" -ge "$3" ]
}

# saw NAME LINE [TIMES]: wait until it has printed that.
saw()
{
	wait_for 10 seen_times "$1" "$2" "${3:-1}"
}

# says COMMAND...: logind does it, and the bus has passed it on.
says()
{
	said=$(lines logind "said $*")
	echo "$*" >&6
	saw logind "said $*" $((said + 1))
}

# What came before has been heard, too, when this is.
catch_up()
{
	slept=$(lines watch sleep)
	says sleep 1
	saw watch sleep $((slept + 1))
}

locks()
{
	lines watch locked
}

# turned TIMES: what it says of its turns when it is asked the TIMESth time.
# shellcheck disable=SC2317
turned()
{
	echo turns >&5
	wait_for 10 eval "[ \$(grep -c ^turns '$W/watch.out') -ge $1 ]" &&
		sed -n 's/^turns //p' "$W/watch.out" | tail -n 1
}

# sleeps: in a second in which nothing is told it turns a few times at most.
# Called through holds.
# shellcheck disable=SC2317
sleeps()
{
	asked=$(grep -c ^turns "$W/watch.out")
	before=$(turned $((asked + 1))) || return
	sleep 1
	after=$(turned $((asked + 2))) || return
	[ $((after - before)) -le 5 ]
}

# in_cgroup PATH COMMAND...: as a process there, and of a machine with logind.
in_cgroup()
{
	printf '1:name=systemd:%s\n0::%s\n' "$1" "$1" >"$W/cgroup"
	shift
	# It expands there.
	# shellcheck disable=SC2016
	unshare --mount sh -c '
		mount --bind "$0/cgroup" "/proc/$$/cgroup" &&
		mount --bind "$0/systemd" /run/systemd && exec "$@"
	' "$W" "$@"
}

## Sleep

start_bus || skip_all "no bus: $(head -n 1 "$W/bus.out")"
start_logind own
start_watch "$WATCH" suspend session
holds "sleep is held up from the start" saw watch holds
is "$(grep ^inhibited "$W/logind.out")" \
	"inhibited 0: sleep, tazpod, the vault is being locked, delay" \
	"with the words that users see"
says sleep 1
holds "that the machine will sleep is told" saw watch sleep
is "$(lines logind 'released 0')" 0 "and it is held up meanwhile"
echo release >&5
holds "until it is let" saw logind 'released 0'
is "$(lines watch lets)" 1 "which is known"
says sleep 0
holds "when it wakes up, the next sleep is held up" saw watch holds 2
says sleep 0
catch_up
is "$(grep -c ^inhibited "$W/logind.out")" 2 "but not twice"
echo release >&5
saw logind 'released 0' 2
says sleep 0
saw watch holds 3
end_watch
holds "the end lets it" saw logind 'released 0' 3

## The session of the process

start_watch "$WATCH" suspend session
saw watch holds
holds "the session is asked for" saw logind 'asked for the session of 0'
says lock own 0
holds "that it is locked is told" saw watch locked
says hint own 1
holds "and that something else has locked it" saw watch locked 2
says hint own 0
says lock mine 0
says lock other 0
says hint mine 1
catch_up
is "$(locks)" 2 "not that it is unlocked, or that another one is locked"
is "$(lines watch sleep)" 1 "nor is that taken for sleep"
says odd own 0
says odd own 1
catch_up
is "$(locks) $(lines watch sleep)" "2 2" "nothing of a wrong type is heard"
holds "who listens sleeps until there is something" sleeps

## Somebody else

"$PROBES/logind" impostor "$USER_ID" <"$W/impostor.in" \
	>"$W/impostor.out" 2>&1 5>&- 6>&- 7>&- &
impostor=$!
exec 7>"$W/impostor.in"
saw impostor ready
echo sleep 1 >&7
echo lock own 0 >&7
echo hint own 1 >&7
holds "somebody else says all that" saw impostor 'said hint own 1'
catch_up
is "$(locks) $(lines watch sleep)" "2 3" "and is not believed"
is "$(grep -vc '^said\|^ready' "$W/impostor.out")" 0 "nor asked anything"
exec 7>&-
wait "$impostor"
impostor=''

## logind goes, and comes back

fds=$(find "/proc/$watch/fd" -type l | wc -l)
end_logind
holds "without logind it sleeps" sleeps
start_logind own
holds "the next logind is asked to hold up sleep" \
	wait_for 10 grep -q ^inhibited "$W/logind.out"
holds "and for the session" saw logind 'asked for the session of 0'
says lock own 0
holds "it is believed" saw watch locked 3
says sleep 1
holds "also about sleep" saw watch sleep 4
is "$(find "/proc/$watch/fd" -type l | wc -l)" "$fds" \
	"what the old one gave is closed"
is "$(lines watch quiet)" 0 "all that time there was more to come"

kill -KILL "$bus"
wait "$bus" 2>/dev/null
holds "when the bus dies there is no more" saw watch quiet
is "$(lines watch lets)" 1 "and nothing is held up"
holds "and it sleeps" sleeps
end_watch
end_logind 2>/dev/null

## Parts of it

start_bus
start_watch "$WATCH" suspend
start_logind own
holds "logind may come later" saw watch holds
says lock own 0
catch_up
is "$(locks) $(grep -c ^asked "$W/logind.out")" "0 0" \
	"who wants sleep alone hears of no session"
end_watch
start_watch "$WATCH" session
saw logind 'asked for the session of 0'
says sleep 1
says lock own 0
saw watch locked
is "$(lines watch sleep) $(grep -c ^inhibited "$W/logind.out")" "0 1" \
	"who wants sessions alone, of no sleep"
end_watch

kill -STOP "$logind"
start_watch "$WATCH" suspend session
holds "nobody waits for a logind that hangs" sleeps
kill -CONT "$logind"
holds "and it is heard when it no longer does" saw watch holds
end_watch
end_logind

start_logind wrong
start_watch "$WATCH" suspend session
saw logind 'asked for the session of 0'
says lock own 0
says sleep 1
saw watch sleep
is "$(lines watch holds) $(locks)" "0 0" "answers of a wrong type are none"
end_watch
end_logind

## In no session

start_logind none
if [ "$(id -u)" -eq 0 ]; then
	mkdir -p "$W/systemd/users" /run/systemd
	start_watch in_cgroup /system.slice/tazpod.service "$WATCH" \
		suspend session
	saw logind 'asked for the session of 0'
	says lock own 0
	catch_up
	is "$(locks) $(grep -c User "$W/logind.out")" "0 0" \
		"root in no session hears of none"
	end_watch
	slice=/user.slice/user-$USER_ID.slice
	start_watch in_cgroup "$slice/user@$USER_ID.service/term.scope" \
		"$WATCH" suspend session
	saw logind 'asked for the session of 0' 2
	says lock mine 0
	holds "but of those of the user whose programs root is among" \
		saw watch locked
	end_watch
	start_watch in_cgroup /system.slice/tazpod.service \
		setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups \
		"$WATCH" suspend session
else
	start_watch "$WATCH" suspend session
fi
asked=$(lines logind "asked for User of $OTHER")
saw watch holds
says lock mine 0
holds "a user in no session hears of any of theirs" saw watch locked
says hint own 1
holds "whatever has locked it" saw watch locked 2
says lock other 0
holds "of another one it is asked whose it is" \
	saw logind "asked for User of $OTHER" $((asked + 1))
catch_up
is "$(locks)" 2 "and it is not told"
end_watch
end_logind

## Does a process belong to a session?

if [ "$(id -u)" -eq 0 ]; then
	slice=/user.slice/user-1000.slice
	is "$(in_cgroup "$slice/session-2.scope" "$WATCH" belongs)" yes \
		"a process in a session belongs to it"
	is "$(in_cgroup /system.slice/a.service "$WATCH" belongs)" no \
		"a service does not"
	service="$slice/user@1000.service/app.slice/a.scope"
	is "$(in_cgroup "$service" "$WATCH" belongs)" no \
		"a user's does not, while the user is not there"
	echo ONLINE_SESSIONS=2 >"$W/systemd/users/1000"
	is "$(in_cgroup "$service" "$WATCH" belongs)" yes \
		"it does while the user is"
fi

## A vault

V=$W/vault
M=$W/m
quick_vault 2 "$V"

# vault_with OPTIONS: mounted, with a change that no seal holds.
vault_with()
{
	mount_vault "$V" "$M" "seal=off${1:+,$1}"
	daemon=$(daemon_of "$M")
	echo "$1" >"$M/file"
}

# Called through wait_for.
# shellcheck disable=SC2317
inhibited()
{
	[ "$(grep -c ^inhibited "$W/logind.out")" -ge "$1" ]
}

# sealed TEXT PROMISE: the vault has that, and the mount is gone.
sealed()
{
	holds "$2: the daemon has gone" wait_for 20 gone "$daemon"
	fails "$2: and the mount" is_mounted "$M"
	is "$("$TAZPOD" cat --passfile "$PASS" file "$V")" "$1" \
		"$2: everything is sealed"
}

if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then
	start_logind own
	vault_with suspend=lock,session=lock
	wait_for 10 inhibited 1
	says sleep 1
	sealed suspend=lock,session=lock "before the machine sleeps"
	holds "then it may sleep" saw logind 'released 0'
	vault_with suspend=lock,session=lock
	wait_for 10 inhibited 2
	saw logind 'asked for the session of 0' 2
	says lock other 0
	says lock own 0
	sealed suspend=lock,session=lock "with the session"
	vault_with suspend=stay,session=stay
	says lock own 0
	says sleep 1
	vault_pid=$daemon
	sleep 0.5
	holds "not if it is to stay" alive "$vault_pid"
	is "$(grep -c ^inhibited "$W/logind.out")" 2 \
		"nobody is asked to wait then"
	lock "$M"
	# This test is run by a service, or by somebody who has logged in.
	vault_with ""
	if [ "$("$WATCH" belongs)" = no ]; then
		says sleep 1
		sleep 0.5
		holds "nor, unless told, in no session" alive "$daemon"
	else
		skip "nor, unless told, in no session" "this is one"
	fi
	lock "$M"
	if [ "$(id -u)" -eq 0 ]; then
		mkdir "$W/small"
		mount -t tmpfs -o size=256k tazpod-e2e "$W/small"
		mount -t tmpfs -o ro tazpod-e2e "$W/state"
		quick_vault 2 "$W/small/vault"
		V=$W/small/vault
		vault_with suspend=lock 2>/dev/null
		head -c 400000 /dev/urandom >"$M/random"
		wait_for 10 inhibited 3
		released=$(lines logind 'released 0')
		says sleep 1
		holds "if it cannot be locked, the machine sleeps all the same" \
			saw logind 'released 0' $((released + 1))
		holds "and it stays" alive "$daemon"
		umount "$W/state"
		rm "$M/random"
		lock "$M"
	fi
	end_logind
else
	skip "a vault locks before the machine sleeps" "/dev/fuse is not there"
fi

## Where there is nothing

is "$(DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/none "$WATCH" suspend session)" \
	"absent: No such file or directory" "where there is no bus, it is absent"

"$PY" -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
time.sleep(300)
' "$W/deaf" >"$W/impostor.out" 5>&- 6>&- 7>&- &
impostor=$!
saw impostor ready
DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/deaf
start_watch "$WATCH" suspend session
holds "nobody waits for a bus that hangs" sleeps
end_watch

if [ "$(id -u)" -eq 0 ]; then
	library=$(ldd "$PROBES/logind" | awk '/libsystemd/ { print $3 }')
	# It expands there.
	# shellcheck disable=SC2016
	is "$(unshare --mount sh -c '
		mount --bind /dev/null "$0" && exec "$@"
	' "$(realpath "$library")" "$WATCH" suspend session)" \
		"absent: No such file or directory" \
		"where there is no libsystemd, it is absent"
	# shellcheck disable=SC2016
	is "$(unshare --mount sh -c '
		mount --bind /dev/null "$0" && exec "$@"
	' "$(realpath "$library")" "$WATCH" belongs)" no \
		"and no process is in a session"
fi
done_testing
