/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as the page that libspoolgate is handed: an answer of a daemon's, or none. And what our
 * own daemon writes is read as it was meant.
 *
 * Parses: user/lib/page.c user/publish/page.c
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/internal.h"
#include "publish/page.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

static void check_reply(const char *reply, bool defers)
{
	size_t length = strnlen(reply, ADMISSION_PAGE_REPLY);

	check(length < ADMISSION_PAGE_REPLY && defers == (length > 0));
	check(!length || (reply[0] == '4' && length >= 4));
	for (size_t i = 0; i < length; i++)
		check(reply[i] >= ' ' && reply[i] <= '~');
}

static void check_read(const struct admission_page *page)
{
	char reply[ADMISSION_PAGE_REPLY + 8];
	struct lib_offer offer;

	for (unsigned int class = 0; class < ADMISSION_PAGE_CLASSES; class ++) {
		memset(reply, 'x', sizeof(reply));
		if (!lib_page_read(page, class, &offer, reply)) {
			check((unsigned int)offer.verdict <= ADMISSION_PAGE_DEFER);
			check(offer.verdict != ADMISSION_PAGE_DELAY ||
			      (offer.delay_s && offer.delay_s <= 86400));
			check_reply(reply, offer.verdict == ADMISSION_PAGE_DEFER);
		}
		check(!memcmp(reply + ADMISSION_PAGE_REPLY, "xxxxxxxx", 8));
	}
}

/* The bytes as a file, sealed as SEALS says. */
static int make_page(const uint8_t *data, size_t size, size_t bytes, int seals)
{
	int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	check(!ftruncate(fd, (off_t)bytes));
	check(!seals || !fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

/* The answers to one who has taken a page, with no daemon to be asked. */
static void check_client(const uint8_t *data, size_t size)
{
	struct spoolgate_admission admission;
	struct lib_snapshot snapshot;
	struct spoolgate *client;
	int ret;

	check(!spoolgate_open(&client, "/proc/self/nobody"));
	ret = lib_page_take(client, make_page(data, size, ADMISSION_PAGE_BYTES, SEALS));
	for (unsigned int class = 0; class < ADMISSION_PAGE_CLASSES; class ++) {
		int told = spoolgate_admission(client, class, -1, &admission);

		check(admission.known == !told &&
		      (unsigned int)admission.verdict <= SPOOLGATE_DEFER);
		check(admission.known || admission.verdict == SPOOLGATE_ACCEPT);
		check(!ret || !admission.known);
		check((admission.verdict == SPOOLGATE_DELAY) == (admission.delay_s > 0));
		check_reply(admission.reply, admission.verdict == SPOOLGATE_DEFER);
	}
	lib_page_snapshot(client->page, &snapshot);
	check(!ret || !snapshot.known);
	spoolgate_close(client);
}

/* No page is one that could be made shorter, or is, or that others could write to. */
static void check_refused(const uint8_t *data, size_t size)
{
	static const int needed[] = { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE };
	struct spoolgate *client;

	check(!spoolgate_open(&client, "/proc/self/nobody"));
	for (int i = 0; i < 3; i++)
		check(lib_page_take(
			client, make_page(data, size, ADMISSION_PAGE_BYTES, SEALS & ~needed[i])));
	check(lib_page_take(client, make_page(data, size, ADMISSION_PAGE_BYTES - 1, SEALS)));
	check(lib_page_take(client, open("/dev/null", O_RDONLY | O_CLOEXEC)));
	spoolgate_close(client);
}

/* Offers that the input chooses, as the configuration allows them. */
static void choose(struct page_offer *offer, char reply[ADMISSION_PAGE_REPLY], const uint8_t *data,
		   size_t size)
{
	size_t length = strlen(strcpy(reply, "452 4.3.1 "));

	for (size_t i = 4; i < size && length < ADMISSION_PAGE_REPLY - 1; i++)
		reply[length++] = (char)(' ' + data[i] % ('~' - ' ' + 1));
	reply[length] = '\0';
	*offer = (struct page_offer){
		.verdict.kind = data[0] % 3,
		.verdict.delay_s = 1 + data[1],
		.size_max = data[2] % 2 ? INT64_MAX : data[2] * MIB,
		.by_address = data[3] % 2,
		.reply = reply,
	};
}

static void check_same(const struct page_offer *told, const struct admission_page *page,
		       unsigned int class)
{
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer read;

	check(!lib_page_read(page, class, &read, reply));
	check((int)read.verdict == (int)told->verdict.kind && read.size_max == told->size_max);
	check(read.by_address == told->by_address);
	check(read.delay_s == (told->verdict.kind == VERDICT_DELAY ? told->verdict.delay_s : 0));
	check(!strcmp(reply, told->verdict.kind == VERDICT_DEFER ? told->reply : ""));
}

static struct page *ours;
static const struct admission_page *seen; /* the same, as others see it */

static void check_round(const uint8_t *data, size_t size)
{
	char replies[CLASSES][ADMISSION_PAGE_REPLY];
	struct page_offer offers[CLASSES];
	uint64_t pulse = lib_page_pulse(seen);

	for (int class = 0; class < CLASSES; class ++)
		choose(&offers[class], replies[class], data + 4 * class, size - 4 * class);
	page_offer(ours, offers);
	page_renew(ours, lib_now());
	check(lib_page_pulse(seen) != pulse);
	for (int class = 0; class < CLASSES; class ++)
		check_same(&offers[class], seen, class);
	pulse = seen->sequence;
	page_offer(ours, offers);
	check(seen->sequence == pulse); /* nothing new, and nothing written */
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct page *other;
	void *place;

	(void)argc;
	(void)argv;
	check(!page_open(&ours, lib_now()));
	place = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ, MAP_SHARED, page_descriptor(ours), 0);
	check(place != MAP_FAILED);
	seen = place;
	check_read(seen); /* it says nothing yet */
	check(!page_open(&other, lib_now()));
	page_close(other);
	page_close(NULL);
	check(page_descriptor(NULL) == -ENODEV);
	return 0;
}

/* A page says when it ends, which no seed can: those that have no end are good for now. */
static void renew(struct admission_page *page)
{
	if (page->valid_until_ns == INT64_MAX)
		page->valid_until_ns = lib_now() + PAGE_VALID_NS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_Alignas(struct admission_page) uint8_t page[ADMISSION_PAGE_BYTES] = { 0 };

	if (size > sizeof(page))
		return 0;
	memcpy(page, data, size);
	renew((struct admission_page *)page);
	check_read((const struct admission_page *)page);
	check_client(page, sizeof(page));
	check_refused(page, sizeof(page));
	if (size >= 16)
		check_round(data, size);
	return 0;
}
