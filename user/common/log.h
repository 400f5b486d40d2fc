/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log lines on stderr: with the journal's "<N>" priority prefix when stderr is
 * the journal (JOURNAL_STREAM is set and matches), with "warning: " and "error: " words
 * otherwise. One write(2) a line, cut at 1024 bytes; control bytes are shown as '?'. Never
 * waits for a reader: a line that a full pipe or socket has no room for is lost, and the
 * next one that gets through says how many were.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

/* Look at the environment once, before the first line. Not thread-safe; the rest is. */
void log_init(void);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
