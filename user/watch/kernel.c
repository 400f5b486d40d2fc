/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory that is shared with the kernel programs, and the probes that are attached. */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "watch/attach.h"

struct kernel {
	int ledger_fd;
	int orders_fd;
	int bells_fd;
	const struct ledger *ledger;
	struct orders *orders;
	struct ring_buffer *bells;
	struct attachment attached[SIGNALS];
	void (*ring)(void *context, const struct ledger_ring *ring);
	void *ring_context;
};

/* Its wording is for developers; what failed is said by us, with the errno. */
static int no_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static int on_ring(void *context, void *data, size_t size)
{
	struct kernel *kernel = context;

	if (size >= sizeof(struct ledger_ring) && kernel->ring)
		kernel->ring(kernel->ring_context, data);
	return 0;
}

static int make_array(const char *name, size_t value_size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), value_size, 1, &options);
}

static size_t page_align(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

static void *map_array(int fd, size_t size, int protection)
{
	void *memory = mmap(NULL, page_align(size), protection, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int make_memory(struct kernel *kernel)
{
	kernel->ledger_fd = make_array("ledger", sizeof(struct ledger));
	if (kernel->ledger_fd < 0)
		return -errno;
	kernel->orders_fd = make_array("orders", sizeof(struct orders));
	if (kernel->orders_fd < 0)
		return -errno;
	kernel->bells_fd =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "bells", 0, 0, LEDGER_BELLS_BYTES, NULL);
	if (kernel->bells_fd < 0)
		return -errno;
	/* Frozen before it is mapped: kernel programs still write, nobody else can. */
	if (bpf_map_freeze(kernel->ledger_fd))
		return -errno;
	kernel->ledger = map_array(kernel->ledger_fd, sizeof(struct ledger), PROT_READ);
	if (!kernel->ledger)
		return -errno;
	kernel->orders =
		map_array(kernel->orders_fd, sizeof(struct orders), PROT_READ | PROT_WRITE);
	if (!kernel->orders)
		return -errno;
	kernel->bells = ring_buffer__new(kernel->bells_fd, on_ring, kernel, NULL);
	return kernel->bells ? 0 : -errno;
}

/* In which namespace the tids are counted that we order a watch on: in a container, its own. */
static void order_namespace(struct orders *orders)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st))
		return;
	orders->pid_namespace_device = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	orders->pid_namespace_inode = st.st_ino;
}

int kernel_open(struct kernel **result)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	unsigned int i;
	int error;

	if (!kernel)
		return -ENOMEM;
	libbpf_set_print(no_print);
	for (i = 0; i < SIGNALS; i++)
		attach_init(&kernel->attached[i]);
	kernel->ledger_fd = kernel->orders_fd = kernel->bells_fd = -1;
	error = make_memory(kernel);
	if (error) {
		kernel_close(kernel);
		return error;
	}
	order_namespace(kernel->orders);
	kernel->orders->page_shift = (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	*result = kernel;
	return 0;
}

void kernel_close(struct kernel *kernel)
{
	unsigned int i;

	if (!kernel)
		return;
	for (i = 0; i < SIGNALS; i++)
		attach_end(&kernel->attached[i]);
	ring_buffer__free(kernel->bells);
	if (kernel->ledger)
		munmap((void *)kernel->ledger, page_align(sizeof(struct ledger)));
	if (kernel->orders)
		munmap(kernel->orders, page_align(sizeof(struct orders)));
	if (kernel->ledger_fd >= 0)
		close(kernel->ledger_fd);
	if (kernel->orders_fd >= 0)
		close(kernel->orders_fd);
	if (kernel->bells_fd >= 0)
		close(kernel->bells_fd);
	free(kernel);
}

const struct ledger *kernel_ledger(const struct kernel *kernel)
{
	return kernel->ledger;
}

struct orders *kernel_orders(struct kernel *kernel)
{
	return kernel->orders;
}

void kernel_maps(const struct kernel *kernel, int fds[KERNEL_MAPS])
{
	fds[0] = kernel->ledger_fd;
	fds[1] = kernel->orders_fd;
	fds[2] = kernel->bells_fd;
}

int kernel_share(const int fds[KERNEL_MAPS], struct bpf_object *object)
{
	const struct {
		const char *name;
		int fd;
	} shared[] = {
		{ "ledger", fds[0] },
		{ "orders", fds[1] },
		{ "bells", fds[2] },
	};
	struct bpf_map *map;
	size_t i;
	int error;

	for (i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		map = bpf_object__find_map_by_name(object, shared[i].name);
		error = map ? bpf_map__reuse_fd(map, shared[i].fd) : -ENOENT;
		if (error)
			return error;
	}
	return 0;
}

int kernel_next_probe(struct kernel *kernel, enum signal_id signal)
{
	return attach_next(&kernel->attached[signal], kernel, signal);
}

bool kernel_has_next_probe(const struct kernel *kernel, enum signal_id signal)
{
	return probe_find(signal, kernel->attached[signal].position);
}

void kernel_keep_unheard(struct kernel *kernel, enum signal_id signal)
{
	if (!kernel_attached(kernel, signal)) {
		kernel->attached[signal].position = 0;
		kernel_next_probe(kernel, signal);
	}
	kernel->attached[signal].unheard = true;
}

const struct kernel_refusal *kernel_refusal(const struct kernel *kernel, enum signal_id signal)
{
	const struct attachment *attachment = &kernel->attached[signal];

	return attachment->probe || !attachment->refusal.error ? NULL : &attachment->refusal;
}

void kernel_await(struct kernel *kernel, enum signal_id signal, bool awaited)
{
	kernel->attached[signal].awaited = awaited;
}

void kernel_adopt(struct kernel *kernel, enum signal_id signal, const struct attachment *attachment)
{
	attach_end(&kernel->attached[signal]);
	kernel->attached[signal] = *attachment;
}

const struct attachment *kernel_attachment(const struct kernel *kernel, enum signal_id signal)
{
	return &kernel->attached[signal];
}

void kernel_heard(struct kernel *kernel, enum signal_id signal)
{
	kernel->attached[signal].unheard = false;
}

enum signal_id kernel_write_signal(enum ledger_write way)
{
	static const enum signal_id signals_of[WRITES] = {
		[WRITE_DIRTIED] = SIGNAL_WRITES,
		[WRITE_DIRECT] = SIGNAL_DIRECT_WRITES,
		[WRITE_FALLOCATE] = SIGNAL_FALLOCATE,
	};

	return signals_of[way];
}

static const struct {
	const char *name;
	const char *without; /* what stands in for its probes */
} signals[SIGNALS] = {
	[SIGNAL_WRITES] = { "writes", KERNEL_POLL },
	[SIGNAL_DIRECT_WRITES] = { "direct-writes", KERNEL_POLL },
	[SIGNAL_FALLOCATE] = { "fallocate", KERNEL_POLL },
	[SIGNAL_SYNC_EXT4] = { "sync-ext4", KERNEL_NONE },
	[SIGNAL_SYNC_XFS] = { "sync-xfs", KERNEL_NONE },
	[SIGNAL_SYNC_BTRFS] = { "sync-btrfs", KERNEL_NONE },
	[SIGNAL_ERRORS] = { "errors", KERNEL_POLL },
	[SIGNAL_EXT4_ERRORS] = { "ext4-errors", KERNEL_POLL },
	[SIGNAL_RECLAIM] = { "reclaim", KERNEL_POLL },
	[SIGNAL_OOM_KILLS] = { "oom-kills", KERNEL_POLL },
};

const char *kernel_signal_name(enum signal_id signal)
{
	return signals[signal].name;
}

bool kernel_attached(const struct kernel *kernel, enum signal_id signal)
{
	return kernel && kernel->attached[signal].probe;
}

const char *kernel_backend(const struct kernel *kernel, enum signal_id signal)
{
	if (!kernel_attached(kernel, signal) || kernel->attached[signal].unheard)
		return signals[signal].without;
	return kernel->attached[signal].probe->name;
}

static const struct {
	uint64_t type; /* f_type */
	enum signal_id signal;
} syncs[] = {
	{ EXT4_SUPER_MAGIC, SIGNAL_SYNC_EXT4 },
	{ XFS_SUPER_MAGIC, SIGNAL_SYNC_XFS },
	{ BTRFS_SUPER_MAGIC, SIGNAL_SYNC_BTRFS },
};

#define SYNCS (sizeof(syncs) / sizeof(syncs[0]))

static const char *in_cgroup(const struct kernel *kernel, enum signal_id signal)
{
	return kernel_attached(kernel, signal) ? kernel->attached[signal].probe->in_cgroup : NULL;
}

const char *kernel_sync_backend(const struct kernel *kernel, uint64_t type)
{
	size_t i;

	for (i = 0; i < SYNCS; i++) {
		if (syncs[i].type != type)
			continue;
		if (in_cgroup(kernel, syncs[i].signal) &&
		    kernel->orders->sync_cgroup != SYNCS_OF_ALL)
			return in_cgroup(kernel, syncs[i].signal);
		return kernel_backend(kernel, syncs[i].signal);
	}
	return KERNEL_NONE;
}

bool kernel_order_syncs(struct kernel *kernel, uint64_t id)
{
	bool told = false;
	size_t i;

	if (!kernel)
		return false;
	__atomic_store_n(&kernel->orders->sync_cgroup, id, __ATOMIC_RELAXED);
	for (i = 0; i < SYNCS; i++)
		told |= kernel->attached[syncs[i].signal].awaited ||
			in_cgroup(kernel, syncs[i].signal);
	return told;
}

int kernel_bell_fd(const struct kernel *kernel)
{
	return ring_buffer__epoll_fd(kernel->bells);
}

int kernel_bell_read(struct kernel *kernel, void (*ring)(void *context, const struct ledger_ring *),
		     void *context)
{
	int count;

	kernel->ring = ring;
	kernel->ring_context = context;
	count = ring_buffer__consume(kernel->bells);
	return count < 0 ? count : 0;
}
