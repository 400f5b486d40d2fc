/* SPDX-License-Identifier: GPL-2.0-only */
/* What a block device has done. */
#include <stdio.h>

#include "watch/block_device.h"

#define FIELD_WRITES  5	 /* of Documentation/block/stat.rst, counted from 1 */
#define FIELD_FLUSHES 16 /* from 5.5 */

int64_t block_device_writes(uint32_t device)
{
	unsigned long long number;
	int64_t completed = -1;
	unsigned int field;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", device >> 20, device & 0xfffff);
	file = device ? fopen(path, "re") : NULL;
	if (!file)
		return -1;
	for (field = 1; fscanf(file, "%llu", &number) == 1; field++) {
		if (field == FIELD_WRITES)
			completed = (int64_t)number;
		else if (field == FIELD_FLUSHES && completed >= 0)
			completed += (int64_t)number;
	}
	fclose(file);
	return completed;
}
