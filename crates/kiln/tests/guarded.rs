//! Marked branch targets (BTI) on arm64: enforced where all code has them.
#![cfg(all(target_os = "linux", target_arch = "aarch64"))]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // Loads code and calls it, also in a child that it ends.

use kiln::{Linker, Module, Target};

type Call = extern "C" fn(*const (), *const ()) -> u64;

const NOTE: &str = ".section .note.gnu.property,\"a\"\n.p2align 3\n.long 4, 16, 5\n.asciz \"GNU\"\n\
                    .long 0xc0000000, 4, 1, 0\n.text\n.arch armv8.5-a\n";

/// `call(function, argument)` calls it, from code that is guarded if this is.
const CODE: &str = ".globl good, bad, call, jump, give, chosen\n\
    good: bti c\nmov x0, #7\nret\n\
    bad: mov x0, #7\nret\n\
    call: bti c\nstp x29, x30, [sp, #-16]!\nmov x2, x0\nmov x0, x1\nblr x2\nldp x29, x30, [sp], #16\nret\n\
    jump: bti c\nmov x16, x0\nbr x16\n\
    give: bti c\nadrp x0, :got:atexit\nldr x0, [x0, :got_lo12:atexit]\nret\n\
    .type chosen, %gnu_indirect_function\n\
    chosen: bti c\nadr x0, good\nret\n";

fn load(sources: &[String]) -> Module {
    let mut linker = Linker::new(Target::host());
    for (number, source) in sources.iter().enumerate() {
        linker.add_assembly(&format!("{number}.s"), source).unwrap();
    }
    // SAFETY: the code above.
    unsafe { linker.load() }.unwrap()
}

/// What comes of `way(function, argument)`: what it gives, or the signal that ends the process.
fn outcome(module: &Module, way: &str, function: *const (), argument: *const ()) -> Result<u64, i32> {
    // SAFETY: the function's type.
    let way = unsafe { module.function::<Call>(way) }.unwrap();
    // SAFETY: the child calls the code above, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: so that nobody prints, and no file with the memory is written.
        unsafe { libc::signal(libc::SIGILL, libc::SIG_DFL) };
        let given = way.call(function, argument);
        // SAFETY: ends the child.
        unsafe { libc::_exit(given as i32 & 0xff) };
    }
    let mut status = 0;
    // SAFETY: the child's number, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    if libc::WIFSIGNALED(status) { Err(libc::WTERMSIG(status)) } else { Ok(libc::WEXITSTATUS(status) as u64) }
}

#[test]
fn indirect_branches_arrive_at_marks() {
    let null = std::ptr::null();
    let module = load(&[format!("{NOTE}{CODE}"), format!("{NOTE}.globl more\nmore: bti c\nret\n")]);
    let at = |name: &str| module.address(name).unwrap();
    // SAFETY: asks for a number.
    let has_bti = unsafe { libc::getauxval(libc::AT_HWCAP2) } & 1 << 17 != 0;
    let killed = if has_bti { Err(libc::SIGILL) } else { Ok(7) };
    for way in ["call", "jump"] {
        assert_eq!(outcome(&module, way, at("good"), null), Ok(7), "{way}");
        assert_eq!(outcome(&module, way, at("bad"), null), killed, "{way}");
        // Its address is that of a stub.
        assert_eq!(outcome(&module, way, at("chosen"), null), Ok(7), "{way}");
    }
    // `atexit` is a stub too, whose address the code has from the GOT.
    // SAFETY: the function's type.
    let give = unsafe { module.function::<extern "C" fn() -> *const ()>("give") }.unwrap();
    assert_eq!(outcome(&module, "call", give.call(), at("good")), Ok(0));

    let mixed = load(&[format!("{NOTE}{CODE}"), ".globl more\nmore: ret\n".to_owned()]);
    assert_eq!(outcome(&mixed, "call", mixed.address("bad").unwrap(), null), Ok(7));
    assert_eq!(outcome(&mixed, "call", mixed.address("chosen").unwrap(), null), Ok(7));
}
