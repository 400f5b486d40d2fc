/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A listener's socket. Postfix's is in its queue directory, which is watched for good reason: it
 * may hang. So while we may still start processes, one of them binds it, and is left behind if
 * it does not come back; later the filer does.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "publish/listener_internal.h"

static void make_rule(const struct config_listener *config, const char *user,
		      struct unix_socket_rule *rule)
{
	*rule = (struct unix_socket_rule){
		.path = config->address + strlen("unix:"),
		.mode = config->mode,
		.owner = config->owner,
		.group = config->group,
		.user = user,
		.backlog = LISTENER_BACKLOG,
	};
}

unsigned int listeners_rules(const struct config *config,
			     struct unix_socket_rule rules[CONFIG_LISTENERS])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < config->listener_count; i++)
		if (config->listeners[i].socket.ss_family == AF_UNIX)
			make_rule(&config->listeners[i], config->user, &rules[count++]);
	return count;
}

void listener_socket_tend(struct listener *listener)
{
	struct tended *tended = &listener->tended;

	make_rule(&listener->config, listener->listeners->user, &tended->rule);
	snprintf(tended->what, sizeof(tended->what), "listen \"%s\"", listener->config.name);
	tended->address = listener->config.address;
	tended->socket = &listener->socket;
}

static int open_unix(struct listener *listener)
{
	const struct unix_socket_rule *rule = &listener->tended.rule;
	int ret = unix_socket_new(&listener->socket, rule->path);

	return ret ? ret : unix_socket_place_apart(&listener->socket, rule);
}

/*
 * An address that comes later, as a container's bridge does, is listened on as of then
 * (IP_FREEBIND); one that never comes would be mistyped.
 */
static int bind_inet(const struct listener *listener, int fd, socklen_t size)
{
	const struct sockaddr *address = (const struct sockaddr *)&listener->config.socket;
	bool six = address->sa_family == AF_INET6;
	const int on = 1;

	if (!bind(fd, address, size))
		return 0;
	if (errno != EADDRNOTAVAIL ||
	    setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_FREEBIND : IP_FREEBIND, &on,
		       sizeof(on)) ||
	    bind(fd, address, size))
		return -errno;
	log_warning("listen \"%s\": this host has no address of %s yet: who asks there takes mail "
		    "as if there was no spoolgate, until it has",
		    listener->config.name, listener->config.address);
	return 0;
}

static int open_inet(struct listener *listener)
{
	const struct sockaddr_storage *address = &listener->config.socket;
	bool six = address->ss_family == AF_INET6;
	socklen_t size = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	const int on = 1, buffer = LISTENER_BUFFER;
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	listener->socket.fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* The kernel would hold up to 6 MiB of what a peer sends and we do not read yet. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	/* [::] is what it says, and 0.0.0.0 another address. */
	if (six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ret = bind_inet(listener, fd, size);
	if (!ret && listen(fd, LISTENER_BACKLOG))
		ret = -errno;
	return ret;
}

int listener_socket_open(struct listener *listener)
{
	int ret;

	listener->socket = (struct unix_socket){ .fd = -1 };
	if (listener->config.socket.ss_family == AF_UNIX)
		ret = open_unix(listener);
	else
		ret = open_inet(listener);
	if (ret)
		listener_socket_close(listener, NULL);
	return ret;
}

void listener_socket_close(struct listener *listener, struct filer *filer)
{
	/* A file that is being placed stays. It is replaced when that is asked for again. */
	tended_end(&listener->tended);
	filer_remove(filer, &listener->socket);
}
