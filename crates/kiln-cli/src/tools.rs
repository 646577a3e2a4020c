//! Debuggers and profilers: which of them are told of what is loaded.

use kiln::Tools;

use crate::args;

/// What was asked for; and a debugger that is already there, as in `gdb --args kiln run FILE`.
pub(crate) fn of(asked: &args::Tools) -> Tools {
    let mut tools = Tools::new();
    if asked.debugger || is_traced() {
        tools = tools.debugger();
    }
    for profiler in &asked.perf {
        tools = match profiler {
            args::Profiler::Map => tools.perf_map(),
            args::Profiler::Jitdump(folder) => tools.jitdump(folder),
        };
    }
    tools
}

/// Whether a debugger has this process in its hands.
pub(crate) fn is_traced() -> bool {
    // Linux says so; elsewhere --debugger must.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}
