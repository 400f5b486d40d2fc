/* SPDX-License-Identifier: GPL-2.0-only */
/* What the responder says. Pure. */
#ifndef RESPONDER_GREETING_H
#define RESPONDER_GREETING_H

#include <stddef.h>

#define GREETING_BYTES 511 /* the longest reply line (RFC 5321, 4.5.3.1.5) less its CRLF; a NUL */

/*
 * REPLY, the word HOST in it (once) replaced by HOST, as a line without its CRLF. Returns its
 * length, or -ENAMETOOLONG when it does not fit into a reply line.
 */
int greeting_make(char buf[GREETING_BYTES], const char *reply, const char *host);

#endif
