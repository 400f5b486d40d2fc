/* SPDX-License-Identifier: GPL-2.0-only */
/* Load and attach a probe. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "watch/attach.h"

#define TRACEPOINT "tp_btf/"
#define LOG_BYTES  65536
#define LOG_STATS  4 /* BPF_LOG_STATS: what is wrong and how much it was, and not each step */

static bool wanted(const struct probe *probe, const char *program)
{
	unsigned int i;

	for (i = 0; probe->programs[i]; i++)
		if (!strcmp(probe->programs[i], program))
			return true;
	return false;
}

/*
 * Our maps, and the programs of other probes switched off. With LOG the verifier runs once:
 * without, libbpf would have it say all it did, again and again with more room. They share it, as
 * the first that is refused is the last that is loaded.
 */
static int prepare(const struct kernel *kernel, struct bpf_object *object,
		   const struct probe *probe, char *log)
{
	struct bpf_program *program;
	int maps[KERNEL_MAPS], error;

	kernel_maps(kernel, maps);
	error = kernel_share(maps, object);
	if (error)
		return error;
	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, wanted(probe, bpf_program__name(program)));
		if (!log)
			continue;
		bpf_program__set_log_buf(program, log, LOG_BYTES);
		bpf_program__set_log_level(program, LOG_STATS);
	}
	return 0;
}

static void release(int links[PROBE_PROGRAMS])
{
	unsigned int i;

	for (i = 0; i < PROBE_PROGRAMS; i++) {
		if (links[i] >= 0)
			close(links[i]);
		links[i] = -1;
	}
}

/* What is attached outlives the object: a link holds its program, a program its maps. */
static int attach_all(struct bpf_object *object, const struct probe *probe,
		      int links[PROBE_PROGRAMS])
{
	struct bpf_program *program;
	struct bpf_link *link;
	unsigned int i;

	for (i = 0; probe->programs[i]; i++) {
		program = bpf_object__find_program_by_name(object, probe->programs[i]);
		link = program ? bpf_program__attach(program) : NULL;
		if (!link)
			return -errno;
		links[i] = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 0);
		bpf_link__destroy(link);
		if (links[i] < 0)
			return -errno;
	}
	return 0;
}

static int try_probe(const struct kernel *kernel, const struct probe *probe,
		     int links[PROBE_PROGRAMS], char *log)
{
	size_t size;
	const void *elf = probe->object(&size);
	struct bpf_object *object = bpf_object__open_mem(elf, size, NULL);
	int error;

	if (!object)
		return -errno;
	error = prepare(kernel, object, probe, log);
	if (!error)
		error = bpf_object__load(object);
	if (!error)
		error = attach_all(object, probe, links);
	bpf_object__close(object);
	if (error)
		release(links);
	return error;
}

static bool is_statistics(const char *line)
{
	return !strncmp(line, "processed ", 10) || !strncmp(line, "verification time", 17) ||
	       !strncmp(line, "stack depth", 11);
}

/* The last line that says what is wrong. */
static void quote(char *log, char *said, size_t size)
{
	char *line, *rest = NULL;

	for (line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!is_statistics(line))
			snprintf(said, size, "%s", line);
}

/* Whether the kernel itself, and not a module, has the tracepoint that SECTION names. */
static bool has_tracepoint(const struct btf *btf, const char *section)
{
	char type[128];

	if (strncmp(section, TRACEPOINT, strlen(TRACEPOINT)))
		return true;
	snprintf(type, sizeof(type), "btf_trace_%s", section + strlen(TRACEPOINT));
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) >= 0;
}

/*
 * What the kernel itself does not have libbpf looks for in the modules, which wants CAP_SYS_ADMIN:
 * it may be there (ext4 as a module), or in no kernel as old as this one.
 */
static bool is_elsewhere(const struct probe *probe)
{
	size_t size;
	const void *elf = probe->object(&size);
	struct bpf_object *object = bpf_object__open_mem(elf, size, NULL);
	struct btf *btf = object ? btf__load_vmlinux_btf() : NULL;
	struct bpf_program *program;
	bool elsewhere = false;
	unsigned int i;

	for (i = 0; btf && probe->programs[i]; i++) {
		program = bpf_object__find_program_by_name(object, probe->programs[i]);
		elsewhere |= program && !has_tracepoint(btf, bpf_program__section_name(program));
	}
	btf__free(btf);
	bpf_object__close(object);
	return elsewhere;
}

/* Hardened kernels refuse trampolines to all; of modules, others do to who lacks CAP_SYS_ADMIN. */
static bool is_withheld(const struct probe *probe, int error)
{
	return error == -EPERM && (!strncmp(probe->name, "fentry/", 7) || is_elsewhere(probe));
}

/*
 * Of all that were refused the first counts, and none for which this kernel has no hook: that is
 * what lists are for.
 */
static void note_refusal(struct kernel_refusal *refusal, const struct probe *probe, int error,
			 char *log)
{
	if (error == -ESRCH || error == -ENOENT || refusal->error)
		return;
	refusal->probe = probe->name;
	refusal->error = error;
	refusal->withheld = is_withheld(probe, error);
	if (log)
		quote(log, refusal->said, sizeof(refusal->said));
}

static int attach(struct attachment *attachment, const struct kernel *kernel,
		  const struct probe *probe)
{
	char *log = calloc(1, LOG_BYTES);
	int error = try_probe(kernel, probe, attachment->links, log);

	if (error == -ENOSPC && log) /* maybe in the log alone */
		error = try_probe(kernel, probe, attachment->links, NULL);
	if (error)
		note_refusal(&attachment->refusal, probe, error, log);
	else
		attachment->probe = probe;
	free(log);
	return error;
}

void attach_init(struct attachment *attachment)
{
	memset(attachment, 0, sizeof(*attachment));
	memset(attachment->links, -1, sizeof(attachment->links));
}

int attach_next(struct attachment *attachment, const struct kernel *kernel, enum signal_id signal)
{
	const struct probe *probe;

	attach_end(attachment);
	while ((probe = probe_find(signal, attachment->position))) {
		attachment->position++;
		if (!attach(attachment, kernel, probe))
			return 0;
	}
	return -ENOENT;
}

void attach_end(struct attachment *attachment)
{
	release(attachment->links);
	attachment->probe = NULL;
}
