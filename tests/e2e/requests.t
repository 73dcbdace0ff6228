#!/bin/sh
# How many answers of the daemon a program waits for.  Unlike times, counts do
# not depend on the machine.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_fuse

# requests DIR: a line "COUNT OPERATION" for each operation on the mount.  The
# kernel may drop its caches at any time and must then ask again, so the
# fewest of some tries is what an operation needs.
requests()
{
	"$PY" - "$TAZPOD" "$1" <<'EOF'
import json, mmap, os, subprocess, sys
tazpod, top = sys.argv[1:]
DATA = b"x" * 1024
number = 0

def answered():
    out = subprocess.run([tazpod, "status", "--json", top],
                         stdout=subprocess.PIPE, check=True).stdout
    return json.loads(out)[0]["requests"]

def put(path, flags):
    fd = os.open(path, os.O_WRONLY | flags, 0o644)
    os.write(fd, DATA)
    os.close(fd)

def get(path):
    fd = os.open(path, os.O_RDONLY)
    data = os.read(fd, len(DATA))
    os.close(fd)
    assert data == DATA

def fresh():
    global number
    number += 1
    return f"{top}/folder/new-{number}"

def warm_up():
    """Let the kernel know the file and all folders."""
    put(known, os.O_CREAT | os.O_TRUNC)
    get(known)
    os.stat(f"{top}/folder")
    os.path.exists(absent)
    os.listdir(f"{top}/folder")
    os.listdir(f"{top}/folder")
    os.readlink(link)
    os.stat(known)

def count(name, operation, prepare=lambda: None):
    fewest = None
    for _ in range(8):
        warm_up()
        given = prepare()
        before = answered()
        operation(given) if given is not None else operation()
        n = answered() - before
        fewest = n if fewest is None else min(n, fewest)
    print(fewest, name)

def missing():
    assert not os.path.exists(absent)

def opened():
    fd = os.open(known, os.O_WRONLY | os.O_APPEND)
    os.write(fd, DATA)
    return fd

def append(fd):
    for _ in range(10):
        os.write(fd, DATA)
    os.close(fd)

def made():
    path = fresh()
    put(path, os.O_CREAT | os.O_EXCL)
    os.stat(f"{top}/folder")
    return path

def map_again():
    fd = os.open(known, os.O_RDONLY)
    with mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ) as m:
        assert m[:len(DATA)] == DATA
    os.close(fd)

os.mkdir(f"{top}/folder")
known, link, absent = (f"{top}/folder/{n}" for n in ("known", "link", "none"))
os.symlink("known", link)
count("nothing", lambda: None)
count("stat", lambda: os.stat(known))
count("stat of a missing name", missing)
count("open, read, close", lambda: get(known))
count("open, mmap, read, close", map_again)
count("list a folder", lambda: os.listdir(f"{top}/folder"))
count("readlink", lambda: os.readlink(link))
count("create, write, close", lambda p: put(p, os.O_CREAT | os.O_EXCL), fresh)
count("truncate, write, close", lambda: put(known, os.O_TRUNC))
count("ten appends", append, opened)
count("chmod", lambda p: os.chmod(p, 0o600), made)
count("unlink", os.unlink, made)
count("rename", lambda p: os.rename(p, known), made)
EOF
}

new_vault "$W/vault"
mount_vault "$W/vault" "$W/m"
requests "$W/m" >"$W/counts"
# The first write to a file that the kernel has just learnt of, or whose
# attributes have changed, is preceded by a question for its capabilities.
cat >"$W/wanted" <<'EOF'
0 nothing
0 stat
0 stat of a missing name
0 open, read, close
0 open, mmap, read, close
0 list a folder
0 readlink
4 create, write, close
4 truncate, write, close
10 ten appends
1 chmod
1 unlink
2 rename
EOF
same "$W/wanted" "$W/counts" "what the kernel knows, it does not ask"
unmount "$W/m"

mount_vault "$W/vault" "$W/m" nocache
rm -r "$W/m/folder"
requests "$W/m" >"$W/counts"
is "$(grep -E 'open, read' "$W/counts")" "2 open, read, close" \
	"nocache: an open and a read, each time"
is "$(grep -E ' stat$' "$W/counts")" "0 stat" \
	"nocache: attributes are kept all the same"
unmount "$W/m"

mount_vault "$W/vault" "$W/m" writeback
rm -r "$W/m/folder"
requests "$W/m" >"$W/counts"
like "$(grep 'ten appends' "$W/counts")" '^[0-4] ' \
	"writeback: small writes are gathered"
unmount "$W/m"
done_testing
