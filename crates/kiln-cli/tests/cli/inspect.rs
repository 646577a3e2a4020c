//! `kiln inspect`, on an object for another system: what it shows does not depend on this one.

use kiln::Target;

use crate::Dir;

const SOURCE: &str = ".globl _entry, _shared\n.p2align 2\n_entry: bl _far\nadrp x0, _shared@GOTPAGE\n\
    ldr x0, [x0, _shared@GOTPAGEOFF]\nadrp x1, _other@GOTPAGE\nldr x1, [x1, _other@GOTPAGEOFF]\nret\n\
    .section __DATA,__data\n.p2align 3\n_shared: .quad _entry\n.section __DWARF,__debug_x,regular,debug\n.quad 0\n";

fn dir() -> Dir {
    let dir = Dir::new();
    dir.assemble(Target::AARCH64_MACOS, SOURCE, "a.o");
    dir
}

#[test]
fn the_plan() {
    dir().kiln(["inspect", "a.o", "--base", "0x20000"]).prints(
        "\
aarch64-apple-darwin at 0x20000: 0x8008 bytes

sections
  0x20000 r-x     0x18  __text of a.o
  0x28000 rw-      0x8  __data of a.o
  left out               __debug_x of a.o: debug information

symbols
  0x20000 exported      0x0  entry
  0x28000 exported      0x0  shared
  outside      wanted             far
  outside      wanted             other

GOT slots and stubs
  0x20018 stub      far: it is outside the image, and may be too far for a branch
  0x24000 slot      other: its address is only known when the code is loaded
  0x24008 slot      far: its address is only known when the code is loaded

relocations
  0x20010 ARM64_RELOC_GOT_LOAD_PAGEOFF12 other: outside, GOT slot
  0x2000c ARM64_RELOC_GOT_LOAD_PAGE21    other: outside, GOT slot
  0x20008 ARM64_RELOC_GOT_LOAD_PAGEOFF12 shared: 0x28000, relaxed
  0x20004 ARM64_RELOC_GOT_LOAD_PAGE21    shared: 0x28000, relaxed
  0x20000 ARM64_RELOC_BRANCH26           far: outside, by distance
  0x28000 ARM64_RELOC_UNSIGNED           entry: 0x20000, direct
",
    );
}

#[test]
fn all_that_is_asked_for() {
    dir().kiln(["inspect", "a.o", "--audit"]).prints(
        "\
a.o
  section __text: 24 bytes at 0x100000, r-x
  section __data: 8 bytes at 0x108000, rw-
  section __debug_x: left out: debug information
  symbol `far`: wanted from outside
  symbol `other`: wanted from outside
  relocation ARM64_RELOC_BRANCH26: applied: 1 to a stub
  relocation ARM64_RELOC_GOT_LOAD_PAGE21: applied: 1 to a GOT slot, 1 to the symbol, without its GOT slot
  relocation ARM64_RELOC_GOT_LOAD_PAGEOFF12: applied: 1 to a GOT slot, 1 to the symbol, without its GOT slot
  relocation ARM64_RELOC_UNSIGNED: applied: 1 to the symbol
",
    );
}

#[test]
fn json() {
    dir().kiln(["inspect", "a.o", "--json"]).prints(
        r#"{
  "audit": [
    {
      "asked": "section __text",
      "done": "24 bytes at 0x100000, r-x",
      "input": "a.o"
    },
    {
      "asked": "section __data",
      "done": "8 bytes at 0x108000, rw-",
      "input": "a.o"
    },
    {
      "asked": "section __debug_x",
      "done": "left out: debug information",
      "input": "a.o"
    },
    {
      "asked": "symbol `far`",
      "done": "wanted from outside",
      "input": "a.o"
    },
    {
      "asked": "symbol `other`",
      "done": "wanted from outside",
      "input": "a.o"
    },
    {
      "asked": "relocation ARM64_RELOC_BRANCH26",
      "done": "applied: 1 to a stub",
      "input": "a.o"
    },
    {
      "asked": "relocation ARM64_RELOC_GOT_LOAD_PAGE21",
      "done": "applied: 1 to a GOT slot, 1 to the symbol, without its GOT slot",
      "input": "a.o"
    },
    {
      "asked": "relocation ARM64_RELOC_GOT_LOAD_PAGEOFF12",
      "done": "applied: 1 to a GOT slot, 1 to the symbol, without its GOT slot",
      "input": "a.o"
    },
    {
      "asked": "relocation ARM64_RELOC_UNSIGNED",
      "done": "applied: 1 to the symbol",
      "input": "a.o"
    }
  ],
  "base": "0x100000",
  "entries": [
    {
      "address": "0x100018",
      "kind": "stub",
      "symbol": "far",
      "why": "it is outside the image, and may be too far for a branch"
    },
    {
      "address": "0x104000",
      "kind": "slot",
      "symbol": "other",
      "why": "its address is only known when the code is loaded"
    },
    {
      "address": "0x104008",
      "kind": "slot",
      "symbol": "far",
      "why": "its address is only known when the code is loaded"
    }
  ],
  "left_out": [
    {
      "input": "a.o",
      "name": "__debug_x",
      "why": "debug information"
    }
  ],
  "outside": [
    "far",
    "other"
  ],
  "relocations": [
    {
      "addend": 0,
      "address": "0x100010",
      "kind": "ARM64_RELOC_GOT_LOAD_PAGEOFF12",
      "symbol": "other",
      "target": null,
      "way": "GOT slot"
    },
    {
      "addend": 0,
      "address": "0x10000c",
      "kind": "ARM64_RELOC_GOT_LOAD_PAGE21",
      "symbol": "other",
      "target": null,
      "way": "GOT slot"
    },
    {
      "addend": 0,
      "address": "0x100008",
      "kind": "ARM64_RELOC_GOT_LOAD_PAGEOFF12",
      "symbol": "shared",
      "target": "0x108000",
      "way": "relaxed"
    },
    {
      "addend": 0,
      "address": "0x100004",
      "kind": "ARM64_RELOC_GOT_LOAD_PAGE21",
      "symbol": "shared",
      "target": "0x108000",
      "way": "relaxed"
    },
    {
      "addend": 0,
      "address": "0x100000",
      "kind": "ARM64_RELOC_BRANCH26",
      "symbol": "far",
      "target": null,
      "way": "by distance"
    },
    {
      "addend": 0,
      "address": "0x108000",
      "kind": "ARM64_RELOC_UNSIGNED",
      "symbol": "entry",
      "target": "0x100000",
      "way": "direct"
    }
  ],
  "sections": [
    {
      "address": "0x100000",
      "input": "a.o",
      "name": "__text",
      "permission": "r-x",
      "size": 24
    },
    {
      "address": "0x108000",
      "input": "a.o",
      "name": "__data",
      "permission": "rw-",
      "size": 8
    }
  ],
  "size": 32776,
  "symbols": [
    {
      "address": "0x100000",
      "exported": true,
      "name": "entry",
      "size": 0
    },
    {
      "address": "0x108000",
      "exported": true,
      "name": "shared",
      "size": 0
    }
  ],
  "target": "aarch64-apple-darwin"
}
"#,
    );
}

#[test]
fn what_cannot_be_linked() {
    let dir = dir();
    dir.kiln(["inspect", "a.o", "a.o"]).refuses(
        "\
kiln: error: a.o: `entry`: is defined in a.o too
  next: leave one of the two out, or make one of the definitions weak
",
    );
    dir.kiln(["inspect", "lacking.o"]).refuses(
        "\
kiln: error: lacking.o: cannot read the file: No such file or directory (os error 2)
  next: check the path and who may read it
",
    );
}
