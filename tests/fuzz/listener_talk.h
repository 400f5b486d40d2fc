/* SPDX-License-Identifier: GPL-2.0-only */
/* For the targets of the listeners' protocols: a listener, and a source whose answers are known. */
#ifndef TESTS_LISTENER_TALK_H
#define TESTS_LISTENER_TALK_H

#include "common/class.h"
#include "publish/listener.h"
#include "talk.h"

#define LARGE	     1000000	    /* from here on deferred */
#define HELD_ADDRESS "198.51.100.2" /* delayed for longer than any target runs */
#define REPLY	     "452 4.3.1 Insufficient system resources"

static int64_t promised; /* bytes, to the messages of this conversation */

static inline enum verdict_kind verdict_of(int64_t size, const char *address)
{
	if (size >= LARGE)
		return VERDICT_DEFER;
	return address && !strcmp(address, HELD_ADDRESS) ? VERDICT_DELAY : VERDICT_ACCEPT;
}

static inline struct config_verdict source_admission(void *context, enum class class, int64_t size,
						     const char *address)
{
	struct config_verdict verdict = { .kind = verdict_of(size, address) };

	(void)context;
	check((unsigned int)class < CLASSES && size >= -1 && size != 0);
	check(!address || *address);
	if (verdict.kind == VERDICT_DELAY)
		verdict.delay_s = 300;
	if (verdict.kind != VERDICT_DEFER && size > 0)
		promised += size;
	return verdict;
}

/* No more is given back than was promised. */
static inline void source_ended(void *context, enum class class, int64_t size, const char *address)
{
	(void)context;
	check((unsigned int)class < CLASSES && size > 0 && size <= promised);
	check(!address || *address);
	promised -= size;
}

/* It takes this for a class of C++: */
/* clang-format off */
static inline enum class source_class(void *context, bool authenticated, const char *address)
{
	const struct config *config = context;

	return class_of(config->internal, config->internal_count, authenticated, address);
}
/* clang-format on */

static inline const char *source_reply(void *context)
{
	(void)context;
	return REPLY;
}

/* To be called once. */
static inline void listen_to(enum protocol protocol)
{
	static struct config config = { .internal_count = NETWORK_LOOPBACKS, .listener_count = 1 };
	static const struct listener_source source = { &config, source_admission, source_ended,
						       source_class, source_reply };
	struct config_listener *listener = &config.listeners[0];
	struct sockaddr_un *address = (struct sockaddr_un *)&listener->socket;
	struct listeners *listeners;

	talk_begin();
	memcpy(config.internal, network_loopback, sizeof(network_loopback));
	strcpy(listener->name, "fuzz");
	listener->protocol = protocol;
	listener->mode = 0600;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, talk.path);
	snprintf(listener->address, sizeof(listener->address), "unix:%s", talk.path);
	check(!listeners_open(&listeners, talk.base, &config, &source));
}

#endif
