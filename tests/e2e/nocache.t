#!/bin/sh
# With nocache, nothing that a file holds is in the page cache, unless it is
# mapped, or spliced as sendfile(2) does.
# Some functions are called by the name that another is given.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
PAGES=$B/tests/leak/pages
[ -x "$PAGES" ] || skip_all "no $PAGES: make unit"
"$PAGES" cached "$0" </dev/null >/dev/null 2>&1 ||
	skip_all "no cachestat(2)"
quick_vault 2 "$V"

# cached WANTED PROMISE COMMAND...: what it does leaves so many pages of
# M/file in the cache, or some.
cached()
{
	wanted=$1
	promise=$2
	shift 2
	mkfifo "$W/in"
	"$PAGES" cached "$M/file" <"$W/in" >"$W/shown" &
	exec 7>"$W/in"
	wait_for 10 grep -q held "$W/shown"
	"$@" >/dev/null
	exec 7>&-
	wait $!
	rm "$W/in"
	found=$(tail -n 1 "$W/shown")
	[ "$wanted" = 0 ] || [ "$found" = 0 ] || found=some
	is "$found" "$wanted" "$promise"
}

append()
{
	printf more >>"$M/file"
}

by_python()
{
	"$PY" -c 'import mmap, os, sys
fd = os.open(sys.argv[2], os.O_RDWR)
if sys.argv[1] == "pages":
    while os.read(fd, 4096):
        pass
elif sys.argv[1] == "map":
    mmap.mmap(fd, 0, prot=mmap.PROT_READ)[5000]
else:
    null = os.open("/dev/null", os.O_WRONLY)
    os.sendfile(null, fd, 0, 10000)' "$1" "$M/file"
}

# use WANTED OPTIONS: written and read in all ways, wanted is cached.
use()
{
	mount_vault "$V" "$M" "$2"
	: >"$M/file"
	cached "$1" "$2: written" cp "$W/random" "$M/file"
	cached "$1" "$2: written to in pieces" dd if=/dev/zero of="$M/file" \
		bs=1000 count=3 seek=7 conv=notrunc status=none
	cached "$1" "$2: appended to" append
	cached "$1" "$2: written with O_SYNC" dd if=/dev/zero of="$M/file" \
		bs=64k count=2 oflag=sync conv=notrunc status=none
	lock "$M"
	mount_vault "$V" "$M" "$2"
	cached 0 "$2: nothing yet after a mount" true
	cached "$1" "$2: read by cat" cat "$M/file"
	cached "$1" "$2: read by whole pages" by_python pages
}

head -c 200000 /dev/urandom >"$W/random"
use some seal=1s
lock "$M"
use 0 nocache
cached some "nocache: but what is mapped is" by_python map
cached some "nocache: and what is sent by sendfile" by_python sendfile
lock "$M"
done_testing
