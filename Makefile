# The proof of concept's targets. Each is one call of cargo or of the command.

KILN := cargo run --quiet --package kiln-cli --

.PHONY: help asm run debug jit test clean

help:  ## show all targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

asm: build/hello.bin build/write.bin  ## assemble the examples and cut their flat binaries into build/

run: asm  ## the same, and run hello
	@$(KILN) run examples/hello.S

debug: asm  ## the same, saying every step
	@$(KILN) -vv run examples/hello.S

jit:  ## build the command, sign it for JIT where the system wants that, and run hello with it
	@cargo xtask jit

test:  ## run the tests
	@cargo test --workspace

clean:  ## remove what was built
	@cargo clean

build/%.o: examples/%.S | build
	@$(KILN) asm $< -o $@

build/%.bin: build/%.o
	@$(KILN) flat $< -o $@

build:
	@mkdir -p $@

.PRECIOUS: build/%.o
