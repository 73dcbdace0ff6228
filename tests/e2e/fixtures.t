#!/bin/sh
# Vaults of the original Go program mount, are changed, and mount again.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

DATA=$TOP/tests/data/go
M=$W/m
mkdir "$M"

# take NAME: a copy of the fixture and of its passphrase, for nobody else.
take()
{
	cp "$DATA/$1.tar.aes" "$W/$1.tar.aes" &&
		cp "$DATA/$1.passphrase" "$PASS" &&
		chmod 600 "$W/$1.tar.aes" "$PASS"
}

# Types, modes and paths; sizes too, but those of folders.
list()
{
	(cd "$1" && find . -mindepth 1 \
		\( -type d -printf '%y %m - %p\n' -o -printf '%y %m %s %p\n' \))
}

# without_passphrase FILE: a list of the fixture as it should be mounted.
without_passphrase()
{
	sed -e '/ \.\/\.vault_pass$/d' -e 's/^\(d [0-7]*\) [0-9]*/\1 -/' \
		"$1" | sort
}

# The changes that every fixture has to take.
change()
{
	(
		cd "$1" || exit
		mkdir -p 'new folder' &&
			printf 'added\n' >'new folder/added' &&
			printf 'moved\n' >'new folder/old name' &&
			mv 'new folder/old name' 'moved' &&
			head -c 100000 /dev/urandom >random &&
			chmod 640 moved random
	)
}

for name in go-basic go-symlink go-unicode go-empty; do
	take "$name"
	run mount_vault "$W/$name.tar.aes" "$M"
	is "$status" 0 "$name: it mounts"
	is "$(field format "$M")" 1 "$name: it is of format 1"

	case $name in
	go-basic)
		list "$M" | sort >"$W/list"
		without_passphrase "$DATA/$name.list" >"$W/wanted"
		same "$W/list" "$W/wanted" \
			"$name: types, modes, sizes and names are right"
		without_passphrase "$DATA/$name.sha256" >"$W/sums"
		(cd "$M" && find . -type f -exec sha256sum {} + | sort) \
			>"$W/found"
		same "$W/found" "$W/sums" "$name: every digest is right"
		holds "$name: the sealed copy of the passphrase is not shown" \
			test ! -e "$M/.vault_pass"
		is "$(grep -c '\.vault_pass' "$W/err")" 1 \
			"$name: the dropped passphrase is reported once"
		# A file appended to, one cut, one deleted, one renamed.
		printf 'more\n' >>"$M/.aws/credentials"
		: >"$M/blob.bin"
		rm "$M/zero"
		mv "$M/Über Schlüssel" "$M/ssh/Ключи"
		;;
	go-symlink)
		is "$(find "$M" -type f -printf '%f\n' | sort | tr -d '\n')" \
			az "$name: both files are kept"
		;;
	go-unicode)
		is "$(ls "$M")" only "$name: its only file is there"
		;;
	go-empty)
		is "$(ls -A "$M")" "" "$name: it is empty"
		;;
	esac
	[ "$name" = go-basic ] || is "$(wc -c <"$W/err")" 0 \
		"$name: nothing is said"

	holds "$name: it can be changed" change "$M"
	manifest "$M" >"$W/before"
	holds "$name: it unmounts" unmount "$M"
	run mount_vault "$W/$name.tar.aes" "$M"
	is "$status $(cat "$W/err")" "0 " \
		"$name: it mounts again, and nothing is said of a passphrase"
	manifest "$M" >"$W/after"
	same "$W/before" "$W/after" "$name: all changes are in place"
	is "$(cat "$M/new folder/added" "$M/moved")" "added
moved" "$name: the new files hold what was written"
	is "$(field format "$M")" 1 "$name: it stays of format 1"
	holds "$name: it locks" lock "$M"
	fails "$name: it gets no header of format 2" \
		grep -q '^TAZPOD2' "$W/$name.tar.aes"
done

if "$PY" -c 'import cryptography' 2>/dev/null; then
	take go-basic
	mount_vault "$W/go-basic.tar.aes" "$M" 2>/dev/null
	change "$M"
	lock "$M"
	"$E2E/forge.py" open "$W/go-basic.tar.aes" "$PASS" >"$W/plain.tar.gz"
	tar -tzf "$W/plain.tar.gz" >"$W/names"
	holds "the sealed archive is a tar.gz with what was there" \
		grep -q 'aws_access_key_id' "$W/names"
	fails "the sealed archive holds no .vault_pass any more" \
		grep -q 'vault_pass' "$W/names"
	"$E2E/forge.py" open "$DATA/go-basic.tar.aes" "$PASS" | tar -tz >"$W/names"
	holds "the original's did" grep -q 'vault_pass' "$W/names"
else
	skip "the sealed archive holds no .vault_pass any more" \
		"needs python3-cryptography"
fi
done_testing
