/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thresholds that make no sense for what the object is: a level that is always called for, or never
 * left or entered. Only its size tells, and that may change: a filesystem is resized, another one
 * mounted, a cgroup given another limit. Pure.
 */
#ifndef POLICY_FLAW_H
#define POLICY_FLAW_H

#include <stddef.h>

#include "policy/judge.h"

enum flaw {
	FLAW_NONE,	    /* or the size is not known yet */
	FLAW_ALWAYS,	    /* whatever the value, it is past enter */
	FLAW_NEVER_ENTERED, /* no value is past enter */
	FLAW_LEAVE,	    /* no value reaches leave: one that can be reached is taken instead */
};

enum flaw flaw_find(const struct judge *judge, const struct resource *resource, enum level level);

/* What is wrong, what comes of it, and what is allowed, in words. Returns BUF. */
char *flaw_text(char *buf, size_t size, const struct judge *judge, const struct resource *resource,
		enum level level, enum flaw flaw);

/* The line of the configuration that says so; 0: it is a default. */
unsigned int flaw_line(const struct resource *resource, enum level level, enum flaw flaw);

#endif
