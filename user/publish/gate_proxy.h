/* SPDX-License-Identifier: GPL-2.0-only */
/* Who listens on a port for a server in a container. */
#ifndef PUBLISH_GATE_PROXY_H
#define PUBLISH_GATE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

/* The command line of a docker-proxy, LENGTH bytes with a NUL after each word: it is for PORT. */
bool gate_proxy_is_for(const char *words, size_t length, uint16_t port);

/* The first of GATE's ports that a docker-proxy forwards; 0: none that can be seen. */
uint16_t gate_proxy_find(const struct config_gate *gate);

#endif
