/* SPDX-License-Identifier: GPL-2.0-only */
/* The admission page: the daemon's side writes it, the library's side reads it, nobody else does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "lib/internal.h"
#include "publish/page.h"

#define ROUNDS	 200000
#define REPLY(c) "4" c c " " c "." c "." c " " c c c c c c c c c c c c c c c c c c c c c c c c c c c

struct fixture {
	struct page *page;
	struct spoolgate *client;
};

static const struct page_offer defers[CLASSES] = {
	{ { VERDICT_DEFER, 0 }, 100, true, REPLY("5") },
	{ { VERDICT_DELAY, 7 }, 200, false, REPLY("5") },
	{ { VERDICT_ACCEPT, 0 }, INT64_MAX, false, REPLY("5") },
};
static const struct page_offer others[CLASSES] = {
	{ { VERDICT_DEFER, 0 }, 300, false, REPLY("9") },
	{ { VERDICT_ACCEPT, 0 }, 400, true, REPLY("9") },
	{ { VERDICT_DEFER, 0 }, 0, false, REPLY("9") },
};

static const struct page_offer opens[CLASSES] = {
	{ { VERDICT_ACCEPT, 0 }, 500, false, REPLY("9") },
};

static int setup(void **state)
{
	static struct fixture fixture;

	assert_int_equal(page_open(&fixture.page, monotonic_ns()), 0);
	assert_int_equal(spoolgate_open(&fixture.client, "/nonexistent/socket"), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	page_close(fixture->page);
	spoolgate_close(fixture->client);
	return 0;
}

static int take(struct spoolgate *client, int descriptor)
{
	return lib_page_take(client, dup(descriptor));
}

static void take_fresh(struct fixture *fixture)
{
	page_renew(fixture->page, monotonic_ns());
	assert_int_equal(take(fixture->client, page_descriptor(fixture->page)), 0);
}

static int read_class(struct fixture *fixture, enum class class, struct lib_offer *offer,
		      char reply[ADMISSION_PAGE_REPLY])
{
	return lib_page_read(fixture->client->page, class, offer, reply);
}

static void test_round_trip(void **state)
{
	struct fixture *fixture = *state;
	char reply[ADMISSION_PAGE_REPLY] = "what was";
	struct lib_offer offer;

	page_offer(fixture->page, defers);
	take_fresh(fixture);
	assert_int_equal(read_class(fixture, CLASS_SUBMISSION, &offer, reply), 0);
	assert_int_equal(offer.verdict, ADMISSION_PAGE_DELAY);
	assert_int_equal(offer.delay_s, 7);
	assert_true(offer.size_max == 200 && !offer.by_address);
	assert_string_equal(reply, "");
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	assert_int_equal(offer.verdict, ADMISSION_PAGE_DEFER);
	assert_true(offer.size_max == 100 && offer.by_address);
	assert_string_equal(reply, defers[0].reply);
	/* And then the same page says something else. */
	page_offer(fixture->page, others);
	assert_int_equal(read_class(fixture, CLASS_INTERNAL, &offer, reply), 0);
	assert_int_equal(offer.verdict, ADMISSION_PAGE_DEFER);
	assert_string_equal(reply, others[2].reply);
}

static void test_longest_reply(void **state)
{
	struct fixture *fixture = *state;
	char longest[CONFIG_REPLY + 1] = "452 ", reply[ADMISSION_PAGE_REPLY];
	struct page_offer offers[CLASSES];
	struct lib_offer offer;

	memcpy(offers, defers, sizeof(offers));
	memset(longest + 4, '4', CONFIG_REPLY - 5);
	longest[CONFIG_REPLY - 1] = '\0';
	offers[0].reply = longest;
	page_offer(fixture->page, offers);
	take_fresh(fixture);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	assert_string_equal(reply, longest);
}

/* It is read by words as far as its NUL, which may be anywhere in one. */
static void test_replies_of_all_lengths(void **state)
{
	struct fixture *fixture = *state;
	char text[ADMISSION_PAGE_REPLY] = "452 ", reply[ADMISSION_PAGE_REPLY + 1];
	struct page_offer offers[CLASSES];
	struct lib_offer offer;

	take_fresh(fixture);
	memcpy(offers, defers, sizeof(offers));
	for (size_t length = 4; length < sizeof(text); length++) {
		/* The first and the last that are allowed, and what a hasty look takes for more. */
		for (size_t i = 4; i < length; i++)
			text[i] = " ~!}@"[i % 5];
		text[length] = '\0';
		offers[0].reply = text;
		page_offer(fixture->page, offers);
		memset(reply, 'x', sizeof(reply));
		/* The user's is at an odd address, as here. */
		assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply + 1), 0);
		assert_string_equal(reply + 1, text);
		assert_int_equal(reply[0], 'x');
	}
}

static void test_same_again_writes_nothing(void **state)
{
	struct fixture *fixture = *state;
	__u64 sequence;

	page_offer(fixture->page, defers);
	take_fresh(fixture);
	sequence = fixture->client->page->sequence;
	page_offer(fixture->page, defers);
	assert_true(fixture->client->page->sequence == sequence);
	page_offer(fixture->page, others);
	assert_true(fixture->client->page->sequence == sequence + 2);
}

static void test_valid_until(void **state)
{
	struct fixture *fixture = *state;
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;

	page_offer(fixture->page, defers);
	/* Not renewed yet: it says nothing. */
	assert_int_equal(take(fixture->client, page_descriptor(fixture->page)), 0);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	page_renew(fixture->page, monotonic_ns());
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	page_renew(fixture->page, monotonic_ns() - PAGE_VALID_NS - NS_PER_S);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	page_renew(fixture->page, monotonic_ns());
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	/* A daemon that ends says so. */
	page_close(fixture->page);
	fixture->page = NULL;
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
}

static void test_no_page_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;

	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	page_offer(NULL, defers);
	page_renew(NULL, 1);
	page_close(NULL);
	assert_int_equal(page_descriptor(NULL), -ENODEV);
}

struct writer {
	struct page *page;
	bool stop; /* atomic */
};

static void *write_all_the_time(void *context)
{
	struct writer *writer = context;

	while (!__atomic_load_n(&writer->stop, __ATOMIC_RELAXED)) {
		page_offer(writer->page, defers);
		page_offer(writer->page, opens);
		page_offer(writer->page, others);
	}
	return NULL;
}

static bool is_whole(const struct lib_offer *offer, const char *reply)
{
	if (offer->verdict != ADMISSION_PAGE_DEFER)
		return offer->size_max == 500 && !offer->by_address && !*reply;
	if (offer->size_max == 100)
		return offer->by_address && !strcmp(reply, defers[0].reply);
	return offer->size_max == 300 && !offer->by_address && !strcmp(reply, others[0].reply);
}

/* Whatever the writer does meanwhile, what is read is one offer or the other. */
static void test_no_torn_reads(void **state)
{
	struct fixture *fixture = *state;
	struct writer writer = { .page = fixture->page };
	int64_t end_ns = monotonic_ns() + 30 * NS_PER_S;
	unsigned int whole[2] = { 0 }, torn = 0, missed = 0;
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;
	pthread_t thread;

	page_offer(fixture->page, defers);
	take_fresh(fixture);
	assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, &writer), 0);
	/* On a busy host the two may take turns: until both offers were met. */
	for (int i = 0; i < ROUNDS || ((!whole[0] || !whole[1]) && monotonic_ns() < end_ns); i++) {
		if (read_class(fixture, CLASS_INBOUND, &offer, reply))
			missed++; /* the writer was put to sleep in the middle */
		else if (is_whole(&offer, reply))
			whole[offer.size_max == 100]++;
		else
			torn++;
		if (i % 4096 == 0)
			page_renew(fixture->page, monotonic_ns());
	}
	__atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("%u and %u whole, %u torn, %u missed\n", whole[0], whole[1], torn, missed);
	assert_int_equal(torn, 0);
	assert_true(whole[0] && whole[1]);
}

/* Files that are like pages, and are none. */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)

static const struct admission_page good = {
	.magic = ADMISSION_PAGE_MAGIC,
	.version = ADMISSION_PAGE_VERSION,
	.bytes = sizeof(good),
	.sequence = 2,
};

/* *WRITER, if it is wanted, is a mapping from before the seals. */
static int make_file(size_t bytes, int seals, const struct admission_page *contents,
		     struct admission_page **writer)
{
	int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, bytes), 0);
	if (contents)
		assert_int_equal(pwrite(fd, contents, sizeof(*contents), 0), sizeof(*contents));
	if (writer)
		*writer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int take_file(struct fixture *fixture, size_t bytes, int seals,
		     const struct admission_page *contents)
{
	/* The client closes it. */
	return lib_page_take(fixture->client, make_file(bytes, seals, contents, NULL));
}

static void test_what_is_no_page_is_not_taken(void **state)
{
	static const int unsealed[] = {
		0,
		F_SEAL_GROW | F_SEAL_FUTURE_WRITE, /* who can shrink it can kill us */
		F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
		F_SEAL_SHRINK | F_SEAL_GROW,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL,
	};
	struct fixture *fixture = *state;
	const struct admission_page *mine = fixture->client->page;
	const size_t bytes = ADMISSION_PAGE_BYTES;
	struct admission_page bad = good;
	int ends[2];

	for (size_t i = 0; i < sizeof(unsealed) / sizeof(unsealed[0]); i++)
		assert_int_equal(take_file(fixture, bytes, unsealed[i], &good), -EPROTO);
	assert_int_equal(take_file(fixture, 100, SEALS, NULL), -EPROTO);
	assert_int_equal(take_file(fixture, bytes - 1, SEALS, &good), -EPROTO);
	assert_int_equal(take_file(fixture, 2 * bytes, SEALS, &good), -EPROTO);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(lib_page_take(fixture->client, ends[0]), -EPROTO);
	close(ends[1]);
	bad.magic++;
	assert_int_equal(take_file(fixture, bytes, SEALS, &bad), -EPROTO);
	bad = good;
	bad.version++;
	assert_int_equal(take_file(fixture, bytes, SEALS, &bad), -EPROTO);
	bad = good;
	bad.bytes--;
	assert_int_equal(take_file(fixture, bytes, SEALS, &bad), -EPROTO);
	bad.bytes = ADMISSION_PAGE_BYTES + 1;
	assert_int_equal(take_file(fixture, bytes, SEALS, &bad), -EPROTO);
	assert_true(mine->magic == 0);
	/* A later one that has more behind it is one; so is one that nobody writes any more. */
	bad.bytes = sizeof(bad) + 8;
	assert_int_equal(take_file(fixture, bytes, SEALS, &bad), 0);
	assert_true(mine->magic == ADMISSION_PAGE_MAGIC);
	bad.sequence += 2;
	assert_int_equal(
		take_file(fixture, bytes, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, &bad), 0);
}

/* What no daemon says is not believed, though it be in a page like a daemon's; accept is said. */
static void expect_nothing(struct fixture *fixture, struct admission_page *writer)
{
	char reply[ADMISSION_PAGE_REPLY];
	struct spoolgate_admission admission;
	struct lib_offer offer;

	writer->sequence += 2;
	assert_int_equal(lib_page_read(fixture->client->page, CLASS_INBOUND, &offer, reply),
			 -EPROTO);
	assert_int_not_equal(
		spoolgate_admission(fixture->client, SPOOLGATE_INBOUND, -1, &admission), 0);
	assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
	assert_int_equal(admission.delay_s, 0);
	assert_string_equal(admission.reply, "");
	assert_false(admission.known);
}

static void expect_no_reply(struct fixture *fixture, struct admission_page *writer,
			    const char *text)
{
	strncpy(writer->replies[0], text, sizeof(writer->replies[0]));
	expect_nothing(fixture, writer);
}

static struct admission_page *take_writable(struct fixture *fixture)
{
	struct admission_page page = good, *writer;
	int fd;

	page.valid_until_ns = monotonic_ns() + 60 * NS_PER_S;
	fd = make_file(ADMISSION_PAGE_BYTES, SEALS, &page, &writer);
	assert_int_equal(lib_page_take(fixture->client, fd), 0);
	return writer;
}

static void test_wrong_verdicts(void **state)
{
	struct fixture *fixture = *state;
	struct admission_page *writer = take_writable(fixture);
	struct admission_page_class *class = &writer->classes[0];
	struct spoolgate_admission admission;

	*class = (struct admission_page_class){ .verdict = 77, .size_max = INT64_MAX };
	expect_nothing(fixture, writer);
	class->verdict = UINT32_MAX;
	expect_nothing(fixture, writer);
	class->verdict = ADMISSION_PAGE_ACCEPT;
	class->delay_s = 1;
	expect_nothing(fixture, writer);
	class->verdict = ADMISSION_PAGE_DELAY;
	class->delay_s = 0;
	expect_nothing(fixture, writer);
	class->delay_s = 86401;
	expect_nothing(fixture, writer);
	class->delay_s = 4000000000;
	expect_nothing(fixture, writer);
	class->delay_s = 86400;
	assert_int_equal(spoolgate_admission(fixture->client, SPOOLGATE_INBOUND, -1, &admission),
			 0);
	assert_int_equal(admission.delay_s, 86400);
	munmap(writer, ADMISSION_PAGE_BYTES);
}

static void test_wrong_replies(void **state)
{
	static const char *const texts[] = {
		"",
		"4",
		"45",
		"452",
		"452x",
		"250 2.0.0 OK",
		"550 5.0.0 No",
		"4x2 4.3.1 x",
		"45x 4.3.1 x",
		"452-4.3.1 x",
		" 452 4.3.1 x",
		"421 x\r\n354 go",
		"452 4.3.1 \303\244",
	};
	struct fixture *fixture = *state;
	struct admission_page *writer = take_writable(fixture);
	char text[ADMISSION_PAGE_REPLY];
	struct spoolgate_admission admission;

	writer->classes[0] = (struct admission_page_class){ .verdict = ADMISSION_PAGE_DEFER };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_no_reply(fixture, writer, texts[i]);
	/* One that has no end. */
	memset(writer->replies[0], 'x', sizeof(writer->replies[0]));
	memcpy(writer->replies[0], "452 ", 4);
	expect_nothing(fixture, writer);
	/* A wrong byte wherever it is, before whatever there is. */
	for (size_t i = 0; i < 80; i++) {
		static const char bytes[] = "\x01\x0a\x0d\x1f\x7f\x80\xff";

		snprintf(text, sizeof(text), "452 %076d", 0);
		text[i] = bytes[i % (sizeof(bytes) - 1)];
		expect_no_reply(fixture, writer, text);
	}
	text[79] = '\0';
	memcpy(text, "452 ", 4);
	memset(text + 4, '~', 75);
	strncpy(writer->replies[0], text, sizeof(writer->replies[0]));
	assert_int_equal(spoolgate_admission(fixture->client, SPOOLGATE_INBOUND, -1, &admission),
			 0);
	assert_string_equal(admission.reply, text);
	munmap(writer, ADMISSION_PAGE_BYTES);
}

/* What is said to be good for ever outlives its daemon. */
static void test_valid_for_ever_is_not_believed(void **state)
{
	struct fixture *fixture = *state;
	struct admission_page *writer = take_writable(fixture);
	struct lib_snapshot snapshot;
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;

	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	writer->valid_until_ns = INT64_MAX;
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	writer->valid_until_ns = INT64_MIN;
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	writer->valid_until_ns = monotonic_ns() + 7200 * NS_PER_S;
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), -ESTALE);
	lib_page_snapshot(fixture->client->page, &snapshot);
	assert_false(snapshot.known);
	munmap(writer, ADMISSION_PAGE_BYTES);
}

/* Nor does it keep the place from a daemon's, whatever its sequence. */
static void test_bad_page_makes_way(void **state)
{
	struct fixture *fixture = *state;
	struct admission_page *writer = take_writable(fixture);
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;

	writer->sequence = UINT64_MAX - 1;
	page_offer(fixture->page, defers);
	page_renew(fixture->page, monotonic_ns());
	assert_int_equal(take(fixture->client, page_descriptor(fixture->page)), -EEXIST);
	writer->classes[1].verdict = 3;
	assert_int_equal(take(fixture->client, page_descriptor(fixture->page)), 0);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	assert_string_equal(reply, defers[0].reply);
	munmap(writer, ADMISSION_PAGE_BYTES);
}

/* The writer was killed in the middle: readers neither wait for ever nor believe it. */
static void test_half_written_is_not_believed(void **state)
{
	struct fixture *fixture = *state;
	struct admission_page page = good;
	struct spoolgate_admission admission;
	struct lib_snapshot snapshot;

	page.sequence = 3;
	page.valid_until_ns = monotonic_ns() + 60 * NS_PER_S;
	assert_int_equal(take_file(fixture, ADMISSION_PAGE_BYTES, SEALS, &page), 0);
	assert_int_equal(spoolgate_admission(fixture->client, SPOOLGATE_INBOUND, -1, &admission),
			 -ENOENT);
	assert_int_equal(admission.verdict, SPOOLGATE_ACCEPT);
	assert_false(admission.known);
	lib_page_snapshot(fixture->client->page, &snapshot);
	assert_false(snapshot.known);
}

/* After a restart the younger page counts, whichever comes first. */
static void test_younger_page_wins(void **state)
{
	struct fixture *fixture = *state;
	char reply[ADMISSION_PAGE_REPLY];
	struct lib_offer offer;
	struct page *younger;

	page_offer(fixture->page, defers);
	take_fresh(fixture);
	assert_int_equal(page_open(&younger, monotonic_ns()), 0);
	page_offer(younger, others);
	page_renew(younger, monotonic_ns());
	assert_int_equal(take(fixture->client, page_descriptor(younger)), 0);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	assert_string_equal(reply, others[0].reply);
	assert_int_equal(take(fixture->client, page_descriptor(fixture->page)), -EEXIST);
	assert_int_equal(read_class(fixture, CLASS_INBOUND, &offer, reply), 0);
	assert_string_equal(reply, others[0].reply);
	page_close(younger);
}

/* Root as we may be: not even the descriptor opened anew to write gives a way in. */
static void test_sealed(void **state)
{
	struct fixture *fixture = *state;
	int fd = page_descriptor(fixture->page), again;
	char path[64];
	void *place;

	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0) {
		assert_int_equal(errno, EACCES); /* not ours to write: mode 0444 */
		puts("needs root");
		skip();
	}
	assert_int_equal(pwrite(again, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(again, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(again, 1 << 20), -1);
	assert_int_equal(fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(again, F_ADD_SEALS, F_SEAL_WRITE), -1);
	place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
	assert_true(place == MAP_FAILED);
	assert_int_equal(errno, EPERM);
	place = mmap(NULL, 4096, PROT_READ, MAP_SHARED, again, 0);
	assert_true(place != MAP_FAILED);
	assert_int_equal(mprotect(place, 4096, PROT_READ | PROT_WRITE), -1);
	munmap(place, 4096);
	close(again);
	/* And the daemon goes on writing. */
	page_offer(fixture->page, defers);
	take_fresh(fixture);
	assert_true(fixture->client->page->classes[0].size_max == 100);
}

#define page_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(test_round_trip),
		page_test(test_longest_reply),
		page_test(test_replies_of_all_lengths),
		page_test(test_same_again_writes_nothing),
		page_test(test_valid_until),
		page_test(test_no_page_says_nothing),
		page_test(test_no_torn_reads),
		page_test(test_what_is_no_page_is_not_taken),
		page_test(test_wrong_verdicts),
		page_test(test_wrong_replies),
		page_test(test_valid_for_ever_is_not_believed),
		page_test(test_bad_page_makes_way),
		page_test(test_half_written_is_not_believed),
		page_test(test_younger_page_wins),
		page_test(test_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
