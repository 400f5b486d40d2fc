/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks for a listening socket's file, and has it made again. */
#include "publish/tended.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/units.h"

#define SAFETY_NS (5 * NS_PER_S - NS_PER_S / 2) /* of the safety looks, which come by as they can \
						 */
#define MOUNTS_NS NS_PER_S			/* a storm of mounts is not one of looks */
#define LATE_NS	  (10 * NS_PER_S)

static const char *explain_found(enum unix_socket_found found)
{
	switch (found) {
	case SOCKET_REMOVED:
		return "its file was removed";
	case SOCKET_REPLACED:
		return "another file is in its place";
	case SOCKET_HIDDEN:
		return "another filesystem is there now, mounted over it or no longer below it";
	case SOCKET_HERE:
		break;
	}
	return "";
}

static const char *explain_error(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another program answers there, and is left alone";
	case -EEXIST:
		return "what is there is not a socket, and is left alone";
	case -ENOENT:
		return "its directory is not there";
	case -ETIMEDOUT:
		return "its filesystem does not answer";
	default:
		return strerror(-error);
	}
}

/* The line that mends it; what a restart does not mend either comes first. */
static void remedy(const struct tended *tended, char buf[TENDED_REASON])
{
	const char *path = tended->rule.path, *slash = strrchr(path, '/');
	const char *user = tended->rule.user[0] ? tended->rule.user : "root";

	switch (tended->error) {
	case -ENOENT:
		snprintf(buf, TENDED_REASON, "install -d -m 0755 -o %s %.*s", user,
			 (int)(slash - path), path);
		break;
	case -EADDRINUSE:
		snprintf(buf, TENDED_REASON, "end that program (ss -xlp src %s)", path);
		break;
	case -EEXIST:
		snprintf(buf, TENDED_REASON, "rm %s", path);
		break;
	default:
		buf[0] = '\0';
	}
}

void tended_explain(const struct tended *tended, char buf[TENDED_REASON])
{
	buf[0] = '\0';
	if (tended->lost)
		snprintf(buf, TENDED_REASON, "%s%s%s", explain_found(tended->found),
			 tended->error ? "; " : "",
			 tended->error ? explain_error(tended->error) : "");
	else if (tended->error)
		snprintf(buf, TENDED_REASON, "%s", explain_error(tended->error));
}

bool tended_is_lost(const struct tended *tended)
{
	return tended->lost;
}

/* Once for each reason. */
static void say_error(struct tended *tended, int error)
{
	char line[TENDED_REASON];
	bool said = tended->error == error;

	tended->error = error;
	if (said && tended->why != TENDED_ASKED)
		return;
	remedy(tended, line);
	log_warning("%s: cannot listen on %s: %s; who asks there takes mail as if there was no "
		    "spoolgate%s%s",
		    tended->what, tended->address, explain_error(error), line[0] ? ": " : "", line);
	if (error == -EPERM || error == -EACCES)
		log_warning("%s: %s needs a restart: it takes privileges that were given up",
			    tended->what, tended->address);
}

static void say_there(const struct tended *tended)
{
	if (tended->lost)
		log_notice("%s: %s is there again", tended->what, tended->address);
	else
		log_info("%s: listening on %s", tended->what, tended->address);
}

static void is_there(struct tended *tended)
{
	say_there(tended);
	tended->lost = false;
	tended->found = SOCKET_HERE;
	tended->error = 0;
}

static void heard(struct tended *tended)
{
	if (tended->late)
		log_notice("%s: the filesystem of %s answers again", tended->what, tended->address);
	tended->waiting = tended->late = false;
}

/* The connections that the old one has brought go on. */
static void take_over(struct tended *tended)
{
	int old = tended->socket->fd, error;

	*tended->socket = tended->again;
	error = tended->begin(tended->context);
	if (old >= 0)
		close(old);
	if (error)
		say_error(tended, error);
	else
		is_there(tended);
}

static void on_placed(void *context, const struct filer_reply *reply)
{
	struct tended *tended = context;
	int fd = tended->again.fd;

	heard(tended);
	tended->again = reply->socket;
	tended->again.fd = fd;
	if (!reply->error) {
		take_over(tended);
	} else {
		close(fd);
		say_error(tended, reply->error);
	}
	tended->again.fd = -1;
}

/* One that was there is made again by other rules than a new one. */
static void try_again(struct tended *tended)
{
	struct unix_socket_rule rule = tended->rule;
	int error = unix_socket_new(&tended->again, rule.path);

	tended->tried_ns = tended->looked_ns;
	rule.again = tended->lost || tended->error;
	tended->again.own_directory = tended->socket->own_directory || !tended->lost;
	if (!error) {
		tended->waiting = true;
		error = filer_place(tended->filer, &tended->again, &rule, on_placed, tended);
	}
	if (!error)
		return;
	tended->waiting = false;
	if (tended->again.fd >= 0)
		close(tended->again.fd);
	tended->again.fd = -1;
	say_error(tended, error);
}

/* What takes privileges that are not to be had does not come by waiting. */
static bool may_try(const struct tended *tended)
{
	if (tended->why == TENDED_ASKED)
		return true;
	return tended->error != -EPERM &&
	       (!tended->tried_ns || tended->looked_ns - tended->tried_ns >= SAFETY_NS);
}

static void say_lost(struct tended *tended)
{
	log_warning("%s: %s is not there any more: %s; who asks there has taken all mail since, as "
		    "if there was no spoolgate. It is made again",
		    tended->what, tended->address, explain_found(tended->found));
	tended->lost = true;
}

static void on_found(void *context, const struct filer_reply *reply)
{
	struct tended *tended = context;

	heard(tended);
	if (reply->found == SOCKET_HERE) {
		if (tended->lost)
			is_there(tended);
		return;
	}
	tended->found = reply->found;
	if (!tended->lost)
		say_lost(tended);
	if (may_try(tended))
		try_again(tended);
}

static void wait_on(struct tended *tended, int64_t now)
{
	if (tended->late || now - tended->looked_ns < LATE_NS ||
	    !filer_is_next(tended->filer, tended))
		return;
	log_warning("%s: the filesystem of %s does not answer: nobody knows whether it is there",
		    tended->what, tended->address);
	tended->late = true;
}

static int64_t gap_of(enum tended_why why)
{
	return why == TENDED_ASKED ? 0 : why == TENDED_MOUNTS ? MOUNTS_NS : SAFETY_NS;
}

void tended_look(struct tended *tended, enum tended_why why, int64_t now)
{
	if (tended->waiting) {
		if (why == TENDED_ASKED)
			tended->why = why;
		wait_on(tended, now);
		return;
	}
	if (tended->looked_ns && now - tended->looked_ns < gap_of(why))
		return;
	tended->why = why;
	tended->looked_ns = now;
	if (tended->socket->fd < 0) {
		if (may_try(tended))
			try_again(tended);
		return;
	}
	tended->waiting = true;
	if (filer_find(tended->filer, tended->socket, &tended->rule, on_found, tended))
		tended->waiting = false;
}

void tended_begin(struct tended *tended, int error, int64_t now)
{
	tended->again.fd = -1;
	tended->error = error;
	tended->looked_ns = tended->tried_ns = now;
}

void tended_end(struct tended *tended)
{
	filer_forget(tended->filer, tended);
	if (tended->waiting && tended->again.fd >= 0)
		close(tended->again.fd);
	tended->again.fd = -1;
	tended->waiting = false;
}
