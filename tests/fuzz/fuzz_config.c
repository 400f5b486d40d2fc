/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a configuration file. Built with -fsanitize=fuzzer,address,undefined;
 * give it share/spoolgate.conf's directory as a seed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool so, const char *what)
{
	if (so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

/* What the rest of the program relies on without looking again. */
static void check_config(const struct config *config)
{
	demand(config->filesystem_count >= 1 && config->filesystem_count <= CONFIG_FILESYSTEMS,
	       "number of filesystems");
	for (unsigned int i = 0; i < config->filesystem_count; i++) {
		demand(config->filesystems[i].path[0] == '/', "paths are absolute");
		for (unsigned int j = 0; j < i; j++)
			demand(strcmp(config->filesystems[i].path, config->filesystems[j].path),
			       "paths differ");
	}
	demand(config->internal_count <= CONFIG_NETWORKS, "number of networks");
	for (unsigned int i = 0; i < config->internal_count; i++)
		demand(config->internal[i].prefix <= 128, "prefixes");
	demand(config->gate_count <= CONFIG_GATES, "number of gates");
	for (unsigned int i = 0; i < config->gate_count; i++) {
		const struct config_gate *gate = &config->gates[i];

		demand(gate->port_count >= 1 && gate->port_count <= CONFIG_GATE_PORTS, "ports");
		demand(!strncmp(gate->reply, "421 4.", 6), "greetings");
		demand(gate->lease_ns >= 10 * NS_PER_S, "leases outlive the safety look");
		demand(!gate->netns[0] || gate->netns[0] == '/', "namespaces are absolute");
	}
	for (int id = 0; id < CLASSES; id++)
		demand(config->admission[LEVEL_NORMAL][id].kind == VERDICT_ACCEPT,
		       "normal accepts");
	demand(config->listener_count <= CONFIG_LISTENERS, "number of listeners");
	for (unsigned int i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];

		demand(listener->name[0] && listener->address[0], "listeners have addresses");
		demand((unsigned int)listener->protocol < PROTOCOLS, "protocols");
		demand(!(listener->mode & ~0777u), "a listener's mode");
		for (unsigned int j = 0; j < i; j++)
			demand(strcmp(listener->address, config->listeners[j].address),
			       "listeners differ");
	}
	demand(config->reply[0] == '4' && !strpbrk(config->reply, "\r\n"), "the reply");
	demand(config->state.path[0] == '/', "the state socket's path");
	demand(!(config->state.mode & ~0777u), "the state socket's mode");
}

static void check_refusal(const char *error, const char *file)
{
	demand(!strncmp(error, file, strlen(file)), "an error names the file");
	demand(error[strlen(file)] == ':', "and a line");
	demand(strlen(error) > strlen(file) + 2, "and what is wrong");
	for (; *error; error++)
		demand((unsigned char)*error >= ' ', "in one line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config, before;
	char file[64], error[8192];
	int fd = memfd_create("config", MFD_CLOEXEC);

	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size, "the file is written");
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	memset(&config, 0x5a, sizeof(config));
	memcpy(&before, &config, sizeof(config));
	if (config_read(&config, file, NULL, error, sizeof(error))) {
		demand(!memcmp(&config, &before, sizeof(config)), "a refused file changes nothing");
		check_refusal(error, file);
	} else {
		check_config(&config);
	}
	close(fd);
	return 0;
}
