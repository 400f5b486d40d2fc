/* SPDX-License-Identifier: GPL-2.0-only */
/* What the shared page says: the same as the state socket would, as far as it can. */
#include "daemon/daemon.h"
#include "policy/admission.h"

void daemon_offer(struct daemon *daemon, int64_t now)
{
	const struct config *config = daemon->config;
	struct page_offer offers[CLASSES];

	for (enum class class = 0; class < CLASSES; class ++)
		offers[class] = (struct page_offer){
			.verdict = admission_decide(config, daemon->judge.level, class),
			/* When observing too: who would be refused is counted when asked about. */
			.size_max = admission_size_max(&daemon->asked, config, class),
			.by_address = admission_by_address(&daemon->asked, config, class, now),
			.reply = config->reply,
		};
	page_offer(daemon->page, offers);
}
