# Compiles the .v files of the directory it is run in; only what changed. `make -j2 -f compile.mk`
FILES := $(wildcard *.v)
COQ := -w -notation-overridden,-ambiguous-paths -Q . Formal

.PHONY: all
all: $(FILES:.v=.vo)

%.vo: %.v
	@echo "coqc $<"
	@coqc $(COQ) $<

.depend: $(FILES)
	@coqdep -Q . Formal $(FILES) > $@

include .depend
