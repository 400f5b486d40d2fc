/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client, and the answer from the page: the path that every message takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/internal.h"

_Static_assert(SPOOLGATE_INBOUND == 0 && SPOOLGATE_SUBMISSION == 1 && SPOOLGATE_INTERNAL == 2,
	       "classes as in the page");
_Static_assert((int)SPOOLGATE_ACCEPT == ADMISSION_PAGE_ACCEPT &&
		       (int)SPOOLGATE_DELAY == ADMISSION_PAGE_DELAY &&
		       (int)SPOOLGATE_DEFER == ADMISSION_PAGE_DEFER,
	       "verdicts as in the page");
_Static_assert(sizeof(((struct spoolgate_admission *)0)->reply) == ADMISSION_PAGE_REPLY,
	       "a reply as in the page");

void lib_accept(struct spoolgate_admission *admission, bool known)
{
	admission->verdict = SPOOLGATE_ACCEPT;
	admission->delay_s = 0;
	admission->known = known;
	admission->reply[0] = '\0';
	admission->promised = false;
}

/* What is refused is refused whatever its size: the rest need not be asked about. */
static bool is_decided(const struct lib_offer *offer, int64_t size, const char *address)
{
	return offer->verdict == ADMISSION_PAGE_DEFER ||
	       (size <= offer->size_max && !(offer->by_address && address));
}

static int admission_of(struct spoolgate *client, enum spoolgate_class mail_class, int64_t size,
			const char *address, struct spoolgate_admission *admission)
{
	unsigned int class = (unsigned int)mail_class;
	struct lib_offer offer;

	if (class >= ADMISSION_PAGE_CLASSES) {
		lib_accept(admission, false);
		return -EINVAL;
	}
	if (lib_page_read(client->page, class, &offer, admission->reply) ||
	    !is_decided(&offer, size, address))
		return lib_ask(client, class, size, address, admission);
	admission->verdict = (enum spoolgate_verdict)offer.verdict;
	admission->delay_s = offer.delay_s;
	admission->known = true;
	admission->promised = false;
	return 0;
}

/* Each calls our own: a public function is called by way of the PLT, from here as well. */
LIB_PUBLIC int spoolgate_admission_from(struct spoolgate *client, enum spoolgate_class mail_class,
					int64_t size, const char *address,
					struct spoolgate_admission *admission)
{
	return admission_of(client, mail_class, size, address, admission);
}

LIB_PUBLIC int spoolgate_admission(struct spoolgate *client, enum spoolgate_class mail_class,
				   int64_t size, struct spoolgate_admission *admission)
{
	return admission_of(client, mail_class, size, NULL, admission);
}

LIB_PUBLIC int spoolgate_ended(struct spoolgate *client, enum spoolgate_class mail_class,
			       int64_t size, const char *address)
{
	if ((unsigned int)mail_class >= ADMISSION_PAGE_CLASSES)
		return -EINVAL;
	return size > 0 ? lib_ask(client, (unsigned int)mail_class, size, address, NULL) : 0;
}

/* A kernel that cannot zero it for children (before Linux 4.14) has no page to share either. */
static int map_memory(struct spoolgate *client)
{
	void *page =
		mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *shared = mmap(NULL, sizeof(*client->shared), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED && shared != MAP_FAILED) {
		(void)madvise(shared, sizeof(*client->shared), MADV_WIPEONFORK);
		client->page = page;
		client->shared = shared;
		return 0;
	}
	if (page != MAP_FAILED)
		munmap(page, ADMISSION_PAGE_BYTES);
	if (shared != MAP_FAILED)
		munmap(shared, sizeof(*client->shared));
	return -ENOMEM;
}

LIB_PUBLIC int spoolgate_open(struct spoolgate **opened, const char *socket)
{
	struct spoolgate *client;

	if (!socket)
		socket = SPOOLGATE_SOCKET;
	if (!*socket)
		return -EINVAL;
	if (strlen(socket) >= sizeof(client->address.sun_path))
		return -ENAMETOOLONG;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	if (map_memory(client)) {
		free(client);
		return -ENOMEM;
	}
	client->address.sun_family = AF_UNIX;
	strcpy(client->address.sun_path, socket);
	pthread_mutex_init(&client->shared->page_lock, NULL);
	pthread_mutex_init(&client->shared->asker_lock, NULL);
	pthread_mutex_init(&client->shared->changes_lock, NULL);
	client->asker.stream = -1;
	client->changes.epoll = -1;
	client->changes.timer = -1;
	client->changes.stream = -1;
	*opened = client;
	return 0;
}

LIB_PUBLIC void spoolgate_close(struct spoolgate *client)
{
	if (!client)
		return;
	lib_changes_close(client);
	if (client->asker.stream >= 0)
		close(client->asker.stream);
	munmap((void *)client->page, ADMISSION_PAGE_BYTES);
	munmap(client->shared, sizeof(*client->shared));
	free(client);
}
