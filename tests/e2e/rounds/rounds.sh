# shellcheck shell=sh
# What the tests that end daemons at random moments share.
#
#	ROUNDS	how many of each kind
#	SEED	of the moments and options; as printed
# shellcheck disable=SC2034
need_fuse
need_crypto

ROUNDS=${ROUNDS:-6}
SEED=${SEED:-$(date +%s%N)}
M=$W/m
mkdir "$M"
export TAZPODFS TAZPOD
echo "# SEED=$SEED ROUNDS=$ROUNDS"

# Vaults of both formats that are quick to open.
head -c 1024 /dev/zero | gzip -n >"$W/empty"
"$E2E/forge.py" seal 1 "$PASS" <"$W/empty" >"$W/v1"
"$E2E/forge.py" seal 2 "$PASS" 100000 <"$W/empty" >"$W/v2"

# rounds FORMAT KIND END PROMISE: see rounds.py.
rounds()
{
	cp "$W/v$1" "$W/vault-$2-$3"
	run "$PY" "$E2E/rounds/rounds.py" "$2" "$3" "$ROUNDS" "$SEED" \
		"$W/vault-$2-$3" "$PASS" "$M"
	sed 's/^/# /' "$W/out"
	if [ "$status" -eq 0 ]; then
		ok "$4"
	else
		not_ok "$4" "$(tail -n 20 "$W/err")"
	fi
	end_mounts
}
