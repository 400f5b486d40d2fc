/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mail server that cannot do without its queue, and one who asks whether it should take mail.
 *
 *   mailer DIRECTORY UID SOCKET...   until SIGTERM
 *
 * Five times a second the user UID brings a mail into DIRECTORY as servers do: a new file, written,
 * synced, renamed; and it stays there, as what cannot be delivered does. Ten times a second each
 * SOCKET is asked for `admission inbound`. A line for each, in seconds of CLOCK_MONOTONIC:
 *
 *   BEGIN mail END ok
 *   BEGIN mail END WHAT at STEP      WHAT: the error's name, or `hang` after two seconds
 *   BEGIN answer END NUMBER WORD     WORD: accept, defer, …, or `none` after a second
 *   BEGIN late SECONDS NUMBER        the host stood still, or had no time for who asks
 *
 * Each mail has a process of its own, as one that hangs in the kernel does not come back.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/units.h"

#define MAIL_BYTES 8192
#define MAIL_NS	   (200 * NS_PER_MS)
#define ASK_NS	   (100 * NS_PER_MS)
#define LATE_NS	   (200 * NS_PER_MS)
#define HANG_MS	   2000
#define NOBODY_MS  1000
#define SOCKETS	   4

enum step {
	CREATE,
	WRITE,
	SYNC,
	RENAME,
	DONE
};

static const char *const steps[] = { "create", "write", "sync", "rename", "end" };

/* What a mail's process tells: where it is, before each step; then 0 or what went wrong there. */
struct progress {
	enum step step;
	int error;
};

static double seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

/* In one piece: several processes write. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0 && (size_t)length < sizeof(line))
		(void)!write(STDOUT_FILENO, line, (size_t)length);
}

static void sleep_until(int64_t ns)
{
	struct timespec until = { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* --- mail ----------------------------------------------------------------------------------- */

static void tell(int fd, enum step step, int error)
{
	struct progress progress = { .step = step, .error = error };

	(void)!write(fd, &progress, sizeof(progress));
}

static int do_step(enum step step, int *fd, const char *coming, const char *queued)
{
	static const char text[MAIL_BYTES] = "Subject: mail\n\n";

	switch (step) {
	case CREATE:
		*fd = open(coming, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		return *fd < 0;
	case WRITE:
		errno = ENOSPC; /* of a write that is cut short */
		return write(*fd, text, sizeof(text)) != sizeof(text);
	case SYNC:
		return fsync(*fd);
	case RENAME:
		return rename(coming, queued);
	default:
		return 0;
	}
}

static void deliver(const char *directory, uid_t uid, unsigned long number, int teller)
{
	char coming[4200], queued[4200];
	enum step step;
	int fd = -1;

	snprintf(coming, sizeof(coming), "%s/%lu.coming", directory, number);
	snprintf(queued, sizeof(queued), "%s/%lu", directory, number);
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		_exit(1);
	for (step = CREATE; step < DONE; step++) {
		tell(teller, step, 0);
		if (do_step(step, &fd, coming, queued)) {
			tell(teller, step, errno ? errno : EIO);
			unlink(coming);
			_exit(0);
		}
	}
	tell(teller, DONE, 0);
	_exit(0);
}

/* Until its process is through, has failed, or has not said anything for too long. */
static const char *follow(int fd, enum step *step)
{
	int64_t end_ns = monotonic_ns() + HANG_MS * NS_PER_MS;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct progress progress;

	*step = CREATE;
	for (;;) {
		int64_t left_ns = end_ns - monotonic_ns();

		if (left_ns <= 0 || poll(&ready, 1, (int)(left_ns / NS_PER_MS)) != 1)
			return "hang";
		if (read(fd, &progress, sizeof(progress)) != sizeof(progress))
			return "died";
		*step = progress.step;
		if (progress.step == DONE)
			return "ok";
		if (progress.error)
			return strerrorname_np(progress.error);
	}
}

static void attempt(const char *directory, uid_t uid, unsigned long number)
{
	int64_t begin_ns = monotonic_ns();
	const char *what;
	enum step step;
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) || (pid = fork()) < 0) {
		perror("mailer");
		exit(1);
	}
	if (!pid)
		deliver(directory, uid, number, pipes[1]);
	close(pipes[1]);
	what = follow(pipes[0], &step);
	close(pipes[0]);
	if (step == DONE)
		say("%.3f mail %.3f ok\n", seconds(begin_ns), seconds(monotonic_ns()));
	else
		say("%.3f mail %.3f %s at %s\n", seconds(begin_ns), seconds(monotonic_ns()), what,
		    steps[step]);
}

static void bring_mail(const char *directory, uid_t uid)
{
	unsigned long number;
	int64_t next_ns;

	for (number = 0;; number++) {
		next_ns = monotonic_ns() + MAIL_NS;
		attempt(directory, uid, number);
		sleep_until(next_ns);
	}
}

/* --- questions ------------------------------------------------------------------------------ */

static ssize_t ask(const char *path, char *answer, size_t size)
{
	static const char question[] = "admission inbound\n";
	const struct timeval patience = { .tv_sec = NOBODY_MS / 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t length = -1;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) > 0)
		length = recv(fd, answer, size - 1, 0);
	close(fd);
	return length;
}

static void ask_on(const char *path, int number)
{
	int64_t next_ns = monotonic_ns(), now;
	char answer[64];

	for (;; next_ns += ASK_NS) {
		ssize_t length;

		sleep_until(next_ns);
		now = monotonic_ns();
		if (now - next_ns > LATE_NS) {
			say("%.3f late %.3f %d\n", seconds(next_ns), seconds(now - next_ns),
			    number);
			next_ns = now;
		}
		length = ask(path, answer, sizeof(answer));
		answer[length < 0 ? 0 : length] = '\0';
		answer[strcspn(answer, " \n")] = '\0';
		say("%.3f answer %.3f %d %s\n", seconds(now), seconds(monotonic_ns()), number,
		    *answer ? answer : "none");
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 4 || argc > 3 + SOCKETS) {
		fputs("usage: mailer DIRECTORY UID SOCKET...\n", stderr);
		return 64;
	}
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (i = 3; i < argc; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("mailer");
			return 1;
		}
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			ask_on(argv[i], i - 3);
		}
	}
	bring_mail(argv[1], (uid_t)strtoul(argv[2], NULL, 10));
}
