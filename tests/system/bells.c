/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bells MAP-ID fill|empty: have the kernel believe that the daemon has read no bell of the last
 * 64 KiB, so that none can ring any more; or that it has read all there are. The daemon must be
 * stopped meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "ledger.h"

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = argc == 3 ? bpf_map_get_fd_by_id((__u32)atoi(argv[1])) : -1;
	__u64 *read = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	__u64 *written = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	__u64 behind = argc == 3 && !strcmp(argv[2], "fill") ? LEDGER_BELLS_BYTES : 0;

	if (read == MAP_FAILED || written == MAP_FAILED) {
		perror("bells");
		return 1;
	}
	__atomic_store_n(read, __atomic_load_n(written, __ATOMIC_ACQUIRE) - behind,
			 __ATOMIC_RELEASE);
	return 0;
}
