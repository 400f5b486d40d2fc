/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shared admission page. One writer, so no lock: a sequence that is odd while it writes.
 *
 * The seals go on after our own writable mapping and before anyone else has the descriptor:
 * F_SEAL_FUTURE_WRITE (Linux 5.1) leaves that mapping as it is, and refuses write(2), new
 * writable mappings, holes and, with the others, any change of size, to us and to root too.
 */
#include "publish/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admission_page.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8 /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

_Static_assert((int)CLASSES == ADMISSION_PAGE_CLASSES && CLASS_INBOUND == 0 &&
		       CLASS_SUBMISSION == 1 && CLASS_INTERNAL == 2,
	       "the page has our classes in our order");
_Static_assert((int)VERDICT_ACCEPT == ADMISSION_PAGE_ACCEPT &&
		       (int)VERDICT_DELAY == ADMISSION_PAGE_DELAY &&
		       (int)VERDICT_DEFER == ADMISSION_PAGE_DEFER,
	       "the page has our verdicts");
_Static_assert(CONFIG_REPLY == ADMISSION_PAGE_REPLY, "the page has room for a reply");
_Static_assert(sizeof(struct admission_page) <= ADMISSION_PAGE_BYTES, "it is a page");

typedef __u64 __attribute__((may_alias)) word;

struct page {
	int fd; /* read-only */
	struct admission_page *shared;
	struct admission_page told; /* what is in it */
};

/* Other processes read while we write: in whole words, and none left out or merged. */
static void store(void *to, const void *from, size_t bytes)
{
	const word *source = from;
	word *target = to;

	for (size_t i = 0; i < bytes / sizeof(word); i++)
		__atomic_store_n(&target[i], source[i], __ATOMIC_RELAXED);
}

/* No one else's program may be stored in it, where the kernel knows of that. */
static int make_file(void)
{
	static const char name[] = "spoolgate-admission";
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	int error;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, ADMISSION_PAGE_BYTES) || fchmod(fd, 0444)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* The seals would do. But a descriptor that only reads needs no one to believe it. */
static int open_to_read(int fd)
{
	char path[64];
	int reader;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	return reader < 0 ? -errno : reader;
}

/* Maps FD to write, seals it, and opens it again to read. */
static int page_share(struct page *page, int fd)
{
	void *shared = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (shared == MAP_FAILED)
		return -errno;
	page->shared = shared;
	if (fcntl(fd, F_ADD_SEALS, SEALS))
		return -errno;
	page->fd = open_to_read(fd);
	return page->fd < 0 ? page->fd : 0;
}

int page_open(struct page **opened, int64_t now)
{
	struct page *page = calloc(1, sizeof(*page));
	int fd, ret;

	if (!page)
		return -ENOMEM;
	page->fd = -1;
	fd = make_file();
	ret = fd < 0 ? fd : page_share(page, fd);
	if (fd >= 0)
		close(fd);
	if (ret) {
		page_close(page);
		return ret;
	}
	page->told = (struct admission_page){
		.magic = ADMISSION_PAGE_MAGIC,
		.version = ADMISSION_PAGE_VERSION,
		.bytes = sizeof(page->told),
		/* Even, and not that of a page that was in the reader's memory before. */
		.sequence = (__u64)now & ~1ULL,
	};
	memcpy(page->shared, &page->told, sizeof(page->told));
	*opened = page;
	return 0;
}

static void fill(struct admission_page *told, const struct page_offer offers[CLASSES])
{
	for (enum class class = 0; class < CLASSES; class++) {
		const struct page_offer *offer = &offers[class];
		const struct config_verdict *verdict = &offer->verdict;

		told->classes[class] = (struct admission_page_class){
			.verdict = verdict->kind,
			.delay_s = verdict->kind == VERDICT_DELAY ? verdict->delay_s : 0,
			.size_max = offer->size_max,
			.by_address = offer->by_address,
		};
		/* Zeroes to the end, so that equal offers are equal bytes. */
		strncpy(told->replies[class], verdict->kind == VERDICT_DEFER ? offer->reply : "",
			ADMISSION_PAGE_REPLY - 1);
	}
}

void page_offer(struct page *page, const struct page_offer offers[CLASSES])
{
	struct admission_page told;

	if (!page)
		return;
	told = page->told;
	fill(&told, offers);
	if (!memcmp(&told, &page->told, sizeof(told)))
		return;
	/* Odd before any of it, even after all of it. */
	__atomic_store_n(&page->shared->sequence, told.sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	store(page->shared->classes, told.classes, sizeof(told.classes));
	store(page->shared->replies, told.replies, sizeof(told.replies));
	told.sequence += 2;
	__atomic_store_n(&page->shared->sequence, told.sequence, __ATOMIC_RELEASE);
	page->told = told;
}

void page_renew(struct page *page, int64_t now)
{
	if (page)
		__atomic_store_n(&page->shared->valid_until_ns, now + PAGE_VALID_NS,
				 __ATOMIC_RELEASE);
}

int page_descriptor(const struct page *page)
{
	return page ? page->fd : -ENODEV;
}

void page_close(struct page *page)
{
	if (!page)
		return;
	if (page->shared) {
		__atomic_store_n(&page->shared->valid_until_ns, 0, __ATOMIC_RELEASE);
		munmap(page->shared, ADMISSION_PAGE_BYTES);
	}
	if (page->fd >= 0)
		close(page->fd);
	free(page);
}
