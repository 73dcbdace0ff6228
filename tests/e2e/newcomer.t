#!/bin/sh
# What the README shows of a pod, typed on a terminal as it stands there: the
# screen is the same in the end, but for the digits of the pod's name.
# Functions are called through holds and wait_for.
# shellcheck disable=SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/podman.sh
. "$E2E/podman.sh"
need_podman
command -v tmux >/dev/null || skip_all "no tmux"

SOCKET=$W/tmux
tm()
{
	tmux -S "$SOCKET" "$@"
}

end_more()
{
	tm kill-server 2>/dev/null
	end_pods
}

# What the terminal shows, without the digits, and what follows a title.
screen()
{
	tm capture-pane -p -J -S - -t pane | sed 's/ *$//' | mask
}

mask()
{
	sed 's/tazpod-shop-[0-9]\{4\}/tazpod-shop-NNNN/g'
}

# The session in the README: what is indented behind that heading.
awk '/^## /{on = $0 == "## A pod for a project"} on && /^    /' \
	"$TOP/README.md" | sed 's/^    //; s/ *$//' >"$W/wanted"
holds "the README has such a session" test "$(wc -l <"$W/wanted")" -gt 20
mask <"$W/wanted" >"$W/masked"

mkdir "$HOME/shop"
chown "$OWNER:$OWNER" "$HOME/shop"
cat >"$W/rc" <<'EOF'
PS1='\w$ '
PATH=$B:$PATH
cd ~/shop
EOF
export B
tm -f /dev/null new-session -d -s pane -x 160 -y 200 "bash --rcfile $W/rc"

# shown N: the first N lines are on the screen as they should be, the last with
# whatever it is that waits behind it.
shown()
{
	head -n "$1" "$W/masked" >"$W/part"
	screen | head -n "$1" >"$W/screen"
	[ "$(head -n $(($1 - 1)) "$W/part")" = \
		"$(head -n $(($1 - 1)) "$W/screen")" ] || return 1
	last=$(tail -n 1 "$W/screen")
	case $(tail -n 1 "$W/part") in
	"$last"*) [ -n "$last" ] ;;
	*) return 1 ;;
	esac
}

n=0
while IFS= read -r line; do
	n=$((n + 1))
	case $line in
	*'$ '*) typed=${line#*\$ } ;;
	*'assphrase for '* | 'Once more, '*) typed='correct horse' ;;
	*) continue ;;
	esac
	wait_for 60 shown "$n" || break
	# The prompt is there a moment before the shell reads.
	sleep 0.3
	tm send-keys -t pane -l "$typed"
	tm send-keys -t pane Enter
done <"$W/wanted"
last_is_there()
{
	screen | head -n "$(wc -l <"$W/masked")" >"$W/screen"
	cmp -s "$W/screen" "$W/masked"
}
wait_for 60 last_is_there
screen | head -n "$(wc -l <"$W/masked")" >"$W/screen"
same "$W/masked" "$W/screen" "a newcomer sees what the README shows"
is "$(podman ps --all --quiet)" "" "and nothing is left running"
tm send-keys -t pane 'exit' Enter

done_testing
