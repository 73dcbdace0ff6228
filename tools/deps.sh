#!/bin/sh
# Install the Debian packages that building and testing need.
#
#	tools/deps.sh		install them all
#	tools/deps.sh --missing	install only if something is missing
set -eu

build="gcc make pkg-config fuse3 libfuse3-dev libssl-dev nettle-dev libarchive-dev
	libisal-dev libzstd-dev zlib1g-dev libjansson-dev libmount-dev libyaml-dev
	libseccomp-dev libcap-ng-dev libsystemd-dev"
tests="libcmocka-dev python3 python3-cryptography vim nano emacs-nox zsh git
	openssh-client sqlite3 gdb strace tar procps util-linux attr acl
	stress-ng fio e2fsprogs dbus-daemon
	podman runc debootstrap uidmap tmux"
lint="clang clang-format clang-tidy libclang-rt-dev cppcheck shellcheck groff"

missing=
for p in $build $tests ${LINT:+$lint}; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = \
		installed ] || missing="$missing $p"
done
[ "${1:-}" = --missing ] && [ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "deps: to install$missing, run 'make deps' as root" >&2
		exit 1
	}
	as_root=sudo
fi
echo "deps: installing${missing:- nothing new}"
$as_root apt-get update -qq
# The variable is a list.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	--no-install-recommends $build $tests ${LINT:+$lint} >/dev/null
