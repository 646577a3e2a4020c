//! Libraries of compilers, by the names that only they define.

/// What brings the symbol `name`, where a compiler's option asked for it and the compiler would have linked a library for it.
pub(super) fn advice(name: &str) -> Option<&'static str> {
    let begins = |with: &[&str]| with.iter().any(|with| name.starts_with(with));
    let libgcc_word = |rest: &str| {
        // libgcc's arithmetic: `__udivti3`, `__addtf3`, `__fixdfti` (gcc: "The GCC low-level runtime library").
        const MODES: [&str; 12] = ["ti", "tf", "tc", "xf", "xc", "hf", "bf", "di", "df", "dc", "sf", "sc"];
        let stem = rest.trim_end_matches(|last: char| last.is_ascii_digit());
        stem.len() >= 5
            && stem.bytes().all(|byte| byte.is_ascii_lowercase())
            && MODES.iter().any(|mode| stem.ends_with(mode))
    };
    Some(if begins(&["__gcov_"]) {
        "add gcc's library for --coverage, the file that `gcc -print-file-name=libgcov.a` names"
    } else if begins(&["llvm_gcda_", "llvm_gcov_", "__llvm_profile_"]) {
        "add clang's library for coverage, `clang_rt.profile` in the folder that `clang -print-runtime-dir` names"
    } else if begins(&["__ubsan_"]) {
        if name.ends_with("_minimal") || name.ends_with("_minimal_abort") {
            "add clang's `clang_rt.ubsan_minimal`, in the folder that `clang -print-runtime-dir` names; or compile with \
             -fsanitize-undefined-trap-on-error, which needs no library"
        } else {
            "add the library `ubsan`, or compile with -fsanitize-undefined-trap-on-error, which needs none"
        }
    } else if begins(&["__asan_", "__tsan_", "__msan_", "__hwasan_", "__dfsan_", "__safestack_"]) {
        "compile without -fsanitize, or start the process with the sanitizer's own library preloaded (LD_PRELOAD): it must be \
         there from the beginning"
    } else if begins(&["__morestack"]) {
        "compile without -fsplit-stack"
    } else if begins(&["__kmpc_"]) {
        "add the library `omp`: the code is compiled with -fopenmp"
    } else if begins(&["GOMP_", "omp_"]) {
        "add the library `gomp`: the code is compiled with -fopenmp"
    } else if begins(&["__atomic_"]) {
        "add the library `atomic`: the code has atomics that are larger than the processor's"
    } else if begins(&["__cpu_model", "__cpu_indicator_init", "__cpu_features2", "__aarch64_", "__init_cpu_features"])
        || name.strip_prefix("__").is_some_and(libgcc_word)
    {
        "add the compiler's own library, the file that `gcc -print-libgcc-file-name` names"
    } else if begins(&["__cxa_", "__gxx_personality", "_ZSt", "_ZNSt", "_ZNKSt", "_ZTVN10__cxxabiv1", "_Zn", "_Zd"]) {
        "add C++'s library: `stdc++`, or `c++` for code with clang's own headers"
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::advice;

    #[test]
    fn by_name() {
        for (name, part) in [
            ("__gcov_init", "libgcov.a"),
            ("__ubsan_handle_add_overflow", "library `ubsan`"),
            ("__ubsan_handle_add_overflow_minimal", "ubsan_minimal"),
            ("__asan_report_load8", "LD_PRELOAD"),
            ("__morestack", "-fsplit-stack"),
            ("GOMP_parallel", "`gomp`"),
            ("__kmpc_fork_call", "`omp`"),
            ("__aarch64_ldadd4_acq_rel", "-print-libgcc-file-name"),
            ("__udivti3", "-print-libgcc-file-name"),
            ("__addtf3", "-print-libgcc-file-name"),
            ("__floatuntitf", "-print-libgcc-file-name"),
            ("__cpu_model", "-print-libgcc-file-name"),
            ("_ZSt4cout", "`stdc++`"),
            ("__cxa_throw", "`stdc++`"),
        ] {
            assert!(advice(name).is_some_and(|advice| advice.contains(part)), "{name}: {:?}", advice(name));
        }
        for name in ["write", "__stop_x", "__dso_handle", "__start_data", "add", "__identity", "_Z3addii", ""] {
            assert_eq!(advice(name), None, "{name}");
        }
    }
}
