//! From a file to a process that is about to run `main`.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::rc::Rc;

use super::heap::Heap;
use super::signals::Signals;
use super::stubs::Stubs;
use super::sync::Sync;
use super::threads::{Template, Threads};
use super::{Answer, Machine, Stop};
use crate::cpu::Cpu;
use crate::kernel::Kernel;
use crate::libsystem::{self, ARGC, ARGV, ENVIRON, LibSystem};
use crate::loader::{Binary, Image};
use crate::memory::{Memory, PAGE};
use crate::signature::Signing;

/// Where the heap, the threads and what the program maps are looked for: apart, so that addresses say what they are of.
const HEAP: u64 = 0x2_0000_0000;
const THREADS: u64 = 0x3_0000_0000;
/// The main thread's, unless the file says another size.
const STACK: u64 = 8 << 20;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    pub(crate) argv0: Option<OsString>,
    pub(crate) arguments: Vec<OsString>,
}

impl Machine {
    /// A process that is about to run what is in `file`. An error says why there is none.
    pub(crate) fn start(program: Program, mut file: File) -> Result<Machine, String> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let slices = kiln_codesign::slices(&bytes).map_err(|error| error.to_string())?;
        let slice = slices.iter().find(|slice| slice.is_arm64()).ok_or("it has no arm64 code")?;
        let offset = slice.offset();
        let thin = slice.bytes().to_vec();
        let signing = Signing::read(&thin)?;
        let binary = Binary::parse(&thin)?;
        let stack = if binary.stack_size == 0 { STACK } else { binary.stack_size };

        let text = |error: std::io::Error| format!("the emulator's memory: {error}");
        let memory = Rc::new(Memory::new().map_err(text)?);
        let mut stubs = Stubs::new(memory.clone()).map_err(text)?;
        libsystem::prepare(&memory)?;
        let image = Image::load(&memory, (&file, offset), Rc::new(thin), binary, |import| {
            if import.name == "__tlv_bootstrap" {
                return Ok(stubs.thread_local());
            }
            if let Some(variable) = libsystem::variable(&import.name) {
                return Ok(variable);
            }
            if import.weak && !super::is_modelled(&import.name) {
                return Ok(0);
            }
            stubs.address(&import.name).ok_or_else(|| "it imports too many functions".to_owned())
        })?;
        memory.set_floor(image.end.next_multiple_of(PAGE));
        let cpu = Cpu::new(memory.clone(), image.end).map_err(|error| format!("Unicorn: {error:?}"))?;
        if signing.hardened && !signing.allow_unsigned_executable_memory {
            memory.enforce_signatures();
        }
        let kernel = Kernel {
            emulator: std::env::current_exe().map_err(|error| error.to_string())?,
            // Of a program that came by a descriptor there may be no file.
            program: std::fs::canonicalize(&program.file).unwrap_or_else(|_| program.file.clone()),
            ..Kernel::default()
        };
        let mut machine = Machine {
            cpu,
            signing,
            image,
            threads: Threads::new(THREADS),
            stubs,
            heap: Heap::new(memory.clone(), HEAP),
            memory,
            sync: Sync::default(),
            signals: Signals::default(),
            kernel,
            library: LibSystem::default(),
            trace: std::env::var_os("KILN_DARWIN_RUN_TRACE").is_some(),
            depth: 0,
        };
        machine.prepare(program, stack).map_err(|stop| format!("the first thread: {stop:?}"))?;
        Ok(machine)
    }

    fn prepare(&mut self, program: Program, stack: u64) -> Result<(), Stop> {
        self.prepare_thread_locals()?;
        self.image.protect(&self.memory);
        self.first_thread(stack)?;
        let own: [(&str, super::Function); 5] = [
            ("signal handler returned", Machine::handler_returned),
            ("thread returned", libsystem::thread_returned),
            ("thread ends", libsystem::thread_ends),
            ("exit goes on", libsystem::exit_goes_on),
            ("initializer returned", initialize),
        ];
        for (name, function) in own {
            self.stubs.add(name, Some(function));
        }
        self.signals.back = self.stubs.address("signal handler returned").unwrap_or_default();
        self.library.initializers = self.image.initializers.iter().rev().copied().collect();
        self.stack(program)?;
        self.cpu.set_pc(self.stubs.address("initializer returned").unwrap_or_default());
        Ok(())
    }

    fn prepare_thread_locals(&mut self) -> Result<(), Stop> {
        let Some((start, data, size)) = self.image.thread_locals else { return Ok(()) };
        self.threads.template = Template { data: self.memory.bytes(start, data)?.to_vec(), size };
        let descriptors: Vec<u64> = self.image.thread_local_descriptors().collect();
        for descriptor in descriptors {
            // Code, slot of the thread's block, offset in what that points to: the offset is there already.
            self.memory.poke(descriptor, &self.stubs.thread_local().to_le_bytes())?;
            self.memory.poke(descriptor + 8, &super::threads::THREAD_LOCALS.to_le_bytes())?;
        }
        Ok(())
    }

    /// `argv`, `envp` and `apple`, as the kernel lays them out, and where `main` gets them from.
    fn stack(&mut self, program: Program) -> Result<(), Stop> {
        let path = program.file.as_os_str().as_bytes().to_vec();
        let mut arguments = vec![program.argv0.map_or_else(|| path.clone(), OsString::into_vec)];
        arguments.extend(program.arguments.into_iter().map(OsString::into_vec));
        let environment: Vec<Vec<u8>> =
            std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat()).collect();
        let apple = vec![[b"executable_path=", &path[..]].concat()];
        let mut sp = self.cpu.sp();
        let mut pointers = vec![arguments.len() as u64];
        let mut lists = Vec::new();
        for list in [&arguments, &environment, &apple] {
            lists.push(pointers.len() as u64);
            for text in list {
                sp -= text.len() as u64 + 1;
                self.memory.put(sp, &[text, &b"\0"[..]].concat())?;
                pointers.push(sp);
            }
            pointers.push(0);
        }
        sp = (sp - 8 * pointers.len() as u64) & !15;
        for (index, pointer) in pointers.iter().enumerate() {
            self.memory.put_u64(sp + 8 * index as u64, *pointer)?;
        }
        let at = |list: usize| sp + 8 * lists[list];
        self.memory.put_u64(ARGC, arguments.len() as u64)?;
        self.memory.put_u64(ARGV, at(0))?;
        self.memory.put_u64(ENVIRON, at(1))?;
        self.cpu.set_sp(sp);
        // What `main` and the initializers are called with; kept where calls do not change it.
        for (number, value) in [(19, arguments.len() as u64), (20, at(0)), (21, at(1)), (22, at(2))] {
            self.cpu.set_x(number, value);
        }
        Ok(())
    }
}

/// Where each initializer returns to: the next one is called, in the end `main`.
fn initialize(m: &mut Machine) -> Answer {
    for number in 0..4 {
        let value = m.x(19 + number);
        m.cpu.set_x(number, value);
    }
    let (function, back) = match m.library.initializers.pop() {
        Some(function) => (function, "initializer returned"),
        None => (m.image.entry, "_exit"),
    };
    m.cpu.set_x(29, 0);
    let back = m.stubs.address(back).unwrap_or_default();
    m.cpu.set_x(30, back);
    m.cpu.set_pc(function);
    Err(Stop::Jumped)
}
