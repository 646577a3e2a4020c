//! `Module::explain`: what stands at an address.
#![allow(unsafe_code, clippy::unwrap_used)] // Loads code.

use kiln::{Arch, Linker, Module, Target};
#[cfg(target_os = "linux")]
use {kiln::Permission, std::sync::Mutex};

/// One source for each architecture: a text of two functions, a call to the outside, a constant and data.
fn source() -> String {
    let text = match Target::host().arch() {
        Arch::X86_64 => {
            "~f: nop\nlea ~word+8(%rip), %rax\nret\n~inner: call *~outside@GOTPCREL(%rip)\ncall ~outside\nret\n"
        }
        Arch::Aarch64 if cfg!(target_os = "macos") => {
            "~f: nop\nadrp x0, ~word@PAGE+8\nret\n~inner: adrp x0, ~outside@GOTPAGE\nbl ~outside\nret\n"
        }
        Arch::Aarch64 => "~f: nop\nadrp x0, ~word+8\nret\n~inner: adrp x0, :got:~outside\nbl ~outside\nret\n",
    };
    let data = ".data\n.globl ~word\n.p2align 3\n~word: .quad ~f\n.quad 7\n";
    // `~` stands for what is in front of C's names.
    let prefix = if cfg!(target_os = "macos") { "_" } else { "" };
    format!(".globl ~f\n.p2align 2\n{text}{data}").replace('~', prefix)
}

fn load(explained: bool) -> Module {
    let mut linker = Linker::new(Target::host());
    linker.add_assembly("code.s", &source()).unwrap();
    linker.define_address("outside", kiln::TargetAddr(0x1234_5678));
    if explained {
        linker.explain_to(|_| {});
    }
    // SAFETY: nothing of it is called.
    unsafe { linker.load() }.unwrap()
}

fn at(module: &Module, name: &str, offset: usize) -> *const () {
    (module.address(name).unwrap() as usize + offset) as *const ()
}

#[test]
#[cfg(target_os = "linux")] // Sections have other names elsewhere.
fn code_and_data() {
    let module = load(true);
    let explained = module.explain(at(&module, "f", 1)).unwrap();
    assert_eq!(explained.symbol, Some(("f", 1)));
    assert_eq!(explained.permission, Some(Permission::Text));
    let place = explained.place.unwrap();
    assert_eq!((place.input, place.section, place.ordinal, place.offset), ("code.s", ".text", 0, 1));
    // Its field lies in the instruction, or for arm64 in the one that begins within these bytes.
    let relocation = explained.relocation.unwrap();
    let (kind, addend, offset) = match Target::host().arch() {
        Arch::X86_64 => ("R_X86_64_PC32", 4, 4),
        Arch::Aarch64 => ("R_AARCH64_ADR_PREL_PG_HI21", 8, 4),
    };
    assert_eq!((relocation.kind, relocation.symbol, relocation.addend, relocation.width), (kind, "word", addend, 4));
    assert_eq!(relocation.address, module.address("f").unwrap() as usize + offset);

    let explained = module.explain(at(&module, "word", 0)).unwrap();
    assert_eq!(explained.permission, Some(Permission::Data));
    assert_eq!(explained.place.unwrap().section, ".data");
    let relocation = explained.relocation.unwrap();
    assert_eq!((relocation.symbol, relocation.width), ("f", 8));
    let explained = module.explain(at(&module, "word", 8)).unwrap();
    assert_eq!(explained.symbol, Some(("word", 8)));
    assert!(explained.relocation.is_none(), "a number");

    let sections: Vec<&str> = module.sections().map(|section| section.section).collect();
    assert_eq!(sections, [".text", ".data"]);
}

/// What Kiln makes itself has the name of what it is for.
#[test]
fn stubs_and_slots() {
    let module = load(true);
    let text = module.sections().next().unwrap().start;
    let mut made: Vec<&str> = (text..text + 0x20_0000)
        .step_by(4)
        .filter_map(|address| module.explain(address as *const ()))
        .filter_map(|explained| explained.made)
        .collect();
    made.dedup();
    assert_eq!(made, ["the stub for `outside`", "the GOT slot of `outside`"]);
}

#[test]
fn what_is_not_kept_or_not_there() {
    let module = load(false);
    let explained = module.explain(at(&module, "f", 1)).unwrap();
    assert_eq!(explained.symbol, Some(("f", 1)));
    assert!(explained.place.is_none() && explained.relocation.is_none() && explained.permission.is_none());
    assert_eq!(module.sections().count(), 0);
    assert!(module.explain(std::ptr::null()).is_none());
    assert!(load(true).explain(main as fn() as *const ()).is_none());
}

fn main() {}

/// Initializers may be what is to be explained.
#[test]
#[cfg(target_os = "linux")]
fn ready_before_initializers() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    extern "C" fn note() {
        SEEN.lock().unwrap().push("initializer".to_owned());
    }
    let text = match Target::host().arch() {
        Arch::X86_64 => "first: jmp note\n",
        Arch::Aarch64 => ".p2align 2\nfirst: b note\n",
    };
    let mut linker = Linker::new(Target::host());
    let array = ".section .init_array, \"aw\", %init_array\n.p2align 3\n.quad first\n";
    linker.add_assembly("code.s", &format!("{text}{array}")).unwrap();
    linker.define_fn("note", note as extern "C" fn());
    linker.explain_to(|module| {
        let names: Vec<&str> = module.sections().map(|section| section.section).collect();
        SEEN.lock().unwrap().push(names.join(" "));
    });
    // SAFETY: it calls `note` and nothing else.
    let _module = unsafe { linker.load() }.unwrap();
    let seen = SEEN.lock().unwrap();
    assert!(seen[0].contains(".text"), "{seen:?}");
    assert_eq!(seen[1..], ["initializer"]);
}
