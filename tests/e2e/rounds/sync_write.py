#!/usr/bin/python3
"""sync_write.py HOW FILE: one write, synced as HOW says and by nothing else.

HOW: flags of open(2) or of pwritev2(2), with + between.  The file is made
and closed before, without a sync.
"""
import mmap
import os
import sys

how, path = sys.argv[1:]
flags = [word for word in how.split("+") if word.startswith("O_")]
call = [word for word in how.split("+") if word.startswith("RWF_")]
page = mmap.mmap(-1, 4096)      # aligned, as O_DIRECT asks
page[:4] = b"data"
fd = os.open(path, os.O_WRONLY | os.O_CREAT | sum(
    getattr(os, word) for word in flags), 0o600)
if os.pwritev(fd, [page], 0, sum(getattr(os, w) for w in call)) != 4096:
    sys.exit("a short write")
