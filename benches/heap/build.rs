//! AsmJit, where its sources are given: `KILN_ASMJIT=FOLDER`, the one that holds `asmjit/core`.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=KILN_ASMJIT");
    println!("cargo::rerun-if-changed=publish/asmjit.cpp");
    println!("cargo::rustc-check-cfg=cfg(asmjit)");
    let Some(folder) = std::env::var_os("KILN_ASMJIT") else { return };
    let folder = Path::new(&folder);
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(3).include(folder).define("ASMJIT_STATIC", None).define("NDEBUG", None).warnings(false);
    for part in ["core", "support"] {
        for entry in std::fs::read_dir(folder.join("asmjit").join(part)).expect("KILN_ASMJIT holds AsmJit's sources") {
            let path = entry.expect("a folder that can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".cpp") && !name.contains("_test") {
                build.file(path);
            }
        }
    }
    build.file("publish/asmjit.cpp").compile("asmjit");
    println!("cargo::rustc-cfg=asmjit");
}
