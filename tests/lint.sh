#!/bin/sh
# All static checks.  Prints what fails; the exit status is 1 then.
set -u
cd "$(dirname "$0")/.." || exit 1
sources=$(git ls-files '*.c')
headers=$(git ls-files '*.h')
scripts="$(git ls-files '*.sh' '*.t' 'tests/*run') .ci/run \
	tests/podman-image tools/image/pod-setup"
flags="-std=c17 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -I. \
	$(pkg-config --cflags fuse3 libarchive jansson mount yaml-0.1)"
failed=0

# Run a compiler-like command with the build's flags behind its own words.
# Called through check(), which shellcheck does not follow.
# shellcheck disable=SC2317
with_flags()
{
	# The list is a list.
	# shellcheck disable=SC2086
	"$@" $flags '-DTZ_VERSION="lint"' '-DTZ_BINDIR="/usr/bin"'
}

check()
{
	name=$1
	shift
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		echo "ok   $name"
	else
		echo "FAIL $name"
		echo "$out" | tail -n 60
		failed=1
	fi
}

# shellcheck disable=SC2317
analyze()
{
	for f in $code; do
		with_flags gcc -O1 -Wall -Wextra -fanalyzer -c -o /dev/null \
			"$f" || return 1
	done
}

# clang-tidy counts what it suppressed on standard error.
# shellcheck disable=SC2317
tidy()
{
	# shellcheck disable=SC2086
	with_flags clang-tidy --quiet $code -- 2>/dev/null
}

# Tests are formatted, but not held to the size of functions.
code=$(echo "$sources" | grep -v '^tests/')

# shellcheck disable=SC2086
check clang-format clang-format --dry-run -Werror $sources $headers
check 'gcc -fanalyzer' analyze
check clang-tidy tidy
# shellcheck disable=SC2086
check cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 -I. \
	-D__GNUC__ --inline-suppr --enable=warning,performance,portability \
	--suppress=missingIncludeSystem $code
# shellcheck disable=SC2086
check shellcheck shellcheck -x $scripts
for page in docs/man/*; do
	[ -f "$page" ] && check "groff $page" groff -mdoc -ww -z "$page"
done
exit "$failed"
