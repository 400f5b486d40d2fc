/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types we touch, and of those only the fields. Offsets are fixed up at
 * load time from the running kernel's BTF (preserve_access_index), so order and
 * padding here mean nothing. A type whose shape changed has a flavour (___suffix)
 * for the other shape, with the commit that changed it.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef _Bool bool;
enum {
	false = 0,
	true = 1,
};
typedef unsigned long size_t;
typedef long long loff_t;

/* UAPI constants that linux/bpf.h would bring, had it not its own idea of the types above. */
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum {
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_F_MMAPABLE = 1 << 10,
};

enum {
	BPF_SK_LOOKUP_F_REPLACE = 1 << 0,
	BPF_SK_LOOKUP_F_NO_REUSEPORT = 1 << 1,
};

enum sk_action {
	SK_DROP = 0,
	SK_PASS = 1,
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_SOCKMAP = 15,
	BPF_MAP_TYPE_RINGBUF = 27,
};

/* What bpf_get_ns_current_pid_tgid() fills in. */
struct bpf_pidns_info {
	__u32 pid;
	__u32 tgid;
};

/* Of a sk_lookup program; UAPI, so its layout is fixed. Addresses in network byte order. */
struct bpf_sk_lookup {
	__u64 sk;
	__u32 family;
	__u32 protocol;
	__u32 remote_ip4;
	__u32 remote_ip6[4];
	__u32 remote_port;
	__u32 local_ip4;
	__u32 local_ip6[4];
	__u32 local_port; /* host byte order */
	__u32 ingress_ifindex;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file_system_type {
	int fs_flags;
};

struct super_block {
	__u32 s_dev;
	struct file_system_type *s_type;
};

struct inode {
	struct super_block *i_sb;
	__u32 i_rdev;
	__u8 i_blkbits;
};

struct address_space {
	struct inode *host;
	__u32 wb_err;
};

struct page {
	unsigned long flags;
};

struct folio {
	unsigned long flags;
	unsigned int _folio_nr_pages; /* 6.1: 379708ffde1b "mm: add the first tail page to struct folio" */
};

/* 6.18: 53fbef56e07d "mm: introduce memdesc_flags_t", and 6.16's rename of _folio_nr_pages. */
typedef struct {
	unsigned long f;
} memdesc_flags_t;

struct folio___memdesc {
	memdesc_flags_t flags;
};

struct folio___nr_pages {
	unsigned int _nr_pages;
};

struct file {
	struct inode *f_inode;
};

struct kiocb {
	struct file *ki_filp;
};

struct iov_iter {
	bool data_source;
	size_t count;
};

#pragma clang attribute pop

/* PG_head moved from bit 16 to 6 (6.12) : asked for by name. */
enum pageflags {
	PG_head = 16,
};

#endif
