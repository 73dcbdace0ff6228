#!/bin/sh
# One file of a sealed vault goes to standard output, without a mount.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m

vcat()
{
	"$TAZPOD" cat --passfile "$PASS" "$@"
}

# shows PATH WANTED PROMISE
shows()
{
	run vcat "$1" "$V"
	is "$status $(cat "$W/out" "$W/err")" "0 $2" "$3"
}

# refuses PATH PATTERN PROMISE: with one line that says why, and nothing else.
refuses()
{
	run vcat "$1" "$V"
	like "$status $(cat "$W/out" "$W/err")" "^1 tazpod: $2" "$3"
	is "$(wc -l <"$W/err")" 1 "in one line"
}

new_vault "$V"
mount_vault "$V" "$M"
mkdir -p "$M/a/b"
echo hello >"$M/a/file"
: >"$M/empty"
mkfifo "$M/fifo"
head -c 3000000 /dev/urandom >"$M/large"
truncate -s 300000 "$M/holes"
printf 'end' >>"$M/holes"
printf 'tail' | dd of="$M/holes" bs=1 seek=70000 conv=notrunc 2>/dev/null
ln -s a/file "$M/link"
ln -s ../file "$M/a/b/up"
ln -s /a/file "$M/a/b/absolute"
ln -s ../../../../../a/file "$M/a/b/out"
ln -s /etc/hostname "$M/host"
ln -s a "$M/folder"
ln -s loop "$M/loop"
ln -s nowhere "$M/dangling"
ln -s a/file/ "$M/slash"
i=1
ln -s a/file "$M/l0"
while [ "$i" -le 40 ]; do
	ln -s "l$((i - 1))" "$M/l$i"
	i=$((i + 1))
done
cp "$M/large" "$M/holes" "$W"
"$TAZPOD" save -q "$M"

shows a/file hello "a file of a vault that is mounted"
echo changed >"$M/a/file"
"$TAZPOD" save -q "$M"
shows a/file changed "as it was sealed last"
lock "$M"
shows a/file changed "and of one that is not"
was=$(digest "$V")
for path in /a/file ./a/file //a/./b/../file ../../a/file; do
	shows "$path" changed "$path is a path"
done
shows empty "" "an empty file is empty"
shows link changed "a symbolic link is followed"
shows a/b/up changed "relative to its folder"
shows a/b/absolute changed "from the vault's root"
shows a/b/out changed "and never out of it"
shows folder/b/../file changed "in the middle of a path, too"
shows l39 changed "40 links in a row"
refuses l40 'l40: .*Too many levels of symbolic links' "but not 41"
refuses loop 'loop: .*Too many levels' "nor a loop"
refuses host 'host: not in ' "a link to what the machine has leads nowhere"
refuses dangling 'dangling: not in ' "nor does one to nothing"
refuses nothing 'nothing: not in ' "a name that is not there"
refuses a 'a: is a folder' "a folder"
refuses / '/: is a folder' "the root"
refuses a/ 'a/: is a folder' "a folder with a slash"
refuses fifo 'fifo: is a FIFO' "a FIFO, which nobody waits at"
refuses a/file/ 'a/file/: leads through something' "a file with a slash"
refuses slash 'slash: leads through something' "a link to one"
refuses a/file/.. 'a/file/..: leads through' "something in a file"
refuses "$(printf '%0300d' 0)" '0*: .*File name too long' "a long name"
run vcat
is "$status" 2 "no path is a mistake"
run vcat "" "$V"
is "$status" 2 "so is an empty one"

vcat large "$V" | cmp - "$W/large"
is "$?" 0 "a large file is whole"
vcat holes "$V" >"$W/out"
same "$W/out" "$W/holes" "so is one with holes"
# A reader that takes small pieces makes for short writes.
vcat large "$V" | "$PY" -c '
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while True:
    piece = os.read(0, 777)
    if not piece:
        break
    os.write(fd, piece)' "$W/pieces"
same "$W/pieces" "$W/large" "in whatever pieces it is read"
# And a pipe that does not wait.
"$PY" -c '
import os, subprocess, sys
r, w = os.pipe()
os.set_blocking(w, False)
p = subprocess.Popen(sys.argv[2:], stdout=w)
os.close(w)
with open(sys.argv[1], "wb") as f:
    while True:
        piece = os.read(r, 50000)
        if not piece:
            break
        f.write(piece)
sys.exit(p.wait())' "$W/nonblock" "$TAZPOD" cat --passfile "$PASS" large "$V"
is "$? $(digest "$W/nonblock")" "0 $(digest "$W/large")" \
	"also where writes do not wait"
{
	vcat large "$V" 2>"$W/err"
	echo "$?" >"$W/status"
} | head -c 10 >/dev/null
is "$(cat "$W/status" "$W/err")" "1
tazpod: large: cannot be written to standard output: Broken pipe" \
	"a reader that goes away is told of"
if [ -c /dev/full ]; then
	vcat large "$V" >/dev/full 2>"$W/err"
	like "$? $(cat "$W/err")" '^1 tazpod: large: .*No space left' \
		"and so is a full disk"
fi
vcat large "$V" >&- 2>"$W/err"
like "$? $(cat "$W/err")" '^1 tazpod: standard output: ' \
	"and no standard output at all"

## Passphrases and vaults

run "$TAZPOD" cat --passfd 3 a/file "$V" 3<"$PASS"
is "$status $(cat "$W/out")" "0 changed" "the passphrase from a descriptor"
run "$TAZPOD" cat --passcmd "cat $PASS" a/file "$V"
is "$status $(cat "$W/out")" "0 changed" "from a command"
echo wrong >"$W/wrong"
chmod 600 "$W/wrong"
run "$TAZPOD" cat --passfile "$W/wrong" a/file "$V"
is "$status $(cat "$W/out" "$W/err")" "3 tazpod: $V: wrong passphrase" \
	"a wrong one"
run vcat a/file "$W/nosuch"
like "$status $(cat "$W/err")" "^1 tazpod: $W/nosuch: no such vault" \
	"a vault that is not there"
run "$TAZPOD" cat --passfile "$PASS" --vault "$V" a/file
is "$status $(cat "$W/out")" "0 changed" "a vault as an option"
run vcat -o size=1M large "$V"
like "$status $(cat "$W/err")" '^1 .*size=1M' \
	"one that holds more than size= allows"
run vcat -o create a/file "$W/nosuch"
is "$status $(find "$W" -name nosuch)" "2 " "none is made"
is "$(digest "$V") $(find "$W" -maxdepth 1 -name '.vault.new')" "$was " \
	"the vault is as it was"

## Older ones

cp "$V" "$V.~50~"
mount_vault "$V" "$M"
echo newer >"$M/a/file"
lock "$M"
is "$(vcat a/file "$V")" newer "the current vault"
run vcat --generation 50 a/file "$V"
is "$status $(cat "$W/out" "$W/err")" "0 changed" "an older one"
run vcat --generation 1 a/file "$V"
is "$status $(cat "$W/err")" "1 tazpod: a/file: not in $V.~1~" \
	"and the one before there was anything"
is "$(vcat a/file "$V")" newer "beside which the current one stays"
ln -s "$V" "$W/symlink"
is "$(vcat --generation 50 a/file "$W/symlink")" changed \
	"through a symbolic link"
rm "$V"
is "$(vcat --generation 50 a/file "$V")" changed \
	"also when the vault itself is gone"
run vcat --generation 777 a/file "$V"
is "$status $(cat "$W/err")" "1 tazpod: $V: no older vault 777 (No such file\
 or directory); see 'tazpod history'" "one that is not kept"
for bad in "" 0 x 1x -1 ../1; do
	run vcat --generation "$bad" a/file "$V"
	is "$status" 2 "generation '$bad' is refused"
done
done_testing
