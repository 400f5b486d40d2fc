/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state socket hands out the page: the descriptor comes with its own "ok", whatever is asked
 * before and after, and however slowly the client reads.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "admission_page.h"
#include "state_server.h"

/* The next bytes, of which at most SIZE, and the descriptors that came with them. */
static ssize_t take(int fd, char *bytes, size_t size, int *descriptor)
{
	char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec part = { bytes, size };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*descriptor = -1;
	if (got <= 0 || !header)
		return got;
	assert_int_equal(header->cmsg_type, SCM_RIGHTS);
	assert_int_equal(header->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(descriptor, CMSG_DATA(header), sizeof(int));
	return got;
}

static void check_page(int descriptor)
{
	const struct admission_page *page;

	assert_true(descriptor >= 0);
	page = mmap(NULL, ADMISSION_PAGE_BYTES, PROT_READ, MAP_SHARED, descriptor, 0);
	assert_true(page != MAP_FAILED);
	assert_true(page->magic == ADMISSION_PAGE_MAGIC);
	assert_int_equal(page->version, ADMISSION_PAGE_VERSION);
	munmap((void *)page, ADMISSION_PAGE_BYTES);
	close(descriptor);
}

/* A line, byte by byte; returns the descriptor that came with its first byte, and no other may. */
static int hear_page(int fd, char *line, size_t size)
{
	int first = -1;
	size_t used = 0;

	for (;;) {
		int descriptor;

		assert_true(used + 1 < size);
		assert_int_equal(take(fd, line + used, 1, &descriptor), 1);
		if (!used)
			first = descriptor;
		else
			assert_int_equal(descriptor, -1);
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	return first;
}

static void expect_page(int fd)
{
	char line[64];
	int descriptor = hear_page(fd, line, sizeof(line));

	assert_string_equal(line, "ok");
	check_page(descriptor);
}

static void expect_line(int fd, const char *begin)
{
	char line[128 * 1024];

	assert_int_equal(hear_page(fd, line, sizeof(line)), -1);
	if (strncmp(line, begin, strlen(begin)))
		fail_msg("\"%.60s\" where \"%s\" should be", line, begin);
}

static void test_alone(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	fd = dial(server);
	say(fd, "page\n");
	expect_page(fd);
	say(fd, "page");
	shutdown(fd, SHUT_WR);
	expect_page(fd);
	assert_string_equal(hear(fd), "<end>");
	close(fd);
	server_stop(server);
}

static void test_pipelined(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	fd = dial(server);
	say(fd, "ping\nadmission\npage\nstatus\npage\npage\nping\nhelo\npage\nping\n");
	expect_line(fd, "pong");
	expect_line(fd, "accept inbound");
	expect_page(fd);
	expect_line(fd, "{");
	expect_page(fd);
	expect_page(fd);
	expect_line(fd, "pong");
	expect_line(fd, "error unknown");
	expect_page(fd);
	expect_line(fd, "pong");
	ping_ns(fd);
	close(fd);
	server_stop(server);
}

/* What is before it does not fit into the socket: all of that first, then the page. */
static void test_behind_a_queue(void **state)
{
	struct server *server = *state;
	int fd, other;

	server->setup.status_bytes = 60000;
	server_start(server);
	fd = dial(server);
	other = dial(server);
	for (int i = 0; i < 8; i++)
		say(fd, "status\nstatus\npage\nping\n");
	shutdown(fd, SHUT_WR);
	sleep_ms(100);
	ping_ns(other);
	for (int i = 0; i < 8; i++) {
		expect_line(fd, "{");
		expect_line(fd, "{");
		expect_page(fd);
		expect_line(fd, "pong");
	}
	assert_string_equal(hear(fd), "<end>");
	close(fd);
	close(other);
	server_stop(server);
}

/* Each pong was asked for by itself and goes out by itself: the kernel has room for some 300. */
#define PONGS 600

static int fill(struct server *server)
{
	int fd = dial(server);

	wait_clients(server, 1);
	for (int i = 0; i < PONGS; i++) {
		struct state_counters before = server_counters(server), after;

		say(fd, "ping\n");
		do
			after = server_counters(server);
		while (after.requests == before.requests && after.clients);
		assert_int_equal(after.clients,
				 before.clients); /* dropped already: too slow for this */
	}
	return fd;
}

static void test_behind_many_small_ones(void **state)
{
	struct server *server = *state;
	int fd, other;

	server_start(server);
	fd = fill(server);
	other = dial(server);
	say(fd, "page\nping\n");
	sleep_ms(50);
	ping_ns(other);
	for (int i = 0; i < PONGS; i++)
		expect_line(fd, "pong");
	expect_page(fd);
	expect_line(fd, "pong");
	close(fd);
	close(other);
	server_stop(server);
}

static void test_never_read_is_dropped(void **state)
{
	struct server *server = *state;
	int fd;

	server->setup.times.unsent_ns =
		3 * NS_PER_S; /* from when the kernel takes no more: while we fill */
	server_start(server);
	fd = fill(server);
	say(fd, "page\nping\n");
	wait_clients(server, 0);
	close(fd);
	server_stop(server);
}

static void test_gone_while_waiting(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	fd = fill(server);
	say(fd, "page\nping\n");
	sleep_ms(20);
	close(fd);
	wait_clients(server, 0);
	server_stop(server);
}

static void test_limit(void **state)
{
	struct server *server = *state;
	int fd;

	server_start(server);
	fd = dial(server);
	for (int i = 0; i < STATE_PAGES; i++) {
		say(fd, "page\n");
		expect_page(fd);
	}
	say(fd, "page\nping\n");
	expect_line(fd, "error too many pages: allowed are 8 a connection");
	expect_line(fd, "pong");
	close(fd);
	server_stop(server);
}

static void test_no_page(void **state)
{
	struct server *server = *state;
	int fd;

	server->setup.no_page = true;
	server_start(server);
	fd = dial(server);
	say(fd, "page\nping\npage now\n");
	expect_line(fd, "error no page: No such device");
	expect_line(fd, "pong");
	expect_line(fd, "error unexpected word \"now\"");
	close(fd);
	server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		state_test(test_alone),
		state_test(test_pipelined),
		state_test(test_behind_a_queue),
		state_test(test_behind_many_small_ones),
		state_test(test_never_read_is_dropped),
		state_test(test_gone_while_waiting),
		state_test(test_limit),
		state_test(test_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
