/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a mail server does with libspoolgate: asks before each message, and, if it wants to know
 * at once, polls for changes.
 *
 *   cc admission.c $(pkg-config --cflags --libs spoolgate) -o admission
 *   ./admission [-s SOCKET] [CLASS [SIZE [ADDRESS]]]   asks once; exit 0 take it, 75 defer
 *   ./admission [-s SOCKET] -w                         says inbound's answer whenever it changes
 */
#include <errno.h>
#include <poll.h>
#include <spoolgate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int usage(void)
{
	fputs("usage: admission [-s SOCKET] [CLASS [SIZE [ADDRESS]]] | [-s SOCKET] -w\n", stderr);
	return EX_USAGE;
}

/* Returns -1 for a word that is no class. */
static int class_of(const char *word)
{
	static const char *const words[] = { "inbound", "submission", "internal" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(word, words[i]))
			return i;
	return -1;
}

static void say(const struct spoolgate_admission *admission)
{
	if (admission->verdict == SPOOLGATE_DEFER)
		printf("defer %s", admission->reply);
	else if (admission->verdict == SPOOLGATE_DELAY)
		printf("delay %u", admission->delay_s);
	else
		printf("accept");
	puts(admission->known ? "" : " (nobody answered)");
	fflush(stdout);
}

/* Until nobody reads it. The daemon may go and come meanwhile. */
static int watch(struct spoolgate *client)
{
	struct pollfd poll_for = { .fd = spoolgate_fd(client), .events = POLLIN };
	struct spoolgate_admission admission;

	if (poll_for.fd < 0)
		return EX_OSERR;
	do {
		if (spoolgate_changed(client) > 0) {
			spoolgate_admission(client, SPOOLGATE_INBOUND, -1, &admission);
			say(&admission);
		}
	} while (!ferror(stdout) && (poll(&poll_for, 1, -1) >= 0 || errno == EINTR));
	return 0;
}

static int ask(struct spoolgate *client, int mail_class, const char *size, const char *address)
{
	struct spoolgate_admission admission;

	/* What is returned says why nobody answered; the answer is there in any case. */
	spoolgate_admission_from(client, (enum spoolgate_class)mail_class,
				 size ? strtoll(size, NULL, 10) : -1, address, &admission);
	say(&admission);
	return admission.verdict == SPOOLGATE_DEFER ? EX_TEMPFAIL : 0;
}

int main(int argc, char **argv)
{
	int option, watching = 0, mail_class = SPOOLGATE_INBOUND, status;
	const char *socket = NULL;
	struct spoolgate *client;

	while ((option = getopt(argc, argv, "+s:w")) != -1) {
		if (option == 's')
			socket = optarg;
		else if (option == 'w')
			watching = 1;
		else
			return usage();
	}
	if (optind < argc)
		mail_class = class_of(argv[optind]);
	if (mail_class < 0)
		return usage();
	status = spoolgate_open(&client, socket);
	if (status) {
		fprintf(stderr, "admission: %s\n", strerror(-status));
		return EX_OSERR;
	}
	status = watching ? watch(client)
			  : ask(client, mail_class, optind + 1 < argc ? argv[optind + 1] : NULL,
				optind + 2 < argc ? argv[optind + 2] : NULL);
	spoolgate_close(client);
	return status;
}
