#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel that refuses one of the programs: the start does not wait for it, and the log says what
# follows. The daemon here is built with the end of an fsync as newer clangs once made it, which
# the verifier refuses after 1,000,000 steps, or seconds.

load lib
load watch

build_refused() {
	local tree=$SCRATCH/tree
	need_bpf
	need_tool "${CLANG:-clang}" clang
	mkdir "$tree"
	cp -a "$TOP"/{Makefile,bpf,include,user,share} "$tree"
	mkdir "$tree/build"
	cp -a "$BUILD"/{flags,obj,bpf} "$tree/build"
	# A sum with a bit for each branch, and what it is matters: 2^20 ways to walk.
	# shellcheck disable=SC2016
	sed -i '/^static __always_inline int sync_exit/,/^}/ {
		s/\(.*\), bucket;/\1, bucket, sum = 0;/
		/^\tbucket = /a \
		_Pragma("unroll") for (__u32 i = 0; i < 20; i++) \
			if (READ_ONCE(o->since_ns[i & 15]) > began_ns + i) \
				sum += 1ULL << i; \
		barrier_var(sum); \
		if (sum < LEDGER_SYNC_BUCKETS) \
			WRITE_ONCE(l->syncs[slot].counts[sum], 0);
		}' "$tree/bpf/spool.bpf.c"
	# And a machine so slow that nothing of it comes within the time that a start has.
	sed -i '/^static void load_all/,/^}/ s/^\tconfine(.*/\tsleep(6);\n&/' "$tree/user/watch/loader.c"
	make -s -C "$tree" build/spoolgated >"$SCRATCH/make.log" 2>&1 || {
		cat "$SCRATCH/make.log"
		return 1
	}
	DAEMON_PROGRAM=$tree/build/spoolgated AWAIT_LOADER=no
}

is_backend() { # SIGNAL BACKEND
	[[ $(field ".backend[\"$1\"]") == "$2" ]]
}

@test "a refused probe is a warning with its reason, and the first answer does not wait for it" {
	build_refused
	loop_mount ext4 64
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }"
	[[ $(ask admission) == accept ]]
	is_backend writes tp_btf/writeback_dirty_folio
	is_backend errors tp_btf/filemap_set_wb_err
	is_backend direct-writes poll
	is_backend sync-ext4 none
	[ "$(log_counts 'warning: sync-ext4')" -eq 0 ]
	wait_until 60 grep -q 'warning: sync-ext4' "$LOG"
	log_says 'warning: sync-ext4: sync-latency of ext4 is not told: this kernel refuses tp_btf/ext4_sync_file \(Argument list too long: BPF program is too large. Processed 1000001 insn\)'
	[ "$(log_counts 'warning: ')" -eq 1 ]
	# What came late is proven then, too.
	wait_until 20 is_backend fallocate tp_btf/ext4_fallocate_exit
	is_backend direct-writes tp_btf/iomap_dio_rw_begin
	is_backend sync-ext4 none
	[[ $(field '.backend["sync-xfs"]') != none ]] || log_says 'no sync-xfs, sync-btrfs: this kernel '
	stop_daemon
}

@test "what attaches programs ends with a daemon that is killed meanwhile" {
	local loader
	build_refused
	loop_mount ext4 64
	start_daemon 'user = ""' "filesystem \"$MOUNT\" { }"
	loader=$(pgrep -P "$DAEMON" -x spoolgate-load)
	stop_daemon KILL || true
	wait_until 10 is_gone "$loader"
}
