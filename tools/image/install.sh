#!/bin/sh
# Inside a Debian image, as root: what tazpod needs, the programs that lie beside
# this file, and the user.  Packages are fetched only if some are missing.
set -eu
here=$(dirname "$0")

packages=$(grep -v '^#' "$here/packages")
needed=
for p in $packages; do
	for name in "$p" "${p}t64"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" \
			2>/dev/null)" = installed ] && continue 2
	done
	needed="$needed $p"
done
if [ -n "$needed" ]; then
	apt-get update -qq
	names=
	for p in $needed; do
		apt-cache show "$p" >/dev/null 2>&1 || p=${p}t64
		names="$names $p"
	done
	# The variable is a list.
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		--no-install-recommends $names >/dev/null
	rm -rf /var/lib/apt/lists/*
fi

for p in tazpod tazpodfs mount.tazpodfs umount.tazpodfs; do
	install -m 755 "$here/$p" /usr/local/bin/
	rm "$here/$p"
done
# mount(8) and umount(8) look for their helpers there.
ln -sf /usr/local/bin/mount.tazpodfs /usr/local/bin/umount.tazpodfs /sbin/

id tazpod >/dev/null 2>&1 ||
	useradd --uid 1000 --user-group --create-home --shell /bin/bash tazpod
chmod 755 /home/tazpod "$here/pod-setup"
install -d -o tazpod -g tazpod -m 700 /home/tazpod/secrets
install -d -o tazpod -g tazpod -m 755 /workspace

ldd /usr/local/bin/tazpodfs /usr/local/bin/tazpod | grep 'not found' && exit 1
tazpodfs --version
