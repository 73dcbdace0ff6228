#!/bin/sh
# An older vault in a vault's place is noticed, and never a dead end.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
STATE=$W/state/tazpod
mkdir "$M"

mount_it()
{
	run "$TAZPODFS" -o "passfile=$PASS${1:+,$1}" "$V" "$M"
}

noted()
{
	cat "$STATE"/*.seen | sed -n 's/^generation=//p'
}

# change TEXT: seal a vault that holds it.
change()
{
	echo "$1" >"$M/file"
	"$TAZPOD" save -q "$M"
}

new_vault "$V"
is "$(noted)" 1 "a new vault is noted"
is "$(stat -c %a "$STATE" "$STATE"/*.seen | tr '\n' ' ')" "700 600 " \
	"where nobody else looks"
mount_it
change one
generation=$(field generation "$M")
lock "$M"
cp "$V" "$W/old"
mount_it
change two
lock "$M"
mount_it ro
is "$status $(cat "$W/err")" "0 " "the vault itself is mounted"
newest=$(field generation "$M")
is "$(noted)" "$newest" "a read-only mount notes what it has seen"
lock "$M"
is "$(cat "$STATE"/*.seen | wc -l)" 2 "in a small text file"

## It is replaced by an older one

cp "$V" "$W/new"
cp "$W/old" "$V"
mount_it
is "$status $(wc -l <"$W/err")" "8 1" "an older vault in its place is refused"
like "$(cat "$W/err")" "^tazpodfs: $V: is generation $generation, sealed\
 20[0-9-]+ [0-9:]+, but generation $newest, sealed 20[0-9-]+ [0-9:]+, has\
 been seen" "with both generations and times"
like "$(cat "$W/err")" "-o rollback .*--options rollback.*history.*restore" \
	"and what to do"
mount_it ro
is "$status" 8 "also when it is only read"
run "$TAZPOD" unlock --passfile "$PASS" "$V" "$M"
is "$status" 8 "by unlock"
run "$TAZPOD" cat --passfile "$PASS" file "$V"
is "$status $(cat "$W/out")" "8 " "or by cat"
fails "nothing is mounted" is_mounted "$M"
is "$(digest "$V") $(noted)" "$(digest "$W/old") $newest" \
	"nothing has changed"

printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
run "$TAZPODFS" -o "passfile=$W/wrong" "$V" "$M"
is "$status" 3 "nobody without the passphrase is told of it"
run "$TAZPODFS" -o "rollback,passfile=$W/wrong" "$V" "$M"
is "$status $(noted)" "3 $newest" \
	"without the passphrase it cannot be accepted either"
run "$TAZPOD" unlock --options rollback --passfile "$PASS" "$V" "$M"
is "$status $(cat "$M/file")" "0 one" "with -o rollback it is taken"
is "$(noted)" "$generation" "and counts from there"
lock "$M"
mount_it
is "$status" 0 "so the next mount has nothing to say"
lock "$M"
cp "$W/new" "$V"
mount_it
is "$status $(noted)" "0 $newest" "nor against a newer one"
lock "$M"

## Whoever restores one means it

cp "$W/old" "$V.~$generation~"
mount_it ro
lock "$M"
run "$TAZPOD" restore "$generation" "$V"
is "$status $(noted)" "0 $generation" "restore notes what it restores"
mount_it
is "$status $(cat "$M/file")" "0 one" "so that can be mounted"
lock "$M"
run "$TAZPOD" restore "$newest" "$V"
is "$status" 0 "the newer one is restored"
mount_it
is "$status $(noted) $(cat "$M/file")" "0 $newest two" "and mounted again"
lock "$M"

## Copies whose name says what they are

mkdir -m 700 "$STATE/rescue"
for name in "$V.~$generation~" "$V.conflict-20010101T000000Z" \
	"$V.rescue-20010101T000000Z" "$STATE/rescue/any"; do
	cp "$W/old" "$name"
	run mount_vault "$name" "$M" ro
	is "$status $(cat "$M/file") $(noted)" "0 one $newest" \
		"${name#"$W/"} can be looked at, and changes nothing"
	lock "$M"
done
run "$TAZPOD" cat --passfile "$PASS" --generation "$generation" file "$V"
is "$status $(cat "$W/out")" "0 one" "cat --generation as well"
cp "$V" "$W/aside"
cp "$W/old" "$V"
mount_it rollback
lock "$M"
cp "$W/new" "$V.conflict-20010101T000000Z"
run mount_vault "$V.conflict-20010101T000000Z" "$M" ro
is "$status $(cat "$M/file") $(noted)" "0 two $generation" \
	"nor does a newer one"
lock "$M"
mv "$W/aside" "$V"
mount_it
lock "$M"
run mount_vault "$W/old" "$M" ro
is "$status" 8 "but a copy of another name is the vault, or claims to be"

## Other vaults

new_vault "$W/other"
run mount_vault "$W/other" "$M"
is "$status" 0 "another vault has numbers of its own"
lock "$M"
is "$(find "$STATE" -name '*.seen' | wc -l)" 2 "and a file of its own"
is "$(find "$STATE" -type f ! -name '*.seen' ! -path '*/rescue/*' |
	wc -l)" 0 "there is nothing else"
if "$PY" -c 'import cryptography' 2>/dev/null; then
	tar -C "$W/home" -cz . | "$PY" "$E2E/forge.py" seal 1 "$PASS" >"$W/one"
	cp "$W/one" "$W/one.old"
	run mount_vault "$W/one" "$M"
	echo new >"$M/new"
	lock "$M"
	cp "$W/one.old" "$W/one"
	run mount_vault "$W/one" "$M"
	is "$status $(cat "$W/err") $(find "$STATE" -name '*.seen' | wc -l)" \
		"0  2" "format 1 has no numbers to go by"
	lock "$M"
fi

## What is sealed by itself, or by fsync, and never saved counts, too

new_vault "$W/quiet"
mount_vault "$W/quiet" "$M"
cp "$W/quiet" "$W/quiet.old"
for i in 1 2 3; do
	echo "$i" >"$M/file"
	sync "$M/file"
done
lock "$M"
mv "$W/quiet.old" "$W/quiet"
run mount_vault "$W/quiet" "$M"
is "$status" 8 "seals that nobody asked for are noted as well"

## Where nothing can be noted

chmod 755 "$STATE"
new_vault "$W/third" 2>"$W/err"
like "$(cat "$W/err")" \
	'generation cannot be noted .*an older vault in its place would not' \
	"a state folder that is open to others is not used, which is said"
run mount_vault "$W/third" "$M"
is "$status $(wc -l <"$W/err")" "0 1" "once at each mount, which goes on"
lock "$M"
chmod 700 "$STATE"
run mount_vault "$W/third" "$M"
is "$status $(cat "$W/err")" "0 " "a good one needs no words"
lock "$M"
run env XDG_STATE_HOME="$PASS/x" "$TAZPODFS" -o "passfile=$PASS" \
	"$W/third" "$M"
is "$status $(wc -l <"$W/err")" "0 1" "nor does one that cannot be made"
lock "$M"
for file in "$STATE"/*.seen; do
	echo 'generation=x' >"$file"
done
mount_it
is "$status" 0 "what cannot be read there stands in nobody's way"
lock "$M"

[ "$(id -u)" -eq 0 ] || done_testing
let_nobody_in
as_nobody mkdir "$W/nobody/m"
as_nobody "$W/bin/tazpod" create -q --passfile "$W/nobody/passphrase" \
	"$W/nobody/vault"
run as_nobody env -u XDG_STATE_HOME "$W/bin/tazpodfs" \
	-o "passfile=$W/nobody/passphrase" "$W/nobody/vault" "$W/nobody/m"
is "$status $(find "$W/nobody/.local" -name '*.seen' | wc -l)" "0 1" \
	"a user has it at home"
as_nobody "$W/bin/tazpod" lock -q "$W/nobody/m"
run as_nobody env -u XDG_STATE_HOME -u HOME "$W/bin/tazpodfs" \
	-o "passfile=$W/nobody/passphrase" "$W/nobody/vault" "$W/nobody/m"
is "$status $(wc -l <"$W/err")" "0 1" "without a home that is said"
as_nobody "$W/bin/tazpod" lock -q "$W/nobody/m"
done_testing
