/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as what the daemon says to libspoolgate, in pieces, with descriptors and without: what
 * it understands is one of the daemon's answers, it waits no longer than it may, and keeps nothing.
 *
 * Parses: user/lib/stream.c user/lib/ask.c user/lib/changes.c
 */
#include <errno.h>

#include "lib/internal.h"
#include "publish/page.h"
#include "teller.h"

#define SLACK_NS (20 * LIB_SECOND_NS) /* hosts that test stand still for seconds at times */

static void check_admission(const struct spoolgate_admission *admission, int ret)
{
	size_t length = strnlen(admission->reply, sizeof(admission->reply));

	check(length < sizeof(admission->reply) && admission->known == !ret);
	check((unsigned int)admission->verdict <= SPOOLGATE_DEFER);
	check(!ret || admission->verdict == SPOOLGATE_ACCEPT);
	check((admission->verdict == SPOOLGATE_DEFER) == (length > 0));
	check((admission->verdict == SPOOLGATE_DELAY) == (admission->delay_s > 0));
	check(admission->delay_s <= 86400);
	check(!admission->promised || (admission->known && admission->verdict != SPOOLGATE_DEFER));
	for (size_t i = 0; i < length; i++)
		check((unsigned char)admission->reply[i] >= ' ' && admission->reply[i] != 0x7f);
}

/* The answer to the second of two questions, or NULL where there are no two lines. */
static const char *second_line(char *heard, size_t length, bool *nothing_more)
{
	char *end = memchr(heard, '\n', length), *line = end ? end + 1 : NULL;

	end = line ? memchr(line, '\n', length - (size_t)(line - heard)) : NULL;
	if (!end || memchr(line, '\0', (size_t)(end - line)))
		return NULL;
	*end = '\0';
	*nothing_more = end + 1 == heard + length;
	return line;
}

static void check_ask(struct spoolgate *client, char *heard, size_t length)
{
	struct spoolgate_admission admission, expected;
	bool nothing_more;
	int64_t begin = lib_now();
	int ret = spoolgate_admission_from(client, SPOOLGATE_INBOUND, INT64_MAX, "192.0.2.1",
					   &admission);
	const char *line;

	check(lib_now() - begin < LIB_PATIENCE_NS + SLACK_NS);
	check_admission(&admission, ret);
	line = second_line(heard, length, &nothing_more);
	if (!ret) {
		check(line && !lib_answer_parse(line, &expected));
		check(expected.verdict == admission.verdict &&
		      expected.delay_s == admission.delay_s);
		check(!strcmp(expected.reply, admission.reply));
	} else if (line && nothing_more && length < 1000) {
		check(ret == -ETIMEDOUT || lib_answer_parse(line, &expected));
	}
}

/* What comes to one who waits for changes only rings. */
static void check_changes(struct spoolgate *client)
{
	struct pollfd ready = { .fd = spoolgate_fd(client), .events = POLLIN };
	struct spoolgate_admission admission;
	int ret;

	check(ready.fd >= 0);
	(void)poll(&ready, 1, 100);
	ret = spoolgate_changed(client);
	check(ret == 0 || ret == 1);
	ret = spoolgate_admission(client, SPOOLGATE_SUBMISSION, -1, &admission);
	check_admission(&admission, ret);
	check(spoolgate_ended(client, SPOOLGATE_SUBMISSION, 1000, NULL) <= 0);
	check(spoolgate_fd(client) == ready.fd);
}

static struct page *page;

static void offer_page(void)
{
	static const struct page_offer offers[CLASSES] = {
		[CLASS_INBOUND] = { { VERDICT_DEFER, 0 }, 0, false, "452 4.3.1 Full" },
		[CLASS_SUBMISSION] = { { VERDICT_DELAY, 5 }, INT64_MAX, false, "" },
		[CLASS_INTERNAL] = { { VERDICT_ACCEPT, 0 }, INT64_MAX, false, "" },
	};

	check(!page_open(&page, lib_now()));
	page_offer(page, offers);
	page_renew(page, lib_now());
}

/* Neither connecting nor sending waits for one who does not take what there is. */
static void check_deadlines(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static const char much[512 * 1024];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fds[3];
	int64_t begin = lib_now();
	char byte;

	strcpy(address.sun_path, teller.path);
	strcat(address.sun_path, "x");
	check(lib_connect(&address, 0) == -ENOENT);
	check(!bind(listener, (struct sockaddr *)&address, sizeof(address)) &&
	      !listen(listener, 0));
	fds[0] = lib_connect(&address, 0);
	check(fds[0] >= 0);
	check(lib_connect(&address, lib_now() + LIB_SECOND_NS / 20) == -ETIMEDOUT);
	check(lib_send(fds[0], much, sizeof(much), lib_now() + LIB_SECOND_NS / 20) == -ETIMEDOUT);
	check(lib_receive(fds[0], &byte, 1, &fds[1], lib_now() + LIB_SECOND_NS / 20) == -ETIMEDOUT);
	close(listener);
	check(lib_send(fds[0], much, 1, 0) == -EPIPE);
	close(fds[0]);
	unlink(address.sun_path);
	check(lib_now() - begin < SLACK_NS);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	offer_page();
	teller_begin(page_descriptor(page));
	check_deadlines();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char heard[TELLER_MOST + 1];
	unsigned int before = open_descriptors();
	struct spoolgate *client;
	size_t length;

	if (size > TELLER_MOST)
		return 0;
	length = teller_set(data, size, heard);
	page_renew(page, lib_now());
	check(!spoolgate_open(&client, teller.path));
	check_ask(client, heard, length);
	check_changes(client);
	spoolgate_close(client);
	check(open_descriptors() == before);
	return 0;
}
