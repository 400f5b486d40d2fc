/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The admission page, seen from the reader's side. It is mapped at one address for the client's
 * life, and a younger page is moved over the older: readers need no lock and no count of who
 * still reads, since to them it is one more torn read (sequences of two pages differ).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/internal.h"

#define TRIES 1000 /* a writer needs 1 µs; one that was stopped while writing is not waited for */

typedef __u64 __attribute__((may_alias)) word;

static __u64 sequence_of(const struct admission_page *page)
{
	return __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
}

static bool is_torn(const struct admission_page *page, __u64 sequence)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return sequence & 1 || __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != sequence;
}

static bool is_stale(const struct admission_page *page)
{
	return __atomic_load_n(&page->valid_until_ns, __ATOMIC_RELAXED) <= lib_now_coarse();
}

/* BYTES are a multiple of 8; TO may lie anywhere. */
static void copy(void *to, const void *from, size_t bytes)
{
	const word *source = from;
	char *target = to;

	for (size_t i = 0; i < bytes / sizeof(word); i++) {
		word part = __atomic_load_n(&source[i], __ATOMIC_RELAXED);

		memcpy(target + i * sizeof(word), &part, sizeof(part));
	}
}

/* Whether a byte of it is 0: one less sets the top bit of that byte, and was not set before. */
static bool ends_text(word part)
{
	return (part - 0x0101010101010101U) & ~part & 0x8080808080808080U;
}

/*
 * A reply of ADMISSION_PAGE_REPLY bytes, as far as its NUL: most are some 40 bytes long. One that
 * is being written may have none, so the last byte is ours; TO is not read before is_torn().
 */
static void copy_reply(char *to, const char *from)
{
	const word *source = (const word *)from;
	size_t i = 0;
	word part;

	do {
		part = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
		memcpy(to + i * sizeof(word), &part, sizeof(part));
	} while (!ends_text(part) && ++i < ADMISSION_PAGE_REPLY / sizeof(word));
	to[ADMISSION_PAGE_REPLY - 1] = '\0';
}

static void read_class(const struct admission_page *page, unsigned int class,
		       struct lib_offer *offer, char *reply)
{
	const struct admission_page_class *from = &page->classes[class];

	offer->verdict = __atomic_load_n(&from->verdict, __ATOMIC_RELAXED);
	offer->delay_s = __atomic_load_n(&from->delay_s, __ATOMIC_RELAXED);
	offer->size_max = __atomic_load_n(&from->size_max, __ATOMIC_RELAXED);
	offer->by_address = __atomic_load_n(&from->by_address, __ATOMIC_RELAXED);
	reply[0] = '\0'; /* a torn read may have filled it */
	if (offer->verdict != ADMISSION_PAGE_DEFER)
		return;
	copy_reply(reply, page->replies[class]);
}

int lib_page_read(const struct admission_page *page, unsigned int class, struct lib_offer *offer,
		  char *reply)
{
	for (int i = 0; i < TRIES; i++) {
		__u64 sequence = sequence_of(page);

		if (sequence & 1)
			continue;
		read_class(page, class, offer, reply);
		if (is_torn(page, sequence))
			continue;
		return is_stale(page) ? -ESTALE : 0;
	}
	return -ESTALE;
}

uint64_t lib_page_pulse(const struct admission_page *page)
{
	return sequence_of(page) +
	       (uint64_t)__atomic_load_n(&page->valid_until_ns, __ATOMIC_RELAXED);
}

void lib_page_snapshot(const struct admission_page *page, struct lib_snapshot *snapshot)
{
	__u64 sequence;
	int tries = 0;

	do {
		sequence = sequence_of(page);
		/* All of it: it is compared byte by byte. */
		memset(snapshot, 0, sizeof(*snapshot));
		copy(snapshot->classes, page->classes, sizeof(snapshot->classes));
		copy(snapshot->replies, page->replies, sizeof(snapshot->replies));
	} while (is_torn(page, sequence) && ++tries < TRIES);
	if (tries == TRIES || is_stale(page))
		memset(snapshot, 0, sizeof(*snapshot));
	else
		snapshot->known = true;
	/* How large a message may be moves with the room; no answer that was given does. */
	for (int i = 0; i < ADMISSION_PAGE_CLASSES; i++)
		snapshot->classes[i].size_max = 0;
}

/* Whoever can shrink it can kill us (SIGBUS); a later layout is not for us. */
static int check_file(int descriptor)
{
	int seals = fcntl(descriptor, F_GET_SEALS);
	struct stat file;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(descriptor, &file) ||
	    file.st_size < ADMISSION_PAGE_BYTES)
		return -EPROTO;
	return 0;
}

static int check_page(const struct admission_page *page)
{
	return page->magic == ADMISSION_PAGE_MAGIC && page->version == ADMISSION_PAGE_VERSION &&
			       page->bytes >= sizeof(*page)
		       ? 0
		       : -EPROTO;
}

/* Two threads may come with the pages of two daemons, the dead one's last. */
static int replace(struct spoolgate *client, void *place)
{
	const struct admission_page *page = place;
	int ret = -EEXIST;

	pthread_mutex_lock(&client->page_lock);
	if (sequence_of(page) > sequence_of(client->page))
		ret = mremap(place, ADMISSION_PAGE_BYTES, ADMISSION_PAGE_BYTES,
			     MREMAP_MAYMOVE | MREMAP_FIXED, (void *)client->page) == MAP_FAILED
			      ? -errno
			      : 0;
	pthread_mutex_unlock(&client->page_lock);
	return ret;
}

int lib_page_take(struct spoolgate *client, int descriptor)
{
	void *place = MAP_FAILED;
	int ret = check_file(descriptor);

	if (!ret)
		place = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ, MAP_SHARED, descriptor, 0);
	if (!ret && place == MAP_FAILED)
		ret = -errno;
	close(descriptor);
	if (ret)
		return ret;
	ret = check_page(place);
	if (!ret)
		ret = replace(client, place);
	if (ret)
		munmap(place, ADMISSION_PAGE_BYTES);
	return ret;
}
