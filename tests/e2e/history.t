#!/bin/sh
# Older vaults are kept beside the vault, and come back.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m

kept()
{
	"$TAZPOD" history --json "$V" |
		"$PY" -c 'import json, sys
print(*[g["number"] for g in json.load(sys.stdin)])'
}

new_vault "$V"
is "$("$TAZPOD" history "$V")" "$V: no older vaults are kept" \
	"a new vault has no history"
run "$TAZPOD" history "$W/nosuch"
is "$status $(cat "$W/err")" \
	"1 tazpod: $W/nosuch: No such file or directory" \
	"what is not there has none, which is said"
is "$(find "$W" -maxdepth 1 -name '*nosuch*')" "" "and nothing is made"
mount_vault "$V" "$M"
echo one >"$M/file"
"$TAZPOD" save -q "$M"
is "$(kept)" 1 "the vault that a mount found is kept at its first save"
echo two >"$M/file"
"$TAZPOD" save -q "$M"
is "$(kept)" 1 "but not every one: at most one a minute"
run "$TAZPOD" restore 1 "$V"
is "$status $(cat "$W/err")" "5 tazpod: $V: mounted; 'tazpod lock' it first" \
	"a mounted vault is not replaced"
lock "$M"

run "$TAZPOD" history "$V"
like "$(cat "$W/out")" '^ +1  20[0-9-]+ [0-9:]+ +[0-9]+ bytes$' \
	"history tells number, time and size"
mount_vault "$V.~1~" "$M" ro
is "$(ls -A "$M")" "" "an older vault can be mounted as it is"
lock "$M"

run "$TAZPOD" restore 1 "$V"
is "$status" 0 "restore puts it in its place"
mount_vault "$V" "$M" ro
is "$(ls -A "$M")" "" "which then is what it was"
lock "$M"
newest=$(kept)
newest=${newest%% *}
run "$TAZPOD" restore "$newest" "$V"
is "$status" 0 "and what was there has been kept ($newest)"
mount_vault "$V" "$M" ro
is "$(cat "$M/file")" two "with all that it held"
lock "$M"

rm "$V"
is "$(kept | wc -w)" 3 "of a vault that was removed the older ones are left"
run "$TAZPOD" restore "$newest" "$V"
is "$status" 0 "and one takes its place"
mount_vault "$V" "$M" keep=2
is "$(cat "$M/file")" two "whole"
lock "$M"

for bad in "" 0 -1 00 99999999999999999999; do
	run "$TAZPOD" restore "$bad" "$V"
	is "$status" 2 "restore '$bad' is refused"
done
run "$TAZPOD" restore 77 "$V"
is "$status" 1 "so is a number that is not there"
echo rubbish >"$V.~70~"
was=$(digest "$V")
run "$TAZPOD" restore 70 "$V"
is "$status $(digest "$V")" "4 $was" "and what is no vault"
rm "$V.~70~"

rm "$V".~*~
mount_vault "$V" "$M" keep=0
echo three >"$M/file"
lock "$M"
is "$(kept)" "" "keep=0 keeps none"

## A file

# holds_text TEXT PROMISE: that is what is in the vault.
holds_text()
{
	mount_vault "$V" "$M" ro
	is "$(cat "$M/file")" "$1" "$2"
	lock "$M"
}

cp "$V" "$W/backup"
mount_vault "$V" "$M" keep=0
echo four >"$M/file"
lock "$M"
was=$(digest "$V")
run "$TAZPOD" restore "$W/backup" "$V"
is "$status $(cat "$W/out" "$W/err")" "0 $V: restored $W/backup; what was\
 there is kept, see 'tazpod history'" "a backup is restored"
holds_text three "and is the vault then"
holds "a file of the user's own is left" test -e "$W/backup"
is "$(digest "$V.~$(kept)~")" "$was" "what was there is kept"
run sh -c 'cd "$1" && "$2" restore -q backup "$3"' sh "$W" "$TAZPOD" "$V"
is "$status $(cat "$W/out" "$W/err")" "0 " "a name that is no number is a file"
run "$TAZPOD" restore -q "$V.~$(kept | cut -d' ' -f1)~" "$V"
is "$status" 0 "so is one that is kept"

for kind in conflict rescue; do
	cp "$W/backup" "$V.$kind-20010101T000000Z"
	run "$TAZPOD" restore "$V.$kind-20010101T000000Z" "$V"
	is "$status $(cat "$W/out" "$W/err")" "0 $V: restored\
 $V.$kind-20010101T000000Z, which is removed; what was there is kept, see\
 'tazpod history'" "a $kind file takes the vault's place"
	fails "and is gone from its own" test -e "$V.$kind-20010101T000000Z"
	holds_text three "with what it held"
done
mkdir -m 700 "$W/state/tazpod/rescue" "$W/away"
for file in "$W/state/tazpod/rescue/any" "$W/away/vault.conflict-1" \
	"$W/other.conflict-1"; do
	cp "$W/backup" "$file"
	run "$TAZPOD" restore -q "$file" "$V"
	is "$status $(cat "$W/err")" "0 " "${file#"$W/"} can be restored"
done
is "$(cd "$W" && find state/tazpod/rescue away other.conflict-1 -type f)" \
	"away/vault.conflict-1
other.conflict-1" "only what a mount has left is removed"
ln -s "$W/backup" "$V.conflict-2"
run "$TAZPOD" restore -q "$V.conflict-2" "$V"
is "$status $(test -e "$W/backup" && echo there)" "0 there" \
	"a link's target is not"
rm "$V.conflict-2"

# refuses STATUS PATTERN PROMISE FILE: and nothing has changed.
refuses()
{
	was="$(digest "$V") $(kept)"
	run "$TAZPOD" restore "$4" "$V"
	like "$status $(cat "$W/err")" "^$1 tazpod: $2" "$3"
	is "$(digest "$V") $(kept)" "$was" "and the vault is as it was"
}

new_vault "$W/other"
refuses 1 "$W/other: is another vault than $V.* 'cp $W/other $V'" \
	"another vault is refused" "$W/other"
head -c 1000 /dev/urandom >"$W/noise"
refuses 1 "$W/noise: is another vault than $V, or none" \
	"so is what may be format 1, and may be nothing" "$W/noise"
echo rubbish >"$W/rubbish"
refuses 4 "$W/rubbish: is no vault" "what is none" "$W/rubbish"
refuses 4 "$W/away: not a vault" "a folder" "$W/away"
refuses 1 "$W/nosuch: cannot be read: No such file" "what is not there" \
	"$W/nosuch"
refuses 2 "$V: is the vault itself" "the vault itself" "$V"
ln -s vault "$W/same"
refuses 2 "$W/same: is the vault itself" "by another name" "$W/same"
mount_vault "$V" "$M"
cp "$W/backup" "$V.conflict-3"
refuses 5 "$V: mounted" "a mounted one is not replaced" "$V.conflict-3"
holds "and what should have been is left" test -e "$V.conflict-3"
lock "$M"
rm "$V"
run "$TAZPOD" restore -q "$V.conflict-3" "$V"
is "$status" 0 "a vault that is gone is replaced"
holds_text three "by what the file held"
done_testing
