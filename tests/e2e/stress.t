#!/bin/sh
# Known suites find nothing: stress-ng's stressors for filesystems with their
# checks on, and fio, whose data is verified again after it was sealed.
#
# Left out are stressors that fail or skip on tmpfs, too (fiemap, io-uring,
# verity), and those that do not touch the folder they are given.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
command -v stress-ng >/dev/null || skip_all "needs stress-ng"
command -v fio >/dev/null || skip_all "needs fio"

V=$W/vault
M=$W/m
S=$M/s

# The stressors, each with how many of its rounds are run, if a second is enough
# for them.
stressors='access:70 aio:100 aiol:100 chattr:4 chdir:8 chmod:10 chown:40
	copy-file:30 dentry:512 dir:300 dirdeep:200 dirmany:600 dnotify:60
	fallocate:1 fcntl:500 file-ioctl:500 filename:60 flock:1000 fpunch:10
	fsize:30 fstat:200 handle:2000 hdd:1000 inotify:8 io:50 iomix:50
	lease:30 link:1 locka:1000 lockf:1000 lockofd:1000 madvise:1 mknod:300
	mmap:1 msync:20 msyncmany:1 open:500 readahead:1000 remap:2 rename:800
	revio:2000 seek:150 sendfile:100 splice:2000 symlink:1 sync-file:10
	touch:500 utime:400 xattr:1'
sizes='--chdir-dirs 64 --copy-file-bytes 128M --dirdeep-inodes 1000
	--fallocate-bytes 4M --hdd-bytes 4M --iomix-bytes 4M --mmap-bytes 4M
	--mmap-file --msync-bytes 4M --readahead-bytes 4M --revio-bytes 4M
	--seek-size 4M --sync-file-bytes 4M'

# stress SECONDS ARGUMENTS: at most so long, but for a round that has begun.
stress()
{
	seconds=$1
	shift
	# The sizes are a list.
	# shellcheck disable=SC2086
	run timeout -k 5 120 stress-ng --temp-path "$S" --verify \
		-t "$seconds" --fstat-dir "$S" $sizes "$@"
	cat "$W/err" >>"$W/out"
}

# stressor NAME ROUNDS OPTIONS
stressor()
{
	stress 1 "--$1" 1 "--$1-ops" "$2"
	if [ "$status" -eq 4 ] || grep -q "$1.*skipping" "$W/out"; then
		skip "$1 ($3)" "not on this system"
	elif [ "$status" -eq 0 ]; then
		ok "$1 ($3)"
	else
		not_ok "$1 ($3)" "status $status
$(cat "$W/out")"
	fi
}

# What of the vault's space and inodes is in use.
in_use()
{
	df -B1 --output=used,iused "$M" | tail -n 1
}

# What fio writes, and how: each job a file, each block with a checksum.
cat >"$W/jobs" <<'END'
[global]
filename_format=$jobname
size=2m
verify=crc32c
verify_fatal=1
verify_state_save=0
allrandrepeat=1
thread
[sequential-64k]
rw=write
bs=64k
[sequential-3k-synced]
rw=write
bs=3k
fsync=100
[random-512]
rw=randwrite
bs=512
size=512k
[random-4k]
rw=randwrite
bs=4k
[random-1k-to-256k]
rw=randrw
bsrange=1k-256k
[direct-16k]
rw=randwrite
direct=1
bs=16k
[aio-4k]
ioengine=libaio
iodepth=8
rw=randwrite
bs=4k
[mmap-random-4k]
ioengine=mmap
rw=randrw
bs=4k
[mmap-sequential-128k]
ioengine=mmap
rw=write
bs=128k
END

# One more file, of which the second half is trimmed; no checksums are there.
cat >"$W/trim" <<'END'
[global]
filename=trimmed
verify_fatal=1
[write]
rw=write
bs=32k
size=2m
verify=crc32c
[trim]
stonewall
ioengine=falloc
rw=randtrim
bs=4k
offset=1m
size=1m
END
cat >"$W/halves" <<'END'
[global]
filename=trimmed
rw=read
bs=32k
size=1m
verify_fatal=1
[first]
verify=crc32c
[second]
offset=1m
verify=pattern
verify_pattern=0x00
END

# io ARGUMENTS: fio in its folder.  Called through holds().
# shellcheck disable=SC2317
io()
{
	# It leaves a file of its own where it is run.
	(cd "$W" && timeout -k 5 120 fio --directory="$M/fio" "$@")
}

verified()
{
	holds "what fio has written is there ($1)" \
		io --verify_only "$W/jobs"
	holds "and zeros where it has trimmed ($1)" io "$W/halves"
	is "$(stat -c %b "$M/fio/trimmed")" 2048 \
		"which take no memory ($1)"
}

for options in size=512M size=512M,nocache size=512M,writeback; do
	name=${options#size=512M}
	name=${name#,}
	name=${name:-no options}
	rm -f "$V"
	new_vault "$V"
	mount_vault "$V" "$M" "$options"
	mkdir "$S"
	before=$(in_use)
	for entry in $stressors; do
		stressor "${entry%:*}" "${entry#*:}" "$name"
	done
	is "$(ls -A "$S") $(in_use)" " $before" \
		"nothing of it stays in memory ($name)"

	mkdir "$M/fio"
	holds "fio writes and reads it back ($name)" io "$W/jobs"
	holds "fio trims ($name)" io "$W/trim"
	verified "$name"
	manifest "$M" >"$W/before"
	unmount "$M"
	mount_vault "$V" "$M" "$options"
	verified "$name, sealed"
	manifest "$M" >"$W/after"
	same "$W/before" "$W/after" "it is all the same ($name, sealed)"
	lock "$M"
done

# All of them at once, while others save.
mount_vault "$V" "$M" size=512M
mkdir -p "$S"
before=$(in_use)
(
	while sleep 1 && "$TAZPOD" save -q "$M"; do :; done
	touch "$W/save failed"
) &
saves=$!
list=
for entry in $stressors; do
	list="$list --${entry%:*} 1"
done
# It is a list.
# shellcheck disable=SC2086
stress 5 $list
is "$status $(grep -E 'fail:|error:' "$W/out")" "0 " "all at once"
kill "$saves"
wait "$saves"
fails "and every save works" test -e "$W/save failed"
is "$(ls -A "$S") $(in_use)" " $before" "nothing of it stays in memory"

# fio finds a byte that is not what it wrote.
printf X | dd of="$M/fio/random-4k" bs=1 seek=1234567 conv=notrunc status=none
fails "a wrong byte is noticed" io --verify_only "$W/jobs"
lock "$M"
done_testing
