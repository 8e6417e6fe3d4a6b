# dlc: `make` builds build/dlc; `make demo` trains the example that ships with it;
# `make check` runs the tests. See README.md.

CC      ?= cc
CFLAGS  ?= -O2 -g
WARN     = -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Wshadow -Wconversion
B        = build

DSL      = $(patsubst %.c,$(B)/%.o,$(filter-out dsl/embed.c,$(wildcard dsl/*.c)))
COMPILER = $(patsubst %.c,$(B)/%.o,$(filter-out compiler/main.c,$(wildcard compiler/*.c)))
RUNTIME  = $(patsubst %.c,$(B)/%.o,$(wildcard runtime/*.c))
TRAINER  = $(patsubst %.c,$(B)/%.o,$(wildcard runtime/trainer/*.c))
GENERATED = $(B)/dsl/lex.o $(B)/dsl/parse.tab.o $(B)/dsl/std_files.o

LIBS     = -lz -llzma -ljson-c -ldl -lm

all: $(B)/dlc

$(B)/dlc: $(B)/compiler/main.o $(B)/libcompiler.a $(B)/libdsl.a $(B)/libtrainer.a $(B)/libruntime.a
	$(CC) $(CFLAGS) -fopenmp -rdynamic -o $@ $^ $(LIBS)

$(B)/libdsl.a: $(DSL) $(GENERATED)
$(B)/libcompiler.a: $(COMPILER)
$(B)/libruntime.a: $(RUNTIME)
$(B)/libtrainer.a: $(TRAINER)
$(B)/%.a:
	rm -f $@ && ar rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CFLAGS) -I$(B)/dsl -MMD -MP -c -o $@ $<

# flex and bison write code that -Wconversion dislikes; it is not ours to change.
$(B)/dsl/lex.o $(B)/dsl/parse.tab.o: $(B)/dsl/%.o: $(B)/dsl/%.c
	$(CC) -std=c11 -D_POSIX_C_SOURCE=200809L $(CFLAGS) -Idsl -I$(B)/dsl -MMD -MP -c -o $@ $<
$(B)/dsl/lex.c: dsl/lex.l $(B)/dsl/parse.tab.c
	flex -o $@ $<
$(B)/dsl/parse.tab.c: dsl/parse.y
	@mkdir -p $(@D)
	bison -Wall -Werror -d -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

clean:
	rm -rf $(B)

.PHONY: all clean
