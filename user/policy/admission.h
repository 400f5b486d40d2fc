/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the host's level, the class of mail, its size and its client to the admission. Pure:
 * levels, headroom, salts and times come in, verdicts go out.
 */
#ifndef POLICY_ADMISSION_H
#define POLICY_ADMISSION_H

#include <stddef.h>

#include "common/config.h"
#include "policy/judge.h"
#include "policy/ramp.h"
#include "policy/reservation.h"

/*
 * The verdict for CLASS at LEVEL, whoever asks and for whatever size. In observe mode it is
 * always accept: what would have been said is admission_judged().
 */
struct config_verdict admission_decide(const struct config *config, enum level level,
				       enum class class);
struct config_verdict admission_judged(const struct config *config, enum level level,
				       enum class class);

/* "accept", "delay 10", "defer 452 4.3.1 …", as on the state socket. Returns BUF. */
char *admission_format(char *buf, size_t size, const struct config *config,
		       struct config_verdict verdict);

/* What is remembered between requests. About 300 KiB: not for the stack. */
struct admission {
	enum level level;
	bool forced_open; /* override to normal: neither ramps nor sizes */
	struct ramp ramps[CLASSES];
	struct reservations reservations;
};

/* All open, nothing promised. SALT is a secret. */
void admission_init(struct admission *admission, uint64_t salt);

/*
 * JUDGE has judged at NOW: take its level and headroom, and say in EVENTS what that changed for
 * each class. SALT is for the closures that end now. To be called at admission_deadline() too.
 */
void admission_update(struct admission *admission, const struct config *config,
		      const struct judge *judge, uint64_t salt, int64_t now,
		      enum ramp_event events[CLASSES]);

/* When admission_update() will have something to say by itself; INT64_MAX: never. */
int64_t admission_deadline(const struct admission *admission, const struct config *config);

/* How long a ramp takes now: 0 while an override holds all open. */
int64_t admission_ramp_ns(const struct admission *admission, const struct config *config);

struct admission_request {
	enum class class;
	int64_t size;	     /* bytes; -1: not known */
	const char *address; /* of the client; NULL: not known */
};

/*
 * Of which requests of CLASS admission_judged() is not the whole answer: of messages larger than
 * this, and, when true, of clients whose address is known.
 */
int64_t admission_size_max(const struct admission *admission, const struct config *config,
			   enum class class);
bool admission_by_address(const struct admission *admission, const struct config *config,
			  enum class class, int64_t now);

enum admission_cause {
	CAUSE_NONE,  /* not refused */
	CAUSE_LEVEL, /* the class is closed */
	CAUSE_RAMP,  /* not this client's turn yet */
	CAUSE_SIZE,  /* it does not fit into the headroom, or into what of it is not promised */
};

/*
 * The verdict for REQUEST at NOW as judged, and in CAUSE why, whatever the mode; what is let in
 * is promised its room. A class that the configuration takes at high as well is not held to the
 * room above it. No allocation, and no more than a few steps.
 */
struct config_verdict admission_ask(struct admission *admission, const struct config *config,
				    const struct admission_request *request, int64_t now,
				    enum admission_cause *cause);

#endif
