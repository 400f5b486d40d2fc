/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes that others wrote (paths, reasons, requests), made safe to show: on a
 * terminal, in a reply, in JSON. Pure functions; thread-safe.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the UTF-8 character at TEXT (1 … 4), of which SIZE are there; 0 when they
 * are not valid UTF-8 (overlong forms and surrogates are not).
 */
size_t utf8_length(const char *text, size_t size);

/* Is the character of LENGTH bytes at TEXT a control character (C0, DEL, C1)? */
bool text_is_control(const char *text, size_t length);

/* Valid UTF-8 without control characters (C0, DEL, C1)? */
bool text_is_clean(const char *text, size_t length);

/*
 * TEXT with a '?' for each control character and each byte that is not UTF-8, cut at a
 * whole character to fit into SIZE with its NUL. Returns BUF.
 */
char *text_clean(char *buf, size_t size, const char *text, size_t length);

/*
 * Is PATH below /tmp or /var/tmp? Services with PrivateTmp= have others of their own: a socket
 * there is found by none of them, and the other way round.
 */
bool path_is_in_tmp(const char *path);

#endif
