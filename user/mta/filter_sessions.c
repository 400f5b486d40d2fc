/* SPDX-License-Identifier: GPL-2.0-only */
/* What smtpd has told of its sessions. */
#include "mta/filter_sessions.h"

#include <string.h>

#include "mta/asker.h"

/* smtpd's numbers are random in their low half and a counter in between: mixed, either will do. */
static struct filter_session *set_of(struct filter_sessions *sessions, uint64_t id)
{
	return sessions->table[(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SESSION_SETS];
}

struct filter_session *session_find(struct filter_sessions *sessions, uint64_t id)
{
	struct filter_session *set = set_of(sessions, id);

	for (int way = 0; way < SESSION_WAYS; way++) {
		if (set[way].used && set[way].id == id) {
			set[way].used = ++sessions->count;
			return &set[way];
		}
	}
	return NULL;
}

struct filter_session *session_get(struct filter_sessions *sessions, uint64_t id)
{
	struct filter_session *session = session_find(sessions, id);
	struct filter_session *set = set_of(sessions, id);

	if (session)
		return session;
	session = &set[0];
	for (int way = 1; way < SESSION_WAYS; way++)
		if (set[way].used < session->used)
			session = &set[way];
	memset(session, 0, sizeof(*session));
	session->id = id;
	session->used = ++sessions->count;
	session->size = SIZE_UNKNOWN;
	return session;
}

void session_end(struct filter_sessions *sessions, uint64_t id)
{
	struct filter_session *session = session_find(sessions, id);

	if (session)
		session->used = 0;
}
