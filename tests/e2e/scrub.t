#!/bin/sh
# When a mount ends by a lock, a signal or umount(8), what the kernel has cached
# of it is overwritten, and nothing of that gets into the vault.
# Some functions are called by names that are put together, or by wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

V=$W/vault
M=$W/m
PAGES=$B/tests/leak/pages
SIZE=100000
[ -x "$PAGES" ] || skip_all "no $PAGES: make unit"
quick_vault 2 "$V"

# What umount(8) is to find in /sbin.
mkdir "$W/sbin"
cp "$B/umount.tazpodfs" "$W/sbin"
SBIN=$(readlink -f /sbin)
mount -t overlay -o "lowerdir=$W/sbin:$SBIN" tazpod-e2e "$SBIN" 2>/dev/null
[ -x /sbin/umount.tazpodfs ] || skip_all "no layer over /sbin can be made"

by_lock()
{
	lock "$M"
}

by_signal()
{
	ended=$(daemon_of "$M")
	kill "-$1" "$ended"
	wait_for 30 gone "$ended"
}

by_TERM() { by_signal TERM; }
by_INT() { by_signal INT; }
by_HUP() { by_signal HUP; }
by_umount() { umount "$M"; }
by_umount_l() { umount -l "$M"; }
by_umount_f() { umount -f "$M"; }

# Behind the daemon's back.
by_umount_i()
{
	ended=$(daemon_of "$M")
	"$TAZPOD" save -q "$M"
	umount -i "$M" && wait_for 30 gone "$ended"
}

by_KILL()
{
	"$TAZPOD" save -q "$M"
	by_signal KILL
	umount -i -l "$M"
}

# A file of SIZE bytes that are not zero, and known to the kernel.
new_file()
{
	head -c "$SIZE" /dev/zero | tr '\0' x >"$1"
	cat "$1" >/dev/null
}

# hold HOW...: keep pages of M/file.
hold()
{
	mkfifo "$W/in"
	"$PAGES" "$@" <"$W/in" >"$W/shown" &
	holder=$!
	exec 7>"$W/in"
	wait_for 10 grep -q held "$W/shown"
}

# holds_by_now WANTED PROMISE: "100000 zeros", or "100000 with" what it is.
holds_by_now()
{
	exec 7>&-
	wait "$holder"
	rm "$W/in"
	tail -c +6 "$W/shown" >"$W/held"
	rest=$(tr -d '\0' <"$W/held" | head -c 8)
	is "$(wc -c <"$W/held") ${rest:+with }${rest:-zeros}" "$1" "$2"
}

# try END OPTIONS WANTED HOW...: wanted is what is held after that end.
try()
{
	end=$1
	options=$2
	wanted=$3
	shift 3
	mount_vault "$V" "$M" "$options"
	new_file "$M/file"
	hold "$@" "$M/file" DIRTY_or
	"by_$end"
	holds_by_now "$wanted" "$end with $options: $* holds $wanted"
	mount_vault "$V" "$M"
	case $* in
	*dirty) wanted=DIRTY_orxx ;;
	*) wanted=xxxxxxxxxx ;;
	esac
	is "$(head -c 10 "$M/file") $(wc -c <"$M/file") $(tr -d x <"$M/file")" \
		"$wanted $SIZE $(printf %s "$wanted" | tr -d x)" \
		"and the file is what it was"
	lock "$M"
}

for options in seal=off seal=off,writeback seal=off,nocache; do
	try lock "$options" "$SIZE zeros" -k splice
	try lock "$options" "$SIZE zeros" -k map
	try lock "$options" "$SIZE zeros" -k dirty
	try TERM "$options" "$SIZE zeros" -k splice
	try TERM "$options" "$SIZE zeros" -k dirty
	# This one refuses while files are open.
	try umount "$options" "$SIZE zeros" splice
	try umount "$options" "$SIZE zeros" dirty
done
try INT seal=off "$SIZE zeros" -k splice
try HUP seal=off "$SIZE zeros" -k splice
try umount_l seal=off "$SIZE zeros" splice
try umount_f seal=off "$SIZE zeros" splice

# Where little may be locked, and many files want a place in the list.
if [ "$(id -u)" -eq 0 ]; then
	prlimit --memlock=8388608:8388608 \
		setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock \
		"$TAZPODFS" -o "passfile=$PASS,seal=off" "$V" "$M" </dev/null
	"$PY" - "$M" <<'END'
import sys
for i in range(5300):
    with open(f"{sys.argv[1]}/{i:06}", "wb") as f:
        f.write(b"y" * 100)
END
	new_file "$M/last"
	hold -k splice "$M/last" DIRTY_or
	by_lock
	holds_by_now "$SIZE zeros" "within 8 MiB the last of 5,300 files, too"
	mount_vault "$V" "$M"
	rm -f "$M"/00* "$M/last"
	lock "$M"
fi

# All this would not be seen otherwise.
try umount_i seal=off "$SIZE with xxxxxxxx" splice
try umount_i seal=off,nocache "$SIZE with DIRTY_or" dirty
try KILL seal=off "$SIZE with xxxxxxxx" -k splice

## In use

mount_vault "$V" "$M"
hold -k splice "$M/file"
run umount "$M"
is "$status" 32 "umount refuses while a file is open"
is "$(head -c 4 "$M/file")" xxxx "and nothing was refused or overwritten"
holds "nor is it written any less" sh -c "echo new >\"\$1\"" sh "$M/new"
holds_by_now "$SIZE with xxxxxxxx" "what the kernel has is left"
mkdir "$W/bound"
mount --bind "$M" "$W/bound"
hold splice "$M/file"
umount -l "$M"
holds "umount -l ends the daemon" wait_for 30 no_daemons
# The kernel was told to hand over what it had, and so dropped it.
holds_by_now "$SIZE with xxxxxxxx" "but what a pipe holds is not overwritten"
fails "a bind mount of it is gone as well" is_mounted "$W/bound"

## A lock that is called off

mkdir "$W/small"
mount -t tmpfs -o size=256k tazpod-e2e "$W/small"
quick_vault 2 "$W/small/vault"
mount_vault "$W/small/vault" "$M" seal=off
new_file "$M/file"
head -c 400000 /dev/urandom >"$M/random"
hold -k splice "$M/file"
fails "a lock that cannot save" lock "$M"
is "$(head -c 4 "$M/file")" xxxx "refuses no reader"
holds "and no writer" rm "$M/random"
holds_by_now "$SIZE with xxxxxxxx" "and overwrites nothing"
holds "and the next one succeeds" lock "$M"

## Names, attributes, targets of links

mount_vault "$V" "$M"
ln -s secret-target "$M/link"
(
	cd "$M" || exit
	ls -l >"$W/listed"
	stat file >/dev/null
	readlink link >/dev/null
	lock "$M"
	ls -l >"$W/out" 2>"$W/err"
	stat -c %n file >>"$W/out" 2>>"$W/err"
	readlink link >>"$W/out" 2>>"$W/err"
	: >"$W/tried"
)
holds "whoever is in a mount when it is locked" test -e "$W/tried"
like "$(cat "$W/listed")" 'link -> secret-target' "saw names, sizes and links"
is "$(cat "$W/out")" "" "and sees none of them after it"

## Nothing of it is sealed

# churn OPTIONS: a file is written through a mapping up to the lock.
churn()
{
	mount_vault "$V" "$M" "$1"
	new_file "$M/churned"
	: >"$W/shown"
	"$PAGES" churn "$M/churned" >"$W/shown" 2>"$W/err" &
	holder=$!
	wait_for 10 grep -q held "$W/shown"
	sleep 0.3
	by_lock
	holds "$1: who writes through a mapping gets SIGBUS" wait "$holder"
	mount_vault "$V" "$M"
	"$PY" - "$M/churned" >"$W/out" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
words = struct.unpack("<%dQ" % (len(data) // 8), data)
print(len(data), "zero" if 0 in words else "no zeros",
      "odd" if max(words) - min(words) > 1 << 32 else "counted")
END
	is "$(cat "$W/out")" "$SIZE no zeros counted" \
		"and the vault has a state that it wrote"
	rm "$M/churned"
	lock "$M"
}

for n in 1 2 3; do
	churn seal=10ms
	churn seal=10ms,writeback
	churn seal=10ms,nocache
done

## What it costs

# Bytes of notifications in the trace.
sent()
{
	awk '/writev\(/ || /writev resumed/ { if ($NF > 0) n += $NF }
		END { print n + 0 }' "$W/trace"
}

trace()
{
	strace -f -q -e trace=writev -o "$W/trace" "$@" -p "$(daemon_of "$M")" \
		2>"$W/err" &
	tracer=$!
	wait_for 5 grep -q '^TracerPid:[^0]*[1-9]' \
		"/proc/$(daemon_of "$M")/status"
}

not_mounted()
{
	! is_mounted "$M"
}

mount_vault "$V" "$M" seal=off,size=128M
mkdir "$M/many"
for n in $(seq 500); do
	head -c 67108 /dev/urandom >"$M/many/$n"
done
truncate -s 64G "$M/sparse"
printf 'end' | dd of="$M/sparse" bs=1 seek=68719476733 conv=notrunc 2>/dev/null
head -c 1000 "$M/sparse" >/dev/null
tail -c 3 "$M/sparse" >/dev/null
"$TAZPOD" save -q "$M"
start=$(now_ms)
holds "a mount with 32 MiB in 500 files, all cached, is locked" lock "$M"
took=$(($(now_ms) - start))
echo "# in $took ms"
if command -v strace >/dev/null; then
	mount_vault "$V" "$M" size=128M
	head -c 1000 "$M/many/7" >/dev/null
	ls "$M/many" >/dev/null
	trace
	lock "$M"
	wait "$tracer"
	is "$(($(sent) > 4096 && $(sent) < 200000))" 1 \
		"what the kernel has not read is not overwritten"
	echo "# $(sent) bytes of notifications"

	# The kernel does not take them in time.
	mount_vault "$V" "$M" size=128M
	cat "$M/many/7" >/dev/null
	trace -e inject=writev:delay_enter=60000000
	daemon=$(daemon_of "$M")
	"$TAZPOD" lock -q "$M" >"$W/out" 2>&1 &
	locker=$!
	start=$(now_ms)
	sleep 2
	run timeout 5 cat "$M/many/8"
	like "$(cat "$W/err")" "Input/output error" \
		"while it is overwritten, nothing is read anew"
	run touch "$M/many/8"
	like "$(cat "$W/err")" "Input/output error" "nor changed"
	wait_for 20 not_mounted
	took=$(($(now_ms) - start))
	is "$((took >= 9000 && took < 19000))" 1 \
		"a kernel that takes none stops a lock for 10 seconds"
	# It keeps hold of a thread that has been ended.
	kill -KILL "$tracer"
	wait "$tracer" 2>/dev/null
	holds "and no longer" wait_for 10 gone "$daemon"
	wait "$locker"
else
	skip "what the kernel has not read is not overwritten" "no strace"
fi
done_testing
