/* SPDX-License-Identifier: GPL-2.0-only */
/* A gate as the daemon holds it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/gate.skel.h"
#include "publish/gate.h"

static int map_pulse(struct gate *gate)
{
	void *page =
		mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, gate->pulse_fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	gate->pulse = page;
	return 0;
}

static void unmap_pulse(struct gate *gate)
{
	if (gate->pulse)
		munmap(gate->pulse, (size_t)sysconf(_SC_PAGESIZE));
	gate->pulse = NULL;
}

static int make_pulse(struct gate *gate)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

	gate->pulse_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pulse", sizeof(__u32),
					sizeof(struct pulse), 1, &options);
	if (gate->pulse_fd < 0)
		return -errno;
	return map_pulse(gate);
}

int gate_prepare(struct gate *gate, const struct config_gate *config)
{
	int error;

	memset(gate, 0, sizeof(*gate));
	gate->link_fd = -1;
	gate->place.netns_fd = gate->place.listener_fd = -1;
	error = make_pulse(gate);
	return error ? error : gate_place_open(&gate->place, config);
}

static int load(struct gate *gate, const int maps[KERNEL_MAPS], unsigned int slot)
{
	int error;

	gate->program = gate_bpf__open();
	if (!gate->program)
		return -errno;
	gate->program->rodata->slot = slot;
	error = kernel_share(maps, gate->program->obj);
	if (!error)
		error = bpf_map__reuse_fd(gate->program->maps.pulse, gate->pulse_fd);
	return error ? error : gate_bpf__load(gate->program);
}

static int put_listener(struct gate *gate)
{
	__u64 fd = (__u64)gate->place.listener_fd;
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(gate->program->maps.listener), &zero, &fd, BPF_ANY)
		       ? -errno
		       : 0;
}

int gate_attach(struct gate *gate, const int maps[KERNEL_MAPS], unsigned int slot)
{
	int error = load(gate, maps, slot);

	if (!error)
		error = put_listener(gate);
	if (!error) {
		gate->program->links.gate =
			bpf_program__attach_netns(gate->program->progs.gate, gate->place.netns_fd);
		error = gate->program->links.gate ? 0 : -errno;
	}
	gate_place_leave(&gate->place);
	if (error) {
		gate_bpf__destroy(gate->program);
		gate->program = NULL;
	}
	return error;
}

int gate_link(const struct gate *gate)
{
	return bpf_link__fd(gate->program->links.gate);
}

void gate_adopt(struct gate *gate, const struct gate_place *place, int link_fd)
{
	gate_detach(gate);
	gate->place = *place;
	gate->link_fd = link_fd;
}

void gate_detach(struct gate *gate)
{
	gate_bpf__destroy(gate->program);
	gate->program = NULL;
	if (gate->link_fd >= 0)
		close(gate->link_fd);
	gate->link_fd = -1;
	gate_place_close(&gate->place);
}

void gate_close(struct gate *gate)
{
	gate_detach(gate);
	unmap_pulse(gate);
	if (gate->pulse_fd >= 0)
		close(gate->pulse_fd);
	gate->pulse_fd = -1;
}
