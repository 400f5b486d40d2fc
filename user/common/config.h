/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration: what the file says, checked and with defaults filled in.
 * Nothing here touches the filesystem but for reading FILE; a path that does not
 * exist or a group that is unknown is for the daemon to warn about.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "network.h"
#include "resource.h"
#include "words.h"

#define CONFIG_FILE	   "/etc/spoolgate/spoolgate.conf"
#define CONFIG_SOCKET	   "/run/spoolgate/state.sock"
#define CONFIG_FILESYSTEMS 16 /* as many as the kernel programs can tell apart */
#define CONFIG_QUEUES	   8
#define CONFIG_LISTENERS   16
#define CONFIG_NETWORKS	   256
#define CONFIG_REPLY	   256 /* bytes of an SMTP reply, its NUL included */
#define CONFIG_GATES	   4
#define CONFIG_GATE_PORTS  16  /* of one gate */
#define CONFIG_HOST	   256 /* bytes of a host name, its NUL included */
#define CONFIG_NAME	   64  /* bytes of a user or group name, its NUL included */
#define CONFIG_SPOOLS	   4

enum mode {
	MODE_ENFORCE,
	MODE_OBSERVE, /* judge and log, but answer accept */
};

enum verdict_kind {
	VERDICT_ACCEPT,
	VERDICT_DELAY,
	VERDICT_DEFER,
};

struct config_verdict {
	enum verdict_kind kind;
	unsigned int delay_s; /* VERDICT_DELAY: 1 … 300 */
};

/* Is mail written to it? The sizes of messages are for what takes mail; see config_takes_mail(). */
enum config_mail {
	CONFIG_MAIL_NO = -2,  /* the file says so */
	CONFIG_MAIL_LOG = -1, /* its path is that of logs, and no queue has been found on it */
	CONFIG_MAIL_UNKNOWN = 0,
	CONFIG_MAIL_YES = 1, /* the file says so, or there is a queue on it */
};

struct config_filesystem {
	char path[PATH_MAX]; /* absolute */
	unsigned int line;   /* of its block, 0 in the embedded default */
	enum config_mail mail;
	struct thresholds resources[RESOURCE_IDS];
};

/* A directory tree in which each file, or each few, is a message. */
struct config_queue {
	char path[PATH_MAX]; /* absolute */
	unsigned int line;   /* of its block */
	struct thresholds resources[RESOURCE_IDS];
};

/* The mail server's cgroup, whose memory is judged beside the host's. */
struct config_cgroup {
	char path[PATH_MAX]; /* below the cgroup filesystem's mount point; "" for none */
	struct thresholds resources[RESOURCE_IDS];
};

struct config_gate_port {
	uint16_t number;
	enum class class; /* CLASS_INBOUND or CLASS_SUBMISSION */
};

/* New connections to these ports are diverted while mail is refused. */
struct config_gate {
	unsigned int line;	  /* of its block */
	char netns[PATH_MAX];	  /* the mail server's network namespace; "" for our own */
	char reply[CONFIG_REPLY]; /* the greeting, in which HOST stands for the name below */
	char host[CONFIG_HOST];	  /* "" for the system's */
	int64_t lease_ns;	  /* how long it stays closed without the daemon */
	unsigned int port_count;  /* 1 at least */
	struct config_gate_port ports[CONFIG_GATE_PORTS];
};

/* A socket beside the state socket's, on which a mail server asks in its own protocol. */
struct config_listener {
	char name[CONFIG_NAME];
	unsigned int line; /* of its block */
	enum protocol protocol;
	char address[116];		/* in one spelling: "unix:/PATH", "inet:127.0.0.1:10040" */
	struct sockaddr_storage socket; /* the same: AF_UNIX, AF_INET or AF_INET6 */
	mode_t mode;			/* of a unix socket, as are the two below */
	char owner[CONFIG_NAME];	/* "" for the daemon's own */
	char group[CONFIG_NAME];	/* "" for the daemon's own */
	int64_t timeout_ns; /* how long who asks waits for an answer; 0: this protocol has no delays
			     */
};

struct config {
	char file[PATH_MAX]; /* "" for the embedded default */
	bool found;	     /* the filesystems are those that were found, none is configured */
	enum mode mode;
	unsigned int filesystem_count;
	struct config_filesystem filesystems[CONFIG_FILESYSTEMS];
	unsigned int queue_count;
	struct config_queue queues[CONFIG_QUEUES];
	struct thresholds host[RESOURCE_IDS]; /* of the sections that are the host's: memory, io */
	struct config_cgroup memory_cgroup;
	unsigned int internal_count;
	struct config_network internal[CONFIG_NETWORKS];
	unsigned int listener_count;
	struct config_listener listeners[CONFIG_LISTENERS];
	struct config_verdict admission[LEVELS][CLASSES];
	int64_t ramp_ns;  /* from a tenth of the clients to all after a closure; 0: at once */
	int64_t stuck_ns; /* a level that lasts is logged again each time; 0: never */
	char reply[CONFIG_REPLY]; /* what `defer` says: "452 4.3.1 Insufficient system resources" */
	unsigned int gate_count;  /* 0: no gate */
	struct config_gate gates[CONFIG_GATES];
	struct {
		char path[108]; /* sun_path */
		mode_t mode;
		char group[CONFIG_NAME]; /* "" for the primary one of `user` */
		char admin[CONFIG_NAME]; /* user beside root who may override; "" for none */
	} state;
	char user[CONFIG_NAME]; /* whom to become after start: common/user.h */
};

/* The queue directories of mail servers that are looked for. */
extern const char *const config_spools[CONFIG_SPOOLS];

/* Is PATH that of DIRECTORY, or below it? */
bool config_is_below(const char *path, const char *directory);

/*
 * Fill CONFIG with the embedded default: the spool directories that exist (of
 * Postfix, Exim, OpenSMTPD and Sendmail, else /var/spool), /var/log, and memory. One that does not
 * answer within a second counts as existing.
 */
void config_default(struct config *config);

/*
 * Do messages have to fit into the filesystem at INDEX? Those that are known to take mail have to
 * take it all; where none is, a message may be for any of those that are not known, and has to fit
 * into one of them.
 */
bool config_takes_mail(const struct config *config, unsigned int index);

/*
 * Read FILE. Where it names no filesystem, those that config_default() finds are taken. On an
 * error returns a negative errno (-EINVAL for the contents, the open's own otherwise) with
 * "FILE:LINE: what is wrong, what is allowed" in ERROR, and leaves CONFIG as it was. Warnings go
 * to the log. Not thread-safe (libconfuse is not), and as slow as the disk: not for the loop.
 */
int config_read(struct config *config, const char *file, char *error, size_t error_size);

#endif
