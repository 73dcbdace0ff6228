#!/bin/sh
# Pods, from init to down, on real containers: what is granted decides how the
# vault is shown, and what was written is there again in the next pod.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/podman.sh
. "$E2E/podman.sh"
need_podman

# Who has the pods: root by sudo, or nobody alone (rootless).
by=""
taz()
{
	# By is empty, or one word.
	# shellcheck disable=SC2086
	$by timeout 60 "$CLI" "$@"
}
CLI=$TAZPOD

# enter COMMANDS: a shell in the pod that is typed into, with a passphrase.
enter()
{
	printf '%s\n' "$1" >"$W/in"
	status=0
	taz enter --passfile /workspace/pass <"$W/in" >"$W/out" 2>"$W/err" ||
		status=$?
}

is_locked()
{
	! $by podman exec "$(pod_name)" sh -c 'cat /proc/[0-9]*/comm' |
		grep -qx tazpodfs
}

# The whole round.  round WHAT RUNG USER [LINE...]: with those lines in the
# config, the vault is shown by RUNG, for USER.
round()
{
	what=$1 rung=$2 who=$3
	shift 3
	project "$FOLDER/shop-$count"
	run taz init
	is "$status" 0 "$what: init"
	as_config "$@"
	own
	run taz up
	is "$status $(cat "$W/out")" \
		"0 $(pod_name): is up; 'tazpod enter' opens a shell in it" \
		"$what: up"
	enter 'id -un; tazpod status --json | sed -n "s/.*\"rung\": \"\(.*\)\".*/\1/p"
		pwd; grep CapEff /proc/self/status; echo one >"$TAZPOD_MOUNT/file"
		tazpod doctor --json | sed -n "s/.*\"rung\": \"\(.*\)\".*/\1/p"'
	is "$status $(sed -n 1,3p "$W/out" | tr '\n' ' ')" \
		"0 $who $rung /workspace " "$what: enter"
	[ "$who" = root ] || is "$(sed -n 's/CapEff:.//p' "$W/out")" \
		0000000000000000 "$what: without any capability"
	holds "$what: the last one out locks" wait_for 10 is_locked
	run taz down
	is "$status $(cat "$W/out")" "0 $(pod_name): is down" "$what: down"
	is "$($by podman ps --all --format '{{.Names}}')" "" \
		"$what: nothing is left"
	[ "$who" = root ] || is "$(stat -c %u .tazpod/vault/vault.tar.aes)" \
		"$OWNER" "$what: the vault is the owner's"
	is "$(taz cat --passfile pass file)" one "$what: it is in the vault"
	run taz up -q
	enter 'cat "$TAZPOD_MOUNT/file"'
	is "$status $(cat "$W/out")" "0 one" "$what: and in the next pod"
	run taz down -q
	is "$status" 0 "$what: down again"
	cd "$W" || exit 1
}

FOLDER=$W
round "by default" fuse-userns tazpod
round "without anything" ramfs tazpod 'grant: []'
round "with SYS_ADMIN" fusermount3 tazpod 'grant: [fuse, sys_admin]'
round "root with SYS_ADMIN" fuse root 'grant: [fuse, sys_admin]' 'user: root'
round "SYS_ADMIN, no /dev/fuse" tmpfs root 'grant: [sys_admin]' 'user: root'

if need_rootless; then
	# The same, of a user without any rights.
	by=rootless OWNER=$NOBODY CLI=$W/bin/tazpod FOLDER=$W/nobody
	PASS=$W/nobody/passphrase
	round "rootless" fuse-userns tazpod
	round "rootless, without anything" ramfs tazpod 'grant: []'
	round "rootless with SYS_ADMIN" fusermount3 tazpod \
		'grant: [fuse, sys_admin]'
else
	skip "rootless" "$(tail -n 1 "$W/nobody/loaded")"
fi

done_testing
