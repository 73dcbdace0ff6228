#!/bin/sh
# Files in memory, and whoever means ill or only does what nobody thinks of:
# whatever is in them, nothing else is lost, and nothing is left behind.
BACKEND=tmpfs
export BACKEND
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

need_root

D=$W/d
mkdir "$D"

unlock()
{
	quick_vault 3 "$1" && "$TAZPOD" unlock -q --passfile "$PASS" "$1" "$D"
}

# What a vault holds, as its programs find it.
holds_file()
{
	"$TAZPOD" cat --passfile "$PASS" "$2" "$1" 2>/dev/null
}

## What cannot be saved keeps nothing else from it

too_deep()
{
	"$PY" -c 'import os, sys
os.chdir(sys.argv[1])
for i in range(1100):
	os.mkdir("d")
	os.chdir("d")
open("deepest", "w").close()' "$1"
}

V=$W/deep
unlock "$V"
too_deep "$D"
echo precious >"$D/precious"
run "$TAZPOD" save "$D"
is "$status" 1 "a folder that no vault can hold is told at a save"
wait_for 10 holds_file "$V" precious >/dev/null
is "$(holds_file "$V" precious)" precious "... and all else is saved"
rm "$D/precious"
echo late >"$D/late"
run "$TAZPOD" lock "$D"
is "$status" 1 "... a lock is refused then"
daemon=$(daemon_of "$D")
kill -TERM "$daemon"
sleep 2
holds "... and so is one that nobody asks for" is_mounted "$D"
is "$(holds_file "$V" late)" late "... which saves what it can"
umount -l "$D"
sleep 1
holds "... and after umount -l the guardian goes on" alive "$daemon"
kill -KILL "$daemon"
wait_for 10 gone "$daemon"

## Attributes that only who may mount can read

V=$W/trusted
quick_vault 3 "$V"
mount_vault "$V" "$D" backend=fuse
echo text >"$D/f"
if setfattr -n trusted.tazpod -v kept "$D/f" "$D" 2>"$W/err"; then
	lock "$D"
	"$TAZPOD" unlock -q --passfile "$PASS" "$V" "$D"
	echo more >>"$D/f"
	chmod 700 "$D/f"
	"$TAZPOD" save -q "$D"
	lock "$D"
	mount_vault "$V" "$D" backend=fuse
	is "$(getfattr -h --only-values -n trusted.tazpod "$D/f")" kept \
		"what the guardian may not read of a file stays"
	is "$(getfattr -h --only-values -n trusted.tazpod "$D")" kept \
		"... and of the root"
fi
lock "$D"

## A mount point that is another one by the time it is mounted

if command -v strace >/dev/null && strace -f -o "$W/trace" true 2>/dev/null; then
	V=$W/race
	quick_vault 3 "$V"
	mkdir "$W/victim" "$W/place"
	strace -f -o "$W/trace" -e trace=fsconfig \
		-e inject=fsconfig:delay_enter=300000 \
		"$TAZPODFS" -o "passfile=$PASS" "$V" "$W/place" \
		2>"$W/err" </dev/null &
	strace=$!
	wait_for 20 grep -q fsconfig "$W/trace"
	mv "$W/place" "$W/place.old"
	ln -s victim "$W/place"
	fails "a link that takes the mount point's place is not followed" \
		wait "$strace"
	is "$(our_mounts)" "" "... and nothing is left mounted anywhere"
	rm "$W/place"
fi

## A mount that is there twice, as its parent is

mkdir "$W/twice" "$W/twice/d"
mount -t tmpfs tazpod-e2e "$W/twice" && mount --make-shared "$W/twice"
mkdir "$W/twice/a" "$W/twice/a/d"
mount --bind "$W/twice/a" "$W/twice/a"
V=$W/shared
quick_vault 3 "$V"
holds "a mount that shows up in two places is known" \
	"$TAZPOD" unlock -q --passfile "$PASS" "$V" "$W/twice/a/d"
T=$W/twice/a/d
mkdir "$T/sub"
echo hidden >"$T/sub/f"
mount -t tmpfs tazpod-e2e "$T/sub"
echo seen >"$T/g"
"$TAZPOD" save -q "$T"
is "$(holds_file "$V" sub/f)" hidden "... what somebody mounts in it hides nothing"
umount "$T/sub"
holds "... and it is locked" lock "$T"
umount "$W/twice/a" "$W/twice"

## Whoever cannot find the guardian

V=$W/elsewhere
unlock "$V"
echo text >"$D/f"
daemon=$(daemon_of "$D")
quick_vault 3 "$W/other"
# somewhere_else COMMAND...: as somebody with another run-time folder.
somewhere_else()
{
	XDG_RUNTIME_DIR=$W/home "$@"
}
fails "a guardian that listens elsewhere is not taken for dead by an unlock" \
	somewhere_else "$TAZPOD" unlock -q --passfile "$PASS" "$W/other" "$D"
fails "... nor by a lock" somewhere_else "$TAZPOD" lock "$D"
is "$(cat "$D/f")" text "... and its mount stays"
kill_daemon "$daemon"
holds "... until it is dead" \
	somewhere_else "$TAZPOD" unlock -q --passfile "$PASS" "$W/other" "$D"
somewhere_else "$TAZPOD" lock -q "$D"

## Whoever has it elsewhere cannot write to what nobody saves any more

# Make names, from a descriptor of the folder, for SECONDS; print what failed
# once and then did not.
cat >"$W/names.py" <<'END'
import os, sys, time
d = os.open(sys.argv[1], os.O_RDONLY)
open(sys.argv[3], "w").close()
end = time.time() + float(sys.argv[2])
refused = accepted = n = 0
while time.time() < end:
	n += 1
	try:
		os.close(os.open("n%d" % n, os.O_CREAT | os.O_WRONLY, dir_fd=d))
		accepted += refused > 0
	except OSError:
		refused += 1
		time.sleep(0.001)
	time.sleep(0.0003)
print("refused" if refused else "never refused", accepted)
END
mkdir "$W/bound"
for how in bind move; do
	V=$W/$how
	unlock "$V"
	head -c 20000000 /dev/urandom >"$D/big"
	daemon=$(daemon_of "$D")
	mount --"$how" "$D" "$W/bound"
	"$PY" "$W/names.py" "$W/bound" 4 "$W/begun" >"$W/names" &
	names=$!
	wait_for 10 test -e "$W/begun"
	kill -TERM "$daemon"
	wait "$names"
	wait_for 10 gone "$daemon"
	is "$(cat "$W/names")" "refused 0" "--$how: what is locked takes nothing more"
	rm "$W/begun"
done

## An unlock just after a crash

V=$W/again
quick_vault 3 "$V"
missing=0
for _ in $(seq 30); do
	"$TAZPOD" unlock -q --passfile "$PASS" "$V" "$D"
	if ! is_mounted "$D"; then
		missing=$((missing + 1))
		continue
	fi
	daemon=$(daemon_of "$D")
	kill -KILL "$daemon"
	wait_for 10 gone "$daemon"
done
is "$missing" 0 "what is just being unmounted is not what was unlocked already"

done_testing
