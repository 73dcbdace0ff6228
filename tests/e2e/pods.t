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

# enter COMMANDS: a shell in the pod that is typed into, with a passphrase.
enter()
{
	printf '%s\n' "$1" >"$W/in"
	status=0
	timeout 60 "$TAZPOD" enter --passfile /workspace/pass <"$W/in" \
		>"$W/out" 2>"$W/err" || status=$?
}

# The whole round.  round WHAT RUNG USER [LINE...]: with those lines in the
# config, the vault is shown by RUNG, for USER.
round()
{
	what=$1 rung=$2 user=$3
	shift 3
	project "$W/shop-$count"
	run "$TAZPOD" init
	is "$status" 0 "$what: init"
	as_config "$@"
	own
	run timeout 60 "$TAZPOD" up
	is "$status $(cat "$W/out")" \
		"0 $(pod_name): is up; 'tazpod enter' opens a shell in it" \
		"$what: up"
	enter 'id -un; tazpod status --json | sed -n "s/.*\"rung\": \"\(.*\)\".*/\1/p"
		echo one >"$TAZPOD_MOUNT/file"; pwd; grep CapEff /proc/self/status'
	is "$status $(sed -n 1,3p "$W/out" | tr '\n' ' ')" \
		"0 $user $rung /workspace " "$what: enter"
	[ "$user" = root ] || is "$(sed -n 's/CapEff:.//p' "$W/out")" \
		0000000000000000 "$what: without any capability"
	holds "$what: the last one out locks" is_locked
	run timeout 60 "$TAZPOD" down
	is "$status $(cat "$W/out")" "0 $(pod_name): is down" "$what: down"
	is "$(podman ps --all --format '{{.Names}}')" "" "$what: nothing is left"
	is "$("$TAZPOD" cat --passfile "$PASS" file)" one \
		"$what: it is in the vault"
	run timeout 60 "$TAZPOD" up -q
	enter 'cat "$TAZPOD_MOUNT/file"'
	is "$status $(cat "$W/out")" "0 one" "$what: and in the next pod"
	run timeout 60 "$TAZPOD" down -q
	is "$status" 0 "$what: down again"
	cd "$W" || exit 1
}

is_locked()
{
	wait_for 10 has_no_daemon
}

has_no_daemon()
{
	! podman exec "$(pod_name)" sh -c 'cat /proc/[0-9]*/comm' |
		grep -qx tazpodfs
}

round "by default" fuse-userns tazpod
round "without anything" ramfs tazpod 'grant: []'
round "with SYS_ADMIN" fusermount3 tazpod 'grant: [fuse, sys_admin]'
round "root with SYS_ADMIN" fuse root 'grant: [fuse, sys_admin]' 'user: root'
round "SYS_ADMIN, no /dev/fuse" tmpfs root 'grant: [sys_admin]' 'user: root'

done_testing
