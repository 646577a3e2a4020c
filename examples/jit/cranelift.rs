//! Functions that Cranelift compiles, published through Kiln instead of `cranelift-jit`: no page is ever writable and
//! executable, on Apple Silicon the process's signature decides how memory is written, and what is no longer used is freed.
//!
//!     cargo run --release --manifest-path examples/jit/Cargo.toml --bin cranelift
//!
//! [`Jit`] is what there is to copy: functions are declared, compiled, and published together, when each knows the addresses of
//! all others. What Cranelift leaves to be filled in are relocations: calls among the functions, to the host, to what
//! Cranelift itself calls (libcalls), and addresses of data. The rest of the file checks it.
#![allow(unsafe_code)] // Runs what was compiled.

use std::error::Error;
use std::mem;

use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, GlobalValueData, InstBuilder, LibCall, MemFlagsData,
    Signature, Type, UserExternalName, UserFuncName, Value, condcodes::IntCC, types,
};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget, isa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use kiln::{Code, CodeHeap, Draft, FnPtr, HeapOptions};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A function of the [`Jit`], by number.
#[derive(Clone, Copy)]
struct FuncId(u32);

/// The namespaces of Cranelift's names.
const FUNCTIONS: u32 = 0;
const HOST: u32 = 1;

/// A call of arm64 reaches 128 MiB: for one that goes further, `ldr x16, .+8; br x16` and the address.
const VENEER: usize = 16;

struct Jit {
    isa: OwnedTargetIsa,
    heap: CodeHeap,
    /// What was declared, and what of it has been published.
    functions: Vec<(Signature, Option<Code>)>,
    /// Addresses of the program's own functions and data.
    host: Vec<usize>,
    compiled: Vec<Compiled>,
    builder: FunctionBuilderContext,
}

/// A function that waits for everybody's address.
struct Compiled {
    id: FuncId,
    bytes: Vec<u8>,
    align: usize,
    relocations: Vec<Relocation>,
}

struct Relocation {
    at: usize,
    kind: Reloc,
    target: Target,
    addend: i64,
}

enum Target {
    Function(FuncId),
    Address(usize),
    /// An offset in the function itself.
    Own(usize),
}

impl Jit {
    fn new() -> Result<Jit> {
        let mut flags = settings::builder();
        flags.set("opt_level", "speed")?;
        // The process's own addresses are known: neither a GOT nor a PLT is wanted.
        flags.set("is_pic", "false")?;
        // `cranelift_native::builder()` would use what this processor has beyond the least of its kind.
        let isa = isa::lookup_by_name(if cfg!(target_arch = "x86_64") { "x86_64" } else { "aarch64" })?;
        Ok(Jit {
            isa: isa.finish(settings::Flags::new(flags))?,
            heap: CodeHeap::new(HeapOptions::new())?,
            functions: Vec::new(),
            host: Vec::new(),
            compiled: Vec::new(),
            builder: FunctionBuilderContext::new(),
        })
    }

    /// A function that is defined later.
    fn declare(&mut self, parameters: &[Type], results: &[Type]) -> FuncId {
        let mut signature = Signature::new(host_convention());
        signature.params.extend(parameters.iter().map(|ty| AbiParam::new(*ty)));
        signature.returns.extend(results.iter().map(|ty| AbiParam::new(*ty)));
        self.functions.push((signature, None));
        FuncId(self.functions.len() as u32 - 1)
    }

    /// Compiles a declared function, whose body is what `write` makes of its parameters.
    fn define(&mut self, id: FuncId, write: impl FnOnce(&mut Body<'_, '_>, &[Value]) -> Vec<Value>) -> Result<()> {
        let mut context = Context::new();
        let name = UserFuncName::user(FUNCTIONS, id.0);
        context.func = Function::with_name_signature(name, self.functions[id.0 as usize].0.clone());
        let mut state = mem::take(&mut self.builder);
        let mut body = Body { builder: FunctionBuilder::new(&mut context.func, &mut state), jit: self };
        let entry = body.builder.create_block();
        body.builder.append_block_params_for_function_params(entry);
        body.builder.switch_to_block(entry);
        let parameters = body.builder.block_params(entry).to_vec();
        let results = write(&mut body, &parameters);
        body.builder.ins().return_(&results);
        body.builder.seal_all_blocks();
        body.builder.finalize(body.jit.isa.frontend_config());
        self.builder = state;

        context.compile(&*self.isa, &mut Default::default()).map_err(|error| error.inner)?;
        let compiled = context.take_compiled_code().ok_or("nothing was compiled")?;
        let (bytes, align) = (compiled.code_buffer().to_vec(), compiled.buffer.alignment.max(16) as usize);
        let mut relocations = Vec::new();
        for reloc in compiled.buffer.relocs() {
            let target = match &reloc.target {
                FinalizedRelocTarget::Func(offset) => Target::Own(*offset as usize),
                FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => Target::Address(libcall(*call)?),
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    let UserExternalName { namespace, index } = context.func.params.user_named_funcs()[*name];
                    if namespace == FUNCTIONS {
                        Target::Function(FuncId(index))
                    } else {
                        Target::Address(self.host[index as usize])
                    }
                }
                other => return Err(format!("a relocation to {other:?}, which this program does not make").into()),
            };
            relocations.push(Relocation { at: reloc.offset as usize, kind: reloc.kind, target, addend: reloc.addend });
        }
        self.compiled.push(Compiled { id, bytes, align, relocations });
        Ok(())
    }

    /// Publishes all that was defined since the last time: room for each first, so that every address is known, then the
    /// bytes with their relocations, then all of it at once.
    fn publish(&mut self) -> Result<()> {
        let compiled = mem::take(&mut self.compiled);
        let mut drafts = Vec::new();
        for one in &compiled {
            let veneers = one.relocations.iter().filter(|relocation| relocation.kind == Reloc::Arm64Call).count();
            drafts.push(self.heap.draft(one.bytes.len().next_multiple_of(8) + veneers * VENEER, one.align)?);
        }
        let mut addresses: Vec<Option<usize>> =
            self.functions.iter().map(|(_, code)| code.as_ref().map(|code| code.address() as usize)).collect();
        for (one, draft) in compiled.iter().zip(&drafts) {
            addresses[one.id.0 as usize] = Some(draft.address() as usize);
        }
        for (one, draft) in compiled.iter().zip(&mut drafts) {
            write(one, draft, &addresses)?;
        }
        for (one, code) in compiled.iter().zip(self.heap.publish_all(drafts)?) {
            self.functions[one.id.0 as usize].1 = Some(code);
        }
        Ok(())
    }

    /// A published function.
    ///
    /// # Safety
    ///
    /// It was declared with the type `F`. As long as it is called, so long the `Jit` and what it calls live.
    unsafe fn get<F: FnPtr>(&self, id: FuncId) -> Option<kiln::Function<F>> {
        let code = self.functions[id.0 as usize].1.as_ref()?;
        // SAFETY: the caller's word.
        Some(unsafe { code.function() })
    }

    /// Lets functions that are compiled from now on refer to an address of the program.
    fn host(&mut self, address: usize) -> UserExternalName {
        self.host.push(address);
        UserExternalName { namespace: HOST, index: self.host.len() as u32 - 1 }
    }
}

/// Writes a function to its place, where it refers to others by their addresses.
fn write(function: &Compiled, draft: &mut Draft, addresses: &[Option<usize>]) -> Result<()> {
    let base = draft.address() as usize;
    let bytes = draft.bytes();
    bytes[..function.bytes.len()].copy_from_slice(&function.bytes);
    let mut veneer = function.bytes.len().next_multiple_of(8);
    for Relocation { at, kind, target, addend } in &function.relocations {
        let (at, place) = (*at, base + at);
        let to = match target {
            Target::Own(offset) => base + offset,
            Target::Address(address) => *address,
            Target::Function(id) => {
                addresses[id.0 as usize].ok_or_else(|| format!("function {} was declared and not defined", id.0))?
            }
        };
        let to = to.wrapping_add_signed(*addend as isize);
        let distance = to.wrapping_sub(place) as i64;
        match kind {
            Reloc::Abs8 => bytes[at..at + 8].copy_from_slice(&(to as u64).to_le_bytes()),
            Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => {
                let distance = i32::try_from(distance)
                    .map_err(|_| format!("{to:#x} is not within 2 GiB of {place:#x}: see HeapOptions::near"))?;
                bytes[at..at + 4].copy_from_slice(&distance.to_le_bytes());
            }
            Reloc::Arm64Call => {
                let distance = if (-(1 << 27)..1 << 27).contains(&distance) {
                    distance
                } else {
                    bytes[veneer..veneer + 4].copy_from_slice(&0x5800_0050u32.to_le_bytes());
                    bytes[veneer + 4..veneer + 8].copy_from_slice(&0xd61f_0200u32.to_le_bytes());
                    bytes[veneer + 8..veneer + 16].copy_from_slice(&(to as u64).to_le_bytes());
                    veneer += VENEER;
                    (veneer - VENEER) as i64 - at as i64
                };
                patch(bytes, at, (distance >> 2) as u32 & 0x3ff_ffff);
            }
            Reloc::Aarch64AdrPrelPgHi21 => {
                let pages = (to >> 12).wrapping_sub(place >> 12) as i64;
                if !(-(1 << 20)..1 << 20).contains(&pages) {
                    return Err(format!("{to:#x} is not within 4 GiB of {place:#x}: see HeapOptions::near").into());
                }
                patch(bytes, at, (pages as u32 & 3) << 29 | (pages as u32 >> 2 & 0x7_ffff) << 5);
            }
            Reloc::Aarch64AddAbsLo12Nc => patch(bytes, at, (to as u32 & 0xfff) << 10),
            other => return Err(format!("a relocation {other:?}, which is not made for code like this").into()),
        }
    }
    Ok(())
}

/// Sets the bits of a field, all zeros so far, in the instruction at an offset.
fn patch(bytes: &mut [u8], at: usize, field: u32) {
    for (byte, bits) in bytes[at..at + 4].iter_mut().zip(field.to_le_bytes()) {
        *byte |= bits;
    }
}

/// What Cranelift calls where a processor has no instruction for it.
fn libcall(call: LibCall) -> Result<usize> {
    extern "C" fn floor(x: f64) -> f64 {
        x.floor()
    }
    extern "C" fn ceil(x: f64) -> f64 {
        x.ceil()
    }
    Ok(match call {
        LibCall::FloorF64 => floor as extern "C" fn(f64) -> f64 as usize,
        LibCall::CeilF64 => ceil as extern "C" fn(f64) -> f64 as usize,
        LibCall::Memcpy => libc::memcpy as *const () as usize,
        LibCall::Memmove => libc::memmove as *const () as usize,
        LibCall::Memset => libc::memset as *const () as usize,
        LibCall::Memcmp => libc::memcmp as *const () as usize,
        other => return Err(format!("Cranelift calls {other}, which has no row here").into()),
    })
}

fn host_convention() -> CallConv {
    if cfg!(target_vendor = "apple") { CallConv::AppleAarch64 } else { CallConv::SystemV }
}

/// A function while it is written.
struct Body<'f, 'j> {
    builder: FunctionBuilder<'f>,
    jit: &'j Jit,
}

impl Body<'_, '_> {
    /// A function of the same [`Jit`]: called directly, since all lie near each other.
    fn function(&mut self, id: FuncId) -> FuncRef {
        let signature = self.jit.functions[id.0 as usize].0.clone();
        self.import(UserExternalName { namespace: FUNCTIONS, index: id.0 }, signature, true)
    }

    /// A function of the program, which may lie anywhere.
    fn host_function(&mut self, name: UserExternalName, parameters: &[Type], result: Type) -> FuncRef {
        let mut signature = Signature::new(host_convention());
        signature.params.extend(parameters.iter().map(|ty| AbiParam::new(*ty)));
        signature.returns.push(AbiParam::new(result));
        self.import(name, signature, false)
    }

    fn import(&mut self, name: UserExternalName, signature: Signature, colocated: bool) -> FuncRef {
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        let signature = self.builder.import_signature(signature);
        self.builder.import_function(ExtFuncData { name, signature, colocated, patchable: false })
    }

    /// The address of data of the program.
    fn host_data(&mut self, name: UserExternalName) -> Value {
        let name = ExternalName::user(self.builder.func.declare_imported_user_function(name));
        let data = GlobalValueData::Symbol { name, offset: 0.into(), colocated: false, tls: false };
        let data = self.builder.create_global_value(data);
        self.builder.ins().symbol_value(types::I64, data)
    }

    fn call(&mut self, function: FuncRef, arguments: &[Value]) -> Value {
        let call = self.builder.ins().call(function, arguments);
        self.builder.inst_results(call)[0]
    }

    /// One of two values, of type `i64`, by whether a condition is not 0.
    fn either(
        &mut self,
        condition: Value,
        yes: impl FnOnce(&mut Self) -> Value,
        no: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let [then, otherwise, after] = [(); 3].map(|()| self.builder.create_block());
        let result = self.builder.append_block_param(after, types::I64);
        self.builder.ins().brif(condition, then, &[], otherwise, &[]);
        self.builder.switch_to_block(then);
        let value = yes(self);
        self.builder.ins().jump(after, &[value.into()]);
        self.builder.switch_to_block(otherwise);
        let value = no(self);
        self.builder.ins().jump(after, &[value.into()]);
        self.builder.switch_to_block(after);
        result
    }
}

// What follows checks it: each function is compared with the same in Rust.

extern "C" fn host_add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

static HOST_TABLE: [i64; 4] = [3, 1, 4, 1];

fn main() -> Result<()> {
    let mut jit = Jit::new()?;
    let (add, table) = (jit.host(host_add as *const () as usize), jit.host(HOST_TABLE.as_ptr() as usize));

    // Calls to itself, and to the host for the sum.
    let fib = jit.declare(&[types::I64], &[types::I64]);
    jit.define(fib, |body, arguments| {
        let n = arguments[0];
        let (own, add) = (body.function(fib), body.host_function(add, &[types::I64, types::I64], types::I64));
        let small = body.builder.ins().icmp_imm_s(IntCC::SignedLessThan, n, 2);
        let result = body.either(
            small,
            |_| n,
            |body| {
                let [one, two] = [-1, -2].map(|less| body.builder.ins().iadd_imm_s(n, less));
                let (one, two) = (body.call(own, &[one]), body.call(own, &[two]));
                body.call(add, &[one, two])
            },
        );
        vec![result]
    })?;

    // Two that call each other: neither can be whole before the other has an address.
    let even = jit.declare(&[types::I64], &[types::I64]);
    let odd = jit.declare(&[types::I64], &[types::I64]);
    for (own, other, at_zero) in [(even, odd, 1), (odd, even, 0)] {
        jit.define(own, |body, arguments| {
            let n = arguments[0];
            let other = body.function(other);
            let result = body.either(
                n,
                |body| {
                    let less = body.builder.ins().iadd_imm_s(n, -1);
                    body.call(other, &[less])
                },
                |body| body.builder.ins().iconst(types::I64, at_zero),
            );
            vec![result]
        })?;
    }

    // Constants, which stand behind the code, and `floor`, which the oldest x86-64 processors have no instruction for.
    let scale = jit.declare(&[types::F64], &[types::F64]);
    jit.define(scale, |body, arguments| {
        let ins = &mut body.builder;
        let [factor, offset] = [1.0625, -0.001].map(|constant| ins.ins().f64const(constant));
        let product = ins.ins().fmul(arguments[0], factor);
        let sum = ins.ins().fadd(product, offset);
        vec![ins.ins().floor(sum)]
    })?;

    // Data of the program, and `memcpy`: copies the table to the caller, and returns its last word.
    let copy = jit.declare(&[types::I64], &[types::I64]);
    jit.define(copy, |body, arguments| {
        let from = body.host_data(table);
        let config = body.jit.isa.frontend_config();
        let len = body.builder.ins().iconst(types::I64, size_of_val(&HOST_TABLE) as i64);
        body.builder.call_memcpy(config, arguments[0], from, len);
        vec![body.builder.ins().load(types::I64, MemFlagsData::trusted(), from, 24)]
    })?;

    // A function as a value.
    let apply = jit.declare(&[types::I64], &[types::I64]);
    jit.define(apply, |body, arguments| {
        let (callee, signature) = (body.function(fib), body.jit.functions[fib.0 as usize].0.clone());
        let signature = body.builder.import_signature(signature);
        let address = body.builder.ins().func_addr(types::I64, callee);
        let call = body.builder.ins().call_indirect(signature, address, arguments);
        vec![body.builder.inst_results(call)[0]]
    })?;
    jit.publish()?;

    // Published later, it calls what was published before.
    let twice = jit.declare(&[types::I64], &[types::I64]);
    jit.define(twice, |body, arguments| {
        let apply = body.function(apply);
        let once = body.call(apply, arguments);
        vec![body.builder.ins().imul_imm_s(once, 2)]
    })?;
    jit.publish()?;

    type Integer = extern "C" fn(i64) -> i64;
    // SAFETY: declared so, above; `jit` lives until the end.
    let integer = |id| unsafe { jit.get::<Integer>(id) }.ok_or("not published");
    let [fib, even, odd, apply, twice] = [fib, even, odd, apply, twice].map(integer);
    let (fib, even, odd, apply, twice) = (fib?, even?, odd?, apply?, twice?);
    let mut pair = (0, 1);
    for n in 0..25 {
        assert_eq!(fib.call(n), pair.0, "fib({n})");
        assert_eq!((apply.call(n), twice.call(n)), (pair.0, 2 * pair.0));
        assert_eq!((even.call(n), odd.call(n)), (i64::from(n % 2 == 0), i64::from(n % 2 == 1)));
        pair = (pair.1, pair.0 + pair.1);
    }
    // SAFETY: as above.
    let scale = unsafe { jit.get::<extern "C" fn(f64) -> f64>(scale) }.ok_or("not published")?;
    for x in [0.0, 1.0, -7.25, 1e9, 123.456] {
        assert_eq!(scale.call(x), (x * 1.0625 - 0.001).floor(), "scale({x})");
    }
    // SAFETY: as above; the type says that the caller vouches for the pointer.
    let copy = unsafe { jit.get::<unsafe extern "C" fn(*mut [i64; 4]) -> i64>(copy) }.ok_or("not published")?;
    let mut copied = [0; 4];
    // SAFETY: room for the table.
    let last = unsafe { copy.call(&raw mut copied) };
    assert_eq!((copied, last), (HOST_TABLE, 1));

    let stats = jit.heap.stats();
    println!("fib(24) = {}: {} functions in {} bytes of code, all as in Rust", fib.call(24), stats.codes, stats.used);
    Ok(())
}
