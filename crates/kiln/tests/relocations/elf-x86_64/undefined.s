# An undefined symbol, with a near name.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# expect-error: undefined symbol `extrenal`, wanted by undefined.s (near: external)
.globl main
main:   call extrenal
