/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel's verifier says of the programs of BPF objects: a line each of
 *
 *	PROGRAM <tab> STEPS | absent | refused | errno N
 *
 *   verify OBJECT...
 *
 * Each is loaded alone and attached to nothing. "absent": this kernel has no such hook. "refused":
 * it takes no program of this type from anyone (fentry and fexit, on hardened kernels). Whatever
 * else fails is the program's own fault; what the verifier said last of it is on stderr.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static char verdict[1 << 20];

static int no_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

static bool is_trampoline(const struct bpf_program *program)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(program);

	return type == BPF_TRACE_FENTRY || type == BPF_TRACE_FEXIT;
}

static unsigned int steps_of(const struct bpf_program *program)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return 0;
	return info.verified_insns;
}

static void tell(const struct bpf_program *program, int error)
{
	const char *name = bpf_program__name(program);

	if (!error) {
		printf("%s\t%u\n", name, steps_of(program));
	} else if (error == -ESRCH || error == -ENOENT) {
		printf("%s\tabsent\n", name);
	} else if (error == -EPERM && is_trampoline(program)) {
		printf("%s\trefused\n", name);
	} else {
		size_t length = strlen(verdict);

		printf("%s\terrno %d\n", name, -error);
		fprintf(stderr, "%s: %s\n%s\n", name, strerror(-error),
			length > 500 ? verdict + length - 500 : verdict);
	}
}

/* With it alone switched on, and its verdict kept. */
static int load(const char *path, const char *name)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program, *chosen = NULL;

	if (!object)
		return -errno;
	bpf_object__for_each_program(program, object)
	{
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
		if (bpf_program__autoload(program))
			chosen = program;
	}
	verdict[0] = '\0';
	bpf_program__set_log_buf(chosen, verdict, sizeof(verdict));
	bpf_program__set_log_level(chosen, 4);
	tell(chosen, bpf_object__load(object));
	bpf_object__close(object);
	return 0;
}

static int load_all(const char *path)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	int error = object ? 0 : -errno;

	if (error)
		return error;
	bpf_object__for_each_program(program, object) if (!error) error =
		load(path, bpf_program__name(program));
	bpf_object__close(object);
	return error;
}

int main(int argc, char **argv)
{
	int i, error;

	libbpf_set_print(no_print);
	for (i = 1; i < argc; i++) {
		error = load_all(argv[i]);
		if (error) {
			fprintf(stderr, "verify: %s: %s\n", argv[i], strerror(-error));
			return 1;
		}
	}
	return 0;
}
