#!/bin/sh
# Layers are tested, not promised: who may include what.
set -u
cd "$(dirname "$0")/.." || exit 1
n=0

# only FILES PATTERN PROMISE: includes that match PATTERN occur only in files
# that match FILES.
only()
{
	n=$((n + 1))
	found=$(grep -nE "^#include [<\"]?($2)" crypto/*.[ch] fs/*.[ch] \
		tools/*.[ch] tools/*/*.[ch] | grep -vE "^($1)" || true)
	if [ -z "$found" ]; then
		echo "ok $n - $3"
	else
		echo "not ok $n - $3"
		echo "$found" | sed 's/^/# /'
	fi
}

# sized LIMIT: no source file is longer.
sized()
{
	n=$((n + 1))
	found=$(wc -l crypto/*.[ch] fs/*.[ch] tools/*.[ch] tools/*/*.[ch] |
		awk -v limit="$1" '$2 != "total" && $1 > limit')
	if [ -z "$found" ]; then
		echo "ok $n - no source file is over $1 lines"
	else
		echo "not ok $n - no source file is over $1 lines"
		echo "$found" | sed 's/^/# /'
	fi
}

only 'fs/fuse|tools/options\.c' 'fuse' \
	'only the FUSE adapter knows FUSE, and the options its option lists'
only 'fs/tar_(load|acl|xattr)\.c' 'archive' 'only the reader of archives knows libarchive'
only 'fs/(un)?pack\.c' 'isa-l|zstd|zlib' 'only pack.c and unpack.c know compressors'
only 'crypto/' 'openssl/|nettle/' 'only crypto knows libcrypto and nettle'
only 'fs/|tools/' 'fs/' 'crypto knows no files'
only 'tools/' '(tools/|msg\.h|options\.h|jansson|libmount)' \
	'crypto and fs know no tools'
only 'fs/(store(_[a-z]+)?|history|inplace)\.c|fs/ramfiles(_[a-z]+)?\.[ch]|fs/fuse(_serve|_data|_scrub|_sync)?\.c|fs/autoseal\.c|fs/saver\.c|tools/|crypto/pages\.c|crypto/mem\.c|crypto/(passphrase|hold)\.c' \
	'fcntl\.h|unistd\.h' 'only the store and what shows files know files'
only 'fs/(fuse|ramfiles|backend|saver|autoseal)|tools/' '"?fuse\.h|"?saver\.h|"?ramfiles\.h|"?backend\.h' \
	'the tree, the archive and the vault know no mount'
only 'tools/keeper/(logind|libsystemd)\.[ch]' 'systemd/|libsystemd\.h' \
	'only what listens to logind knows systemd'
only 'tools/project/yaml\.c' '<yaml\.h' 'only the walker knows libyaml'
only 'tools/(pod|cli)/' '"?(tools/pod/)?(engine|pod)\.h' 'only commands know pods'
sized 500
echo "1..$n"
