#!/bin/sh
# What `make demo` runs: the main job, start to end, on a vault of its own in
# a temporary folder.
set -eu
B=$(cd "${B:-build}" && pwd)
work=$(mktemp -d)
XDG_STATE_HOME=$work/state
export XDG_STATE_HOME

cleanup()
{
	# Only what a step that failed has left behind.
	umount "$work/secrets" 2>/dev/null ||
		fusermount3 -u "$work/secrets" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Show a command as one types it, then run it.
step()
{
	printf '\n$ %s\n' "$*"
	PATH=$B:$PATH "$@"
}

cd "$work"
mkdir secrets
# A passphrase file, since nobody is here to be asked.
(umask 077 && printf 'correct horse battery staple\n' >passphrase)

echo "A vault of its own, in $work:"
step tazpod create --passfile passphrase vault.tar.aes
step tazpod unlock --passfile passphrase vault.tar.aes secrets
printf '\n$ echo AWS_SECRET_ACCESS_KEY=example >secrets/.env\n'
echo AWS_SECRET_ACCESS_KEY=example >secrets/.env
step ls -la secrets
step tazpod status
step tazpod lock secrets
step ls -A secrets
step tazpod unlock --passfile passphrase vault.tar.aes secrets
step cat secrets/.env
step tazpod lock secrets
echo
echo "The secret came back; of it, only the sealed vault.tar.aes was ever on disk."
