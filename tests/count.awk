# Count one test's TAP: prints "passed failed skipped".
# cmocka 1.1.5 prints a skipped test as "not ok N # SKIP".
/^1\.\.0/ && /SKIP/ { skipped++; skip_all = 1 }
/^1\.\.[0-9]+/ && !skip_all { split($1, range, "[.][.]"); planned += range[2] }
/^(not )?ok .*# *SKIP/ { skipped++; seen++; next }
/^ok / { passed++; seen++ }
/^not ok / { failed++; seen++ }
END {
	if (skip_all && status == 0) {
		print 0, 0, skipped
		exit
	}
	# It died, or left tests out: at least one failure.
	if (failed == 0 && (status != 0 || seen == 0 || seen < planned))
		failed = 1
	print passed + 0, failed + 0, skipped + 0
}
