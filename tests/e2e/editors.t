#!/bin/sh
# Programs that people keep secrets with work inside a mount.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

V=$W/vault
M=$W/m
TERM=xterm
export TERM
new_vault "$V"
mount_vault "$V" "$M"
cd "$M" || exit

# has PROGRAM: is it here?  Its promises are skipped else.
has()
{
	command -v "$1" >/dev/null && return
	skip "$1 works" "no $1"
	return 1
}

## Editors

if has vim; then
	printf 'one\ntwo\n' >vim
	chmod 640 vim
	run vim -es -u NONE -N -i NONE -c '%s/two/2/' -c 'normal othree' \
		-c wq vim
	is "$status $(tr '\n' ' ' <vim)" "0 one 2 three " "vim edits a file"
	is "$(stat -c %a vim)" 640 "vim keeps the mode"
	run vim -es -u NONE -N -i NONE \
		--cmd 'set backup backupcopy=no backupskip=' \
		-c 'normal ofour' -c wq vim
	is "$status $(tail -n 1 vim) $(tail -n 1 vim~)" "0 four three" \
		"vim keeps a backup"
	run vim -es -u NONE -N -i NONE -c 'normal inew' -c wq vim-new
	is "$status $(cat vim-new)" "0 new" "vim makes a file"
	run vim -es -u NONE -N -i NONE -x -c 'preserve' -c 'qa!' vim </dev/null
	is "$(find . -name '.vim*.sw?')" "" "vim leaves no swap file"
fi
if has nano; then
	printf 'first\n' >nano
	run "$E2E/term.py" "first=>written by nano \\x0f!0.3!\\r" \
		"Wrote=>\\x18" -- nano -I nano
	is "$status $(cat nano)" "0 written by nano first" "nano edits a file"
fi
if has emacs; then
	printf 'one\n' >emacs
	chmod 600 emacs
	run emacs --batch -Q emacs --eval '(progn (goto-char (point-max))
		(setq backup-inhibited nil
			backup-enable-predicate (lambda (name) t))
		(insert "by emacs\n") (save-buffer) (insert "again\n")
		(save-buffer))'
	is "$status $(tr '\n' ' ' <emacs)" "0 one by emacs again " \
		"emacs edits a file"
	is "$(cat emacs~)" one "emacs keeps a backup"
	is "$(stat -c %a emacs)" 600 "emacs keeps the mode"
	is "$(find . -name '.#*')" "" "emacs leaves no lock"
fi

## Tools

printf 'password=old\n' >dotenv
chmod 600 dotenv
run sed -i 's/old/new/' dotenv
is "$status $(cat dotenv) $(stat -c %a dotenv)" "0 password=new 600" "sed -i"
mkdir -p "$W/source/a/b" && printf 'x\n' >"$W/source/a/b/x"
ln -s b/x "$W/source/a/link"
ln "$W/source/a/b/x" "$W/source/a/hard"
head -c 500000 /dev/urandom >"$W/source/random"
chmod 750 "$W/source/a" && chmod 400 "$W/source/random"
find "$W/source" -exec touch -h -d '2020-05-05 05:05:05.5' {} +
manifest "$W/source" >"$W/wanted"
run cp -a "$W/source" copied
manifest copied >"$W/found"
is "$status" 0 "cp -a into the mount"
same "$W/wanted" "$W/found" "brings everything"
run cp -a copied "$W/back"
manifest "$W/back" >"$W/found"
same "$W/wanted" "$W/found" "cp -a out of the mount brings it back"
run tar -C copied --format=pax -cf archive.tar .
is "$status $(cat "$W/err")" "0 " "tar c of a folder in the mount"
mkdir unpacked
run tar -C unpacked -xpf archive.tar
is "$status $(cat "$W/err")" "0 " "tar x into the mount"
manifest unpacked >"$W/found"
same "$W/wanted" "$W/found" "brings everything too"
run mv copied moved
is "$status" 0 "mv of a folder"
run mv "$W/back" from-outside
manifest from-outside >"$W/found"
same "$W/wanted" "$W/found" "mv from another filesystem"
printf '5\n3\n4\n' >sorted
run sort -o sorted sorted
is "$(tr -d '\n' <sorted)" 345 "sort -o over its own input"
run flock locked.file sh -c 'echo held >locked.file'
is "$status $(cat locked.file)" "0 held" "flock"
"$PY" - >"$W/out" 2>&1 <<'END'
import fcntl, mmap, os
with open("mapped", "w+b") as f:
    f.truncate(10000)
    with mmap.mmap(f.fileno(), 10000) as m:
        m[5000:5006] = b"mapped"
        m.flush()
    fcntl.lockf(f, fcntl.LOCK_EX)
    assert os.pread(f.fileno(), 6, 5000) == b"mapped"
END
is "$(cat "$W/out")" "" "a shared mapping can be written"

if has ssh-keygen; then
	mkdir -m 700 .ssh
	run ssh-keygen -q -t ed25519 -N '' -C test -f .ssh/id
	is "$status $(cat "$W/err")" "0 " "ssh-keygen makes a key"
	is "$(stat -c %a .ssh/id)" 600 "as a private file"
	run ssh-keygen -q -p -P '' -N 'new phrase' -f .ssh/id
	is "$status" 0 "and changes its passphrase"
	run ssh-keygen -y -P 'new phrase' -f .ssh/id
	is "$(cut -d' ' -f1,2 "$W/out")" "$(cut -d' ' -f1,2 .ssh/id.pub)" \
		"and reads it"
	chmod 644 .ssh/id
	run ssh-keygen -y -P 'new phrase' -f .ssh/id
	fails "and sees when others could" test "$status" -eq 0
	chmod 600 .ssh/id
fi

g()
{
	git -c user.name=test -c user.email=test@example.org \
		-c init.defaultBranch=main -C repo "$@"
}

if has git; then
	GIT_CONFIG_NOSYSTEM=1
	export GIT_CONFIG_NOSYSTEM
	mkdir repo
	run g init -q
	is "$status $(cat "$W/err")" "0 " "git init"
	for n in 1 2 3 4 5 6 7 8 9 10; do
		printf '%s\n' "$n" >"repo/file$n"
		g add . && g commit -q -m "commit $n"
	done >"$W/out" 2>&1
	is "$(cat "$W/out")" "" "git commit, ten times"
	g mv file1 renamed && g rm -q file2 && g commit -q -m moved
	g checkout -q -b branch HEAD~5
	echo branch >repo/branch
	g add . && g commit -q -m branch
	run g merge -q -m merged main
	is "$status $(cat "$W/err")" "0 " "git merge"
	run g gc -q --prune=now
	is "$status $(cat "$W/err")" "0 " "git gc"
	run g fsck --full --strict
	is "$status" 0 "git fsck"
	is "$(g status --porcelain)" "" "git status"
	run git clone -q repo clone
	is "$status $(cat clone/branch)" "0 branch" "git clone"
fi

# database MODE: 50 transactions, a rollback, an integrity check.
database()
{
	{
		echo "PRAGMA journal_mode=$1;"
		echo 'CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT);'
		seq -f "INSERT INTO t VALUES(%.0f, hex(randomblob(200)));" 50
		echo 'BEGIN; DELETE FROM t; ROLLBACK;'
		echo 'BEGIN; UPDATE t SET v = upper(v); COMMIT; VACUUM;'
		echo 'SELECT count(*) FROM t; PRAGMA integrity_check;'
	} | sqlite3 "$2"
}

if has sqlite3; then
	for mode in delete truncate persist wal; do
		is "$(database "$mode" "$mode.db" 2>&1 | tr '\n' ' ')" \
			"$mode 50 ok " "sqlite3 with journal_mode=$mode"
	done
	# Two connections at once: a writer, and readers with their locks.
	(seq -f "INSERT INTO t VALUES(%.0f, 'w');" 1001 1020 |
		sqlite3 -cmd '.timeout 10000' wal.db) 2>"$W/err" &
	writer=$!
	for n in 1 2 3 4 5; do
		sqlite3 -cmd '.timeout 10000' wal.db \
			'SELECT count(*) >= 50 FROM t'
	done >"$W/out" 2>&1
	wait "$writer"
	is "$(sort -u "$W/out" "$W/err")" 1 "sqlite3 reads while another writes"
fi

## And all of it is there the next time

cd / || exit
manifest "$M" >"$W/before"
holds "it unmounts" unmount "$M"
mount_vault "$V" "$M"
manifest "$M" >"$W/after"
same "$W/before" "$W/after" "every file comes back as it was"
cd "$M" || exit
if command -v git >/dev/null; then
	run g fsck --full --strict
	is "$status" 0 "git fsck after another mount"
	is "$(g log --oneline branch -- | wc -l)" 13 "with every commit"
fi
if command -v sqlite3 >/dev/null; then
	for mode in delete truncate persist wal; do
		is "$(sqlite3 "$mode.db" 'PRAGMA integrity_check;
			SELECT count(*) >= 50 FROM t' | tr '\n' ' ')" \
			"ok 1 " "sqlite3 after another mount ($mode)"
	done
fi
cd / || exit
lock "$M"
done_testing
