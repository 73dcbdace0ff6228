#!/bin/sh
# Nothing that is kept in a vault, nor its passphrase, reaches the disk in clear:
# not by us, and not by editors that are set up for it.  A whole life goes on in
# a filesystem of its own, whose raw image is searched.
# Some functions are called by wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root

SEARCH=$B/tests/leak/search
[ -x "$SEARCH" ] || skip_all "no $SEARCH: make unit"
command -v mke2fs >/dev/null || skip_all "no mke2fs"
IMAGE=$W/image
D=$W/disk
CANARIES=$W/canaries

# canary NAME: a new one, noted to be searched for, as the variable canary.
canary()
{
	canary=$1-$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' |
		tr '0-9a-f' 'ghijklmnopqrstuv')
	echo "$canary" >>"$CANARIES"
}

# A filesystem that nobody else writes to, and in it all that programs use.
new_disk()
{
	mkdir -p "$D"
	rm -f "$IMAGE" "$CANARIES"
	raw=yes
	truncate -s 24M "$IMAGE"
	mke2fs -q -t ext4 -F "$IMAGE" || exit
	mount -o loop "$IMAGE" "$D" 2>/dev/null || {
		echo "# no loop devices: files are searched, not a disk"
		raw=no
		rm -rf "$D"
		mkdir "$D"
	}
	HOME=$D/home
	TMPDIR=$D/tmp
	XDG_RUNTIME_DIR=$D/run
	XDG_STATE_HOME=$D/state
	XDG_CACHE_HOME=$D/cache
	XDG_CONFIG_HOME=$D/config
	XDG_DATA_HOME=$D/data
	export XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
	mkdir "$HOME" "$TMPDIR" "$D/m"
	mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME"
	cd "$HOME" || exit
	V=$D/vault
	M=$D/m
	# The passphrase is one, too, and its file not on that disk.
	canary passphrase
	printf '%s\n' "$canary" >"$PASS"
	quick_vault 2 "$V"
}

end_disk()
{
	cd "$W" || exit
	[ "$raw" = no ] || umount "$D"
}

# What is found of the canaries on the disk, in $W/found.
search()
{
	sync -f "$D"
	[ "$raw" = yes ] ||
		tar -C "$D" --one-file-system --exclude=./m -cf "$IMAGE" .
	"$SEARCH" "$IMAGE" <"$CANARIES" >"$W/found" 2>&1
}

# clean PROMISE: nothing is.
clean()
{
	status=0
	search || status=$?
	is "$status $(cat "$W/found")" "0 " "$1"
}

## The search finds what it is to find

new_disk
canary control
"$PY" - "$canary" "$W" <<'END'
import base64, sys
c = sys.argv[1].encode()
forms = {"raw": c, "hex lower": c.hex().encode(),
         "hex upper": c.hex().upper().encode(),
         "UTF-16LE": c.decode().encode("utf-16-le"),
         "UTF-16BE": c.decode().encode("utf-16-be")}
for n in range(3):
    forms["base64 +%d" % n] = base64.b64encode(b"xyz"[:n] + c + b"and more")
for name, form in forms.items():
    with open(sys.argv[2] + "/form " + name, "wb") as f:
        f.write(form)
END
for form in "$W/form "*; do
	name=${form#"$W/form "}
	cp "$form" "$D/form"
	search
	# Zeros around it make the one UTF-16 the other, too.
	holds "the search finds $name" grep -Fq ": $name at " "$W/found"
	# Over it, since what is deleted is found, too.
	[ "$raw" = no ] || shred -n 0 -z "$D/form"
	rm "$D/form"
done
if [ "$raw" = yes ]; then
	sed 's/^/deleted /' "$CANARIES" >"$D/deleted"
	sync "$D/deleted"
	rm "$D/deleted"
	search
	is "$(grep -c ' raw ' "$W/found")" 2 "and what was deleted"
else
	skip "and what was deleted" "no loop devices"
fi
if command -v vim >/dev/null; then
	canary viminfo
	mount_vault "$V" "$M"
	echo "$canary" >"$M/file"
	vim -es -N -u NONE -i "$HOME/.viminfo" -c 'normal yy' -c wq "$M/file"
	lock "$M"
	search
	like "$(cat "$W/found")" '^viminfo-.* raw ' \
		"and what vim keeps in ~/.viminfo if it is let"
fi
end_disk

## A life

new_disk
mount_vault "$V" "$M"
mkdir "$M/tmp" "$M/folder"
canary shell
echo "$canary" >"$M/shell"
canary name
echo >"$M/$canary"
canary target
ln -s "$canary" "$M/link"
canary attribute
setfattr -n "user.$canary" -v "$canary" "$M/shell"
canary python
"$PY" -c 'import sys
with open(sys.argv[1], "w") as f:
    f.write(sys.argv[2] * 5000)' "$M/python" "$canary"
canary sed
echo "old" >"$M/sed"
sed -i "s/old/$canary/" "$M/sed"
canary large
yes "$canary" | head -c 3000000 >"$M/large"
TMPDIR=$M/tmp sort -S 100k "$M/large" >"$M/folder/sorted"

# What they write beside a file is in the mount; what they write elsewhere is
# turned off, or lead there.
TERM=xterm
export TERM
if command -v vim >/dev/null; then
	canary vim
	echo one >"$M/vim"
	TMPDIR=$M/tmp vim -es -N -u NONE -i NONE --cmd 'set backup undofile' \
		-c "normal o$canary" -c preserve -c '%!sort' -c 'normal yy' \
		-c wq "$M/vim"
	is "$(grep -c "$canary" "$M/vim")" 1 "vim has written a canary"
	canary swap
	run timeout 5 env TMPDIR="$M/tmp" "$E2E/term.py" \
		"one=>o$canary\\x1b:preserve\\r!0.3!:qa!\\r" \
		-- vim -N -u NONE -i NONE "$M/vim"
fi
if command -v nano >/dev/null; then
	canary nano
	echo first >"$M/nano"
	run "$E2E/term.py" "first=>$canary \\x0f!0.3!\\r" \
		"Wrote=>\\x18" -- nano -I "$M/nano"
	is "$(grep -c "$canary" "$M/nano")" 1 "nano has written a canary"
fi
if command -v emacs >/dev/null; then
	canary emacs
	echo one >"$M/emacs"
	run env TMPDIR="$M/tmp" emacs --batch -Q "$M/emacs" --eval "(progn
		(insert \"$canary\\n\") (save-buffer)
		(insert \"again $canary\\n\") (auto-save-mode 1)
		(do-auto-save t) (setq backup-inhibited nil) (save-buffer)
		(shell-command-on-region (point-min) (point-max) \"sort\" nil t)
		(save-buffer))"
	is "$(grep -c "$canary" "$M/emacs")" 2 "emacs has written a canary"
fi
"$TAZPOD" save -q "$M"
clean "after a save nothing of it is on the disk"

canary crash
echo "$canary" >"$M/crash"
sync "$M/crash"
pid=$(daemon_of "$M")
echo "$canary" >>"$M/crash"
kill -KILL "$pid"
wait_for 10 gone "$pid"
clean "nor after a crash"

mount_vault "$V" "$M" 2>/dev/null
is "$(cat "$M/crash")" "$canary" "it goes on"
canary lock
echo "$canary" >"$M/lock"
lock "$M"
"$TAZPOD" history "$V" >"$D/history"
"$TAZPOD" cat --passfile "$PASS" lock "$V" >"$W/out"
is "$(cat "$W/out")" "$canary" "cat shows what it is to show"
first=$(sed -n 's/^ *\([0-9]*\)  .*/\1/p' "$D/history" | tail -n 1)
holds "an older vault is restored" "$TAZPOD" restore "$first" "$V"
clean "nor after lock, history, cat and restore"

canary rescued
mount_vault "$V" "$M"
dd if=/dev/zero of="$D/filler" bs=64k 2>/dev/null
echo "$canary" >"$M/file"
head -c 2M /dev/urandom >"$M/random"
pid=$(daemon_of "$M")
rm -f "$D/filler.1"
fails "a save on a full disk fails" "$TAZPOD" save -q "$M"
truncate -s -8M "$D/filler"
mount --bind "$V" "$V"
kill -TERM "$pid"
wait_for 30 gone "$pid"
umount "$V"
like "$(find "$D" -name '*.rescue-*')" rescue "there is a rescue file"
clean "nor after a failed save and a rescue"
end_disk

## Calls that fail

attached()
{
	grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status"
}

# failing CALLS ERROR WHEN THEN: a change is saved while those calls on the
# vault's folder, or the files in it, fail.  Then it goes on, or ends.
failing()
{
	canary failing
	echo "$canary" >"$M/file"
	head -c 200000 /dev/urandom >"$M/random"
	strace -f -q -o "$W/trace" -e "trace=$1" -P "$D" -P "$D/.vault.new" \
		-P "$V" -p "$pid" -e "inject=$1:error=$2:when=$3" 2>"$W/err" &
	tracer=$!
	wait_for 5 attached
	timeout 20 "$TAZPOD" save -q "$M" 2>/dev/null ||
		refused=$((refused + 1))
	tried=$((tried + 1))
	[ "$4" != end ] || {
		kill -TERM "$pid"
		wait_for 5 gone "$pid"
	}
	kill -INT "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
	injected=$((injected + $(grep -c INJECTED "$W/trace")))
	search || {
		not_ok "nothing is left when $1 fails ($2, $3)" "$(cat "$W/found")"
		return
	}
}

if command -v strace >/dev/null; then
	new_disk
	injected=0
	refused=0
	tried=0
	before=$failures
	mount_vault "$V" "$M" seal=off
	pid=$(daemon_of "$M")
	for calls in write,writev ?pwrite64,?pwritev fsync,fdatasync \
		?rename,renameat,renameat2 ?link,linkat ?open,openat \
		?unlink,unlinkat read,pread64 sync_file_range; do
		failing "$calls" ENOSPC 1 stay
		failing "$calls" EIO 2+2 stay
		failing "$calls" EIO 1+ stay
	done
	echo "# $injected calls failed, $refused of $tried saves were refused"
	is "$((refused > 5)) $((failures - before))" "1 0" \
		"nothing is left when calls of a save fail"
	before=$failures
	for calls in write,writev fsync,fdatasync \
		?rename,renameat,renameat2 ?open,openat; do
		failing "$calls" EIO 1+ end
		if alive "$pid"; then
			lock "$M"
		fi
		mount_vault "$V" "$M" seal=off 2>/dev/null
		pid=$(daemon_of "$M")
	done
	is "$((failures - before))" 0 "nor when the mount ends meanwhile"
	lock "$M"
	end_disk
else
	skip "nothing is left when calls of a save fail" "no strace"
fi
done_testing
