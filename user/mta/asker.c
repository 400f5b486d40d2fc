/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the daemon on behalf of a mail server. */
#include "mta/asker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "common/units.h"
#include "common/class.h"

/* Twenty thousand times what it takes: only a daemon in trouble is so slow. */
#define SLOW_NS (500 * NS_PER_MS)

int asker_open(struct asker *asker, const char *socket)
{
	memset(asker, 0, sizeof(*asker));
	asker->socket = socket;
	asker->internal_count = NETWORK_LOOPBACKS;
	memcpy(asker->internal, network_loopback, sizeof(network_loopback));
	return spoolgate_open(&asker->client, socket);
}

void asker_close(struct asker *asker)
{
	spoolgate_close(asker->client);
}

static int read_network(struct asker *asker, const char *text, char *problem, size_t size)
{
	struct config_network network;
	char meant[NETWORK_TEXT], shown[NETWORK_TEXT];
	int ret = network_parse(text, &network);

	text_clean(shown, sizeof(shown), text, strlen(text));
	if (ret == -EDOM) {
		snprintf(problem, size, "\"%s\" has bits set beyond its prefix; allowed: \"%s\"",
			 shown, network_format(meant, sizeof(meant), &network));
		return -EINVAL;
	}
	if (ret) {
		snprintf(problem, size,
			 "\"%s\" is no network; allowed: ADDRESS/PREFIX as in 192.0.2.0/24 "
			 "and 2001:db8::/32",
			 shown);
		return ret;
	}
	if (asker->internal_count == ASKER_NETWORKS) {
		snprintf(problem, size, "more than %d networks", ASKER_NETWORKS);
		return -E2BIG;
	}
	asker->internal[asker->internal_count++] = network;
	return 0;
}

int asker_networks(struct asker *asker, const char *list, char *problem, size_t size)
{
	static const char between[] = ", \t\n";
	char text[NETWORK_TEXT + 1];

	asker->internal_count = 0;
	for (list += strspn(list, between); *list; list += strspn(list, between)) {
		size_t length = strcspn(list, between);
		int ret;

		/* Cut, a longer one is no network either. */
		snprintf(text, sizeof(text), "%.*s", (int)length, list);
		ret = read_network(asker, text, problem, size);
		if (ret)
			return ret;
		list += length;
	}
	return 0;
}

enum spoolgate_class asker_class(const struct asker *asker, bool authenticated, const char *address)
{
	/* The library's classes have the numbers of ours. */
	return (enum spoolgate_class)class_of(asker->internal, asker->internal_count, authenticated,
					      address);
}

static void tell(const struct asker *asker, enum asker_state state, int error)
{
	switch (state) {
	case ASKER_ANSWERED:
		log_notice("spoolgated at %s answers again", asker->socket);
		break;
	case ASKER_SLOW:
		log_warning("spoolgated at %s is slow: some mail is accepted without asking",
			    asker->socket);
		break;
	case ASKER_GONE:
		log_warning("spoolgated at %s does not answer (%s): mail is accepted",
			    asker->socket, strerror(-error));
		break;
	}
}

/* That the daemon goes, or comes, is said once. */
static void note(struct asker *asker, int64_t asked_ns, bool known, int error)
{
	int64_t now_ns = monotonic_ns(), took_ns = now_ns - asked_ns;
	enum asker_state state = ASKER_ANSWERED;

	if (!known)
		state = ASKER_GONE;
	else if (took_ns > SLOW_NS)
		state = ASKER_SLOW;
	if (took_ns > SLOW_NS)
		asker->rest_until_ns = now_ns + took_ns;
	if (asker->state == state)
		return;
	asker->state = state;
	tell(asker, state, error);
}

void asker_ask(struct asker *asker, bool authenticated, const char *address, int64_t size,
	       struct spoolgate_admission *admission)
{
	int64_t asked_ns = monotonic_ns();
	int ret;

	memset(admission, 0, sizeof(*admission));
	if (asked_ns < asker->rest_until_ns)
		return;
	ret = spoolgate_admission_from(asker->client, asker_class(asker, authenticated, address),
				       size, address && *address ? address : NULL, admission);
	note(asker, asked_ns, admission->known, ret);
}

/* Whether the daemon answers is told where it is asked. */
void asker_ended(struct asker *asker, bool authenticated, const char *address, int64_t size)
{
	if (monotonic_ns() >= asker->rest_until_ns)
		spoolgate_ended(asker->client, asker_class(asker, authenticated, address), size,
				address && *address ? address : NULL);
}
