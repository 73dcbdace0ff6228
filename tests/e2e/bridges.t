#!/bin/sh
# Folders of the vault at their usual place in the home, and folders of the home
# that outlive the vault.  Whatever happens, the user's own are there again
# afterwards, byte for byte.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need_root
on_fuse && need_fuse
let_nobody_in

V=.tazpod/vault/vault.tar.aes

# taz COMMAND...: for who has the home, by their programs.
by="" CLI=$TAZPOD
taz()
{
	# It is empty or one word.
	# shellcheck disable=SC2086
	$by timeout 60 "$CLI" "$@"
}

# as COMMANDS: what that user's shell does.
as()
{
	# shellcheck disable=SC2086
	$by env H="$H" M="$M" sh -c "$1"
}

# fresh: a home with things of its own, and a project whose vault has others.
fresh()
{
	cd "$W" || exit 1
	rm -rf "$H" "$P"
	mkdir -p "$H/.aws/sso" "$H/.config" "$P"
	mkdir -m 700 "$H/run"
	echo own >"$H/.aws/config"
	head -c 100000 /dev/urandom >"$H/.aws/sso/cache"
	chmod 640 "$H/.aws/config"
	ln -s ../.aws "$H/.config/link"
	cp "$PASS" "$H/pass"
	[ -z "$by" ] || chown -R "$NOBODY:$NOBODY" "$H" "$P"
	cd "$P" || exit 1
	taz init -q
	taz create -q --passfile "$H/pass"
	taz unlock --passfile "$H/pass" || exit 1
	as 'mkdir -p "$M/.aws" "$M/.config/gcloud"
		echo vault >"$M/.aws/config"
		echo vault >"$M/.config/gcloud/key"'
	taz lock -q || exit 1
	printf '%s\n' 'bridges: [.aws, .ssh, .config/gcloud]' \
		'memory: [.gemini]' >>.tazpod/config.yaml
	look >"$W/own"
}

# All that is in the home, but what tazpod has of its own there.
look()
{
	(cd "$H" && find . \( -path ./secrets -o -path ./run -o -path ./state \
		-o -path ./.gemini \) -prune -o -printf '%p %y %m %u %l ' \
		\( -type f -exec sha256sum {} \; -o -printf '\n' \)) 2>/dev/null | sort
}

as_before()
{
	look >"$W/now"
	cmp -s "$W/own" "$W/now"
}

# restored PROMISE: within a moment, all in the home is as it was.
restored()
{
	wait_for 10 as_before
	same "$W/own" "$W/now" "$1"
}

# What a program sees there.
seen()
{
	as 'cat "$H/.aws/config" "$H/.config/gcloud/key"' 2>&1 | tr '\n' ' '
}

unlock()
{
	run taz unlock --passfile "$H/pass"
	is "$status $(cat "$W/err")" "0 " "$what: unlock"
}

# The processes that see to bridges: of this test, by the name of their home.
bridgers()
{
	for pid in $(pgrep -x tazpod-bridges); do
		[ -e "/proc/$pid/environ" ] || continue
		tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | grep -qx "HOME=$H" &&
			echo "$pid"
	done
}

signal_bridgers()
{
	for pid in $(bridgers); do
		kill "-$1" "$pid"
	done
}

daemon()
{
	taz status | sed -n 's/^daemon *pid \([0-9]*\).*/\1/p'
}

# Nothing of ours runs any more.
quiet()
{
	no_daemons && [ -z "$(bridgers)" ]
}

## The same for root, who may mount, and for a user, who may not

life()
{
	fresh
	unlock
	is "$(seen)" "vault vault " "$what: they are there"
	is "$(as 'stat -c %F "$H/.ssh/."')" directory \
		"$what: what neither had is made in the vault"
	as 'echo id >"$H/.ssh/id"'
	is "$(as 'cat "$M/.ssh/id"')" id "$what: and is a part of it"
	run taz unlock --passfile "$H/pass"
	is "$status $(seen)" "0 vault vault " "$what: a second unlock changes nothing"
	is "$(grep -c " $H/.aws " /proc/self/mountinfo)" "$1" \
		"U12: $what: nothing is bound twice"
	run taz lock
	is "$status" 0 "$what: lock"
	as_before || :
	same "$W/own" "$W/now" "U12: $what: all is as it was when lock returns"
	is "$(taz cat --passfile "$H/pass" .ssh/id)" id "$what: and in the vault"

	run taz run --passfile "$H/pass" -- cat "$H/.aws/config"
	is "$status $(cat "$W/out")" "0 vault" "$what: run has them as well"
	restored "U12: $what: after its end all is as it was"

	unlock
	kill -KILL "$(daemon)"
	restored "U12: $what: after a crash of the daemon all is as it was"
	holds "$what: and nothing is left running" wait_for 10 quiet

	# As after a power cut: nobody was there to put it right.
	unlock
	signal_bridgers KILL
	kill -KILL "$(daemon)"
	wait_for 10 no_daemons
	taz lock >/dev/null 2>&1
	restored "U12: $what: a lock puts right what a crash has left"
	unlock
	signal_bridgers KILL
	kill -KILL "$(daemon)"
	wait_for 10 no_daemons
	unlock
	is "$(seen)" "vault vault " "$what: an unlock after a crash has them"
	run taz lock -q
	restored "U12: $what: and then all is as it was"

	unlock
	kill -TERM "$(daemon)"
	restored "U12: $what: after a signal, too"
	run taz unlock --passfile "$H/pass" -o idle=1s
	# To look would be to use it.
	wait_for 20 quiet
	restored "U12: $what: and when it locks itself"
}

H=$W/home P=$W/project M=$W/home/secrets what=root
life 1
by=as_nobody CLI=$W/bin/tazpod H=$W/nobody P=$W/theirs
M=$W/nobody/secrets what=user
life 0
by="" CLI=$TAZPOD H=$W/home P=$W/project M=$W/home/secrets

## What is in the way

what=conflict
fresh
unlock
rm "$H/.ssh"
echo new >"$H/.ssh"
run taz lock
is "$status $(cat "$H/.ssh")" "0 new" \
	"what a program has put in a link's place stays"
rm "$H/.ssh"

mv "$H/.aws" "$H/.aws.real"
ln -s .aws.real "$H/.aws"
look >"$W/own"
unlock
is "$(cat "$H/.aws/config")" vault "a link of the user's is put aside"
is "$(readlink "$H/.aws.tazpod-aside")" .aws.real "and kept"
run taz lock -q
restored "and put back"

echo other >"$H/.aws.tazpod-aside"
look >"$W/own"
run taz unlock --passfile "$H/pass"
is "$status $(cat "$H/.aws/config") $(grep -c 'aws.tazpod-aside' "$W/err")" \
	"0 own 1" "if something has that name, it is left, and named"
run taz lock -q
restored "and nothing is lost"
rm "$H/.aws.tazpod-aside"

mkdir "$W/elsewhere"
mv "$H/.config" "$W/elsewhere/config"
ln -s "$W/elsewhere/config" "$H/.config"
look >"$W/own"
run taz unlock --passfile "$H/pass"
is "$status $(grep -c 'symbolic link is on the way' "$W/err")" "0 1" \
	"a folder behind a link is not touched"
is "$(ls "$W/elsewhere/config")" link "indeed"
run taz lock -q
restored "then, too"

fresh
rm -rf "$H/.ssh"
mkdir "$H/.ssh"
echo mine >"$H/.ssh/id"
look >"$W/own"
run taz unlock --passfile "$H/pass"
is "$status $(cat "$H/.ssh/id") $(grep -c 'cp -a' "$W/err")" "0 mine 1" \
	"what the vault does not have hides nothing, and how to put it there is said"
run taz lock -q
restored "and stays"

run taz unlock --passfile "$H/pass" -o ro
is "$status $(cat "$H/.aws/config")" "0 vault" "a read-only vault has bridges"
run taz lock -q
restored "that go as well"
run env -u HOME "$TAZPOD" unlock --passfile "$H/pass" --mount "$M"
is "$status $(wc -l <"$W/err")" "0 1" "without HOME there are none, which is said"
run taz lock -q

## Memory

fresh
rm -rf "$H/.gemini"
mkdir "$H/.gemini"
echo before >"$H/.gemini/notes"
unlock
is "$(readlink "$H/.gemini")" "$P/.tazpod/.gemini" "memory is a link to the project"
is "$(cat "$H/.gemini/notes")" before "what was there has been moved in"
echo more >"$H/.gemini/more"
run taz lock -q
is "$(cat "$H/.gemini/notes" "$H/.gemini/more" | tr '\n' ' ')" "before more " \
	"a lock leaves it alone"
run taz init -q
unlock
taz lock -q
is "$(cat "$H/.gemini/notes" "$H/.gemini/more" | tr '\n' ' ')" "before more " \
	"so do init and another unlock"
: >"$V"
run taz unlock --passfile "$H/pass"
is "$status $(cat "$H/.gemini/notes")" "4 before" \
	"it survives a vault that is destroyed"
rm -rf .tazpod/vault/* "$H/.gemini"
mkdir "$H/.gemini"
echo image >"$H/.gemini/notes"
taz create -q --passfile "$H/pass"
run taz unlock --passfile "$H/pass"
is "$status $(cat "$H/.gemini/notes") $(cat "$H/.gemini.tazpod-aside/notes")" \
	"0 before image" "it is never overwritten: what a new home has is put aside"
like "$(cat "$W/err")" 'gemini.tazpod-aside' "which is said"
run taz lock -q
rm -rf "$H/.gemini" "$H/.gemini.tazpod-aside" .tazpod/.gemini
mkdir "$W/disk"
mount -t tmpfs -o size=1M tazpod-e2e "$W/disk"
mkdir -p "$W/disk/.gemini/deep"
echo far >"$W/disk/.gemini/deep/notes"
run env HOME="$W/disk" "$TAZPOD" unlock --passfile "$H/pass"
is "$status $(cat .tazpod/.gemini/deep/notes 2>&1)" "0 far" \
	"from another filesystem it is copied"
is "$(cat "$W/disk/.gemini/deep/notes") $(readlink "$W/disk/.gemini")" \
	"far $P/.tazpod/.gemini" "and linked"
is "$(cat "$W/disk/.gemini.tazpod-aside/deep/notes")" far \
	"and the original kept"
run env HOME="$W/disk" "$TAZPOD" lock -q

done_testing
