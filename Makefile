# SPDX-License-Identifier: GPL-2.0-only
#
#   make         build build/spoolgated and build/spoolgate, and nothing else
#   make run     install what the build lacks (apt), build, run in the foreground
#   make check   install what the tests lack as well, build, run all of them
#
# Also: deps deps-check check-unit check-system check-mta check-kernels check-trixie fuzz bench install clean. V=1 shows commands.

VERSION := 0.1.0

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
CLANG ?= clang
BPFTOOL ?= bpftool
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g -fstack-protector-strong
CPPFLAGS ?= -D_FORTIFY_SOURCE=2
LDFLAGS ?= -Wl,-z,relro,-z,now
FUZZ_SECONDS ?= 60
# 1: a warning is an error, of either compiler. For whoever changes the tree; not for packages.
WERROR ?=

# What must be there, as PACKAGE:PROBE. A probe is a pkg-config module (.pc), a file or a command.
BUILD_NEEDS := gcc:$(firstword $(CC)) libc6-dev:/usr/include/stdio.h clang:$(CLANG) \
	bpftool:$(BPFTOOL) pkgconf:$(PKG_CONFIG) libbpf-dev:libbpf.pc libevent-dev:libevent_core.pc \
	libconfuse-dev:libconfuse.pc libjson-c-dev:json-c.pc libseccomp-dev:libseccomp.pc \
	libcap-ng-dev:libcap-ng.pc
CHECK_NEEDS := bats:bats libcmocka-dev:cmocka.pc jq:jq socat:socat util-linux:fsfreeze \
	mount:losetup iproute2:ip e2fsprogs:mkfs.ext4 xfsprogs:mkfs.xfs btrfs-progs:mkfs.btrfs \
	procps:ps strace:strace libcap2-bin:capsh libclang-rt-dev:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*
# What says how much of a parser its fuzz target has seen: without it that is skipped.
COVER_NEEDS := llvm:llvm-profdata
# The other clang that the kernel programs are tried with: without it that is skipped.
CLANG_NEEDS := clang-19:clang-19
# What Debian 13 is tried with: without it that is skipped.
ROOT_NEEDS := debootstrap:debootstrap
# What other kernels are booted with: without it that is skipped.
KERNEL_NEEDS := qemu-system-x86:qemu-system-x86_64 busybox-static:busybox zstd:zstd lz4:lz4 xz-utils:xz

# bpftool, mkfs and losetup live in sbin, which is not in a user's PATH.
export PATH := $(PATH):/usr/sbin:/sbin
find_missing = PATH='$(PATH)'; for need in $(1); do probe=$${need\#*:}; case $$probe in \
	*.pc) if command -v $(PKG_CONFIG); then $(PKG_CONFIG) --exists $${probe%.pc}; \
	      else dpkg -s $${need%%:*}; fi ;; \
	/*) ls $$probe ;; \
	*) command -v $$probe ;; \
	esac >/dev/null 2>&1 || echo $${need%%:*}; done
missing = $(shell $(call find_missing,$(1)))

MODULES := libbpf libevent_core libconfuse json-c libseccomp libcap-ng
LIBS := $(shell $(PKG_CONFIG) --libs $(MODULES) 2>/dev/null)
INCLUDES := -Iuser -Iinclude -Ibuild $(shell $(PKG_CONFIG) --cflags $(MODULES) 2>/dev/null)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
COMPILE := -std=gnu11 -D_GNU_SOURCE -DSPOOLGATE_VERSION='"$(VERSION)"' $(INCLUDES) $(CPPFLAGS) \
	$(CFLAGS) $(WARNINGS) $(if $(WERROR),-Werror) -fPIE -pthread -MMD -MP
LINK := $(CFLAGS) -pie -pthread -Wl,--as-needed $(LDFLAGS)
# -mcpu=v2: fetching atomics (v3) want Linux 5.12. The header directory is where asm/ is.
BPF_COMPILE := -g -O2 -target bpf -mcpu=v2 -Wall -Wextra -Wno-unused-parameter $(if $(WERROR),-Werror) -Iinclude -Ibpf -MMD -MP \
	-idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
COVER := -fprofile-instr-generate -fcoverage-mapping
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

# Every .c file of a room belongs to it; every .c file under tests/ is a program of its own.
room = $(patsubst %.c,build/obj/%.o,$(wildcard user/$(1)/*.c))
# Of the responder's the daemon has what starts it: what strangers talk to is another program.
RESPONDER := $(filter-out %/starter.o %/greeting.o,$(call room,responder)) $(patsubst %,build/obj/user/common/%.o,clock begin)
DAEMON := $(filter-out %/responder/main.o %/responder/responder.o %/callers.o %/confine.o,\
	$(foreach r,common watch policy publish responder daemon,$(call room,$(r))))
TESTABLE := $(filter-out %/main.o %_main.o,$(sort $(DAEMON) $(RESPONDER) $(foreach r,cli mta lib,$(call room,$(r)))))
SKELETONS := $(patsubst bpf/%.bpf.c,build/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
UNIT := $(patsubst %.c,build/%,$(wildcard tests/unit/*.c))
HELPERS := $(patsubst %.c,build/%,$(wildcard tests/system/*.c tests/bench/*.c))
FUZZ := $(patsubst %.c,build/%,$(wildcard tests/fuzz/*.c))
PROBE_CHECK := build/tests/kernels/probe_check build/tests/kernels/limits
PROGRAMS := build/spoolgated build/spoolgate-responder build/spoolgate build/spoolgate-milter build/filter-spoolgate
LIBRARY := build/libspoolgate.so.0 build/libspoolgate.a build/spoolgate.pc

say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2);)
again = +@$(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s)

all: $(if $(call missing,$(BUILD_NEEDS)),say-missing,$(PROGRAMS) $(LIBRARY))

say-missing:
	@echo 'Missing Debian packages: $(call missing,$(BUILD_NEEDS)) (as root, "make deps" installs them)' >&2
	@false

build/spoolgated: $(DAEMON)
	$(call say,LINK,$@)$(CC) $(LINK) $^ $(LIBS) -o $@
build/spoolgate-responder: $(RESPONDER)
	$(call say,LINK,$@)$(CC) $(LINK) $^ -lseccomp -o $@
build/spoolgate: $(call room,cli) build/common.a
	$(call say,LINK,$@)$(CC) $(LINK) $^ $(LIBS) -o $@
build/spoolgate-milter: build/obj/user/mta/milter_main.o build/mta.a build/libspoolgate.a
	$(call say,LINK,$@)$(CC) $(LINK) $^ $(LIBS) -o $@
build/filter-spoolgate: build/obj/user/mta/filter_main.o build/mta.a build/libspoolgate.a
	$(call say,LINK,$@)$(CC) $(LINK) $^ -lseccomp -o $@

# The client library. The archive is one object in which only the public names are left, so that
# ours cannot meet those of whoever links it.
SHARED := $(patsubst build/obj/%,build/obj-shared/%,$(call room,lib))
build/libspoolgate.so.0: $(SHARED) user/lib/libspoolgate.map
	$(call say,LINK,$@)$(CC) $(CFLAGS) -shared -pthread -Wl,-soname,$(@F) -Wl,--version-script=user/lib/libspoolgate.map \
		-Wl,-z,defs -Wl,--as-needed $(LDFLAGS) $(SHARED) -o $@
build/libspoolgate.a: $(SHARED)
	$(call say,AR,$@)rm -f $@ && $(CC) $(CFLAGS) -r -nostdlib $^ -o $(@:.a=.o) && $(OBJCOPY) --localize-hidden $(@:.a=.o) && ar rcs $@ $(@:.a=.o)
build/spoolgate.pc: share/spoolgate.pc.in build/flags
	$(call say,PC,$@)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< > $@

# Thin archives that keep paths: several rooms have a status.c.
build/common.a: $(call room,common)
build/mta.a: $(filter-out %_main.o,$(call room,mta)) $(call room,common)
build/plain.a: $(TESTABLE)
build/checked.a: $(TESTABLE:build/obj/%=build/obj-checked/%)
# What reads the kernel's own words has no target.
build/fuzzed.a: $(patsubst build/obj/%,build/obj-fuzzed/%,$(filter-out build/obj/user/watch/%,$(TESTABLE)))
build/%.a:
	$(call say,AR,$@)rm -f $@ && ar rcsTP $@ $^

build/obj/%.o: %.c build/flags | $(SKELETONS)
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(COMPILE) -c $< -o $@
build/obj-shared/%.o: %.c build/flags
	$(call say,CC,'$< (shared)')mkdir -p $(@D) && $(CC) $(filter-out -fPIE,$(COMPILE)) -fPIC -fvisibility=hidden -c $< -o $@
build/obj-checked/%.o: %.c build/flags | $(SKELETONS)
	$(call say,CC,'$< (sanitized)')mkdir -p $(@D) && $(CC) $(COMPILE) $(SANITIZE) -Wno-format-truncation -U_FORTIFY_SOURCE -c $< -o $@
build/obj-fuzzed/%.o: %.c build/flags | $(SKELETONS)
	$(call say,CC,'$< (fuzzed)')mkdir -p $(@D) && $(CLANG) $(COMPILE) $(SANITIZE) $(if $(filter user/%,$<),$(COVER)) -U_FORTIFY_SOURCE \
		-fsanitize=fuzzer-no-link -c $< -o $@

build/tests/unit/%: build/obj-checked/tests/unit/%.o build/checked.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(LINK) $(SANITIZE) $^ $(LIBS) -lcmocka -o $@
build/tests/fuzz/%: build/obj-fuzzed/tests/fuzz/%.o build/fuzzed.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CLANG) $(LINK) $(SANITIZE) $(COVER) -fsanitize=fuzzer $^ $(LIBS) -o $@
# Runs in an initramfs: nothing is there to link with.
build/tests/kernels/probe_check: $(patsubst %.c,build/obj/%.o,$(wildcard tests/kernels/*.c)) \
		$(patsubst %,build/obj/user/watch/%.o,kernel attach probes look btrfs upper mount_of write_probe mark cgroup keyed psi_total) \
		$(patsubst %,build/obj/user/publish/%.o,gate gate_place) build/obj/user/common/clock.o
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) -static $(CFLAGS) $^ `$(PKG_CONFIG) --static --libs libbpf` -o $@
build/tests/kernels/limits: build/obj/tests/system/limits.o
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) -static $(CFLAGS) $^ -o $@
build/tests/%: build/obj/tests/%.o build/plain.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(LINK) $^ $(LIBS) -o $@

# `gen object` leaves the debug sections out, and so the skeleton at a tenth of its size.
make_object = mkdir -p $(@D) && $(1) $(BPF_COMPILE) -MT $@ -c $< -o $(@:.o=.debug.o) && $(BPFTOOL) gen object $@ $(@:.o=.debug.o)
build/bpf/%.bpf.o: bpf/%.bpf.c build/flags
	$(call say,BPF,$<)$(call make_object,$(CLANG))
# The same by the clangs that tests/kernels/steps.tsv has a column for.
define objects_by
build/bpf-$(1)/%.bpf.o: bpf/%.bpf.c build/flags
	$$(call say,BPF,'$$< (clang $(1))')$$(call make_object,clang-$(1))
endef
$(foreach version,14 19,$(eval $(call objects_by,$(version))))
build/bpf/%.skel.h: build/bpf/%.bpf.o
	$(call say,SKEL,$@)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# Written anew, and with it everything, when a flag, a version or a library has changed.
FLAGS := $(VERSION) $(CC) $(CLANG) $(COMPILE) $(LINK) $(LIBS) $(BPF_COMPILE) $(SANITIZE) $(COVER)
ifneq ($(file <build/flags),$(FLAGS))
.PHONY: build/flags
endif
build/flags:
	@$(shell mkdir -p build)$(file >$@,$(FLAGS)):

deps:
	@$(call install_missing,$(BUILD_NEEDS))
deps-check: deps
	@$(call install_missing,$(CHECK_NEEDS))
	@($(call install_missing,$(CLANG_NEEDS))) || echo '  APT     failed: no other clang is tried' >&2
	@($(call install_missing,$(COVER_NEEDS))) || echo '  APT     failed: what fuzzing covers is not known' >&2
	@($(call install_missing,$(ROOT_NEEDS))) || echo '  APT     failed: Debian 13 is not tried' >&2
	@($(call install_missing,$(KERNEL_NEEDS))) || echo '  APT     failed: no kernel will be booted' >&2

# The lists are fetched only when installing without that fails (none yet, or too old).
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120
install_missing = $(call install,$(strip $(call missing,$(1))))
install = $(if $(1),set -e; test `id -u` = 0 || { echo 'As root: apt-get install $(1)' >&2; exit 1; }; \
	echo '  APT     $(1)'; $(APT) install --no-install-recommends $(1) </dev/null >/dev/null 2>&1 || \
	{ $(APT) update </dev/null; $(APT) install --no-install-recommends $(1) </dev/null >/dev/null; },:)

# All of the C there is, read by the other compiler: what one does not warn of the other may.
other-compiler: | $(SKELETONS)
	$(call say,CLANG,'user tests share')$(CLANG) $(filter-out -MMD -MP,$(COMPILE)) -Werror -fsyntax-only $(wildcard user/*/*.c tests/*/*.c share/examples/*.c)

run:
	$(again) deps
	$(again) all
	@test `id -u` = 0 || echo 'Not root: BPF and /run want it. Polling, socket build/state.sock' >&2
	@if test `id -u` = 0; then exec build/spoolgated $(ARGS); else exec build/spoolgated -s build/state.sock $(ARGS); fi

check:
	$(again) deps-check
	$(again) all $(UNIT) $(HELPERS) $(PROBE_CHECK)
	+@! ls `$(CLANG) -print-runtime-dir`/libclang_rt.fuzzer-* >/dev/null 2>&1 || $(MAKE) -s fuzz-programs
	@tests/run
check-unit: $(UNIT)
	@tests/run unit
check-system: all $(HELPERS)
	@tests/run system
# Real mail servers, from packages that are downloaded and not installed: see tests/README.md.
check-mta: all
	@tests/run mta
# All kernels of tests/kernels/kernels.tsv, or those in KERNELS: downloads them, boots them in qemu.
check-kernels:
	$(again) deps-check
	$(again) $(PROBE_CHECK)
	@KERNELS="$${KERNELS:-all}" tests/run kernels
# In a root of Debian 13, with its compilers: see tests/trixie/run.
check-trixie: deps-check
	@tests/run trixie
fuzz-programs: $(FUZZ)
fuzz: $(FUZZ)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) SUITE_TIMEOUT=1000000 tests/run fuzz
bench: all $(HELPERS)
	@tests/bench/run

PLACE := $(DESTDIR)$(PREFIX)
install: all
	install -D -m 0755 -t $(PLACE)/sbin build/spoolgated build/spoolgate-responder build/spoolgate-milter
	install -D -m 0755 -t $(PLACE)/libexec/opensmtpd build/filter-spoolgate
	install -D -m 0755 -t $(PLACE)/bin build/spoolgate
	install -D -m 0644 -t $(PLACE)/include include/spoolgate.h
	install -D -m 0644 -t $(PLACE)/lib build/libspoolgate.so.0 build/libspoolgate.a
	ln -sf libspoolgate.so.0 $(PLACE)/lib/libspoolgate.so
	install -D -m 0644 -t $(PLACE)/lib/pkgconfig build/spoolgate.pc
	sed -i 's|^prefix=.*|prefix=$(PREFIX)|' $(PLACE)/lib/pkgconfig/spoolgate.pc
	install -D -m 0644 -t $(PLACE)/share/doc/spoolgate/examples share/examples/admission.c
	install -D -m 0644 -t $(PLACE)/share/doc/spoolgate LICENSE $(wildcard README.md share/spoolgate.conf)
	install -D -m 0644 -t $(PLACE)/share/doc/spoolgate/mta $(wildcard share/mta/*)
	sed -i 's|/usr/libexec/|$(PREFIX)/libexec/|' $(PLACE)/share/doc/spoolgate/mta/opensmtpd.conf
	install -D -m 0644 -t $(PLACE)/lib/sysusers.d share/sysusers.d/spoolgate.conf
	install -D -m 0644 -t $(PLACE)/lib/systemd/system share/systemd/spoolgated.service share/systemd/spoolgate-milter.service
	sed -i 's|/usr/sbin/|$(PREFIX)/sbin/|' $(PLACE)/lib/systemd/system/spoolgated.service $(PLACE)/lib/systemd/system/spoolgate-milter.service
	$(foreach s,1 3 5 8,$(if $(wildcard man/*.$(s)),install -D -m 0644 -t $(PLACE)/share/man/man$(s) man/*.$(s);))
	test -e $(DESTDIR)$(SYSCONFDIR)/spoolgate/spoolgate.conf || install -D -m 0644 -t $(DESTDIR)$(SYSCONFDIR)/spoolgate share/spoolgate.conf

clean:
	rm -rf build

.PHONY: all say-missing deps deps-check run check check-unit check-system check-mta check-kernels check-trixie other-compiler fuzz-programs fuzz bench install clean
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
-include $(wildcard build/obj*/*/*/*.d build/bpf*/*.d)
