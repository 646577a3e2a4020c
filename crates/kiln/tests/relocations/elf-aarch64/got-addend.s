// An addend of a GOT page belongs to the address in the slot, which would be another slot.
// target: aarch64-unknown-linux-gnu
// base: 0x10000
// define: external = 0x12345678
// expect-error: got-addend.s: .text+0x0: `external`: R_AARCH64_ADR_GOT_PAGE with an addend is not supported
.globl main
main:   adrp x0, :got:external + 8
