//! What is compared.

use std::collections::VecDeque;

use kiln::{Code, CodeHeap, HeapOptions, Strategy};

use crate::Heap;

fn map(len: usize, protection: i32, flags: i32, fd: i32) -> *mut u8 {
    // SAFETY: a new mapping wherever the kernel likes.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    start.cast()
}

const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
const RX: i32 = libc::PROT_READ | libc::PROT_EXEC;
const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const ROOM: usize = 64 << 20;

unsafe fn copy(code: &[u8], to: *mut u8) {
    // SAFETY: by the caller's word.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), to, code.len()) }
}

/// Copying, and nothing else, to memory that was used before.
pub struct Floor {
    start: *mut u8,
    used: usize,
}

impl Heap for Floor {
    type Code = usize;
    const NAME: &'static str = "memcpy (the floor)";
    const FREES: bool = false;
    fn new() -> Self {
        let start = map(ROOM, RW | libc::PROT_EXEC, ANONYMOUS, -1);
        // SAFETY: the mapping.
        unsafe { std::ptr::write_bytes(start, 0, 16 << 20) };
        Floor { start, used: 0 }
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        let to = self.start.wrapping_add(self.used);
        // SAFETY: there is room.
        unsafe { copy(code, to) };
        self.used += code.len().next_multiple_of(16);
        to as usize
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, _: usize) {}
    fn again(&mut self) {
        self.used = 0;
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        // SAFETY: our own.
        unsafe { libc::munmap(self.start.cast(), ROOM) };
    }
}

/// A mapping for each function.
pub struct MapEach;

impl Heap for MapEach {
    type Code = (usize, usize);
    const NAME: &'static str = "mmap + mprotect + munmap each";
    const MANY: usize = 2_000;
    fn new() -> Self {
        MapEach
    }
    fn publish(&mut self, code: &[u8]) -> (usize, usize) {
        let start = map(code.len(), RW, ANONYMOUS, -1);
        // SAFETY: there is room.
        unsafe { copy(code, start) };
        // SAFETY: our own.
        assert_eq!(unsafe { libc::mprotect(start.cast(), code.len(), RX) }, 0);
        (start as usize, code.len())
    }
    fn address(code: &(usize, usize)) -> usize {
        code.0
    }
    fn free(&mut self, code: (usize, usize)) {
        // SAFETY: our own.
        assert_eq!(unsafe { libc::munmap(code.0 as *mut _, code.1) }, 0);
    }
}

/// One region, whose pages are made writable and executable by turns.
pub struct ProtectToggle(Floor);

impl Heap for ProtectToggle {
    type Code = usize;
    const NAME: &'static str = "mprotect toggle";
    const MANY: usize = 2_000;
    const FREES: bool = false;
    fn new() -> Self {
        ProtectToggle(Floor { start: map(ROOM, RX, ANONYMOUS, -1), used: 0 })
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        let first = (self.0.start as usize + self.0.used) & !4095;
        let len = (self.0.start as usize + self.0.used + code.len()).next_multiple_of(4096) - first;
        // SAFETY: our own.
        assert_eq!(unsafe { libc::mprotect(first as *mut _, len, RW) }, 0);
        let code = self.0.publish(code);
        // SAFETY: our own.
        assert_eq!(unsafe { libc::mprotect(first as *mut _, len, RX) }, 0);
        code
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, _: usize) {}
    fn again(&mut self) {
        self.0.used = 0;
    }
}

/// A memfd with two addresses: no lock, no bookkeeping.
pub struct DualBare {
    writes: Floor,
    runs: Floor,
}

impl Heap for DualBare {
    type Code = usize;
    const NAME: &'static str = "memfd dual mapping, bare";
    const FREES: bool = false;
    fn new() -> Self {
        // SAFETY: a name that ends in NUL.
        let fd = unsafe { libc::memfd_create(c"bench".as_ptr(), 0) };
        // SAFETY: a new descriptor.
        assert_eq!(unsafe { libc::ftruncate(fd, ROOM as i64) }, 0);
        let part = |protection| Floor { start: map(ROOM, protection, libc::MAP_SHARED, fd), used: 0 };
        let new = DualBare { writes: part(RW), runs: part(RX) };
        // SAFETY: as above.
        unsafe { libc::close(fd) };
        new
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        self.writes.publish(code) - self.writes.start as usize + self.runs.start as usize
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, _: usize) {}
    fn again(&mut self) {
        self.writes.used = 0;
    }
}

fn kiln(options: HeapOptions) -> CodeHeap {
    CodeHeap::new(options).expect("a heap")
}

macro_rules! kiln_heap {
    ($name:ident, $text:literal, $many:expr, $options:expr) => {
        pub struct $name(pub CodeHeap);

        impl Heap for $name {
            type Code = Code;
            const NAME: &'static str = $text;
            const MANY: usize = $many;
            fn new() -> Self {
                $name(kiln($options))
            }
            fn publish(&mut self, code: &[u8]) -> Code {
                self.0.publish(code).expect("published")
            }
            fn address(code: &Code) -> usize {
                code.address() as usize
            }
            fn free(&mut self, code: Code) {
                drop(code);
            }
        }
    };
}

kiln_heap!(Kiln, "kiln", crate::MANY, HeapOptions::new());
kiln_heap!(KilnHuge, "kiln, huge pages asked for", crate::MANY, HeapOptions::new().huge_pages(true));
kiln_heap!(KilnSeal, "kiln, seal", 2_000, HeapOptions::new().strategy(Strategy::Seal));

/// As a compiler does that has its code in a buffer first: it is written there, and then published. Drafts are written where they stay.
pub struct KilnBuffer {
    heap: CodeHeap,
    buffer: Vec<u8>,
}

impl Heap for KilnBuffer {
    type Code = Code;
    const NAME: &'static str = "kiln, written to a buffer first";
    fn new() -> Self {
        KilnBuffer { heap: kiln(HeapOptions::new()), buffer: Vec::with_capacity(4096) }
    }
    fn publish(&mut self, code: &[u8]) -> Code {
        self.buffer.clear();
        self.buffer.extend_from_slice(code);
        self.heap.publish(std::hint::black_box(&self.buffer)).expect("published")
    }
    fn address(code: &Code) -> usize {
        code.address() as usize
    }
    fn free(&mut self, code: Code) {
        drop(code);
    }
}

/// Drafts, published 100 at a time.
pub struct KilnBatch {
    heap: CodeHeap,
    drafts: Vec<kiln::Draft>,
    codes: VecDeque<Code>,
}

impl Heap for KilnBatch {
    /// The address; the code itself is kept here.
    type Code = usize;
    const NAME: &'static str = "kiln, drafts by the hundred";
    const FREES: bool = false;
    fn new() -> Self {
        KilnBatch { heap: kiln(HeapOptions::new()), drafts: Vec::new(), codes: VecDeque::with_capacity(crate::MANY) }
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        let mut draft = self.heap.draft(code.len(), 16).expect("a draft");
        draft.bytes().copy_from_slice(code);
        let address = draft.address() as usize;
        self.drafts.push(draft);
        if self.drafts.len() == 100 {
            self.finish();
        }
        address
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, _: usize) {
        // The oldest first, as the others are freed.
        self.codes.pop_front();
    }
    fn finish(&mut self) {
        let drafts = std::mem::replace(&mut self.drafts, Vec::with_capacity(100));
        self.codes.extend(self.heap.publish_all(drafts).expect("published"));
    }
}

/// [`CodeHeap::publish_many`], 100 at a time.
pub struct KilnMany {
    heap: CodeHeap,
    sizes: Vec<usize>,
    codes: VecDeque<Code>,
}

impl Heap for KilnMany {
    /// Nothing: the code itself is kept here.
    type Code = usize;
    const NAME: &'static str = "kiln, by the hundred";
    const FREES: bool = false;
    fn new() -> Self {
        KilnMany { heap: kiln(HeapOptions::new()), sizes: Vec::new(), codes: VecDeque::with_capacity(crate::MANY) }
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        self.sizes.push(code.len());
        if self.sizes.len() == 100 {
            self.finish();
        }
        self.codes.back().map_or(crate::candidates::returns as *const () as usize, |code| code.address() as usize)
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, _: usize) {
        // The oldest first, as the others are freed.
        self.codes.pop_front();
    }
    fn finish(&mut self) {
        let slices: Vec<&[u8]> = self.sizes.drain(..).map(|size| &crate::CODE[..std::hint::black_box(size)]).collect();
        self.codes.extend(self.heap.publish_many(&slices).expect("published"));
    }
}

#[cfg(asmjit)]
mod asmjit {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        pub fn peer_new(dual: c_int) -> *mut c_void;
        pub fn peer_delete(heap: *mut c_void);
        pub fn peer_publish(heap: *mut c_void, code: *const c_void, len: usize) -> *mut c_void;
        pub fn peer_free(heap: *mut c_void, code: *mut c_void) -> c_int;
    }
}

#[cfg(asmjit)]
pub struct AsmJit<const DUAL: bool>(pub *mut std::ffi::c_void);
#[cfg(asmjit)]
pub type AsmJitDual = AsmJit<true>;
#[cfg(asmjit)]
pub type AsmJitDefault = AsmJit<false>;

#[cfg(asmjit)]
impl<const DUAL: bool> Heap for AsmJit<DUAL> {
    type Code = usize;
    const NAME: &'static str = if DUAL { "AsmJit, dual mapping" } else { "AsmJit, default (RWX)" };
    fn new() -> Self {
        // SAFETY: AsmJit's own.
        AsmJit(unsafe { asmjit::peer_new(DUAL.into()) })
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        // SAFETY: a heap, and bytes.
        let code = unsafe { asmjit::peer_publish(self.0, code.as_ptr().cast(), code.len()) };
        assert!(!code.is_null());
        code as usize
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, code: usize) {
        // SAFETY: published by this heap.
        assert_eq!(unsafe { asmjit::peer_free(self.0, code as *mut _) }, 0);
    }
}

#[cfg(asmjit)]
impl<const DUAL: bool> Drop for AsmJit<DUAL> {
    fn drop(&mut self) {
        // SAFETY: nothing of it is used any more.
        unsafe { asmjit::peer_delete(self.0) };
    }
}

/// Frees last in, first out: mixed sizes freed in the order of publishing make it panic.
pub struct JitAllocatorDual {
    heap: Box<jit_allocator2::JitAllocator>,
    waiting: Vec<*const u8>,
}

impl Heap for JitAllocatorDual {
    type Code = usize;
    const NAME: &'static str = "jit-allocator2, dual mapping";
    const FREES: bool = false;
    fn new() -> Self {
        let options = jit_allocator2::JitAllocatorOptions { use_dual_mapping: true, ..Default::default() };
        JitAllocatorDual { heap: jit_allocator2::JitAllocator::new(options), waiting: Vec::new() }
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        let (runs, writes) = self.heap.alloc(code.len()).expect("allocated");
        // SAFETY: there is room.
        unsafe { copy(code, writes) };
        runs as usize
    }
    fn address(code: &usize) -> usize {
        *code
    }
    fn free(&mut self, code: usize) {
        self.waiting.push(code as *const u8);
        if self.waiting.len() == Self::MANY {
            for code in std::mem::take(&mut self.waiting).into_iter().rev() {
                // SAFETY: allocated above.
                unsafe { self.heap.release(code) }.expect("released");
            }
        }
    }
}

pub struct Dynasm;

impl Heap for Dynasm {
    type Code = dynasmrt::ExecutableBuffer;
    const NAME: &'static str = "dynasmrt ExecutableBuffer";
    const MANY: usize = 2_000;
    fn new() -> Self {
        Dynasm
    }
    fn publish(&mut self, code: &[u8]) -> Self::Code {
        let mut buffer = dynasmrt::mmap::MutableBuffer::new(code.len()).expect("mapped");
        buffer.set_len(code.len());
        buffer.copy_from_slice(code);
        buffer.make_exec().expect("executable")
    }
    fn address(code: &Self::Code) -> usize {
        code.ptr(dynasmrt::AssemblyOffset(0)) as usize
    }
    fn free(&mut self, code: Self::Code) {
        drop(code);
    }
}

/// A module of cranelift-jit; with `EACH`, finalized after each function.
pub struct Cranelift<const EACH: bool> {
    module: Option<cranelift_jit::JITModule>,
    number: u32,
    last: Vec<cranelift_module::FuncId>,
}

pub type CraneliftEach = Cranelift<true>;
pub type CraneliftBatch = Cranelift<false>;

impl<const EACH: bool> Cranelift<EACH> {
    fn module() -> cranelift_jit::JITModule {
        let builder = cranelift_jit::JITBuilder::new(cranelift_module::default_libcall_names());
        cranelift_jit::JITModule::new(builder.expect("this machine is known"))
    }
}

impl<const EACH: bool> Heap for Cranelift<EACH> {
    type Code = usize;
    const NAME: &'static str = if EACH { "cranelift-jit, finalize each" } else { "cranelift-jit, finalize all" };
    const MANY: usize = if EACH { 1_000 } else { crate::MANY };
    const FREES: bool = false;
    fn new() -> Self {
        Cranelift { module: Some(Self::module()), number: 0, last: Vec::new() }
    }
    fn publish(&mut self, code: &[u8]) -> usize {
        use cranelift_module::{Linkage, Module};
        let module = self.module.as_mut().expect("a module");
        self.number += 1;
        let signature = module.make_signature();
        let name = format!("f{}", self.number);
        let id = module.declare_function(&name, Linkage::Export, &signature).expect("declared");
        module.define_function_bytes(id, 16, code, &[]).expect("defined");
        if EACH {
            module.finalize_definitions().expect("finalized");
            return module.get_finalized_function(id) as usize;
        }
        self.last.push(id);
        0
    }
    fn address(code: &usize) -> usize {
        // A batch has no addresses until it is finished: its first use is without the calls.
        if *code == 0 { returns as *const () as usize } else { *code }
    }
    fn free(&mut self, _: usize) {}
    fn finish(&mut self) {
        if !EACH {
            self.module.as_mut().expect("a module").finalize_definitions().expect("finalized");
        }
    }
    fn again(&mut self) {
        // It frees a module as a whole.
        if let Some(module) = self.module.replace(Self::module()) {
            // SAFETY: none of its code is used any more.
            unsafe { module.free_memory() };
        }
        self.last.clear();
    }
}

impl<const EACH: bool> Drop for Cranelift<EACH> {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: none of its code is used any more.
            unsafe { module.free_memory() };
        }
    }
}

extern "C" fn returns() {}
