# Two references to one symbol, and an alias of it, share a slot; another symbol has its own.
# target: x86_64-unknown-linux-gnu
# base: 0x10000
# define: external = 0x12345678
# define: alias = 0x12345678
# define: other = 0x12345679
# expect main: 00 10 00 00 // first slot - place
# expect main+4: fc 0f 00 00 // first slot - place
# expect main+8: f8 0f 00 00 // first slot - place
# expect main+12: fc 0f 00 00 // second slot - place
# expect main+16: 00 10 00 00 // third slot - place
# expect 0x11000: 78 56 34 12 00 00 00 00 // external
# expect 0x11008: 79 56 34 12 00 00 00 00 // other
# expect 0x11010: 00 00 01 00 00 00 00 00 // main, in the image
# expect-entries: 0 3
.globl main
main:   .long external@GOTPCREL
        .long external@GOTPCREL
        .long alias@GOTPCREL
        .long other@GOTPCREL
        .long main@GOTPCREL
