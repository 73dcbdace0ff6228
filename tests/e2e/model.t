#!/bin/sh
# Random operations give the same here as on a tmpfs: results, errors, data,
# attributes, whole trees.
#
#	OPERATIONS	how many for every set of options; in parts, each with
#			a seed of its own
#
# The model prints its seed.  To play one again:
#	build/tests/model/model -s SEED -n OPERATIONS TMPFS MOUNT
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

MODEL=$B/tests/model/model
[ -x "$MODEL" ] || skip_all "no $MODEL"
LIMITS=size=1G,nr_inodes=100k
PART=100000

# Times are compared; what reading does to them is not kept by tazpodfs.
mkdir "$W/tmpfs" "$W/m"
mount -t tmpfs -o "$LIMITS,noatime,nosuid,nodev" tazpod-e2e "$W/tmpfs" ||
	skip_all "no tmpfs"
chmod 777 "$W/tmpfs"
# Before Linux 6.6 it has no attributes of users.
setfattr -n user.probe -v x "$W/tmpfs" 2>/dev/null ||
	skip_all "a tmpfs without extended attributes"

# play OPTIONS OPERATIONS SEED...: "fresh" is a seed that nobody knows.
play()
{
	options=$1 operations=$2
	shift 2
	flags=
	[ "$options" != writeback ] || flags=-w
	rm -f "$W/vault"
	new_vault "$W/vault"
	mount_vault "$W/vault" "$W/m" "$LIMITS,allow_other${options:+,$options}"
	chmod 777 "$W/m"
	for seed; do
		case $seed in
		fresh) set -- ;;
		*) set -- -s "$seed" ;;
		esac
		# Flags are words.
		# shellcheck disable=SC2086
		run "$MODEL" $flags -n "$operations" "$@" "$W/tmpfs" "$W/m"
		sed 's/^/# /' "$W/out" "$W/err"
		is "$status" 0 \
			"$operations operations${options:+ with $options}"
	done
	unmount "$W/m"
}

for options in '' nocache writeback; do
	if [ -n "${OPERATIONS:-}" ]; then
		seeds=
		left=$OPERATIONS
		while [ "$left" -gt 0 ]; do
			seeds="$seeds fresh"
			left=$((left - PART))
		done
		[ "$OPERATIONS" -lt "$PART" ] && PART=$OPERATIONS
		# shellcheck disable=SC2086
		play "$options" "$PART" $seeds
	else
		play "$options" 20000 1 fresh
	fi
done
done_testing
