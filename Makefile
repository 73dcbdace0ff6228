# tazpod: see README.md.  `make V=1` shows the commands.

PREFIX     ?= /usr/local
DESTDIR    ?=
BINDIR     ?= $(PREFIX)/bin
# mount(8) looks for its helpers here and nowhere else.
HELPERDIR  ?= /sbin
MANDIR     ?= $(PREFIX)/share/man
CC         ?= gcc
PKG_CONFIG ?= pkg-config
VERSION    := 0.1.0

# Everything that is built lies below B; a variant is another B.
B          ?= build
O          ?= -O2
SANITIZE   ?=
# Without PROTECT, plaintext lies in ordinary memory, so that tests and benches
# can show what the protection does and what it costs.  Never install that.
PROTECT    ?= yes
FORTIFY    := $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
ARCH       := $(shell $(CC) -dumpmachine | cut -d- -f1)
CET        := $(if $(filter x86_64,$(ARCH)),-fcf-protection=full)
CET        += $(if $(filter aarch64,$(ARCH)),-mbranch-protection=standard)

WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wvla -Wundef -Wformat=2 \
	-Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE \
	-fvisibility=hidden $(FORTIFY) $(CET)
CPPFLAGS += -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -I. \
	$(if $(PROTECT),,-DTZ_UNPROTECTED) -DTZ_VERSION='"$(VERSION)"' -DTZ_BINDIR='"$(BINDIR)"' \
	$(shell $(PKG_CONFIG) --cflags fuse3 libarchive jansson mount yaml-0.1)
CFLAGS += -std=c17 $(O) -g $(WARN) $(HARDEN) $(SANITIZE) -pthread
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed \
	$(SANITIZE) -pthread

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# What pkg-config says of libraries; headers of all are found by CPPFLAGS.
libs = $(shell $(PKG_CONFIG) --libs $(1))
objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(addsuffix /*.c,$(1))))

PROGRAMS := $(B)/tazpodfs $(B)/tazpod $(B)/mount.tazpodfs $(B)/umount.tazpodfs
TOOL_OBJS := $(call objs,tools tools/*)
MAINS    := $(PROGRAMS:$(B)/%=$(B)/tools/%.o)
# The malloc of what holds secrets; no library has it, so that tests keep theirs.
HEAP     := $(B)/tools/heap.o

.PHONY: all check unit asan tsan model torture faults lint demo deps image bench \
	bench-seal fuzz install uninstall clean
all: $(PROGRAMS)

## One library per layer.  The link lines below are the architecture.

CRYPTO := $(B)/libtz-crypto.a
FS     := $(B)/libtz-fs.a
TOOLS  := $(B)/libtz-tools.a

$(CRYPTO): $(call objs,crypto)
$(FS):     $(call objs,fs)
$(TOOLS):  $(filter-out $(MAINS) $(HEAP),$(TOOL_OBJS))

CRYPTO_LIBS = $(CRYPTO) $(call libs,libcrypto nettle)
FS_LIBS     = $(FS) $(CRYPTO_LIBS) $(call libs,libarchive fuse3 libzstd zlib) -lisal
TOOLS_LIBS  = $(TOOLS) $(FS_LIBS) $(call libs,jansson mount yaml-0.1 libseccomp libcap-ng)

$(B)/tazpodfs: $(B)/tools/tazpodfs.o $(HEAP) $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(HEAP) $(TOOLS_LIBS)
$(B)/tazpod: $(B)/tools/tazpod.o $(HEAP) $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(HEAP) $(TOOLS_LIBS)
$(B)/mount.tazpodfs: $(B)/tools/mount.tazpodfs.o $(TOOLS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(TOOLS)
$(B)/umount.tazpodfs: $(B)/tools/umount.tazpodfs.o $(HEAP) $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(HEAP) $(TOOLS_LIBS)

$(B)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# What paths are built in, so that another PREFIX builds anew.
$(B)/paths: FORCE
	@mkdir -p $(B)
	@echo '$(BINDIR)' | cmp -s - $@ || echo '$(BINDIR)' >$@
.PHONY: FORCE
$(TOOL_OBJS): $(B)/paths

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(B) -path $(B)/podman -prune -o -name '*.d' -type f -print 2>/dev/null)

## Tests.  A unit test links its own layer and those below it.

UNITS := $(patsubst %.c,$(B)/%,$(wildcard tests/crypto/*.c tests/fs/*.c \
	tests/tools/*.c))
REPLAYS := $(patsubst %.c,$(B)/%,$(filter-out tests/fuzz/replay.c,\
	$(wildcard tests/fuzz/*.c)))

$(B)/tests/crypto/%: $(B)/tests/crypto/%.o $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(CRYPTO_LIBS) -lcmocka
$(B)/tests/fs/%: $(B)/tests/fs/%.o $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(FS_LIBS) -lcmocka
$(B)/tests/tools/heap: $(HEAP)
$(B)/tests/tools/%: $(B)/tests/tools/%.o $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TOOLS_LIBS) -lcmocka
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(TOOLS) $(FS) \
		$(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TOOLS_LIBS)

# Vaults by the thousand: keys for nothing, and calls on files of its own.
FAULTS := $(B)/tests/faults/seal_faults $(B)/tests/faults/power_cut
FAULT_OBJS := $(filter-out $(FAULTS:=.o),$(call objs,tests/faults))

$(FAULTS): %: %.o $(FAULT_OBJS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=kdf_derive -o $@ $(filter %.o,$^) \
		$(FS_LIBS) -lcmocka

$(B)/tests/bench/kdf: $(B)/tests/bench/kdf.o $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(CRYPTO_LIBS)
# Of the project, it asks the daemon alone.
$(B)/tests/bench/fs: $(patsubst %,$(B)/tests/bench/%.o,fs work times) $(TOOLS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TOOLS_LIBS)
$(B)/tests/bench/seal: $(patsubst %,$(B)/tests/bench/%.o,seal seal_vault \
		seal_bound seal_during seal_saves seal_lock times) $(TOOLS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(TOOLS_LIBS)

# The daemon, with what it must not be able to do, confined and not.
PROBES := $(B)/tests/probe/tazpodfs-probe $(B)/tests/probe/tazpodfs-free \
	$(B)/tests/probe/without $(B)/tests/probe/mirror \
	$(B)/tests/probe/logind $(B)/tests/probe/logind_watch

$(B)/tests/probe/tazpodfs-probe: $(patsubst %,$(B)/%.o,tools/tazpodfs \
		tests/probe/probe) $(HEAP) $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=report_print -o $@ $(filter %.o,$^) \
		$(TOOLS_LIBS)
$(B)/tests/probe/tazpodfs-free: $(patsubst %,$(B)/%.o,tools/tazpodfs \
		tests/probe/probe tests/probe/free) $(HEAP) $(TOOLS) $(FS) $(CRYPTO)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=report_print \
		-Wl,--wrap=sandbox_enter -o $@ $(filter %.o,$^) $(TOOLS_LIBS)
$(B)/tests/probe/without: $(B)/tests/probe/without.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call libs,libseccomp)

# A disk that can hang.
$(B)/tests/probe/mirror: $(B)/tests/probe/mirror.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call libs,fuse3)
# What plays logind, and what listens to it.
$(B)/tests/probe/logind: $(B)/tests/probe/logind.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call libs,libsystemd)
$(B)/tests/probe/logind_watch: $(B)/tests/probe/logind_watch.o $(TOOLS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(TOOLS)

# The model knows nothing of the project but the mount.
MODEL := $(B)/tests/model/model

$(MODEL): $(call objs,tests/model)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# Nor do those that look for what is left of plaintext.
LEAK := $(patsubst %,$(B)/tests/leak/%,pages scan search)

$(LEAK): %: %.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $<

# A daemon that protects nothing, in which they find it.  To be made by that
# other make alone, which knows what is new.
UNPROTECTED := $(B)/unprotected/tazpodfs

$(UNPROTECTED): FORCE
	$(Q)$(MAKE) --no-print-directory B=$(B)/unprotected PROTECT= $@

.SECONDARY:

unit: $(UNITS) $(REPLAYS) $(MODEL) $(FAULTS) $(LEAK) $(UNPROTECTED) $(PROBES)

# `check` and `demo` install what is missing, then build with it.
check:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q)B=$(B) tests/run

asan:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory B=build/asan O=-O1 \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' check

# Random operations on a mount and on a tmpfs, so many for every set of options.
OPERATIONS ?= 1000000
model:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q)B=$(B) OPERATIONS=$(OPERATIONS) tests/e2e/model.t

# Daemons killed at random moments, so many times for every kind of work, and
# storms of so many seconds.
ROUNDS        ?= 300
STORM_SECONDS ?= 120
torture:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory all
	$(Q)failed=0; for t in sqlite killed inplace storm; do \
		B=$(B) ROUNDS=$(ROUNDS) STORM_SECONDS=$(STORM_SECONDS) \
			tests/e2e/$$t.t || failed=1; \
	done; exit $$failed

# Every fault at every call of a save, and more power cuts than in `check`.
POWER_CUTS ?= 100
faults:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory all unit
	$(Q)B=$(B) TEST_SECONDS=7200 FAULTS_STRIDE=1 POWER_CUTS=$(POWER_CUTS) \
		tests/run /faults/; status=$$?; \
	grep -hE ' (points|folders)$$' $(B)/tests/log/tests_faults_*.tap; \
	exit $$status

# What has threads: the saver and its mounts.
tsan:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory B=build/tsan O=-O1 \
		SANITIZE='-fsanitize=thread -fno-omit-frame-pointer' all unit
	$(Q)B=build/tsan tests/run /fs/
	$(Q)B=build/tsan tests/run lifecycle

demo:
	@tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory all
	$(Q)B=$(B) tools/demo.sh

# The image of pods (docs/PODS.md), from another BASE if it is given.
ENGINE ?= $(shell command -v podman || command -v docker)
image: all
	$(Q)mkdir -p $(B)/image
	$(Q)cp $(PROGRAMS) $(addprefix tools/image/,install.sh packages pod-setup) \
		$(B)/image
	$(Q)$(ENGINE) build $(if $(BASE),--build-arg BASE=$(BASE)) \
		$(IMAGE_OPTIONS) -t localhost/tazpod \
		-f tools/image/Containerfile $(B)/image

deps:
	@tools/deps.sh

lint:
	@LINT=1 tools/deps.sh --missing
	$(Q)tests/lint.sh

bench: all $(UNPROTECTED) $(patsubst %,$(B)/tests/bench/%,kdf fs seal)
	$(Q)B=$(B) tests/bench/run
bench-seal: all $(B)/tests/bench/seal
	$(Q)B=$(B) tests/bench/run seal

# A libFuzzer session per parser of untrusted bytes, FUZZ_SECONDS each.
FUZZ_SECONDS ?= 60
fuzz:
	@LINT=1 tools/deps.sh --missing
	$(Q)$(MAKE) --no-print-directory B=build/fuzz CC=clang O=-O1 CET= \
		SANITIZE='-fsanitize=address,undefined,fuzzer-no-link' \
		build/fuzz/libtz-tools.a build/fuzz/libtz-fs.a \
		build/fuzz/libtz-crypto.a
	$(Q)B=build/fuzz tests/fuzz/run $(FUZZ_SECONDS)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(HELPERDIR) \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man8
	install -m 755 $(B)/tazpod $(B)/tazpodfs $(DESTDIR)$(BINDIR)
	install -m 755 $(B)/mount.tazpodfs $(B)/umount.tazpodfs \
		$(DESTDIR)$(HELPERDIR)
	install -m 644 docs/man/tazpod.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 docs/man/vault.tar.aes.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 docs/man/tazpodfs.8 docs/man/mount.tazpodfs.8 \
		docs/man/umount.tazpodfs.8 $(DESTDIR)$(MANDIR)/man8

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/tazpod $(DESTDIR)$(BINDIR)/tazpodfs \
		$(DESTDIR)$(HELPERDIR)/mount.tazpodfs \
		$(DESTDIR)$(HELPERDIR)/umount.tazpodfs \
		$(DESTDIR)$(MANDIR)/man1/tazpod.1 \
		$(DESTDIR)$(MANDIR)/man5/vault.tar.aes.5 \
		$(DESTDIR)$(MANDIR)/man8/tazpodfs.8 \
		$(DESTDIR)$(MANDIR)/man8/mount.tazpodfs.8 \
		$(DESTDIR)$(MANDIR)/man8/umount.tazpodfs.8

clean:
	rm -rf $(B)
