#!/bin/sh
# What is wrong is refused: with its exit code, in one clear line, and with
# nothing mounted, written or lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
need_crypto
let_nobody_in

D=$W/d
V=$D/vault
M=$W/m
mkdir "$D" "$M"
FORGE=$E2E/forge.py

# forge KIND: vault V of a hostile archive, cheap to derive the key of.
forge()
{
	"$FORGE" tar "$1" | "$FORGE" seal 2 "$PASS" >"$V"
	chmod 600 "$V"
}

# What is beside the vault, and in it.
state()
{
	find "$D" -mindepth 1 ! -name .vault.lock
	[ ! -f "$V" ] || digest "$V"
}

# bad STATUS PATTERN PROMISE COMMAND...
bad()
{
	want=$1 pattern=$2 promise="refused with status $1: $3"
	shift 3
	was=$(state)
	mounts=$(our_mounts)
	start=$(now_ms)
	run "$@"
	took=$(($(now_ms) - start))
	if [ "$status" != "$want" ]; then
		not_ok "$promise" "status $status, wanted $want: $(
			cat "$W/out" "$W/err")"
		is_mounted "$M" && [ "$mounts" != "$(our_mounts)" ] && lock "$M"
	elif [ -s "$W/out" ] || [ "$(wc -l <"$W/err")" != 1 ] ||
		! grep -Eq "^tazpod(fs)?: .*$pattern" "$W/err"; then
		not_ok "$promise" "wanted one line with '$pattern': $(
			cat "$W/out" "$W/err")"
	elif [ "$(state)" != "$was" ]; then
		not_ok "$promise" "changed: $was
to: $(state)"
	elif [ "$(our_mounts)" != "$mounts" ]; then
		not_ok "$promise" "mounted: $(our_mounts)"
	else
		ok "$promise"
	fi
}

bad_mount()
{
	want=$1 pattern=$2 promise=$3
	shift 3
	bad "$want" "$pattern" "$promise" \
		"$TAZPODFS" -o "passfile=$PASS${1:+,$1}" "$V" "$M"
}

## No vault at all

bad_mount 1 "$V: no such vault.*tazpod create" "a vault that is missing"
ln -s nowhere "$V"
bad_mount 1 "$V: no such vault" "a link to nothing"
rm "$V"
mkdir "$V"
bad_mount 4 "$V: not a vault: it is a folder" "a folder as a vault"
rmdir "$V"
mkfifo "$V"
bad_mount 4 "$V: not a vault: it is not a regular file" "a FIFO as a vault"
rm "$V"
: >"$V"
bad_mount 4 "$V: not a vault: 0 bytes" "an empty file"
head -c 59 /dev/zero >"$V"
bad_mount 4 "$V: not a vault: 59 bytes" "59 bytes"
head -c 60 /dev/zero >"$V"
bad_mount 3 "$V: wrong passphrase, or a damaged vault" "60 zero bytes"
head -c 5000 /dev/urandom >"$V"
bad_mount 3 "$V: wrong passphrase, or a damaged vault" "random bytes"

## Damage

forge plain
holds "a small vault mounts when it is not damaged" mount_vault "$V" "$M"
is "$(cat "$M/inside")" hello "and holds what it should"
lock "$M"
for kind in flip cut; do
	"$E2E/sweep.py" "$kind" "$V" "$PASS" "$TAZPODFS" "$W/$kind" \
		>"$W/sweep" 2>&1
	like "$(cat "$W/sweep")" '^tried [12][0-9][0-9]$' \
		"hundreds of damaged copies are tried ($kind)"
	is "$(grep -v '^tried' "$W/sweep")" "" "and each is refused ($kind)"
	rm -r "${W:?}/$kind"
done
cp "$V" "$W/good"
cat "$W/good" - >"$V" <<END
more
END
bad_mount 4 "$V: the passphrase is right, but the vault is damaged" \
	"bytes after the end"
cp "$W/good" "$V"
printf 'wrong\n' >"$W/wrong"
chmod 600 "$W/wrong"
bad 3 "$V: wrong passphrase$" "a wrong passphrase" \
	"$TAZPODFS" -o "passfile=$W/wrong" "$V" "$M"

# header OFFSET HEX PATTERN PROMISE: refused at once, without derivation.
header()
{
	"$FORGE" put "$W/good" "$1" "$2" >"$V"
	bad_mount 4 "$V: $3" "$4"
	is "$((took < 1000))" 1 "at once: $4"
}

header 16 ffffffff 'damaged: its header makes no sense' "4294967295 rounds"
header 16 81969800 'damaged: its header makes no sense' "10000001 rounds"
header 16 9f860100 'damaged: its header makes no sense' "99999 rounds"
header 16 00000000 'damaged: its header makes no sense' "no rounds"
header 12 02000100010000000100400001000000 'damaged' "Argon2id of over 4 GiB"
header 12 02000100ffffffff0020000001000000 'damaged' "Argon2id without end"
header 12 0300 'made by a newer tazpod' "an unknown key derivation"
header 14 0200 'made by a newer tazpod' "an unknown cipher"
header 28 03000000 'made by a newer tazpod' "an unknown compression"
header 8 81000000 'damaged' "a longer header"

## Archives that are not what they should be

for kind in parent middle absolute empty long inlink infile hardlink \
	dangling later deep target stands; do
	forge "$kind"
	case $kind in
	long) name=nnnn ;;
	deep) name=d/d/d/d ;;
	*) name=$kind ;;
	esac
	bad_mount 4 "$V: its archive is refused: entry '[^']*$name" \
		"an archive with an entry '$kind'"
done
fails "nothing is written outside" test -e /absolute -o -e "$W/parent" \
	-o -e "$W/d/parent"
printf 'not a gzip' | "$FORGE" seal 2 "$PASS" >"$V"
bad_mount 4 "$V: its archive is refused" "something that is no gzip"
printf 'not a tar' | gzip | "$FORGE" seal 2 "$PASS" >"$V"
bad_mount 4 "$V: its archive is refused" "a gzip of something that is no tar"
mkdir "$W/cut"
head -c 400000 /dev/urandom >"$W/cut/first"
cp "$W/cut/first" "$W/cut/second"
tar -C "$W/cut" -cf "$W/cut/tar" first second
gzip -c "$W/cut/tar" >"$W/cut/gz"
for size in 5 60 1000 400200 500000 $(($(stat -c %s "$W/cut/gz") - 9)) \
	$(($(stat -c %s "$W/cut/gz") - 1)); do
	head -c "$size" "$W/cut/gz" | "$FORGE" seal 2 "$PASS" >"$V"
	bad_mount 4 "$V: its archive is refused" \
		"a gzip that was cut after $size bytes"
done
for size in 300 1000 400000 500000; do
	head -c "$size" "$W/cut/tar" | gzip | "$FORGE" seal 2 "$PASS" >"$V"
	bad_mount 4 "$V: its archive is refused" \
		"a tar that was cut after $size bytes"
done
rm -r "$W/cut"

"$FORGE" bomb $((1 << 30)) | "$FORGE" seal 1 "$PASS" >"$V"
is "$(($(stat -c %s "$V") < 2000000))" 1 "a bomb is small"
bad_mount 1 "$V: holds more than size=64M allows" \
	"a gzip bomb: nothing but zeros"
is "$((took < 10000))" 1 "which takes no long time"
for fill in zero urandom; do
	mkdir -p "$W/bomb"
	head -c 70000000 "/dev/$fill" >"$W/bomb/file"
	tar -C "$W/bomb" -cf - file | gzip -1 |
		"$FORGE" seal 2 "$PASS" >"$V"
	rm -r "$W/bomb"
	bad_mount 1 "$V: holds more than size=64M allows.* size=" \
		"a file larger than size= ($fill)"
done
holds "which a larger size= mounts" mount_vault "$V" "$M" size=100M
lock "$M"
mkdir "$W/bomb"
(cd "$W/bomb" && seq -f 'n%.0f' 3000 | xargs touch)
tar -C "$W/bomb" -czf - . | "$FORGE" seal 2 "$PASS" >"$V"
rm -r "$W/bomb"
bad_mount 1 "$V: holds more than size=1M allows" \
	"more files than size= allows" size=1M
head -c 70000000 /dev/urandom >"$V"
bad_mount 1 "$V: too large for size=1M.* size=" \
	"a vault file far larger than size=" size=1M

## Mount points

cp "$W/good" "$V"
bad 7 "$W/none: no such mount point" "a mount point that is missing" \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$W/none"
bad 7 "$PASS: not a folder" "a file as a mount point" \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$PASS"
bad 7 "$PASS/m: .*Not a directory" "a mount point below a file" \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$PASS/m"
: >"$M/hidden"
bad_mount 7 "$M: not empty.*nonempty" "a mount point that is not empty"
holds "-o nonempty mounts there" mount_vault "$V" "$M" nonempty
is "$(ls "$M")" inside "and hides what was there"
cp "$W/good" "$W/good2"
bad 7 "$M: busy.*nonempty" "a mount point that is busy" \
	"$TAZPODFS" -o "passfile=$PASS" "$W/good2" "$M"
mkdir "$W/m2"
bad 5 "$V: in use by another mount" "a vault that is in use" \
	"$TAZPODFS" -o "passfile=$PASS" "$V" "$W/m2"
bad 5 "$V: in use by another mount" "also by unlock's options" \
	"$TAZPODFS" -o "passfile=$PASS,create" "$V" "$W/m2"
lock "$M"
is "$(ls "$M")" hidden "which is there again after the unmount"
rm "$M/hidden"

cat >"$W/nofuse" <<'END'
#!/bin/sh
cp -a /dev/null /dev/urandom /dev/tty "$1" && mount --rbind "$1" /dev || exit
shift
exec "$@"
END
chmod +x "$W/nofuse"
mkdir "$W/dev/empty"
bad 7 '/dev/fuse: .*modprobe' "a machine without /dev/fuse" \
	unshare -m "$W/nofuse" "$W/dev/empty" \
	"$TAZPODFS" -o "passfile=$PASS,backend=fuse" "$V" "$M"

## A user without rights

NV=$W/nobody/vault
NM=$W/nobody/m
NPASS=$W/nobody/passphrase
NTAZPODFS=$W/bin/tazpodfs
as_nobody mkdir "$NM"
chmod 755 "$D"
bad 1 "$V: cannot open: Permission denied" "a vault that cannot be read" \
	as_nobody "$NTAZPODFS" -o "passfile=$NPASS" "$V" "$NM"
cp "$W/good" "$NV"
bad 1 "$NV: cannot open: Permission denied" \
	"a vault that cannot be read, in a folder of one's own" \
	as_nobody "$NTAZPODFS" -o "passfile=$NPASS" "$NV" "$NM"
chown "$NOBODY:$NOBODY" "$NV"
bad 7 "$M: .*write access" "a mount point of another user" \
	as_nobody "$NTAZPODFS" -o "passfile=$NPASS" "$NV" "$M"
bad 7 "$NM: .*allow_other" "allow_other where that is not allowed" \
	as_nobody "$NTAZPODFS" -o "passfile=$NPASS,allow_other" "$NV" "$NM"
if locks_memory; then
	for limit in 0 64 512; do
		bad 6 "memory cannot be locked.*ulimit -l" \
			"a limit of $limit KiB of locked memory" as_nobody sh -c \
			"ulimit -l $limit && exec $NTAZPODFS -o passfile=$NPASS $NV $NM"
	done
	mkdir "$W/large"
	# Contents would be encrypted, names are not.
	(cd "$W/large" && seq -f file%g 20000 | xargs touch)
	tar -C "$W/large" -czf - . | "$FORGE" seal 2 "$PASS" >"$NV"
	rm -r "$W/large"
	bad 6 "$NV: memory cannot be locked beyond the 8192 KiB.*ulimit -l" \
		"a vault with more names than the limit of locked memory" as_nobody sh -c \
		"ulimit -l 8192 && exec $NTAZPODFS -o passfile=$NPASS $NV $NM"
else
	skip "too little memory can be locked" "AddressSanitizer locks no memory"
fi

## A folder that cannot be written

cp "$W/good" "$V"
rm -f "$D/.vault.lock"
mkdir "$W/ro"
mount --bind "$D" "$W/ro"
mount -o remount,bind,ro "$W/ro"
run "$TAZPODFS" -o "passfile=$PASS" "$W/ro/vault" "$M"
is "$status" 0 "a vault in a read-only folder mounts"
like "$(cat "$W/err")" "^tazpodfs: $W/ro/vault: mounting read-only: its folder cannot be written$" \
	"and it says that it is read-only"
is "$(wc -l <"$W/err")" 1 "in one line"
is "$(cat "$M/inside")" hello "it can be read"
run touch "$M/inside"
like "$(cat "$W/err")" 'Read-only file system' "but not be written"
lock "$M"
is "$(ls -A "$D")" vault "not even a lock is left there"
run "$TAZPODFS" -o "passfile=$PASS,ro" "$W/ro/vault" "$M"
is "$status $(cat "$W/err")" "0 " "with -o ro nothing needs to be said"
lock "$M"
bad 1 "$W/ro/new: cannot make a vault: .*cannot be written" \
	"no vault can be made there" \
	"$TAZPOD" create --passfile "$PASS" "$W/ro/new"
: >"$W/target"
mount --bind "$V" "$W/target"
run "$TAZPODFS" -o "passfile=$PASS" "$W/target" "$M"
like "$status $(cat "$W/err")" "^0 tazpodfs: $W/target: mounting read-only: .*itself a mount point" \
	"a vault that is a mount point itself is mounted read-only"
lock "$M"
umount "$W/target" "$W/ro"

## Options

for option in frob rw=1 passphrase=x modules=iconv clone_fd fsname=x; do
	bad_mount 2 "unknown option '$option'" "-o $option" "$option"
done
for option in size= size=0 size=x size=5X size=-1 size=1.5G size=9999999T \
	size=5MB uid= uid=-1 uid=root uid=4294967295 gid=4294967296 \
	umask=8 umask=1000 umask=-7 passfd= passfd=-1 passfd=x passfile= \
	passcmd=; do
	bad_mount 2 "option '$option': not a " "-o $option" \
		"$option"
done
bad 2 "'create' and 'ro'" "-o create,ro where there is no vault" \
	"$TAZPODFS" -o "passfile=$PASS,create,ro" "$D/other" "$M"
run "$TAZPODFS" "$V"
is "$status $(head -n 1 "$W/err")" \
	"2 usage: tazpodfs [-f] [-o OPTIONS] VAULT MOUNTPOINT" \
	"one argument is too few"
run "$TAZPODFS" "$V" "$M" "$M"
is "$status" 2 "three are too many"
run "$TAZPODFS" -x "$V" "$M"
is "$status" 2 "an unknown letter is a usage error"
run "$TAZPODFS" --help
is "$status $(head -n 1 "$W/out") $(cat "$W/err")" \
	"0 usage: tazpodfs [-f] [-o OPTIONS] VAULT MOUNTPOINT " \
	"--help is no error"
holds "after all that, the vault still opens" mount_vault "$V" "$M"
is "$(cat "$M/inside")" hello "with all that was in it"
lock "$M"
is "$(find "$D" "$W/nobody" -type f ! -name vault ! -name passphrase \
	! -name '*.seen' | sort | tr '\n' ' ')" "$D/.vault.lock $W/nobody/.vault.lock " \
	"nothing but the locks is left beside the vaults"
done_testing
