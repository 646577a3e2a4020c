//! An audit says of everything that the inputs ask for what was done about it.

#![allow(clippy::unwrap_used, clippy::panic)]

use kiln::{Assembler, Audit, Linker, Syntax, Target, TargetAddr, Way};

const X86: Target = Target::X86_64_LINUX;

fn audit(sources: &[&str], outside: &[(&str, u64)]) -> Audit {
    let assembler = Assembler::find(X86, Syntax::Plain).unwrap();
    let mut linker = Linker::new(X86);
    for (number, source) in sources.iter().enumerate() {
        linker.add_object(&format!("{number}.o"), assembler.assemble("test.s", source.as_bytes()).unwrap()).unwrap();
    }
    for (name, address) in outside {
        linker.define_address(name, TargetAddr(*address));
    }
    linker.audit(TargetAddr(0x10000)).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn says(audit: &Audit, input: &str, asked: &str, done: &str) {
    let found = audit.items().iter().find(|item| item.input == input && item.asked == asked);
    assert_eq!(found.map(|item| &*item.done), Some(done), "{:#?}", audit.items());
}

#[test]
fn sections_and_symbols() {
    let group = ".section .text.f,\"axG\",@progbits,f,comdat\n.weak f\nf: ret\n";
    let first = ".globl main, both\nmain: call f\n.comm both,24,8\n.data\n.globl own\n.hidden own\nown: .quad own\n\
                 .section .debug_x\n.quad 0\n.section .note.gnu.property,\"a\"\n.long 4, 16, 5\n.asciz \"GNU\"\n\
                 .long 0xc0000002, 4, 3, 0\n.section .note.x,\"a\",@note\n.quad 0\n.section .init_array,\"aw\",@init_array\n.quad main\n";
    let second = ".data\n.weak nothing\n.quad nothing, f, main, far\n";
    let sources = [first.to_owned() + group, group.to_owned() + second];
    let audit = audit(&[&sources[0], &sources[1]], &[("far", 0x1234)]);
    says(&audit, "0.o", "section .text.f", "1 bytes at 0x10005, r-x");
    says(&audit, "1.o", "section .text.f", "left out: another input's copy of its group is in the image");
    says(&audit, "0.o", "section .debug_x", "left out: not allocated: debug information, comments or notes");
    says(
        &audit,
        "0.o",
        "section .note.gnu.property",
        "left out: what the code is ready for: IBT, which Linux enforces in no process; a shadow stack (SHSTK), which a \
         thread has by the C library's doing (GLIBC_TUNABLES); what Kiln adds only jumps",
    );
    says(&audit, "0.o", "section .note.x", "8 bytes at 0x11000, r--");
    let list = audit.items().iter().find(|item| item.asked == "section .init_array").unwrap();
    assert!(list.done.ends_with("its functions called when the module begins or ends"), "{}", list.done);
    says(&audit, "0.o", "symbol `own`", "hidden: not exported");
    says(&audit, "0.o", "symbol `both`", "common: 24 bytes of zeros for all inputs");
    says(&audit, "0.o", "symbol `f`", "weak: no other definition replaces it");
    says(&audit, "1.o", "symbol `f`", "means the definition in 0.o");
    says(&audit, "1.o", "symbol `main`", "defined in 0.o");
    says(&audit, "1.o", "symbol `nothing`", "weak and defined nowhere: 0");
    says(&audit, "1.o", "symbol `far`", "found outside, at 0x1234");
    says(&audit, "1.o", "relocation R_X86_64_64", "applied: 4 to the symbol");
}

/// Marked branch targets are enforced if all code has them.
#[test]
fn marked_branch_targets() {
    let arm = Target::AARCH64_LINUX;
    let note = |bits: u32| {
        format!(
            ".section .note.gnu.property,\"a\"\n.p2align 3\n.long 4, 16, 5\n.asciz \"GNU\"\n\
             .long 0xc0000000, 4, {bits}, 0\n.text\n"
        )
    };
    let says = |sources: &[String], done: &str| {
        let assembler = Assembler::find(arm, Syntax::Plain).unwrap();
        let mut linker = Linker::new(arm);
        for (number, source) in sources.iter().enumerate() {
            let object = assembler.assemble("test.s", source.as_bytes()).unwrap();
            linker.add_object(&format!("{number}.o"), object).unwrap();
        }
        linker.define_address("far", TargetAddr(0x7f00_0000_0000));
        let audit = linker.audit(TargetAddr(0x10000)).unwrap();
        says(&audit, "0.o", "section .note.gnu.property", &format!("left out: what the code is ready for: {done}"));
        audit
    };
    let first = note(7) + ".globl main\nmain: bti c\nb far\n";
    let signs = "signed return addresses (PAC), which the code signs and checks itself; a guarded control stack (GCS), which \
                 a thread has by the C library's doing (GLIBC_TUNABLES); what Kiln adds only jumps";
    let data = ".data\n.quad main\n".to_owned();
    let enforced = format!("marked branch targets (BTI): enforced where the processor has it; {signs}");
    let audit = says(&[first.clone(), note(1) + "bti c\nret\n", data.clone()], &enforced);
    let stub = audit.entries().iter().find(|entry| entry.is_stub).unwrap().address;
    assert_eq!(audit.plan().bytes_at(stub).unwrap()[..4], [0x5f, 0x24, 0x03, 0xd5], "bti c");
    let mixed = format!("marked branch targets (BTI): not enforced, for 1.o is not marked; {signs}");
    let audit = says(&[first, note(2) + "ret\n", data], &mixed);
    let stub = audit.entries().iter().find(|entry| entry.is_stub).unwrap().address;
    assert_ne!(audit.plan().bytes_at(stub).unwrap()[..4], [0x5f, 0x24, 0x03, 0xd5], "bti c");
}

/// The way of each relocation is the one that its bytes show.
#[test]
fn ways() {
    let source = ".globl main, value\nmain: call near\ncall far\nmov value@GOTPCREL(%rip), %rax\n\
                  mov far@GOTPCREL(%rip), %rax\nmov near@GOTPCREL(%rip), %rax\n.data\nvalue: .quad far\n";
    let audit = audit(&[source], &[("near", 0x20000), ("far", 0x7f00_0000_0000)]);
    let at =
        |offset: u64| audit.relocations().iter().find(|relocation| relocation.address.0 == 0x10000 + offset).unwrap();
    let image = audit.plan().image();
    assert_eq!((at(1).way, at(1).target, &*at(1).symbol, at(1).addend), (Way::Direct, TargetAddr(0x20000), "near", -4));
    assert_eq!((at(6).way, at(6).kind), (Way::Stub, "R_X86_64_PLT32"));
    assert_eq!((at(13).way, image[11]), (Way::Relaxed, 0x8d));
    assert_eq!((at(20).way, image[18]), (Way::Slot, 0x8b));
    assert_eq!((at(27).way, image[25]), (Way::Relaxed, 0x8d));
    let stub = audit.entries().iter().find(|entry| entry.is_stub && entry.symbol == "far").unwrap();
    assert_eq!(stub.why, "it is outside the image, and may be too far for a branch");
    let distance = i32::from_le_bytes(image[6..10].try_into().unwrap());
    assert_eq!(0x1_000a_u64.wrapping_add_signed(i64::from(distance)), stub.address.0);
    let slots: Vec<&str> = audit.entries().iter().filter(|entry| !entry.is_stub).map(|entry| &*entry.symbol).collect();
    assert!(slots.contains(&"far") && !slots.contains(&"value"), "{slots:?}");
}

/// What Mach-O objects have of their own.
#[test]
fn mach_o() {
    let source = ".globl _main\n_main: ret\n.linker_option \"-lz\"\n.section __LD,__compact_unwind,regular,debug\n\
                  .quad _main\n.long 4, 0x02000000\n.quad 0, 0\n.quad _main\n.long 4, 0\n.quad 0, 0\n\
                  .tbss _x$tlv$init, 8, 3\n.section __DATA,__thread_vars,thread_local_variables\n\
                  _x: .quad __tlv_bootstrap, 0, _x$tlv$init\n";
    let target = Target::AARCH64_MACOS;
    let object = Assembler::find(target, Syntax::Plain).unwrap().assemble("test.s", source.as_bytes()).unwrap();
    let mut linker = Linker::new(target);
    linker.add_object("0.o", object).unwrap();
    let audit = linker.audit(TargetAddr(0x10000)).unwrap();
    let left_out =
        |input: &str, why: &str| says(&audit, "0.o", &format!("section {input}"), &format!("left out: {why}"));
    left_out("-lz", "an option for the linker (LC_LINKER_OPTION): symbols that are then undefined are said");
    let table: Vec<&str> =
        audit.items().iter().filter(|item| item.asked == "section __compact_unwind").map(|item| &*item.done).collect();
    assert_eq!(
        table,
        ["56 bytes at 0x14000, r--", "left out: some functions cannot be unwound, by the table's own word"]
    );
    let descriptors =
        "24 bytes at 0x18000, rw-, the descriptors of thread-local variables: loading fills in what finds them";
    says(&audit, "0.o", "section __thread_vars", descriptors);
}
