# shellcheck shell=sh
# What tests of containers source after lib.sh: a podman of their own, which sees
# nothing of the machine's containers, and leaves none.
# Tests use what this file does not; functions are called through holds.
# shellcheck disable=SC2034,SC2317

# podman with a store of this test's own, and the image that is made once.
need_podman()
{
	need_fuse
	need_root
	command -v podman >/dev/null || skip_all "no podman"
	command -v runc >/dev/null || skip_all "no runc"
	locks_memory || skip_all "the image has no sanitizer's libraries"
	mkdir "$W/pods"
	# The paths of its sockets are short of 108 bytes with that.
	POD_TMP=$(mktemp -d /tmp/tzXXXXXX) || exit 1
	cat >"$W/pods/containers.conf" <<-EOF
		[containers]
		netns = "none"
		default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		tmp_dir = "$POD_TMP"
	EOF
	cat >"$W/pods/storage.conf" <<-EOF
		[storage]
		driver = "overlay"
		graphroot = "$W/pods/store"
		runroot = "$W/pods/run"
		[storage.options]
		additionalimagestores = ["$B/podman/images"]
	EOF
	CONTAINERS_CONF=$W/pods/containers.conf
	CONTAINERS_STORAGE_CONF=$W/pods/storage.conf
	export CONTAINERS_CONF CONTAINERS_STORAGE_CONF
	# Projects are of that user, for whom root starts the pods.
	OWNER=1000
	SUDO_UID=$OWNER
	export SUDO_UID
	B=$B timeout 280 "$TOP/tests/podman-image" >"$W/pods/made" 2>&1 ||
		skip_all "no image: $(tail -n 1 "$W/pods/made")"
	timeout 60 podman run --rm --entrypoint true localhost/tazpod \
		>"$W/pods/tried" 2>&1 ||
		skip_all "containers cannot run: $(tail -n 1 "$W/pods/tried")"
}

end_pods()
{
	[ -n "${POD_TMP:-}" ] || return
	timeout 60 podman rm --all --force --time 1 >/dev/null
	[ -z "${ROOTLESS:-}" ] ||
		rootless timeout 60 podman rm --all --force --time 1 >/dev/null
	rm -rf "$POD_TMP"
}

end_more()
{
	end_pods
}

# Let nobody have containers as well, by rootless COMMAND..., with the image.
# /dev/fuse is for everybody then.
need_rootless()
{
	let_nobody_in
	chmod 755 "$W"
	printf 'nobody:%d:65536\n' 200000 >"$W/pods/subids"
	cat >"$W/nobody/storage.conf" <<-EOF
		[storage]
		driver = "vfs"
		graphroot = "$W/nobody/store"
		runroot = "$W/nobody/run/store"
	EOF
	sed '/tmp_dir/d' "$CONTAINERS_CONF" >"$W/nobody/containers.conf"
	chmod 644 "$W/pods/subids" "$W/nobody/"*.conf
	mount --bind "$W/pods/subids" /etc/subuid &&
		mount --bind "$W/pods/subids" /etc/subgid || return 1
	ROOTLESS=yes
	rootless timeout 100 podman load -q <"$B/podman/image.tar" \
		>"$W/nobody/loaded" 2>&1
}

rootless()
{
	as_nobody env CONTAINERS_CONF="$W/nobody/containers.conf" \
		CONTAINERS_STORAGE_CONF="$W/nobody/storage.conf" "$@"
}

# project DIR: make it a folder of the owner's, and go there.
project()
{
	mkdir -p "$1" && cd "$1" || exit 1
	cp "$PASS" pass
	chown -R "$OWNER:$OWNER" .
}

# Give what is new in the project to its owner.
own()
{
	chown -hR "$OWNER:$OWNER" .
}

pod_name()
{
	sed -n 's/^container_name: //p' .tazpod/config.yaml
}

# as_config LINE...: further lines for the config, in the place of those that it
# has of the same key.
as_config()
{
	for line in "$@"; do
		sed -i "/^${line%%:*}:/d" .tazpod/config.yaml
		printf '%s\n' "$line" >>.tazpod/config.yaml
	done
}
