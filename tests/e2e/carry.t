#!/bin/sh
# What an inode can carry survives the vault; what is dropped is dropped on
# purpose.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse
need_root
need_crypto

# Everything of a tree that a vault keeps: types, modes, owners, links, sizes,
# times, places in hard link groups, attributes, lists, data and holes.
inventory()
{
	"$PY" - "$1" <<'EOF'
import hashlib, os, sys
root = os.fsencode(sys.argv[1])
names = [root]
for folder, dirs, files in os.walk(root):
    names += [os.path.join(folder, n) for n in dirs + files]
first = {}
for path in sorted(names):
    st = os.lstat(path)
    link = first.setdefault(st.st_ino, path)
    attrs = {n: os.getxattr(path, n, follow_symlinks=False)
             for n in os.listxattr(path, follow_symlinks=False)}
    kind = st.st_mode >> 12
    data = b""
    if kind == 0o12:
        data = os.readlink(path)
    elif kind == 0o10:
        fd = os.open(path, os.O_RDONLY)
        at = 0
        digest = hashlib.sha256()
        while at < st.st_size:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(fd, at, os.SEEK_HOLE)
            digest.update(b"%d %d " % (at, end))
            digest.update(os.pread(fd, end - at, at))
            at = end
        os.close(fd)
        data = digest.hexdigest().encode()
    size = 0 if kind == 4 else st.st_size
    print(path[len(root):], oct(st.st_mode), st.st_uid, st.st_gid,
          0 if kind == 4 else st.st_nlink, size, st.st_mtime_ns,
          link[len(root):], sorted(attrs.items()), data)
EOF
}

new_vault "$W/vault"
mount_vault "$W/vault" "$W/m" size=64M,allow_other
cd "$W/m" || exit
chmod 751 .

# Modes, all twelve bits of them, on files and folders.
mkdir modes
for mode in 0 1 10 100 644 4755 2755 1777 6711 7777 7000; do
	: >"modes/f$mode" && chmod "$mode" "modes/f$mode"
	mkdir "modes/d$mode" && chmod "$mode" "modes/d$mode"
done
mkdir owners
for id in 1 65534 2097151 2097152 4000000000; do
	: >"owners/$id" && chown "$id:$id" "owners/$id"
	ln -s nowhere "owners/l$id" && chown -h "$id:$id" "owners/l$id"
done
mkdir times
for t in 0 1 1.5 1234567890.123456789 -1 -86400.25 4294967296.000000001 \
	253402300800; do
	: >"times/$t" && touch -d "@$t" "times/$t"
	ln -s x "times/l$t" && touch -h -d "@$t" "times/l$t"
	mkdir "times/d$t" && : >"times/d$t/in" && touch -d "@$t" "times/d$t"
done
mkdir links
echo shared >links/a
ln links/a links/b && ln links/a owners/c
ln -s there links/s && ln links/s links/s2
mkfifo -m 640 links/fifo && ln links/fifo links/fifo2
ln -s "$(head -c 3000 /dev/zero | tr '\0' x)" links/long
ln -s "$(printf 'caf\303\251 \377')" links/odd
mkdir names
long=$(head -c 255 /dev/zero | tr '\0' n)
echo long >"names/$long"
printf 'e\314\201' >nfd.name
: >"names/$(cat nfd.name)"
: >"names/$(printf '\303\251')"
: >"names/$(printf 'not utf-8 \377\376')"
: >"names/ leading, -dash, 'quote' and	tab"
mkdir attrs
echo x >attrs/f
setfattr -n user.empty attrs/f
setfattr -n user.text -v value attrs/f
setfattr -n user.binary -v 0x00ff0a3d25 attrs/f
setfattr -n 'user.a=b%c' -v odd attrs/f
! on_fuse || setfattr -n trusted.t -v root attrs/f
setfattr -n user.big -v "0x$(head -c 30000 /dev/urandom | od -An -v -tx1 |
	tr -d ' \n')" attrs/f
mkdir attrs/d && setfattr -n user.dir -v yes attrs/d
# An access and a default list, as the kernel has them: version 2, then
# (tag, permissions, id) each.
"$PY" - <<'EOF'
import os, struct
def acl(*entries):
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *e) for e in entries)
none = 0xffffffff
full = acl((1, 7, none), (2, 6, 1000), (2, 4, 65534), (4, 5, none),
           (8, 7, 33), (16, 6, none), (32, 4, none))
os.setxattr("attrs/f", "system.posix_acl_access", full)
os.setxattr("attrs/d", "system.posix_acl_default", full)
os.mkdir("attrs/d/sub")
with open("attrs/d/file", "w") as f:
    f.write("inherits")
with open("holes", "wb") as f:
    for at in 4096, 70000, 1 << 20, 1 << 40:
        f.seek(at)
        f.write(b"data at %d" % at)
    f.truncate((1 << 40) + (1 << 20))
with open("all hole", "wb") as f:
    f.truncate(123456789)
EOF
head -c 3000000 /dev/urandom >data
mkdir many
(cd many && seq 5000 | xargs touch)
"$PY" -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
mknod null c 1 3

is "$("$PY" -c 'import os; print(len(os.getxattr("attrs/d/file",
	"system.posix_acl_access")))')" 60 \
	"a default list is passed on to what is made below it"
inventory "$W/m" >"$W/before"
cd "$W" || exit
is "$(wc -l <"$W/before" | awk '{ print ($1 > 5050) }')" 1 \
	'there is something to compare'

unmount "$W/m"
mount_vault "$W/vault" "$W/m" size=64M,allow_other
fails 'a socket is not kept' test -e "$W/m/socket"
fails 'nor is a device' test -e "$W/m/null"
inventory "$W/m" >"$W/after"
grep -av -e '^b./socket' -e '^b./null' "$W/before" >"$W/kept"
same "$W/kept" "$W/after" 'all else comes back as it was'

# And once more, without a change, from the vault that was just read.
touch "$W/m/modes/f644"
inventory "$W/m" >"$W/before"
unmount "$W/m"
mount_vault "$W/vault" "$W/m" size=64M,allow_other
inventory "$W/m" >"$W/after"
same "$W/before" "$W/after" 'and a second time'
unmount "$W/m"
done_testing
