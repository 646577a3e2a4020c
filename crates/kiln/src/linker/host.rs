//! Code that was made for another system than the one that it is to run on.

use super::Linker;
use crate::error::{Error, Result};
use crate::fixup;
use crate::graph::{self, Permission};
use crate::target::{Format, Os, Target};

impl Linker<'_> {
    /// Refuses what would go wrong in this process.
    pub(super) fn check_host(&self) -> Result<()> {
        let host = Target::host();
        if self.target.arch() != host.arch() {
            return Err(Error::unsupported(format!(
                "code for {} cannot run on this machine, which is {}",
                self.target.arch(),
                host.arch()
            ))
            .help(format!("build it for {host}")));
        }
        // Of most loads, everything is made for this system.
        if self.graph.inputs.iter().all(|input| input.format.is_none_or(|format| format == host.format())) {
            return Ok(());
        }
        for section in self.graph.sections.iter().filter(|section| section.permission == Permission::Text) {
            let input = &self.graph.inputs[section.input as usize];
            let (Some(format), Some(data)) = (input.format, section.data) else { continue };
            if format == host.format() {
                continue;
            }
            if format == Format::Coff {
                return Err(Error::unsupported(format!(
                    "COFF code keeps to the Windows calling convention, and this is {host}"
                ))
                .input(&input.name)
                .help(format!("build it for {host}")));
            }
            let code = self.graph.bytes(section.input, data);
            if let Some((offset, name)) = fixup::find_system_call(self.graph.arch, code) {
                let error = Error::unsupported(format!(
                    "`{name}` is a system call of another operating system: on {host} it would be some other call"
                ));
                return Err(self
                    .graph
                    .error_at(error, section, offset as u64)
                    .help(format!("build it for {host}, or call the C library's function instead")));
            }
        }
        self.check_variadic(host)
    }

    /// Apple's arm64 convention passes variadic arguments on the stack (Apple, *Writing ARM64 code for Apple platforms*,
    /// "Update code that passes arguments to variadic functions"): elsewhere the callee would look for them in registers.
    fn check_variadic(&self, host: Target) -> Result<()> {
        let apples = |format| format == Format::MachO && Target::new(self.target.arch(), Os::MacOs).is_apple_silicon();
        let differs =
            |input: &graph::Input<'_>| input.format.is_some_and(|format| apples(format) != host.is_apple_silicon());
        for symbol in &self.graph.symbols {
            let input = &self.graph.inputs[symbol.input as usize];
            let name = self.graph.symbol_name(symbol);
            if differs(input)
                && symbol.definition == graph::Definition::Undefined
                && VARIADIC.contains(&&*name)
                && !self.definitions.contains_key(&*name)
            {
                return Err(Error::unsupported(
                    "is variadic, and Apple's calling convention passes such arguments another way than this system's",
                )
                .symbol(name)
                .input(&input.name)
                .help(format!("build it for {host}, or define a function of that name that is not variadic")));
            }
        }
        Ok(())
    }
}

/// The C library's functions that take variadic arguments, or a `va_list` of them.
#[rustfmt::skip]
const VARIADIC: [&str; 43] = [
    "asprintf", "dprintf", "err", "errx", "execl", "execle", "execlp", "fcntl", "fprintf", "fscanf", "fwprintf",
    "fwscanf", "ioctl", "open", "openat", "printf", "scanf", "sem_open", "shm_open", "snprintf", "sprintf", "sscanf",
    "swprintf", "swscanf", "syscall", "syslog", "ulimit", "warn", "warnx", "wprintf", "wscanf",
    "vasprintf", "vdprintf", "vfprintf", "vfscanf", "vprintf", "vscanf", "vsnprintf", "vsprintf", "vsscanf",
    "vsyslog", "vwarn", "vwprintf",
];
