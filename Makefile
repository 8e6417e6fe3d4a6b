# dlc: `make` builds build/dlc; `make demo` trains the example that ships with it;
# `make check` runs the tests. See README.md.

CC      ?= cc
CFLAGS  ?= -O2 -g
WARN     = -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Wshadow -Wconversion
B       ?= build

objects  = $(patsubst %.c,$(B)/%.o,$(1))
DSL      = $(call objects,$(filter-out dsl/embed.c,$(wildcard dsl/*.c)))
COMPILER = $(call objects,$(filter-out compiler/main.c,$(wildcard compiler/*.c)))
RUNTIME  = $(call objects,$(wildcard runtime/*.c))
TRAINER  = $(call objects,$(wildcard runtime/trainer/*.c))
GENERATED = $(B)/dsl/lex.o $(B)/dsl/parse.tab.o $(B)/dsl/std_files.o
EMBEDDED = $(wildcard compiler/templates/*.in) $(wildcard runtime/*.h runtime/*.c)
ARCHIVES = $(B)/libcompiler.a $(B)/libdsl.a $(B)/libtrainer.a $(B)/libruntime.a
LIBS     = -lz -llzma -lzstd -larchive -lpng -ljpeg -lsndfile -lkissfft-float -lcjson -ldl -lpthread -lm

all: $(B)/dlc

$(B)/dlc: $(B)/compiler/main.o $(ARCHIVES)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libdsl.a: $(DSL) $(GENERATED)
$(B)/libcompiler.a: $(COMPILER) $(B)/compiler/embedded_files.o
$(B)/libruntime.a: $(RUNTIME)
$(B)/libtrainer.a: $(TRAINER)
$(B)/%.a:
	rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -Idsl -I$(B)/dsl -MMD -MP -c -o $@ $<

# flex and bison write code that -Wconversion dislikes, and embedded texts are long strings;
# neither is ours to change.
$(B)/dsl/lex.o $(B)/dsl/parse.tab.o: $(B)/dsl/%.o: $(B)/dsl/%.c
	$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(CFLAGS) -Idsl -I$(B)/dsl -MMD -MP -c -o $@ $<
$(DSL) $(GENERATED): | $(B)/dsl/parse.tab.c
$(B)/dsl/lex.c: dsl/lex.l $(B)/dsl/parse.tab.c
	flex -o $@ $<
$(B)/dsl/parse.tab.c: dsl/parse.y
	@mkdir -p $(@D)
	bison -Wall -Werror -d -o $@ $<

$(B)/embed: dsl/embed.c
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -o $@ $<
$(B)/dsl/std_files.c: $(B)/embed $(sort $(wildcard dsl/std/*.dl))
	@mkdir -p $(@D)
	$(B)/embed std_file $(filter %.dl,$^) > $@
$(B)/compiler/embedded_files.c: $(B)/embed $(sort $(EMBEDDED))
	@mkdir -p $(@D)
	$(B)/embed embedded_file $(filter-out $(B)/embed,$^) > $@
$(B)/dsl/std_files.o $(B)/compiler/embedded_files.o: %.o: %.c
	$(CC) -std=c11 $(CFLAGS) -I. -Idsl -c -o $@ $<

# ---- tests ----------------------------------------------------------------------------

UNITS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
EXAMPLES = $(wildcard examples/*/*.dl)
# Of the unit tests, those that take seconds wait for `make check`.
LONG = $(patsubst %,$(B)/unit/test_%,codegen contract kernels programs runtime grad_random vector)

$(B)/unit/%: tests/unit/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -Idsl -I$(B)/dsl -MMD -MP -MF $@.d -o $@ $< $(ARCHIVES) \
		-lcriterion $(LIBS) -lmpfr -lgmp -lutil

units: $(UNITS)

packages-build packages-check packages-bench:
	@tools/packages $(subst packages-,,$@)

# Programs of the tests' own that link the archives.
$(B)/tests/%: tests/e2e/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -Idsl -I$(B)/dsl -MMD -MP -MF $@.d -o $@ $< $(ARCHIVES) $(LIBS)

PROGRAMS = $(B)/tests/compare $(B)/tests/first_losses
ROWS = attention gradient_penalty key_value_cache nested_scans row_state tied_embedding
SMALL = tests/e2e/tiny.dl examples/toy_rnn/toy_rnn.dl examples/fashion/fashion.dl
FAST = "DLC=$(B)/dlc tests/run" "tests/language.sh $(B)/dlc" "tests/golden.sh $(B)/dlc" tests/editors.sh tests/coverage.sh
# What a relu within 1e-5 of 0 decides is excused, which compare counts and bounds. Of the half a
# million of the deep network some are, by the data: four rows have none in generated code. Its
# blocks on small images, tests/programs/residual.dl, are compared both ways.
DEEP = examples/resnet20/resnet20.dl
# Examples whose data ship, and the others, which take minutes.
SHIPPED = autoencoder breast_cancer fashion forecast linear logistic pinn privacy toy_rnn vae
FETCHED = cifar10 gpt_mini mnist movies resnet20 sentiment seq2seq speech steering transfer
COMPARED = $(filter-out $(DEEP),$(EXAMPLES)) $(wildcard tests/programs/*.dl)
SLOW = "$(B)/tests/compare -n 3 $(COMPARED)" "$(B)/tests/compare -n 4 $(DEEP)" \
       "$(B)/tests/compare -s -n 3 $(COMPARED)" \
       "tests/e2e/bench.sh $(B)/dlc" \
       "tests/e2e/hosts.sh $(B)/dlc $(B)" "tests/e2e/train.sh $(B)/dlc $(B)" \
       "tests/e2e/data.sh $(B)/dlc $(B)" "tests/e2e/memory.sh $(B)" "tests/e2e/examples.sh $(B)/dlc $(B) $(SHIPPED)" \
       "tests/e2e/bits.sh $(B)/dlc $(B) $(SMALL)" \
       "tests/e2e/rows.sh $(B)/dlc $(SMALL) $(patsubst %,tests/programs/%.dl,$(ROWS))" \
       "tests/e2e/cache.sh $(B)/dlc" "tests/e2e/imported.sh $(B)/dlc" "tests/e2e/growth.sh $(B)/dlc" \
       "tests/e2e/names.sh $(B)/dlc" "tests/e2e/explain.sh $(B)/dlc" "tests/e2e/pictures.sh $(B)/dlc $(B)" "tests/e2e/install.sh $(B)" "tests/e2e/embed.sh $(B)/dlc" \
       "tests/e2e/bad_input.sh $(B)/dlc" "tests/e2e/first_model.sh $(B)/dlc" \
       "tests/bench/smoke.sh $(B)/dlc $(B)" "tests/sanitize.sh $(B)" \
       "tests/fuzz/parse.sh 1000" "tests/fuzz/load.sh" "tests/fuzz/programs.sh"

# So many suites at a time.
JOBS ?= 1

check-fast: packages-check
	@$(MAKE) --no-print-directory -j$$(nproc) all units
	@tests/check $(filter-out $(LONG),$(UNITS)) $(FAST)
check: packages-check
	@$(MAKE) --no-print-directory -j$$(nproc) all units $(PROGRAMS)
	@tests/check -j $(JOBS) $(UNITS) $(FAST) $(SLOW)

# What takes longer, and what needs data that do not ship: every 257th float through the
# elementary functions, the first losses of cifar10 beside Keras's, all examples' bits.
check-all: packages-all check
	@tests/check "DLC_STRIDE=257 $(B)/unit/test_math" "tests/e2e/first_losses.sh $(B)/tests/first_losses" \
		"tests/e2e/readme.sh $(B)/dlc" "tests/e2e/first_model.sh clean" \
		"tests/e2e/bits.sh $(B)/dlc $(B) $(EXAMPLES)" \
		"tests/e2e/embed.sh $(B)/dlc 1000000" \
		"tests/e2e/platforms.sh $(B)/dlc tests/e2e/tiny.dl examples/toy_rnn/toy_rnn.dl" "tests/fuzz/parse.sh 20000" "tests/fuzz/programs.sh $(B) 3000 100000" \
		"tests/e2e/examples.sh $(B)/dlc $(B) $(FETCHED)"

# How fast the models of tests/bench are, beside the machine's limits, and contractions of many
# shapes beside other libraries: $(B)/bench.csv, $(B)/sweep.csv. PEERS=PYTHON, an interpreter that
# has keras, tensorflow, torch and jax, runs these in turn with ours. tests/bench/run.sh has the rest.
bench: packages-bench
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@CC="$(CC)" PEERS="$(PEERS)" REFERENCE="$(REFERENCE)" tests/bench/run.sh $(B)/dlc $(B)
	@CC="$(CC)" tests/bench/sweep.sh $(B)

# ---- installation: below DESTDIR, for PREFIX ---------------------------------------------

PREFIX  ?= /usr/local
VERSION  = $(shell sed -n 's/^.define DLC_VERSION "\(.*\)"/\1/p' compiler/version.h)
TREE     = $(DESTDIR)$(PREFIX)
FILLED   = $(addprefix $(B)/install/,dlc.pc dlc-config.cmake dlc-config-version.cmake)

$(FILLED): $(B)/install/%: tools/install/%.in compiler/version.h Makefile
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' $< > $@
$(B)/install/dlc.1: tools/install/manual.sh $(B)/dlc
	@mkdir -p $(@D)
	tools/install/manual.sh $(B)/dlc > $@

# PREFIX stands in dlc.pc, so that is made anew for each.
install: all $(B)/install/dlc.1
	@rm -f $(FILLED) && $(MAKE) --no-print-directory $(FILLED)
	install -d $(addprefix $(TREE)/,bin lib/pkgconfig lib/cmake/dlc include/dlc/trainer \
		share/man/man1 share/bash-completion/completions \
		share/doc/dlc/docs/pictures share/doc/dlc/docs/performance)
	install -m 755 $(B)/dlc $(TREE)/bin/dlc
	install -m 644 $(B)/libruntime.a $(TREE)/lib/libdlc.a
	install -m 644 $(B)/libtrainer.a $(TREE)/lib/libdlc_trainer.a
	install -m 644 runtime/*.h $(TREE)/include/dlc
	install -m 644 $(addprefix runtime/trainer/,trainer.h control.h reader.h data_readers.h) $(TREE)/include/dlc/trainer
	install -m 644 $(B)/install/dlc.pc $(TREE)/lib/pkgconfig
	install -m 644 $(B)/install/*.cmake $(TREE)/lib/cmake/dlc
	install -m 644 $(B)/install/dlc.1 $(TREE)/share/man/man1
	install -m 644 tools/install/completion.bash $(TREE)/share/bash-completion/completions/dlc
	install -m 644 README.md dsl/LANGUAGE.md $(TREE)/share/doc/dlc
	install -m 644 docs/*.md $(TREE)/share/doc/dlc/docs
	install -m 644 docs/pictures/*.png $(TREE)/share/doc/dlc/docs/pictures
	install -m 644 docs/performance/*.png $(TREE)/share/doc/dlc/docs/performance

demo: packages-build
	@$(MAKE) --no-print-directory -j$$(nproc) all
	$(B)/dlc train examples/fashion/fashion.dl --show 5 --weights $(B)/fashion.safetensors

-include $(shell find $(B) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(B)

.PHONY: all units packages-build packages-check packages-all packages-bench check-fast check check-all bench install demo clean
.SECONDARY:
