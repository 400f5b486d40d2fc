/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * docker-proxy holds a published port, so that somebody listens there. Clients from elsewhere are
 * forwarded into the container before they come to it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish/gate_proxy.h"

#define PROCESSES 4096 /* that are looked at, some 10 us each */
#define PROXY	  "docker-proxy\n"
#define OPTION	  "-host-port"

/* FILE of process PID, and a NUL. Returns its length, or 0. */
static size_t read_of(const char *pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, buf, size - 1);
	close(fd);
	buf[length > 0 ? length : 0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

bool gate_proxy_is_for(const char *words, size_t length, uint16_t port)
{
	const char *end = words + length, *word, *next;

	for (word = words; word < end; word = next) {
		next = word + strnlen(word, (size_t)(end - word)) + 1;
		if (!strcmp(word, OPTION))
			return next < end && strtoul(next, NULL, 10) == port;
	}
	return false;
}

static uint16_t port_of(const char *pid, const struct config_gate *gate)
{
	char text[1024];
	size_t length;

	if (!read_of(pid, "comm", text, sizeof(text)) || strcmp(text, PROXY) != 0)
		return 0;
	length = read_of(pid, "cmdline", text, sizeof(text));
	for (unsigned int i = 0; i < gate->port_count; i++)
		if (gate_proxy_is_for(text, length, gate->ports[i].number))
			return gate->ports[i].number;
	return 0;
}

uint16_t gate_proxy_find(const struct config_gate *gate)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	unsigned int looked = 0;
	uint16_t port = 0;

	if (!directory)
		return 0;
	while (!port && looked < PROCESSES && (entry = readdir(directory))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		looked++;
		port = port_of(entry->d_name, gate);
	}
	closedir(directory);
	return port;
}
