#!/bin/sh
# A project is made once, its pod's name is valid and nobody else's, and the
# engine is asked for no more than the config grants.  The engines here are
# scripts that write down what they are asked.
# Scripts expand their own arguments; functions are called through holds.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$W/engines" "$W/bin"
cat >"$W/engine" <<'EOF'
#!/bin/sh
# One argument a line; then what is asked for is answered.
printf '%s\n' "${0##*/}" "$@" >>"$ASKED"
case $1 in
ps) cat "$NAMES" 2>/dev/null ;;
container) echo "${STATE:-running}"; echo "${PROJECT:-$PWD}" ;;
run) printf '%s\n' "$@" | sed -n 's/^--name=//p' >>"$NAMES" ;;
esac
exit "${REFUSES:-0}"
EOF
chmod 755 "$W/engine"
cp "$W/engine" "$W/engines/podman"
ASKED=$W/asked NAMES=$W/names
export ASKED NAMES
unset TAZPOD_POD
for p in sh cat sed; do
	ln -s "$(command -v "$p")" "$W/bin/$p"
done

# taz COMMAND...: where there are no engines but these.
taz()
{
	env PATH="$W/engines:$W/bin" "$TAZPOD" "$@"
}

# new NAME: an empty folder of that name, in which one is.
new()
{
	cd "$W" || exit 1
	rm -rf "$W/projects" "$NAMES" "$ASKED"
	mkdir -p "$W/projects/$1" && cd "$W/projects/$1" || exit 1
}

name()
{
	sed -n 's/^container_name: //p' .tazpod/config.yaml
}

## init

new shop
run taz init
is "$status $(wc -l <"$W/out")$(cat "$W/err")" "0 1" "init says what it has done"
is "$(find . -mindepth 1 | sort | tr '\n' ' ')" \
	"./.tazpod ./.tazpod/.gitignore ./.tazpod/config.yaml ./.tazpod/vault ./secrets.yml " \
	"there is a config, a place for the vault, and a secrets.yml"
is "$(stat -c %a .tazpod/vault)" 700 "which is the user's alone"
is "$(grep -cv '^#' secrets.yml)" 0 "and does nothing, as it is"
like "$(name)" '^tazpod-shop-[0-9]{4}$' "the pod has a name"
find . -type f -exec sha256sum {} + | sort >"$W/before"
run taz init
is "$status $(cat "$W/out")" \
	"0 this folder is a project already; nothing has changed" \
	"a second time is no failure"
find . -type f -exec sha256sum {} + | sort >"$W/after"
same "$W/before" "$W/after" "and changes nothing"
git init -q . && git add -A
is "$(git ls-files | tr '\n' ' ')" \
	".tazpod/.gitignore .tazpod/config.yaml secrets.yml " \
	"git takes the config, and not the vault"
rm -rf .tazpod/config.yaml .tazpod/vault
echo mine >.tazpod/.gitignore
run taz init
is "$status $(cat .tazpod/.gitignore) $(find .tazpod/* | tr '\n' ' ')" \
	"0 mine .tazpod/config.yaml .tazpod/vault " "what is missing is made, the rest left"
mkdir -p deep/er
cd deep/er || exit 1
"$TAZPOD" create -q --passfile "$PASS"
holds "commands find the project from any folder in it" test -s \
	../../.tazpod/vault/vault.tar.aes

# Names that folders have, and engines do not take.
check_name()
{
	new "$1"
	run taz init
	[ "$status" = 0 ] && name | grep -Eq '^tazpod-[a-z0-9-]*-[0-9]{4}$' &&
		[ "$(name | wc -c)" -le 64 ] && ! name | grep -q -- '--'
}
long=$(printf 'x%.0s' $(seq 100))
for n in 'My Shop' 'Ünïcödé' 'CAPITALS' "$long" '-rf' '.hidden' 'a.b_c' '日本' \
	"it's \"quoted\", \$HOME" '--' "$(printf 'new\nline')"; do
	holds "a folder called '$(printf %s "$n" | tr '\n' '?')' gives a valid name" \
		check_name "$n"
done

new shop
: >"$NAMES"
n=0
while [ "$n" -lt 10000 ]; do
	[ "$n" -eq 4711 ] || printf 'tazpod-shop-%04d\n' "$n"
	n=$((n + 1))
done >"$NAMES"
run taz init
is "$(name)" tazpod-shop-4711 "a name that a container has is not taken"
rm -rf .tazpod
echo tazpod-shop-4711 >>"$NAMES"
run taz init
is "$status $(wc -l <"$W/err")" "1 1" "if all are taken, that is said"
rm "$NAMES"
for n in 1 2 3 4 5; do
	rm -rf .tazpod
	taz init -q
	name
done >"$W/drawn"
holds "the digits are drawn anew each time" \
	test "$(sort -u "$W/drawn" | wc -l)" -gt 1

## What the engine is asked for

# asked OPTION: was run asked for that?
asked()
{
	sed -n '/^run$/,$p' "$ASKED" | grep -Fxq -- "$1"
}

# up LINE...: a new project with those lines in the config, and up.
up()
{
	new 'a "b", c:d'
	taz init -q
	for line in "$@"; do
		sed -i "/^${line%%:*}:/d" .tazpod/config.yaml
		printf '%s\n' "$line" >>.tazpod/config.yaml
	done
	: >"$ASKED"
	run taz up
}

up
is "$status $(cat "$W/err")" "0 " "up starts it"
is "$(sed -n '/^run$/,/^--wait$/p' "$ASKED" | grep -Ec \
	'privileged|cap-add|security-opt|network|seccomp|apparmor')" 0 \
	"U28: nothing is privileged, and nothing is turned off"
holds "it gets /dev/fuse" asked --device=/dev/fuse
holds "the project, whatever its name, is its workspace" asked \
	"--mount=type=bind,\"source=$W/projects/a \"\"b\"\", c:d\",target=/workspace"
holds "its name is that of the config" asked "--name=$(name)"
holds "process 1 waits" asked --wait
up 'grant: []'
fails "with no grants it gets nothing" asked --device=/dev/fuse
up 'grant: [fuse, sys_admin, ipc_lock]'
holds "sys_admin is a capability" asked --cap-add=SYS_ADMIN
holds "ipc_lock is one" asked --cap-add=IPC_LOCK
up 'run_options: ["--network", "host", "--volume=/a b:/c"]'
holds "options are passed on" asked '--volume=/a b:/c'
up 'image: registry.example.com/tools:1'
holds "so is the image" asked registry.example.com/tools:1
STATE=exited
export STATE
name >"$NAMES"
run taz up
is "$status $(grep -cx start "$ASKED")" "0 1" "a stopped pod is started again"
unset STATE
PROJECT=$W/elsewhere
export PROJECT
for c in up down enter inject; do
	: >"$ASKED"
	run taz "$c"
	is "$status $(grep -c "$W/elsewhere" "$W/err") $(grep -cxE \
		'exec|stop|rm|cp|start|run' "$ASKED")" "1 1 0" \
		"$c leaves alone a pod of that name that is another project's"
done
unset PROJECT
REFUSES=125
export REFUSES
run taz up
is "$status $(wc -l <"$W/err")" "1 1" "if the engine refuses, that is said"
run taz down
is "$status $(wc -l <"$W/err")" "1 1" "down, too"
unset REFUSES

cp "$W/engine" "$W/engines/docker"
up
is "$(head -n 1 "$ASKED")" podman "podman is preferred"
up 'engine: docker'
is "$status $(sort -u "$ASKED" | grep -cx podman)" "0 0" "but docker can be had"
holds "which locks memory" asked --ulimit=memlock=268435456:268435456
fails "and keeps its profiles" grep -q security-opt "$ASKED"
up 'engine: docker' 'grant: [fuse, userns]'
holds "unless namespaces are granted" asked --security-opt=seccomp=unconfined
up 'engine: docker' 'grant: [fuse, sys_admin]'
holds "or mounts: AppArmor keeps from that" asked \
	--security-opt=apparmor=unconfined
fails "but not seccomp" asked --security-opt=seccomp=unconfined
rm "$W/engines/podman"
up
is "$status $(grep ^grant: .tazpod/config.yaml)" "0 grant: [fuse, userns]" \
	"where docker alone is, init grants what it takes there"
mv "$W/engines/docker" "$W/engines/podman"
up 'engine: docker'
is "$status $(wc -l <"$W/err")" "1 1" "an engine that is not there is named"
rm "$W/engines/podman"
up
is "$status $(grep -c 'neither podman nor docker' "$W/err")" "1 1" \
	"without any, it says what to install"
cp "$W/engine" "$W/engines/podman"

## What is wrong

cd "$W" || exit 1
for c in up down enter inject; do
	run taz "$c"
	is "$status $(grep -c 'tazpod init' "$W/err")" "2 1" \
		"$c outside of a project says how to make one"
done
up 'brigdes: [.aws]'
is "$status $(grep -c "config.yaml:[0-9]*: .*brigdes.*'bridges'" "$W/err")" \
	"2 1" "an unknown key is named"
up 'mode: docker'
is "$status $(grep -c "'mode'" "$W/err")" "0 1" \
	"of the forerunner's it is said that nothing comes of them"
up 'container_name:'
is "$status $(wc -l <"$W/err")" "2 1" "without a name there is no pod"
chmod 666 .tazpod/config.yaml
run taz up
is "$status $(grep -c 'chmod go-w' "$W/err")" "2 1" \
	"a config that others can write is not obeyed"
new shop
: >.tazpod
run taz init
is "$status $(wc -l <"$W/err")" "1 1" "a file called .tazpod is in the way"
new shop
taz init -q
for c in init up down inject; do
	run env TAZPOD_POD=tazpod-x-0001 "$TAZPOD" "$c"
	[ "$c" = init ] ||
		is "$status $(grep -c tazpod-x-0001 "$W/err")" "2 1" \
			"$c in a pod says that this is one"
done
done_testing
