#!/bin/sh
# What saves a vault calls nothing on files that tests/faults/io_*.c do not see.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B:-build}
n=0

symbols()
{
	nm "$@" 2>/dev/null | awk 'NF >= 2 { sub(/@.*/, "", $NF); print $NF }' |
		sort -u
}

libc=$(ldd "$B/tests/faults/seal_faults" | awk '/libc\.so/ { print $3 }')
if [ -z "$libc" ] || ! command -v nm >/dev/null; then
	echo "1..0 # SKIP no nm, or no C library of its own"
	exit 0
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
symbols -u "$B"/fs/store*.o "$B"/fs/history*.o "$B"/fs/saver*.o \
	"$B"/fs/vault*.o "$B"/fs/sealing*.o "$B"/fs/inplace*.o >"$work/used"
symbols -D --defined-only "$libc" >"$work/libc"
symbols --defined-only "$B"/tests/faults/io_*.o >"$work/seen"

# What is left concerns no file.  Whatever does has to be defined there.
unseen=$(comm -12 "$work/used" "$work/libc" | comm -23 - "$work/seen" |
	grep -vxE '(pthread|mem|str)[a-z_0-9]*|__mem[a-z]*_chk|__str[a-z]*_chk|malloc|calloc|realloc|reallocarray|free|qsort|abort|(__)?v?(sn|as)printf(_chk)?|__errno_location|__stack_chk_fail|explicit_bzero|__explicit_bzero_chk|clock_gettime|time|gmtime_r|eventfd|poll|ppoll|sysconf|sched_yield|aligned_alloc|madvise|getpid|gete?[ug]id')
n=$((n + 1))
if [ -s "$work/used" ] && [ -s "$work/seen" ] && [ -z "$unseen" ]; then
	echo "ok $n - the fault tests see all calls on files"
else
	echo "not ok $n - the fault tests see all calls on files"
	echo "$unseen" | sed 's/^/# not seen: /'
fi
echo "1..$n"
