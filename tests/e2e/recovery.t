#!/bin/sh
# The script in docs/RECOVERY.md opens what tazpod writes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_crypto

DOC=$TOP/docs/RECOVERY.md
M=$W/m
NEW=$W/new
mkdir "$M"
awk '/^```python$/ { on = 1; next } /^```$/ { on = 0 } on' "$DOC" \
	>"$W/recover.py"

recover()
{
	run "$PY" "$W/recover.py" "$@"
}

# Types, modes, sizes, targets, digests: what an archive keeps of a tree,
# Python keeps no nanoseconds, and no times of links at all.
tree()
{
	(
		cd "$1" || exit
		find . -mindepth 1 \( -type d -printf '%y %m %p\n' -o \
			-type l -printf '%y %p -> %l\n' -o \
			-printf '%y %m %s %TY-%Tm-%Td %TH:%TM %n %p\n' \) | sort
		find . -type f -print0 | sort -z | xargs -0r sha256sum
	)
}

# recovers VAULT PROMISE: the script unpacks what is in the file tree of W.
recovers()
{
	clear_away "$NEW"
	recover "$1" "$NEW" "$PASS"
	if [ "$status" -eq 0 ]; then
		tree "$NEW" >"$W/recovered"
		same "$W/tree" "$W/recovered" "$2"
	else
		not_ok "$2" "status $status: $(cat "$W/err")"
	fi
}

# Something of everything, dated in whole seconds.
fill()
{
	(
		cd "$1" || exit
		mkdir -p 'a folder/Über/empty' &&
			printf 'secret\n' >'a folder/Über/ключ' &&
			head -c 300000 /dev/urandom >random &&
			: >zero &&
			ln -s 'a folder/Über/ключ' link &&
			ln -s nowhere dangling &&
			ln random hard &&
			truncate -s 3000000 sparse &&
			printf 'end' >>sparse &&
			name=$(printf '%0200d' 7) &&
			mkdir "$name" "$name/$name" &&
			printf 'deep\n' >"$name/$name/$name" &&
			printf '#!/bin/sh\n' >script &&
			chmod 755 script && chmod 600 random &&
			chmod 500 'a folder/Über' &&
			find . -type f -exec touch -d '2024-02-29 12:34:56' {} +
	)
}

is "$(grep -c '^```python$' "$DOC")" 1 "there is one script in the document"

# A vault as the original program wrote it.
cp "$TOP/tests/data/go/go-basic.tar.aes" "$W/old"
cp "$TOP/tests/data/go/go-basic.passphrase" "$PASS"
chmod 600 "$PASS"
clear_away "$NEW"
recover "$W/old" "$NEW" "$PASS"
is "$status" 0 "it opens a vault of the original program"
holds "with the right digests" sh -c "cd '$NEW' &&
	sha256sum --strict --quiet -c '$TOP/tests/data/go/go-basic.sha256'"
recover --list "$W/old" "$PASS"
is "$status" 0 "it lists one"
like "$(cat "$W/out")" 'ssh/id_ed25519 *$' "and the list has the names"

# The same, changed by us.
mount_vault "$W/old" "$M" 2>/dev/null
fill "$M"
tree "$M" >"$W/tree"
lock "$M"
recovers "$W/old" "it opens a vault of format 1 that we wrote"
fails "which has no .vault_pass" test -e "$NEW/.vault_pass"

cp "$TOP/tests/data/go/go-empty.passphrase" "$PASS"
cp "$TOP/tests/data/go/go-empty.tar.aes" "$W/empty"
clear_away "$NEW"
recover "$W/empty" "$NEW" "$PASS"
is "$status $(ls -A "$NEW")" "0 " "it opens an empty vault"

# A new one, of format 2.
printf 'pass phrase  \n' >"$PASS"
new_vault "$W/vault"
mount_vault "$W/vault" "$M"
is "$(field format "$M")" 2 "a new vault is of format 2"
fill "$M"
tree "$M" >"$W/tree"
lock "$M"
recovers "$W/vault" "it opens a vault of format 2"
cp "$W/tree" "$W/tree.old"
cp "$W/vault" "$W/before"
mount_vault "$W/vault" "$M"
printf 'one more\n' >"$M/later"
touch -d '2024-03-01 00:00:00' "$M/later"
tree "$M" >"$W/tree"
holds "a vault is saved" "$TAZPOD" save -q "$M"
recovers "$W/vault" "it opens a vault of format 2 that was changed"
lock "$M"
cp "$W/tree" "$W/tree.new"

# One that was being replaced where it is.
for step in 1 2 3 4; do
	"$E2E/forge.py" journal "$W/before" "$W/vault" "$step" >"$W/replaced"
	case $step in
	1 | 2) now=old ;;
	*) now=new ;;
	esac
	cp "$W/tree.$now" "$W/tree"
	recovers "$W/replaced" "it opens the $now vault after step $step"
done

# What cannot be opened.
clear_away "$NEW"
printf 'wrong\n' >"$W/wrong"
recover "$W/vault" "$NEW" "$W/wrong"
is "$status $(cat "$W/err")" "3 recover: wrong passphrase" \
	"format 2: a wrong passphrase is told"
size=$(stat -c %s "$W/vault")
for offset in 40 81 130 $((size - 1)); do
	"$E2E/forge.py" flip "$W/vault" "$offset" >"$W/damaged"
	recover "$W/damaged" "$NEW" "$PASS"
	case $offset in
	40) # The salt, of which another key comes.
		is "$status" 3 "format 2: byte $offset damaged opens nothing"
		;;
	*)
		is "$status" 4 "format 2: byte $offset damaged is told apart"
		;;
	esac
done
recover "$W/old" "$NEW" "$W/wrong"
is "$status" 3 "format 1: a wrong passphrase opens nothing"
head -c 59 "$W/vault" >"$W/damaged"
recover "$W/damaged" "$NEW" "$PASS"
is "$status" 4 "59 bytes are no vault"
fails "nothing is unpacked of what cannot be opened" test -e "$NEW"

# Archives that try to leave the folder.
mkdir "$W/deep"
for kind in parent middle absolute hardlink inlink; do
	rm -rf "$W/deep/new"
	"$E2E/forge.py" tar "$kind" |
		"$E2E/forge.py" seal 2 "$PASS" >"$W/hostile"
	recover "$W/hostile" "$W/deep/new" "$PASS"
	[ "$kind" = inlink ] ||
		is "$status" 4 "an archive with an entry '$kind' is refused"
	is "$(find "$W/deep" -mindepth 1 -maxdepth 1 ! -name new)" "" \
		"and writes nothing elsewhere ($kind)"
done

mkdir "$NEW"
recover "$W/vault" "$NEW" "$PASS"
is "$status $(ls -A "$NEW")" "1 " "a folder that exists is left alone"
is "$(wc -l <"$W/err")" 1 "and that is said in one line"
recover "$W/vault"
is "$status" 2 "too few arguments are a usage error"
done_testing
