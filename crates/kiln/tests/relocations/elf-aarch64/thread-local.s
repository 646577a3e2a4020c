// A thread-local variable of another input, by the local exec model.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// expect-error: thread-local.s: `variable`: thread-local variables are not supported yet
.globl main
main:   add x0, x0, :tprel_hi12:variable
