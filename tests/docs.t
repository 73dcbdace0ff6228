#!/bin/sh
# The manual knows every command and option that there is, and no other.
set -u
cd "$(dirname "$0")/.." || exit 1
n=0

is_empty()
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

# Each word of the list $2 that is not in file $1.
missing()
{
	for word in $2; do
		grep -qF -e "$word" "$1" || echo "$word"
	done
}

# The names in the tables of options.c: everything quoted in them.
options=$(awk '/^} valued\[\]/, /^};/; /passed_on\[\]/, /^};/; \
	/dropped\[\]/, /^};/' tools/options.c |
	grep -o '"[a-z_]*=\{0,1\}"' | tr -d '"=' | sort -u)
flags=$(grep -o 'strcmp(word, "[a-z]*")' tools/options.c |
	sed 's/.*"\(.*\)".*/\1/' | sort -u)
is_empty 'tazpodfs(8) has every mount option' \
	"$(missing docs/man/tazpodfs.8 "$options $flags")"

commands=$("$B/tazpod" --help | awk '/^  [a-z]/ { print $1 }')
is_empty 'tazpod(1) has every command' \
	"$(missing docs/man/tazpod.1 "$commands")"
is_empty 'there are commands at all' "$(test -n "$commands" || echo none)"

long=$(for c in $commands; do "$B/tazpod" "$c" --help; done |
	grep -o -e '--[a-z]*' | sed 's/^--//' | sort -u)
is_empty 'tazpod(1) has every option' \
	"$(for o in $long; do
		grep -qE "Fl (. , )?-$o" docs/man/tazpod.1 || echo "$o"
	done)"

# And the other way around: options of the manual that no command takes.
is_empty 'tazpod(1) has no option that does not exist' \
	"$(grep -oE 'Fl -[a-z]+|, -[a-z]+' docs/man/tazpod.1 |
		sed 's/.*-//' | sort -u | while read -r o; do
		echo "$long version" | tr ' ' '\n' | grep -qxF "$o" || echo "$o"
	done)"

codes=$(sed -n 's/^\tEXIT_[A-Z_]* = \([0-9]*\).*/\1/p' tools/msg.h)
for page in docs/man/tazpod.1 docs/man/tazpodfs.8; do
	is_empty "$page documents every exit code" \
		"$(for c in $codes; do
			grep -qx "\.It $c" "$page" || echo "$c"
		done)"
done
is_empty 'README.md documents every exit code' \
	"$(for c in $codes; do
		grep -q "^| $c |" README.md || echo "$c"
	done)"
is_empty 'the README has both set-up commands' \
	"$(missing README.md 'make_demo make_check' |
		while read -r w; do
			grep -qF "$(echo "$w" | tr _ ' ')" README.md || echo "$w"
		done)"
echo "1..$n"
