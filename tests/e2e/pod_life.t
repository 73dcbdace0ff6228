#!/bin/sh
# What happens to a pod: two shells in it, a killed terminal, new programs, a
# stop and a kill in the middle of a write, two projects of the same name.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/podman.sh
. "$E2E/podman.sh"
need_podman

IN="--passfile /workspace/pass"
taz()
{
	timeout 60 "$TAZPOD" "$@"
}

in_pod()
{
	podman exec --user tazpod --workdir /workspace "$NAME" "$@"
}

daemons()
{
	in_pod sh -c 'cat /proc/[0-9]*/comm' 2>/dev/null | grep -cx tazpodfs
}

is_locked()
{
	[ "$(daemons)" = 0 ]
}

project "$W/shop"
run taz init
own
NAME=$(pod_name)
run taz up
is "$status" 0 "a pod is up"
run taz up
is "$status $(cat "$W/out")" "0 $NAME: is up already" "and stays so"
run podman inspect --format '{{.HostConfig.Privileged}} {{.HostConfig.CapAdd}} {{.HostConfig.SecurityOpt}} {{.HostConfig.NetworkMode}}' "$NAME"
is "$(cat "$W/out")" "false [] [] none" \
	"U28: it is not privileged, and nothing is turned off"
is "$(podman exec "$NAME" sed -n 's/^CapBnd:.//p' /proc/1/status)" \
	"$(podman run --rm --entrypoint sed localhost/tazpod -n \
		's/^CapBnd:.//p' /proc/1/status)" \
	"U28: nor has it a capability that others do not have"

## Two shells

# hold: a command that runs until the file go is there.
hold()
{
	rm -f go ready
	# It is a list.
	# shellcheck disable=SC2086
	taz enter $IN -- sh -c 'echo "$1" >"$TAZPOD_MOUNT/$1"; touch ready
		until [ -e go ]; do sleep 0.1; done' sh "$1" >"$W/held" 2>&1 &
	held=$!
	wait_for 20 test -e ready
}

printf 'true\n' >"$W/in"
# shellcheck disable=SC2086
taz enter $IN <"$W/in" >/dev/null 2>&1
hold one
run taz enter -- sh -c 'cat "$TAZPOD_MOUNT/one"; pwd'
is "$status $(tr '\n' ' ' <"$W/out")" "0 one /workspace " \
	"a second enter shares the vault, and asks for nothing"
holds "U19: it does not lock with that" test "$(daemons)" = 1
mkdir -p sub/folder
cd sub/folder || exit 1
run taz enter -- pwd
is "$(cat "$W/out")" /workspace/sub/folder "one is in the same folder there"
run taz enter -- sh -c 'exit 7'
is "$status" 7 "its exit status is passed on"
cd ../..
is "$(in_pod tazpod status --json | grep -c '"leases": 1')" 1 \
	"status finds it from outside of its namespace"
run in_pod tazpod save
is "$status" 0 "and so does save"
touch go
wait "$held"
holds "U19: the last one out locks" wait_for 10 is_locked

## A terminal that is closed

cat >"$W/close.py" <<'EOF'
import os, pty, select, signal, subprocess, sys, time
how, command = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown, until = b"", time.time() + 30
os.write(fd, b"echo $((6 * 7))$((6 * 7)); tazpod status | head -n 1\r")
while (b"4242\r" not in shown or b"\nvault " not in shown) and time.time() < until:
    if select.select([fd], [], [], 1)[0]:
        shown += os.read(fd, 4096)
if b"4242\r" not in shown:
    sys.exit("no shell: %r" % shown)
if how == "close":
    os.close(fd)
elif how == "tazpod":
    os.kill(pid, signal.SIGKILL)
else:
    client = subprocess.check_output(["pgrep", "-P", str(pid), how])
    os.kill(int(client.split()[0]), signal.SIGKILL)
EOF
for how in close tazpod podman; do
	# shellcheck disable=SC2086
	run timeout 40 "$PY" "$W/close.py" "$how" "$TAZPOD" enter $IN
	is "$status $(cat "$W/err")" "0 " "a shell is there, on a terminal"
	holds "U19: it ends, and locks, when its end is: $how" \
		wait_for 20 is_locked
done

## New programs

hold two
in_pod tazpod save -q
before=$(digest .tazpod/vault/vault.tar.aes)
is "$(in_pod tazpod status | grep -c 'older program')" 0 \
	"a mount has the program that is installed"
start=$(now_ms)
run taz inject
is "$status" 0 "inject puts in the programs of this machine"
took=$(($(now_ms) - start))
holds "in less than three seconds ($took ms)" test "$took" -lt 3000
is "$(in_pod sha256sum /usr/local/bin/tazpodfs | cut -d' ' -f1)" \
	"$(digest "$B/tazpodfs")" "they are the same"
is "$(digest .tazpod/vault/vault.tar.aes)" "$before" "the vault is not touched"
is "$(in_pod tazpod status | grep -c '^daemon .*older program')" 1 \
	"what is unlocked goes on with the old one, and status says so"
run taz enter -- cat "/home/tazpod/secrets/two"
is "$(cat "$W/out")" two "and can be used"
touch go
wait "$held"
wait_for 10 is_locked
hold three
is "$(in_pod tazpod status | grep -c 'older program')" 0 \
	"the next unlock takes the new one"
touch go
wait "$held"
mkdir "$W/other"
for p in tazpod tazpodfs mount.tazpodfs umount.tazpodfs; do
	cp "$B/$p" "$W/other"
done
printf '#!/bin/nothing\n' >"$W/other/tazpodfs"
run timeout 60 "$W/other/tazpod" inject
is "$status $(tail -n 1 "$W/err" | grep -c 'do not run there')" "1 1" \
	"programs that do not run there are refused"
is "$(in_pod sha256sum /usr/local/bin/tazpodfs | cut -d' ' -f1)" \
	"$(digest "$B/tazpodfs")" "and nothing has changed"
is "$(in_pod sh -c 'ls -A /usr/local/bin | grep -c new')" 0 \
	"nor is anything left behind"

## The home

as_config 'bridges: [.aws]' 'memory: [.gemini]'
cat >"$W/in" <<'EOF'
echo secret >~/.aws/config
echo notes >~/.gemini/notes
EOF
# shellcheck disable=SC2086
taz enter $IN <"$W/in" >"$W/out" 2>&1
wait_for 10 is_locked
is "$(in_pod sh -c 'ls -A ~/.aws 2>&1; cat ~/.gemini/notes' | tail -n 2 |
	sed 's/.*No such.*/gone/' | tr '\n' ' ')" "gone notes " \
	"after a lock the bridge is gone, and memory is there"
run taz down -q
is "$status $(cat .tazpod/.gemini/notes)" "0 notes" "memory outlives the pod"
# shellcheck disable=SC2086
run taz enter $IN -- sh -c 'cat ~/.aws/config ~/.gemini/notes'
is "$status $(tr '\n' ' ' <"$W/out")" "0 secret notes " \
	"and is in the next one, as is what the bridge leads to"

## Down, in the middle of something

hold four
in_pod tazpod run -- sh -c 'exec 3>"$TAZPOD_MOUNT/open"; echo open >&3
	touch ready2; sleep 30' >/dev/null 2>&1 &
writer=$!
wait_for 20 test -e ready2
run taz down
is "$status $(tail -n 1 "$W/out")" "0 $NAME: is down" \
	"down locks, whatever is open"
wait "$held" "$writer" 2>/dev/null
for f in one two three four open; do
	is "$(taz cat --passfile pass "$f")" "$f" "and $f is in the vault"
done
is "$(podman ps --all --quiet)" "" "the pod is gone"

# Each writes files, a line a time, and syncs every third; the log says what
# was written, and what was synced before that.
writer='i=0; while :; do i=$((i + 1)); echo $i >"$TAZPOD_MOUNT/w$i"
	[ $((i % 3)) -ne 0 ] || { sync "$TAZPOD_MOUNT/w$i" && echo $i >>synced; }
	echo $i >>written; done'

# missing FILE: those in it that the vault does not have.
missing()
{
	mkdir -p "$W/look"
	"$TAZPODFS" -o ro,passfile=pass .tazpod/vault/vault.tar.aes "$W/look" ||
		echo "it cannot be mounted"
	while read -r i; do
		[ "$(cat "$W/look/w$i" 2>/dev/null)" = "$i" ] || echo "$i"
	done <"$1"
	umount "$W/look"
}

for how in stop kill; do
	rm -f synced written
	taz up -q
	# shellcheck disable=SC2086
	taz enter $IN -- sh -c "$writer" >/dev/null 2>&1 &
	held=$!
	wait_for 30 test -s synced
	sleep 0.5
	run timeout 60 podman "$how" "$NAME"
	is "$status" 0 "podman $how, during writes"
	wait "$held"
	holds "some were synced" test "$(wc -l <synced)" -gt 0
	is "$(missing synced)" "" "podman $how loses nothing that was synced"
	[ "$how" = kill ] ||
		is "$(missing written)" "" "nor anything that was written before"
	# shellcheck disable=SC2086
	run taz enter $IN -- cat /home/tazpod/secrets/one
	is "$status $(cat "$W/out")" "0 one" "enter starts it again"
	run taz down -q
	is "$status" 0 "and taken down"
done

## Two projects

for p in a b; do
	project "$W/$p/same"
	run taz init
	own
	run taz up -q
	is "$status" 0 "a project called same in $p is up"
	printf 'echo %s >"$TAZPOD_MOUNT/who"\n' "$p" >"$W/in"
	# shellcheck disable=SC2086
	taz enter $IN <"$W/in" >/dev/null 2>&1
done
is "$(podman ps --format '{{.Names}}' | grep -c '^tazpod-same-[0-9]*$')" 2 \
	"two of the same name run side by side"
for p in a b; do
	cd "$W/$p/same" || exit 1
	# shellcheck disable=SC2086
	run taz enter $IN -- cat /home/tazpod/secrets/who
	is "$(cat "$W/out")" "$p" "each has its own vault"
	run taz down -q
done

done_testing
