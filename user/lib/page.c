/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The admission page, seen from the reader's side. It is mapped at one address for the client's
 * life, and a younger page is moved over the older: readers need no lock and no count of who
 * still reads, since to them it is one more torn read (sequences of two pages differ).
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/internal.h"

#define LONGEST_NS (3600 * LIB_SECOND_NS)

#define TRIES 1000 /* a writer needs 1 µs; one that was stopped while writing is not waited for */

typedef __u64 __attribute__((may_alias)) word;

#define BYTES(byte) (0x0101010101010101U * (byte))

static __u64 sequence_of(const struct admission_page *page)
{
	return __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
}

static bool is_torn(const struct admission_page *page, __u64 sequence)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return sequence & 1 || __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != sequence;
}

/*
 * A daemon says 15 s. Far more is none's, or that of another clock (time_namespaces(7)). As one
 * comparison, of what may be any number.
 */
static bool is_stale(const struct admission_page *page)
{
	__s64 until_ns = __atomic_load_n(&page->valid_until_ns, __ATOMIC_RELAXED);

	return (__u64)until_ns - (__u64)lib_now_coarse() - 1 >= LONGEST_NS;
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

/*
 * Whether a byte of PART is not printable, its NUL for example: one of the three sets the top bit
 * of the first that is not, since from the printable ones before it none borrows or carries.
 */
static bool has_unprintable(word part)
{
	return (part | (part - BYTES(' ')) | (part + BYTES(0x7f - '~'))) & BYTES(0x80);
}

/* The last of a text: printable as far as its first NUL, which must be there. */
static bool ends_well(word part)
{
	word nul, before;

	part = le64toh(part);
	nul = (part - BYTES(1)) & ~part & BYTES(0x80); /* the lowest bit is the first one's */
	before = ((nul & -nul) >> 7) - 1;
	return nul && !has_unprintable((part & before) | (BYTES(' ') & ~before));
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/*
 * By words: most are some 40 bytes long, and this is on the way of every message refused. What is
 * judged is what was copied: who writes to the page may be doing so now.
 */
static inline bool take_reply(char *to, const char *from)
{
	const word *source = (const word *)from;
	size_t i = 0;
	word part;

	do {
		part = __atomic_load_n(&source[i], __ATOMIC_RELAXED);
		memcpy(to + i * sizeof(word), &part, sizeof(part));
	} while (!has_unprintable(part) && ++i < ADMISSION_PAGE_REPLY / sizeof(word));
	if (ends_well(part) && to[0] == '4' && is_digit(to[1]) && is_digit(to[2]) && to[3] == ' ')
		return true;
	to[0] = '\0';
	return false;
}

bool lib_reply_take(char *to, const char *from)
{
	return take_reply(to, from);
}

/*
 * Returns whether it is an answer of a daemon's: the page is only as good as who writes to it, so
 * what it says is held to what the socket's answers are.
 */
static bool read_class(const struct admission_page *page, unsigned int class,
		       struct lib_offer *offer, char *reply)
{
	const struct admission_page_class *from = &page->classes[class];

	offer->verdict = __atomic_load_n(&from->verdict, __ATOMIC_RELAXED);
	offer->delay_s = __atomic_load_n(&from->delay_s, __ATOMIC_RELAXED);
	offer->size_max = __atomic_load_n(&from->size_max, __ATOMIC_RELAXED);
	offer->by_address = __atomic_load_n(&from->by_address, __ATOMIC_RELAXED);
	reply[0] = '\0'; /* a torn read may have filled it */
	if (offer->verdict == ADMISSION_PAGE_DEFER)
		return !offer->delay_s && take_reply(reply, page->replies[class]);
	if (offer->verdict == ADMISSION_PAGE_DELAY)
		return lib_delay_is_valid(offer->delay_s);
	return offer->verdict == ADMISSION_PAGE_ACCEPT && !offer->delay_s;
}

int lib_page_read(const struct admission_page *page, unsigned int class, struct lib_offer *offer,
		  char *reply)
{
	for (int i = 0; i < TRIES; i++) {
		__u64 sequence = sequence_of(page);
		bool valid;

		if (sequence & 1)
			continue;
		valid = read_class(page, class, offer, reply);
		if (is_torn(page, sequence))
			continue;
		if (is_stale(page))
			return -ESTALE;
		return valid ? 0 : -EPROTO;
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

/*
 * Whoever can shrink it can kill us (SIGBUS), and who else writes to it is no daemon: the seals
 * leave that only to whoever had mapped it before.
 */
static int check_file(int descriptor)
{
	int seals = fcntl(descriptor, F_GET_SEALS);
	struct stat file;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_GROW) ||
	    !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) || fstat(descriptor, &file) ||
	    file.st_size != ADMISSION_PAGE_BYTES)
		return -EPROTO;
	return 0;
}

/* Another layout is not for us; the same may have more behind it. */
static int check_page(const struct admission_page *page)
{
	__u32 bytes = page->bytes;

	return page->magic == ADMISSION_PAGE_MAGIC && page->version == ADMISSION_PAGE_VERSION &&
			       bytes >= sizeof(*page) && bytes <= ADMISSION_PAGE_BYTES
		       ? 0
		       : -EPROTO;
}

static bool says_anything(const struct admission_page *page)
{
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;

	for (unsigned int class = 0; class < ADMISSION_PAGE_CLASSES; class ++)
		if (lib_page_read(page, class, &offer, reply))
			return false;
	return true;
}

/*
 * Two threads may come with the pages of two daemons, the dead one's last. Where there is nothing
 * good to lose any page will do: the sequence of a bad one may be the greatest for ever.
 */
static int replace(struct spoolgate *client, void *place)
{
	const struct admission_page *page = place;
	int ret = -EEXIST;

	pthread_mutex_lock(&client->shared->page_lock);
	if (sequence_of(page) > sequence_of(client->page) || !says_anything(client->page))
		ret = mremap(place, ADMISSION_PAGE_BYTES, ADMISSION_PAGE_BYTES,
			     MREMAP_MAYMOVE | MREMAP_FIXED, (void *)client->page) == MAP_FAILED
			      ? -errno
			      : 0;
	pthread_mutex_unlock(&client->shared->page_lock);
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
