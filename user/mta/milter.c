/* SPDX-License-Identifier: GPL-2.0-only */
/* The milter's part in a session. Called by libmilter, in threads of its own. */
#include "mta/milter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "mta/mail.h"

/* What libmilter keeps for us, from connect to close. */
struct session {
	char address[INET6_ADDRSTRLEN]; /* "": a program on this host, which has none */
	bool authenticated;		/* of the message under way, as is the size */
	int64_t size;			/* that was promised; 0: nothing */
};

/* libmilter hands nothing of ours to the first call of a session. Set once, before the threads. */
static struct milter *milter;

/* The end of a smaller message is not worth the server's asking: it is written by then. */
#define WORTH_AN_END (64 * 1024)

/* The steps after MAIL but the end, and HELO before it: nobody sends us a message to look at. */
#define UNUSED_STEPS                                                               \
	(SMFIP_NOHELO | SMFIP_NORCPT | SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NOEOH | \
	 SMFIP_NOUNKNOWN | SMFIP_NODATA)

/* Of the macros at MAIL we read one. A server that cannot be told sends what it always does. */
static sfsistat negotiate(SMFICTX *context, unsigned long actions, unsigned long steps,
			  unsigned long unused_2, unsigned long unused_3,
			  unsigned long *wanted_actions, unsigned long *wanted_steps,
			  unsigned long *wanted_2, unsigned long *wanted_3)
{
	char authenticated[] = "{auth_authen}";

	(void)unused_2;
	(void)unused_3;
	*wanted_actions = actions & SMFIF_SETSYMLIST;
	*wanted_steps = steps & UNUSED_STEPS;
	*wanted_2 = 0;
	*wanted_3 = 0;
	if (*wanted_actions)
		smfi_setsymlist(context, SMFIM_ENVFROM, authenticated);
	return SMFIS_CONTINUE;
}

static void address_text(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	text[0] = '\0';
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &four->sin_addr, text, INET6_ADDRSTRLEN);
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &six->sin6_addr, text, INET6_ADDRSTRLEN);
}

static const char *address_of(const struct session *session)
{
	return *session->address ? session->address : NULL;
}

/* The message has arrived, or will not come. */
static void end_message(struct session *session)
{
	if (session && session->size)
		asker_ended(&milter->asker, session->authenticated, address_of(session),
			    session->size);
	if (session)
		session->size = 0;
}

static sfsistat on_end(SMFICTX *context)
{
	end_message(smfi_getpriv(context));
	return SMFIS_ACCEPT;
}

static sfsistat on_abort(SMFICTX *context)
{
	end_message(smfi_getpriv(context));
	return SMFIS_CONTINUE;
}

/* A connection can be used for one client after the other: what is kept is always of the last. */
static sfsistat on_connect(SMFICTX *context, char *name, struct sockaddr *address)
{
	struct session *session = smfi_getpriv(context);

	(void)name;
	if (!session)
		session = calloc(1, sizeof(*session));
	if (!session)
		return SMFIS_ACCEPT;
	end_message(session);
	address_text(address, session->address);
	smfi_setpriv(context, session);
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *context)
{
	end_message(smfi_getpriv(context));
	free(smfi_getpriv(context));
	smfi_setpriv(context, NULL);
	return SMFIS_CONTINUE;
}

/* In a thread of the session's own. The server waits, but not for ever. */
static void delay(unsigned int seconds)
{
	struct timespec left = { .tv_sec = seconds };

	if (left.tv_sec > milter->longest_delay_s)
		left.tv_sec = milter->longest_delay_s;
	milter_socket_wake(&milter->socket);
	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Without a reply that libmilter takes, the server says "451 4.7.1" by itself. */
static sfsistat defer(SMFICTX *context, const char *line)
{
	struct mail_reply reply;
	char text[2 * sizeof(reply.text)];

	if (!mail_reply_parse(line, &reply))
		smfi_setreply(context, reply.code, *reply.enhanced ? reply.enhanced : NULL,
			      mail_text_escape(text, sizeof(text), reply.text));
	return SMFIS_TEMPFAIL;
}

/* The first of ARGUMENTS is the sender, the others are parameters. */
static int64_t size_of(char **arguments)
{
	int64_t size = SIZE_UNKNOWN;

	for (int i = 1; arguments[0] && arguments[i]; i++)
		size = mail_larger_size(size, mail_parameter_size(arguments[i]));
	return size;
}

/*
 * An accept is of this message only, and ends our part in it: the next one is asked for again. Of
 * one that was promised much room we want to hear the end.
 */
static sfsistat on_mail(SMFICTX *context, char **arguments)
{
	char authenticated[] = "{auth_authen}";
	struct session *session = smfi_getpriv(context);
	const char *user = smfi_getsymval(context, authenticated);
	struct spoolgate_admission admission;
	int64_t size = size_of(arguments);

	if (!session)
		return SMFIS_ACCEPT;
	end_message(session);
	session->authenticated = user && *user;
	asker_ask(&milter->asker, session->authenticated, address_of(session), size, &admission);
	if (admission.verdict == SPOOLGATE_DEFER)
		return defer(context, admission.reply);
	if (admission.promised && size >= WORTH_AN_END)
		session->size = size;
	if (admission.verdict == SPOOLGATE_DELAY)
		delay(admission.delay_s);
	return session->size ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

int milter_register(struct milter *with)
{
	static char name[] = "spoolgate-milter";
	struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_envfrom = on_mail,
		.xxfi_eom = on_end,
		.xxfi_abort = on_abort,
		.xxfi_close = on_close,
		.xxfi_negotiate = negotiate,
	};

	milter = with;
	return smfi_register(description) == MI_SUCCESS ? 0 : -EINVAL;
}
