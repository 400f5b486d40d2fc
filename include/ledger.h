/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The memory that kernel programs, daemon and responders share: the ledger, which only the
 * kernel programs write, the orders, which only the daemon writes, and the pulses, each of
 * which only its responder writes. Fixed-width types and layout only.
 *
 * Counters only grow and marks are absolute values of them, so a reader that misses
 * an update is late, never wrong. 64-bit loads and stores are single on every
 * machine we run on; nothing here is locked. Two stores are seen in any order (arm64): what must
 * be seen together is in one word, and what is beside it is harmless, old or new.
 */
#ifndef SPOOLGATE_LEDGER_H
#define SPOOLGATE_LEDGER_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define LEDGER_LINE	   64 /* bytes of a cache line */
#define LEDGER_FILESYSTEMS 16 /* 16 × __u32 is one cache line: devices, a CPU's batch */
#define LEDGER_MEMORY	   LEDGER_FILESYSTEMS /* after the filesystems: a place with marks, too */
#define LEDGER_PLACES	   (LEDGER_MEMORY + 1)
#define LEDGER_CPUS	   1024 /* CPUs beyond that share the others' lines (and may lose a batch) */
#define LEDGER_BATCH_PAGES 32	/* the most a CPU holds back; the daemon may order less */

#define LEDGER_SYNC_BUCKETS 40 /* bucket i: 2^i up to 2^(i+1) ns; the last: and longer */
#define LEDGER_SYNCS	    64 /* fsyncs under way that a filesystem can tell apart */
#define LEDGER_WRITERS	    128
#define LEDGER_COMM	    16

/*
 * The ring buffer of bells: 2730 rings, more than come while a daemon does not read and the brake
 * counts (60 s): a mark rings once until it is answered, errors once a second for each filesystem,
 * OOM kills once a second. A multiple of every page size there is.
 */
#define LEDGER_BELLS_BYTES 65536

#define LEDGER_GATES	  4	  /* network namespaces with a gate */
#define LEDGER_GATE_PORTS 16	  /* of one gate */
#define LEDGER_PORT_GONE  0x10000 /* no port has this bit */
#define LEDGER_NETWORKS	  256	  /* internal networks */
#define LEDGER_SENDERS	  64	  /* networks of diverted clients that a gate can tell apart */
#define LEDGER_RAMP_BEGIN 100000  /* of LEDGER_RAMP_ALL clients are let in when a ramp begins */
#define LEDGER_RAMP_ALL	  1000000 /* parts per million, as in the policy */
#define LEDGER_BRAKE_NS	  2000000000ULL /* how long one event holds the brake */
#define LEDGER_PULSE_NS	  2000000000ULL /* a responder that has not beaten for so long is dead */

/* orders.sync_cgroup */
#define SYNCS_OF_ALL  0
#define SYNCS_OF_NONE (~0ULL) /* no cgroup has this id */

/*
 * Which mark was reached last, and when (CLOCK_MONOTONIC), in one word: a mark must not be seen
 * with the time of the one before it. Of the mark its lowest 40 bits, of the time units of 8.4 ms,
 * modulo 39 hours.
 */
#define FIRED_UNIT	      23
#define FIRED_TIMES	      24
#define FIRED(mark, ns)	      ((mark) << FIRED_TIMES | (((ns) >> FIRED_UNIT) & 0xffffff))
#define FIRED_IS(fired, mark) (!(((fired) ^ (mark) << FIRED_TIMES) >> FIRED_TIMES))
/* In units; "long ago" for one that another CPU, of another clock, has just stored. */
#define FIRED_AGE(fired, ns) ((((ns) >> FIRED_UNIT) - (fired)) & 0xffffff)
#define FIRED_AGE_MOST	     0x7fffff
/* A look may stay unanswered for so many past a brake mark: 100 ms. */
#define LEDGER_UNANSWERED 12

/*
 * What became of a place's mark: a filesystem's, or memory's. A brake holds while the mark that
 * braked is still the one that is ordered: the look at that very place replaces it.
 */
struct ledger_mark {
	__u64 fired;	 /* see FIRED */
	__u64 rung_mark; /* the one that rang last: not the fired one while the bells are full */
	__u64 ring_failures; /* how often the ring buffer was full */
	__u64 braked_mark;   /* the one that braked last */
	__u64 brake_until_ns;
	__u64 brakes; /* marks that braked: once each */
} __attribute__((aligned(LEDGER_LINE)));

/* Of one watched filesystem. Written when a batch is full: rarely. */
struct ledger_filesystem {
	__u64 dirtied_pages; /* pages dirtied since load, less what batches hold back */
	__u64 errors;	     /* write-back and filesystem errors, but for quotas and such */
	__u64 error_ns;	     /* when the last one was */
	__u64 error_rung_ns; /* when one rang last, whether or not it counted */
} __attribute__((aligned(LEDGER_LINE)));

/* fsync times of one filesystem. */
struct ledger_sync {
	__u64 counts[LEDGER_SYNC_BUCKETS];
	__u64 started_ns[LEDGER_SYNCS]; /* by thread modulo LEDGER_SYNCS; 0: none under way */
} __attribute__((aligned(LEDGER_LINE)));

/*
 * Who dirtied pages: the cgroup and command that happened to fill a batch are charged with all
 * of it, which is right on the average and keeps the hot path out of this table.
 */
struct ledger_writer {
	__u64 cgroup; /* id; 0: the entry is free */
	__u64 pages;
	__u64 seen_ns; /* when it was last charged; the oldest makes room */
	__u32 slot;
	__u32 unused;
	char comm[LEDGER_COMM];
};

/* Reclaim, host-wide. Written at each entry into and exit from direct reclaim. */
struct ledger_memory {
	__u64 reclaims;	   /* entries into reclaim since load */
	__u64 running;	   /* tasks in reclaim now */
	__u64 stall_ns;	   /* time in which at least one task was in reclaim, up to event_ns */
	__u64 event_ns;	   /* the last entry or exit */
	__u64 oom_victims; /* a doorbell, not a count of kills: see memory.bpf.c */
	__u64 oom_rung_ns; /* when it rang last */
} __attribute__((aligned(LEDGER_LINE)));

/* What became of a connection to a gated port. */
enum gate_verdict {
	GATE_PASSED,	 /* passed: the gate is open for it */
	GATE_INTERNAL,	 /* passed: from an internal network */
	GATE_DIVERTED,	 /* to the responder */
	GATE_NO_PULSE,	 /* dropped: the responder does not beat */
	GATE_FULL,	 /* dropped: too many wait for the responder */
	GATE_UNASSIGNED, /* dropped: the kernel did not take the responder's socket */
	GATE_VERDICTS,
};

/* Whom a gate diverts, by network: /24, /48 of IPv6. As of writers, the stalest makes room. */
struct ledger_sender {
	__u64 network; /* its first 48 bits (host order), or LEDGER_IPV4 | 24; 0: free */
	__u64 connections;
	__u64 seen_ns;
};

/* Of one gate. Written when somebody connects to one of its ports. */
struct ledger_gate {
	__u64 counts[LEDGER_GATE_PORTS][GATE_VERDICTS]; /* by the port's place in the orders */
	__u64 diverted;					/* of all its ports */
	__u64 lost; /* diverted that were not accepted when none waited (floods, retransmits) */
	__u64 idle_seen; /* pulse.idle when `lost` was taken */
	struct ledger_sender senders[LEDGER_SENDERS];
} __attribute__((aligned(LEDGER_LINE)));

/* In the upper half of an IPv4 network: nobody has an IPv6 address that begins like this. */
#define LEDGER_IPV4 0x0000ffff00000000ULL

/* The ways a filesystem fills that have a probe of their own. */
enum ledger_write {
	WRITE_DIRTIED,	 /* pages dirtied: all buffered writing and mmap stores */
	WRITE_DIRECT,	 /* O_DIRECT */
	WRITE_FALLOCATE, /* reserved ahead of writing */
	WRITES,
};

/* What the kernel saw of one canary: the device its thread's writes were charged to. */
struct ledger_canary {
	__u32 tid;    /* whose: equals orders.canary_tid once seen */
	__u32 device; /* dev_t as the kernel holds it: major << 20 | minor */
	__u64 pages[WRITES];
	__u64 syncs;
};

/* What one CPU has not yet added to the filesystems' counters. */
struct ledger_batch {
	__u32 pages[LEDGER_FILESYSTEMS];
} __attribute__((aligned(LEDGER_LINE)));

struct ledger {
	struct ledger_filesystem filesystems[LEDGER_FILESYSTEMS];
	struct ledger_memory memory;
	struct ledger_mark marks[LEDGER_PLACES];
	struct ledger_gate gates[LEDGER_GATES];
	struct ledger_canary canaries[LEDGER_FILESYSTEMS];
	struct ledger_sync syncs[LEDGER_FILESYSTEMS];
	struct ledger_writer writers[LEDGER_WRITERS];
	struct ledger_batch batches[LEDGER_CPUS];
};

/* One port of a gate. */
struct orders_port {
	__u32 port;  /* with LEDGER_PORT_GONE: none is gated here, the counters are its */
	__u32 level; /* from which on it diverts: 1 medium, 2 high; 0: never */
	__u32 ramps; /* after a closure, clients are let in by degrees */
};

struct orders_gate {
	__u64 until_ns; /* lease of gate_level and of the ramp: past it the gate is open */
	__u64 backlog;	/* what the responder's listener really has */
	__u32 port_count;
	struct orders_port ports[LEDGER_GATE_PORTS];
};

/* Networks that always pass, in network byte order; IPv4 as ::ffff:0:0/96. */
struct orders_networks {
	__u32 count;
	struct {
		__u32 address[4];
		__u32 mask[4];
	} entries[LEDGER_NETWORKS];
};

struct orders {
	__u32 devices[LEDGER_FILESYSTEMS]; /* 0: slot not in use */
	/* Next line: read only past the device table. */
	__u32 batch_pages; /* 1 … LEDGER_BATCH_PAGES */
	__u32 canaries;	   /* how many canary_tid are set: 0 skips that search */
	__u32 page_shift;
	__u32 unused;
	__u64 pid_namespace_device; /* in which the tids below are counted: a container's */
	__u64 pid_namespace_inode;
	__u64 sync_cgroup; /* id (v2) of the one in and below which fsyncs are counted, or as above
			    */
	__u32 canary_tid[LEDGER_FILESYSTEMS]; /* thread of the canary in each slot; 0: none */
	__u64 since_ns[LEDGER_FILESYSTEMS];   /* since when the slot is its device's: fsyncs begun
						 before are void, as their end may not have been seen
					       */
	/* At which value to ring: of dirtied_pages, of memory.stall_ns; 0: never. */
	__u64 look_marks[LEDGER_PLACES];
	/*
	 * The brake: past a brake mark, when the look that the look mark rang for has not been
	 * answered for LEDGER_UNANSWERED.
	 */
	__u64 brake_marks[LEDGER_PLACES]; /* of the same; 0: never */
	__u64 armed_until_ns; /* past it no brake counts: the daemon has been gone too long */
	/* The gates: closed to ports of level GATE_LEVEL and lower ones. */
	__u64 gate_level;
	__u64 ramp_since_ns; /* 0: no ramp */
	__u64 ramp_until_ns;
	__u64 ramp_salt;
	/* Which of the two lists counts: its lowest bit. The other is written meanwhile. */
	__u64 network_generation;
	struct orders_gate gates[LEDGER_GATES];
	struct orders_networks networks[2];
} __attribute__((aligned(LEDGER_LINE)));

/* Of one responder. */
struct pulse {
	__u64 beat_ns;	/* CLOCK_MONOTONIC */
	__u64 accepted; /* connections taken from the listener */
	__u64 idle;	/* times that none waited there */
	__u64 cut;	/* connections closed before their time, to make room */
	__u64 locked;	/* its memory is: 1 */
};

/* What the ring buffer carries: a doorbell. The truth is in the ledger. */
enum ledger_bell {
	BELL_LOOK = 1, /* filesystem `slot` reached its look mark */
	BELL_STALL,    /* reclaim reached its stall mark */
	BELL_OOM,      /* the OOM killer chose a victim */
	BELL_ERROR,    /* filesystem `slot` had an error, or a quota's; none in the second before */
};

struct ledger_ring {
	__u32 bell;
	__u32 slot;
	__u64 mark;
};

#endif
