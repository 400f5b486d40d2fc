/* SPDX-License-Identifier: GPL-2.0-only */
/* How much was written to the filesystems that take mail. */
#include "watch/written.h"

#define LOW_NS (60 * NS_PER_S)

static int64_t count_pages(struct written_slot *slot, const struct filesystem_set *set,
			   unsigned int primary)
{
	uint64_t pages = __atomic_load_n(
		&kernel_ledger(set->kernel)->filesystems[primary].dirtied_pages, __ATOMIC_RELAXED);
	uint64_t more = slot->counted ? pages - slot->pages : 0;

	slot->counted = true;
	slot->pages = pages;
	return (int64_t)(more * set->page_bytes);
}

static int64_t count_loss(struct written_slot *slot, int64_t available_bytes, int64_t now)
{
	int64_t lost = slot->low_bytes - available_bytes;

	if (!slot->low_ns || now - slot->low_ns > LOW_NS)
		lost = 0;
	else if (lost <= 0)
		return 0;
	slot->low_ns = now;
	slot->low_bytes = available_bytes;
	return lost;
}

/* Those whose counters are SLOT's: one that takes mail is enough. */
static bool takes_mail(const struct filesystem_set *set, unsigned int slot)
{
	for (unsigned int i = 0; i < set->count; i++)
		if (set->filesystems[i].present && set->filesystems[i].primary == slot &&
		    config_takes_mail(set->config, i))
			return true;
	return false;
}

int64_t written_bytes(struct written *written, const struct filesystem_set *set, int64_t now)
{
	int64_t bytes = 0;

	for (unsigned int i = 0; i < set->count; i++) {
		struct written_slot *slot = &written->slots[i];
		const struct filesystem *fs = &set->filesystems[i];

		if (!takes_mail(set, i)) {
			*slot = (struct written_slot){ 0 };
		} else if (set->kernel && fs->canary.proof == PROOF_FIRED) {
			bytes += count_pages(slot, set, i);
			slot->low_ns = 0;
		} else {
			bytes += count_loss(slot, fs->look.available_bytes, now);
			slot->counted = false;
		}
	}
	return bytes;
}
