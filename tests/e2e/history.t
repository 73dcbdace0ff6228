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
done_testing
