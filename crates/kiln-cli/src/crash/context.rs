//! What the kernel says of a signal: the registers, the address, the kind of access.
#![allow(unsafe_code)] // Reads what the kernel passes to signal handlers.

/// The registers of the code that was stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registers {
    /// By their numbers in DWARF: x86-64 rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8…r15; arm64 x0…x30, sp.
    pub(crate) general: [u64; 32],
    pub(crate) pc: u64,
    pub(crate) flags: u64,
}

/// What is known of a crash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) signal: i32,
    /// The signal's code: who raised it, and why.
    pub(crate) code: i32,
    /// Of a fault at an address, that address.
    pub(crate) address: Option<u64>,
    /// Of a fault at an address, whether it was a write, where the processor says so.
    pub(crate) write: Option<bool>,
    /// Who sent the signal, if somebody did.
    pub(crate) sender: Option<i32>,
    pub(crate) registers: Registers,
}

#[cfg(target_arch = "x86_64")]
pub(crate) const NAMES: [&str; 16] =
    ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
#[cfg(target_arch = "aarch64")]
pub(crate) const NAMES: [&str; 32] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",
    "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
];

/// The numbers of the stack pointer, of the frame pointer, and of what holds the return address.
#[cfg(target_arch = "x86_64")]
pub(crate) const SP_FP_RA: [u16; 3] = [7, 6, 16];
#[cfg(target_arch = "aarch64")]
pub(crate) const SP_FP_RA: [u16; 3] = [31, 29, 30];

impl Registers {
    pub(crate) fn sp(&self) -> u64 {
        self.general[usize::from(SP_FP_RA[0])]
    }
}

/// Reads what a signal handler was given.
///
/// # Safety
///
/// The arguments are what the kernel passed to an `SA_SIGINFO` handler.
pub(super) unsafe fn facts(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) -> Facts {
    // SAFETY: valid, by the caller's word.
    let info = unsafe { &*info };
    let code = info.si_code;
    // Who sends a signal (0 and below) gives no address, nor does x86-64 for one that no pointer can have (SI_KERNEL,
    // 0x80): what stands in its place means something else.
    let has_address = [libc::SIGSEGV, libc::SIGBUS].contains(&signal) && (1..0x80).contains(&code);
    // SAFETY: these signals carry an address.
    let address = has_address.then(|| unsafe { info.si_addr() } as usize as u64);
    // SAFETY: signals that were sent carry the sender.
    let sender = (code <= 0).then(|| unsafe { info.si_pid() });
    // SAFETY: a context of the kernel's, by the caller's word.
    let (registers, write) = unsafe { registers(context) };
    Facts { signal, code, address, write: write.filter(|_| has_address), sender, registers }
}

/// The registers, and whether the fault was a write.
///
/// # Safety
///
/// `context` is what the kernel passed to an `SA_SIGINFO` handler.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn registers(context: *mut libc::c_void) -> (Registers, Option<bool>) {
    // SAFETY: a valid context, by the caller's word.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let raw = &context.uc_mcontext.gregs;
    let get = |number: libc::c_int| raw[number as usize] as u64;
    let order = [
        libc::REG_RAX,
        libc::REG_RDX,
        libc::REG_RCX,
        libc::REG_RBX,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_RBP,
        libc::REG_RSP,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
    ];
    let mut general = [0; 32];
    for (to, from) in general.iter_mut().zip(order) {
        *to = get(from);
    }
    // Intel SDM vol. 3, 4.7: a page fault's error code. Trap 14 is one.
    let write = (get(libc::REG_TRAPNO) == 14).then(|| get(libc::REG_ERR) & 2 != 0);
    (Registers { general, pc: get(libc::REG_RIP), flags: get(libc::REG_EFL) }, write)
}

/// The registers, and whether the fault was a write.
///
/// # Safety
///
/// `context` is what the kernel passed to an `SA_SIGINFO` handler.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
unsafe fn registers(context: *mut libc::c_void) -> (Registers, Option<bool>) {
    // SAFETY: a valid context, by the caller's word.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let machine = &context.uc_mcontext;
    let mut general = [0; 32];
    general[..31].copy_from_slice(&machine.regs);
    general[31] = machine.sp;
    (Registers { general, pc: machine.pc, flags: machine.pstate }, None)
}

/// The registers, and whether the fault was a write.
///
/// # Safety
///
/// `context` is what the kernel passed to an `SA_SIGINFO` handler.
#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
unsafe fn registers(context: *mut libc::c_void) -> (Registers, Option<bool>) {
    // SAFETY: a valid context, by the caller's word.
    let machine = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    // SAFETY: it points to the machine's part of the context.
    let machine = unsafe { &*machine };
    let state = &machine.__ss;
    let mut general = [0; 32];
    general[..29].copy_from_slice(&state.__x);
    general[29..].copy_from_slice(&[state.__fp, state.__lr, state.__sp]);
    // Arm ARM, ESR_EL1: the class of a data abort, and its bit WnR.
    let syndrome = machine.__es.__esr;
    let write = matches!(syndrome >> 26, 0x24 | 0x25).then_some(syndrome & 1 << 6 != 0);
    (Registers { general, pc: state.__pc, flags: u64::from(state.__cpsr) }, write)
}

/// The registers, and whether the fault was a write.
///
/// # Safety
///
/// `context` is what the kernel passed to an `SA_SIGINFO` handler.
#[cfg(all(target_os = "macos", target_arch = "x86_64"))]
unsafe fn registers(context: *mut libc::c_void) -> (Registers, Option<bool>) {
    // SAFETY: a valid context, by the caller's word.
    let machine = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    // SAFETY: it points to the machine's part of the context.
    let machine = unsafe { &*machine };
    let s = &machine.__ss;
    let mut general = [0; 32];
    general[..16].copy_from_slice(&[
        s.__rax, s.__rdx, s.__rcx, s.__rbx, s.__rsi, s.__rdi, s.__rbp, s.__rsp, s.__r8, s.__r9, s.__r10, s.__r11,
        s.__r12, s.__r13, s.__r14, s.__r15,
    ]);
    let write = (machine.__es.__trapno == 14).then_some(machine.__es.__err & 2 != 0);
    (Registers { general, pc: s.__rip, flags: s.__rflags }, write)
}
