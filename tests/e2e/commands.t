#!/bin/sh
# tazpod create, unlock, lock, save and status.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
mkdir "$M" "$W/empty"
cd "$W/empty" || exit

# one_line STATUS PATTERN PROMISE COMMAND...: it fails with one clear line.
one_line()
{
	want=$1 pattern=$2 promise="$3 (status $1, one line)"
	shift 3
	run "$@"
	if [ "$status" = "$want" ] && [ "$(wc -l <"$W/err")" = 1 ] &&
		[ ! -s "$W/out" ] && grep -q '^tazpod\(fs\)*: ' "$W/err" &&
		grep -Eq -- "$pattern" "$W/err"; then
		ok "$promise"
	else
		not_ok "$promise" "status $status, wanted $want and '$pattern':
$(cat "$W/out" "$W/err")"
	fi
}

## create

run "$TAZPOD" create --passfile "$PASS" "$V"
is "$status $(cat "$W/out" "$W/err")" "0 $V: made a new vault" \
	"create makes a vault and says so"
before=$(digest "$V")
one_line 1 "$V: exists already" "create makes none over another" \
	"$TAZPOD" create --passfile "$PASS" "$V"
is "$(digest "$V")" "$before" "which stays as it was"
run "$TAZPOD" create --quiet --passfile "$PASS" "$W/quiet"
is "$status $(cat "$W/out" "$W/err")" "0 " "create --quiet says nothing"
one_line 1 "$W/no/vault: .*folder does not exist" \
	"create needs the folder to be there" \
	"$TAZPOD" create --passfile "$PASS" "$W/no/vault"
one_line 1 "$W/nopass" "create needs the passphrase file to be there" \
	"$TAZPOD" create --passfile "$W/nopass" "$W/other"
fails "and makes nothing then" test -e "$W/other"

## unlock

# Nothing is to be sealed here before it is asked for.
run "$TAZPOD" unlock -o seal=off --passfile "$PASS" "$V" "$M"
is "$status $(cat "$W/err")" "0 " "unlock mounts"
holds "where it was told to" is_mounted "$M"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
is "$status $(cat "$W/out" "$W/err")" "0 $V: unlocked already at $M" \
	"a second unlock says that it is, and where"
one_line 5 "$V: unlocked already at $M" \
	"a second unlock elsewhere is refused and says where it is" \
	"$TAZPOD" unlock --passfile "$PASS" "$V" "$W/empty"
fails "and mounts nothing more" is_mounted "$W/empty"

## status

printf '%05000d' 1 >"$M/file"
mkdir "$M/folder"
run "$TAZPOD" status --json
holds "status --json is JSON" "$PY" -m json.tool "$W/out"
is "$("$PY" - "$W/out" <<'END'
import json, sys
one, = json.load(open(sys.argv[1]))
numbers = """pid format generation sealed_ns last_error used_bytes limit_bytes
    files folders limit_inodes locked_bytes requests skipped landlock_abi
    core_bytes""".split()
missing = [k for k in """vault mount state no_new_privs seccomp landlock
               capabilities dumpable""".split()
           if not isinstance(one.get(k), str)]
print(missing + [k for k in numbers if type(one.get(k)) is not int])
END
)" "[]" "status --json has every field"
is "$(field vault "$M")" "$V" "status says: the vault"
is "$(field mount "$M")" "$M" "status says: the mount point"
is "$(field format "$M")" 2 "status says: the format"
is "$(field generation "$M")" 1 "status says: the generation"
is "$(field state "$M")" dirty "status says: dirty after a change"
is "$(field limit_bytes "$M")" 67108864 "status says: size="
is "$(field files "$M") $(field folders "$M")" "1 1" "status says: files, folders"
used=$(field used_bytes "$M")
is "$((used >= 5000 && used < 20000))" 1 "status says: what is used"
pid=$(field pid "$M")
is "$(cat "/proc/$pid/comm")" tazpodfs "status says: the daemon's pid"
locked=$(field locked_bytes "$M")
kernel=$(($(awk '/^VmLck/ { print $2 }' "/proc/$pid/status") * 1024))
if locks_memory; then
	is "$((locked > used && locked <= kernel))" 1 \
		"status says: locked bytes, no more than the kernel knows of"
else
	skip "status says: locked bytes" "AddressSanitizer locks no memory"
fi
is "$(awk '/^VmSwap/ { print $2 }' "/proc/$pid/status")" 0 \
	"nothing of the daemon is swapped out"
holds "save succeeds" "$TAZPOD" save "$M"
is "$(field state "$M") $(field generation "$M")" "clean 2" \
	"status says: clean after a save, and one generation more"
sealed=$(($(field sealed_ns "$M") / 1000000000))
is "$(($(date +%s) - sealed < 10))" 1 "status says: when it was sealed"
holds "a save of what is saved succeeds" "$TAZPOD" save "$M"
is "$(field generation "$M")" 2 "writes nothing"

run "$TAZPOD" status
for word in "vault  *$V" "mounted at  *$M" "format  *2, generation 2" \
	"state  *clean" "contents  *1 file, 1 folder" "locked " \
	"daemon  *pid $pid"; do
	like "$(cat "$W/out")" "^$word" "status in words has: ${word%% *}"
done

## Targets

"$TAZPOD" status --json "$M" >"$W/by-dir"
"$TAZPOD" status --json "$V" >"$W/by-vault"
"$TAZPOD" status --json --mount "$M" >"$W/by-option"
"$TAZPOD" status --json --vault "$V" >"$W/by-option2"
ln -s "$V" "$W/link"
"$TAZPOD" status --json "$W/link" >"$W/by-link"
(cd "$W" && "$TAZPOD" status --json vault) >"$W/by-relative"
(cd "$M" && "$TAZPOD" status --json .) >"$W/by-dot"
for by in vault option option2 link relative dot; do
	# Looking at the mount may have asked it something.
	sed -i '/"requests"/d' "$W/by-dir" "$W/by-$by"
	same "$W/by-dir" "$W/by-$by" "the same mount is found: by-$by"
done
is "$(grep -c '"vault"' "$W/by-dir")" 1 "status of one shows one"
one_line 1 "$W/empty: no vault is mounted there" \
	"status of another folder finds nothing" "$TAZPOD" status "$W/empty"
one_line 1 "$W/nowhere: no vault is mounted there" \
	"lock of nothing finds nothing" "$TAZPOD" lock "$W/nowhere"
run "$TAZPOD" save
is "$status $(cat "$W/out" "$W/err")" "0 $V: saved" \
	"without a name, the only mount is meant"
mount_vault "$W/quiet" "$W/m2"
one_line 2 'several vaults are mounted' \
	"without a name, one of two is not guessed" "$TAZPOD" lock
is "$("$TAZPOD" status --json | grep -c '"vault"')" 2 "status shows both"
run "$TAZPOD" lock "$W/quiet"
is "$status $(cat "$W/out" "$W/err")" "0 $W/quiet: locked" \
	"lock by the vault says what it did"
fails "and unmounts it" is_mounted "$W/m2"

## lock and save

printf 'last write\n' >"$M/file"
pid=$(daemon_of "$M")
"$TAZPOD" lock -q "$M"
status=$?
alive "$pid" && status=alive
is "$status" 0 "when lock returns, the daemon has gone"
cp "$V" "$W/copy"
fails "and the mount with it" is_mounted "$M"
mount_vault "$W/copy" "$M"
is "$(cat "$M/file")" "last write" \
	"and the vault holds the last write"
lock "$M"

mount_vault "$V" "$M"
printf 'to be saved\n' >"$M/file"
"$TAZPOD" save -q "$M"
cp "$V" "$W/copy"
mkdir "$W/m3"
mount_vault "$W/copy" "$W/m3" ro
is "$(cat "$W/m3/file")" "to be saved" \
	"when save returns, the vault on disk holds it all"
one_line 1 "$W/m3: mounted read-only: nothing to save" \
	"a read-only mount has nothing to save" "$TAZPOD" save "$W/m3"
is "$(field state "$W/m3")" read-only "status says: read-only"
lock "$W/m3"

# A process with a file open and its folder inside.
mkfifo "$W/go"
(cd "$M" && exec 7<file && exec 8>>held && read -r _ <"$W/go"
	cat <&7 >"$W/read" 2>&1
	echo late >&8) 2>"$W/write" &
holder=$!
wait_for 10 test -e "$M/held"
pid=$(daemon_of "$M")
run "$TAZPOD" lock "$M"
if on_fuse; then
	like "$status $(cat "$W/err")" \
		"^0 tazpod: still held by .* \\(pid $holder\\): $M/file and 2 more\$" \
		"lock works though a file is held open, and says who holds it"
	fails "its daemon has gone" alive "$pid"
	fails "and its mount" is_mounted "$M"
else
	# What is written to such a file would be lost.
	like "$status $(tr '\n' ' ' <"$W/err")" \
		"^1 tazpod: still held by .* \\(pid $holder\\): $M/file .*: files in it are open for writing.* nothing is lost" \
		"lock is refused while a file is open for writing, and says who"
	holds "its daemon goes on" alive "$pid"
	holds "and its mount" is_mounted "$M"
fi
echo >"$W/go"
wait "$holder"
if on_fuse; then
	holds "who holds a file open cannot write to it any more" \
		test -s "$W/write"
else
	is "$(cat "$M/held" "$W/read")" "late
to be saved" "who holds a file open goes on"
	lock "$M"
fi
mount_vault "$V" "$M"
is "$(cat "$M/file")" "to be saved" "and the vault is as it was locked"
lock "$M"

one_line 1 'no vault is mounted' "lock without any mount fails" "$TAZPOD" lock
one_line 1 'no vault is mounted' "save without any mount fails" "$TAZPOD" save
run "$TAZPOD" status
is "$status $(cat "$W/out" "$W/err")" "0 no vault is mounted" \
	"status without any mount says so"
run "$TAZPOD" status --json
is "$status $("$PY" -m json.tool --compact "$W/out")" "0 []" \
	"and as JSON"

# A daemon that was killed.
mount_vault "$V" "$M"
pid=$(daemon_of "$M")
kill_daemon "$pid"
run "$TAZPOD" status --json
is "$(grep -c '"answers": false' "$W/out")" 1 "status knows a dead mount"
one_line 1 "$M: .*had died; unmounted it" "lock ends it, and says so" \
	"$TAZPOD" lock "$M"
fails "for good" is_mounted "$M"

## The project's vault, and the default mount point

mkdir -p "$W/project/.tazpod/vault" "$W/project/src/deep"
cd "$W/project" || exit
run "$TAZPOD" create --passfile "$PASS"
is "$status" 0 "create without a name makes the project's vault"
holds "in its place" test -f "$W/project/.tazpod/vault/vault.tar.aes"
cd src/deep || exit
run "$TAZPOD" unlock --passfile "$PASS"
is "$status $(cat "$W/err")" "0 " "unlock from a sub-folder finds it"
holds "and mounts it at ~/secrets" is_mounted "$HOME/secrets"
umount "$HOME/secrets"
wait_for 30 no_daemons
is "$(stat -c %a "$HOME/secrets")" 700 "which was made for its owner alone"
mount_vault "$V" "$M"
run "$TAZPOD" unlock --passfile "$PASS"
is "$status" 0 "unlock works when the mount point is there already"
run "$TAZPOD" lock
is "$status $(cat "$W/out")" \
	"0 $W/project/.tazpod/vault/vault.tar.aes: locked" \
	"among several mounts, the project's is meant"
lock "$M"
cd "$W/empty" || exit
one_line 2 'no vault named, and no \.tazpod folder' \
	"unlock without a project and a name is refused" "$TAZPOD" unlock --passfile "$PASS"
one_line 2 'HOME' "unlock without HOME and a name is refused" env -u HOME \
	"$TAZPOD" unlock --passfile "$PASS" "$V"

## Wrong arguments

one_line 2 "no command 'frobnicate'" "an unknown command is refused" \
	"$TAZPOD" frobnicate
one_line 2 "option '--frob' is unknown" "an unknown option is refused" \
	"$TAZPOD" lock --frob
one_line 2 "option '-x' is unknown" "an unknown letter is refused" "$TAZPOD" lock -x
one_line 2 "option '--passfile'" "an option without its value is refused" \
	"$TAZPOD" unlock --passfile
one_line 2 "option '--json'" "an option that means nothing there is refused" \
	"$TAZPOD" lock --json
one_line 2 'too many arguments' "too many arguments are refused" \
	"$TAZPOD" lock "$M" "$V"
one_line 2 "unknown option 'frob'" "an unknown mount option is refused" \
	"$TAZPOD" unlock --passfile "$PASS" -o frob "$V" "$M"
one_line 2 "'passfd=x'" "a bad value is refused" \
	"$TAZPOD" unlock --passfd x "$V" "$M"
run "$TAZPOD"
is "$status $(cat "$W/out")" "2 " "no command at all is a usage error"
like "$(cat "$W/err")" '^usage: tazpod' "shows the usage"
for command in '' create unlock lock save status; do
	# The variable is empty or a word.
	# shellcheck disable=SC2086
	run "$TAZPOD" $command --help
	is "$status $(wc -l <"$W/err")" "0 0" "tazpod $command --help works"
	like "$(cat "$W/out")" "^usage: tazpod ${command:-COMMAND} " \
		"and shows the usage ($command)"
done
like "$("$TAZPOD" --version)" '^tazpod [0-9.]+$' "--version"
done_testing
