# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The ways in which mail cannot be written, for unwritable.bash. A way is a word in the list and three
# functions: make_WAY puts up a filesystem, on which the queue will be in $MOUNT; break_WAY makes mail
# impossible; mend_WAY possible again. $QUEUE is the queue directory, and $QUEUE/incoming the mail
# server's own in it.

# The hung ones take the longest.
# shellcheck disable=SC2034
readonly WAYS_ALL=(
	frozen hung_disk btrfs_metadata xfs_no_chunk full_ext4 full_xfs full_btrfs inodes_ext4 quota_user
	quota_project quota_btrfs remount_ro bind_ro emergency_ro shutdown_ext4 shutdown_xfs overlay_ro
	thin_full sync_eio dead_disk dm_error dm_flakey mode_0500 chowned recreated immutable tmpfs_full
	tmpfs_inodes
)

# --- what several ways do -------------------------------------------------------------------

as_other() { # COMMAND...
	setpriv --reuid "$OTHER" --regid "$(id -g "$OTHER")" --clear-groups "$@"
}

# Until nothing more goes in, in large pieces and in small ones.
fill() { # DIRECTORY
	local size
	for size in 1M 4k 4k; do
		as_other dd if=/dev/zero of="$1/fill.$size.$RANDOM" bs="$size" conv=fsync 2>/dev/null || true
	done
}

empty() { # DIRECTORY
	rm -f "$1"/fill.*
	sync -f "$1"
}

# Empty files until no more can be made.
fill_inodes() { # DIRECTORY
	as_other bash -c 'cd "$1" && for ((i = 0; i < 100000; i++)); do : >"fill.$i" || exit; done' \
		- "$1" 2>/dev/null || true
}

unmount() { # MOUNT
	wait_until 20 umount "$1"
}

anew() { # [CHECKER]: what has given up is mounted anew
	local image=$MOUNT.img
	unmount "$MOUNT"
	"${@:-true}" "$image" >/dev/null 2>&1 || true # it says 1 when it has mended something
	mount -o loop "$image" "$MOUNT"
}

is_read_only() { # MOUNT: not while a file is being written
	wait_until 20 mount -o remount,ro "$1"
}

# An ext4 in a file on another filesystem, in $UNDER.
mount_over() { # MIB MKFS-OPTION...
	local image=$UNDER/image
	truncate -s "$1M" "$image"
	shift
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$@" "$image"
	MOUNT=$SCRATCH/over
	mkdir "$MOUNT"
	mount -o loop,nodiscard "$image" "$MOUNT"
}

# --- the ways -------------------------------------------------------------------------------

make_frozen() { loop_mount ext4 64; }
break_frozen() { freeze "$MOUNT"; }
mend_frozen() { thaw "$MOUNT"; }

# statfs answers and files can be made, as long as nothing has to come from the disk or be there.
make_hung_disk() {
	loop_mount ext4 200
	UNDER=$MOUNT
	mount_over 64
}
break_hung_disk() { freeze "$UNDER"; }
mend_hung_disk() { thaw "$UNDER"; }

make_full_ext4() { loop_mount ext4 64; }
break_full_ext4() { fill "$MOUNT"; }
mend_full_ext4() { empty "$MOUNT"; }

make_full_xfs() { loop_mount xfs 64; }
break_full_xfs() { fill "$MOUNT"; }
mend_full_xfs() { empty "$MOUNT"; }

make_full_btrfs() { loop_mount btrfs 128; }
break_full_btrfs() { fill "$MOUNT"; }
mend_full_btrfs() { empty "$MOUNT"; }

make_inodes_ext4() { loop_mount ext4 32 -N 1024; }
break_inodes_ext4() { fill_inodes "$MOUNT"; }
mend_inodes_ext4() { empty "$MOUNT"; }

make_tmpfs() { # OPTION
	MOUNT=$SCRATCH/tmpfs
	mkdir "$MOUNT"
	mount -t tmpfs -o "$1" none "$MOUNT"
	chmod 1777 "$MOUNT"
}

make_tmpfs_full() { make_tmpfs size=16m; }
break_tmpfs_full() { fill "$MOUNT"; }
mend_tmpfs_full() { empty "$MOUNT"; }

make_tmpfs_inodes() { make_tmpfs size=16m,nr_inodes=1000; }
break_tmpfs_inodes() { fill_inodes "$MOUNT"; }
mend_tmpfs_inodes() { empty "$MOUNT"; }

# All is in chunks, of which those for data have room and those for metadata, where small mail
# goes, have none.
make_btrfs_metadata() {
	local -i i
	loop_mount btrfs 256 -m single
	for ((i = 0; i < 60; i++)); do
		dd if=/dev/zero of="$MOUNT/old.$i" bs=5M count=1 status=none 2>/dev/null || break
	done
	sync -f "$MOUNT"
	rm -f "$MOUNT"/old.*[13579]
	sync -f "$MOUNT"
	mkdir "$MOUNT/small"
	chmod 1777 "$MOUNT/small"
}
# Small files until there is no room for more, and again each second: btrfs finds room here and there.
fill_metadata() { # DIRECTORY
	local -i round
	cd "$1" || return
	for ((round = 0;; round++)); do
		head -c 400M /dev/zero | split -b 2000 -a 6 - "fill.$round."
		sleep 1
	done
}
break_btrfs_metadata() {
	export -f fill_metadata
	# In a group of its own, to be ended with all it has started.
	background filler setsid setpriv --reuid "$OTHER" --regid "$(id -g "$OTHER")" --clear-groups \
		bash -c 'fill_metadata "$1"' - "$MOUNT/small"
	FILLER=$!
	wait_until 60 grep -q 'No space' "$SCRATCH/filler.out"
}
mend_btrfs_metadata() {
	kill -- -"$FILLER"
	wait "$FILLER" || true
	wait_until 20 find "$MOUNT/small" -name 'fill.*' -delete # which wants room, too
	sync -f "$MOUNT"
}

# Room, but nowhere as much in one piece as inodes are made of.
make_xfs_no_chunk() {
	loop_mount xfs 64
	mkdir "$MOUNT/small"
	chmod 1777 "$MOUNT/small"
	head -c 64M /dev/zero | (cd "$MOUNT/small" && as_other split -b 4096 -a 5 - m || true) 2>/dev/null
	sync -f "$MOUNT"
	rm -f "$MOUNT"/small/m*[acegikmoqsuwy]
	sync -f "$MOUNT"
}
break_xfs_no_chunk() { fill_inodes "$MOUNT/small"; }
mend_xfs_no_chunk() {
	find "$MOUNT/small" -type f -delete
	sync -f "$MOUNT"
}

make_quota() {
	need_tool xfs_quota xfsprogs
	loop_mount ext4 64
	unmount "$MOUNT"
	tune2fs -O project -Q usrquota,prjquota "$MOUNT.img" >/dev/null
	mount -o loop,usrquota,prjquota "$MOUNT.img" "$MOUNT" 2>/dev/null ||
		skip "this kernel has no quotas of ext4 (CONFIG_QFMT_V2)"
}

limit() { # LIMIT u|p ID
	xfs_quota -f -x -c "limit -$2 bhard=$1 $3" "$MOUNT" >/dev/null
}

make_quota_user() { make_quota; }
break_quota_user() { limit 4k u "$MAIL"; }
mend_quota_user() { limit 0 u "$MAIL"; }

make_quota_project() { make_quota; }
break_quota_project() {
	chattr +P -p 42 "$QUEUE/incoming"
	find "$QUEUE/incoming" -type f -exec chattr -p 42 {} + || true # mail comes and goes
	limit 4k p 42
}
mend_quota_project() { limit 0 p 42; }

# The queue is a subvolume, with a limit of its own.
make_quota_btrfs() {
	loop_mount btrfs 256
	btrfs quota enable "$MOUNT"
	btrfs subvolume create "$MOUNT/spool" >/dev/null
}
break_quota_btrfs() {
	sync -f "$MOUNT"
	limit_subvolume 16k
}
mend_quota_btrfs() { limit_subvolume none; }
limit_subvolume() { # LIMIT: by its number, as by its path that would be a write to it
	btrfs qgroup limit "$1" "0/$(btrfs inspect-internal rootid "$MOUNT/spool")" "$MOUNT"
}

make_remount_ro() { loop_mount ext4 64; }
break_remount_ro() { is_read_only "$MOUNT"; }
mend_remount_ro() { mount -o remount,rw "$MOUNT"; }

# The filesystem stays writable, elsewhere.
make_bind_ro() { loop_mount ext4 64; }
break_bind_ro() {
	mount --bind "$QUEUE" "$QUEUE"
	wait_until 20 mount -o remount,ro,bind "$QUEUE"
}
mend_bind_ro() { unmount "$QUEUE"; }

# From Linux 6.12 neither statfs nor mount say so.
make_emergency_ro() {
	loop_mount ext4 64
	mount -o remount,errors=remount-ro "$MOUNT"
	TRIGGER=/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$MOUNT")")/trigger_fs_error
	[[ -w $TRIGGER ]] || skip "no $TRIGGER"
}
break_emergency_ro() { echo 1 >"$TRIGGER"; }
mend_emergency_ro() { anew e2fsck -fy; }

make_shutdown_ext4() { loop_mount ext4 64; }
break_shutdown_ext4() { "$BUILD/tests/system/shutdown" "$MOUNT"; }
mend_shutdown_ext4() { anew; }

make_shutdown_xfs() { loop_mount xfs 64; }
break_shutdown_xfs() { "$BUILD/tests/system/shutdown" "$MOUNT"; }
mend_shutdown_xfs() { anew; }

# As in a container, below whose root the host's disk is no longer writable.
make_overlay_ro() {
	loop_mount ext4 64
	UNDER=$MOUNT
	mkdir "$UNDER/upper" "$UNDER/work" "$SCRATCH/lower" "$SCRATCH/overlay"
	MOUNT=$SCRATCH/overlay
	mount -t overlay -o "lowerdir=$SCRATCH/lower,upperdir=$UNDER/upper,workdir=$UNDER/work" none \
		"$MOUNT" || skip "no overlay"
}
break_overlay_ro() { is_read_only "$UNDER"; }
mend_overlay_ro() { mount -o remount,rw "$UNDER"; }

# More was promised than the pool has: the filesystem has room, and the device below has not.
make_thin() { # MKFS-OPTION...
	make_tmpfs size=24m
	UNDER=$MOUNT
	dd if=/dev/zero of="$UNDER/image" bs=1M count=8 status=none # where the inodes will be
	mount_over 128 -b 4096 "$@"
}

make_thin_full() { make_thin; }
break_thin_full() { fill "$UNDER"; }
mend_thin_full() {
	rm -f "$UNDER"/fill.*
	unmount "$MOUNT"
	e2fsck -fy "$UNDER/image" >/dev/null 2>&1 || true
	mount -o loop "$UNDER/image" "$MOUNT"
}

# Without a journal, which would give up: only a sync can tell.
make_sync_eio() { make_thin -O ^has_journal; }
break_sync_eio() { fill "$UNDER"; }
mend_sync_eio() { rm -f "$UNDER"/fill.*; }

make_dead_disk() {
	loop_mount ext4 200
	UNDER=$MOUNT
	mount_over 64
}
break_dead_disk() { "$BUILD/tests/system/shutdown" "$UNDER"; }
mend_dead_disk() {
	unmount "$MOUNT"
	unmount "$UNDER"
	mount -o loop "$UNDER.img" "$UNDER"
	mount -o loop "$UNDER/image" "$MOUNT"
}

# A device-mapper device over a loop device, whose table is changed under the filesystem.
make_mapped() {
	need_tool dmsetup dmsetup
	dmsetup version >/dev/null 2>&1 || skip "this kernel has no device mapper"
	truncate -s 64M "$SCRATCH/mapped.img"
	DEVICE=$(losetup -f --show "$SCRATCH/mapped.img")
	MAPPED=spoolgate-$BASHPID
	dmsetup create "$MAPPED" --table "0 131072 linear $DEVICE 0" || skip "no device can be mapped"
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "/dev/mapper/$MAPPED"
	MOUNT=$SCRATCH/mapped
	mkdir "$MOUNT"
	mount "/dev/mapper/$MAPPED" "$MOUNT"
}
map_anew() { # TABLE
	dmsetup suspend --nolockfs "$MAPPED"
	dmsetup load "$MAPPED" --table "$1"
	dmsetup resume "$MAPPED"
}
unmap() {
	local mount
	for mount in $(mounts_below "$SCRATCH"); do
		unmount "$mount" # a write probe may be under way there
	done
	dmsetup remove --retry "$MAPPED"
	losetup -d "$DEVICE"
}
mend_mapped() {
	unmount "$MOUNT"
	map_anew "0 131072 linear $DEVICE 0"
	e2fsck -fy "/dev/mapper/$MAPPED" >/dev/null 2>&1 || true
	mount "/dev/mapper/$MAPPED" "$MOUNT"
}

make_dm_error() { make_mapped; }
break_dm_error() { map_anew '0 131072 error'; }
mend_dm_error() { mend_mapped; }

# What is read comes, what is written fails: so only a sync can tell.
make_dm_flakey() {
	make_mapped
	dmsetup targets | grep -q '^flakey' || modprobe dm-flakey 2>/dev/null || skip "no dm-flakey"
}
break_dm_flakey() { map_anew "0 131072 flakey $DEVICE 0 0 60 1 error_writes"; }
mend_dm_flakey() { mend_mapped; }

make_mode_0500() { loop_mount ext4 64; }
break_mode_0500() { chmod 0500 "$QUEUE/incoming"; }
mend_mode_0500() { chmod 0700 "$QUEUE/incoming"; }

make_chowned() { loop_mount ext4 64; }
break_chowned() { chown "$OTHER" "$QUEUE/incoming"; }
mend_chowned() { chown "$MAIL" "$QUEUE/incoming"; }

make_recreated() { loop_mount ext4 64; }
break_recreated() {
	wait_until 20 rm -r "$QUEUE/incoming"
	mkdir -m 0700 "$QUEUE/incoming"
}
mend_recreated() { chown "$MAIL" "$QUEUE/incoming"; }

make_immutable() { loop_mount ext4 64; }
break_immutable() { chattr +i "$QUEUE/incoming"; }
mend_immutable() { chattr -i "$QUEUE/incoming"; }

