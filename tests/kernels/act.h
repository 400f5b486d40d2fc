/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The things that are done to see a probe fire. All take a directory of the filesystem to act on,
 * clean up behind them, and return 0, or -errno when it could not be done.
 */
#ifndef KERNELS_ACT_H
#define KERNELS_ACT_H

#include <stdbool.h>
#include <sys/types.h>

#define MIB  (1024 * 1024)
#define PAGE 4096

/* One MiB, synced unless it says direct. */
int act_write(const char *directory);
int act_store(const char *directory);
int act_sendfile(const char *directory);
int act_direct_write(const char *directory);
int act_direct_read(const char *directory);
int act_fallocate(const char *directory);
int act_punch_hole(const char *directory);

/* One page, synced. */
int act_fdatasync(const char *directory);
int act_sync_write(const char *directory);
int act_canary(const char *directory); /* what the scout does */

int act_bad_block(const char *directory);
int act_bad_metadata(const char *directory);
int act_ext4_error(const char *directory);

/* A page that the server of a filesystem without a device refuses: see tests/system/limits.c. */
int act_over_quota(const char *directory);
int act_no_room(const char *directory);
int act_refused(const char *directory);

/*
 * A write probe of a directory whose owner is over quota, and of root's on the same filesystem; of
 * an overlay, which must leave nothing there: returns 1 where it had to give the file a name.
 */
int act_probe_quota(const char *directory);
int act_probe_overlay(const char *directory);

/* Without a sync, where a server says only at close() that no more is to be written. */
int act_probe_server(const char *directory);

int act_reclaim(const char *directory);
int act_host_reclaim(const char *directory);
int act_oom_kill(const char *directory);

/*
 * In a cgroup that stays, at ACT_HELD, until act_release(): a process with so many bytes of page
 * cache, or of memory, or one that was killed for more than the limit.
 */
#define ACT_CGROUPS    "/sys/fs/cgroup"
#define ACT_HELD       ACT_CGROUPS "/held"
#define ACT_HELD_MAX   "16M"
#define ACT_HELD_BYTES (10 * MIB)
int act_hold_cache(const char *directory);
int act_hold_memory(const char *directory);
int act_hold_kill(const char *directory);

/* act_hold_memory(), with so much left until the kernel would slow it down. */
#define ACT_HELD_HIGH "12M"
int act_hold_below_high(const char *directory);
int act_press(const char *directory); /* read a file in there that does not fit in, over and over */
int act_release(const char *directory);

/* A cgroup at ACT_HELD with one below it, and fsyncs in either. */
#define ACT_BELOW ACT_HELD "/below"
int act_group(const char *directory);
int act_ungroup(const char *directory);
int act_sync_held(const char *directory);
int act_sync_below(const char *directory);

/* For those who act. One MiB of bytes, aligned to a page. */
char *act_buffer(void);

/* A file without a name in DIRECTORY, of SIZE. */
int act_file(const char *directory, int flags, off_t size);

/* Close FD if there is one. Returns 0 if DONE, else -errno. */
int act_finish(int fd, bool done);

/* TEXT into the file at PATH. */
int act_put(const char *path, const char *text);

#endif
