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

# rounds FORMAT KIND END PROMISE: see rounds.py.
rounds()
{
	quick_vault "$1" "$W/vault-$2-$3"
	run "$PY" "$E2E/rounds/rounds.py" "$2" "$3" "$ROUNDS" "$SEED" \
		"$W/vault-$2-$3" "$PASS" "$M"
	told "$4"
	end_mounts
}
