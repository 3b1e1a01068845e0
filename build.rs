//! Generates the C header and gives the shared library its name.

use std::env;
use std::path::PathBuf;

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("shm_array.h");
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    // The boundary and nothing else, so that no name of an inner floor gets into the header.
    let folder = root.join("src/ffi");
    let entries = std::fs::read_dir(&folder).expect("the boundary has a folder");
    let mut sources: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    // mod.rs names the other files: read with them, it would bring each a second time.
    sources.retain(|path| !path.ends_with("mod.rs"));
    sources.sort();
    let builder = sources.iter().fold(cbindgen::Builder::new(), |builder, source| builder.with_src(source));
    let header = builder.with_config(config).generate().expect("the C boundary can be written as a header");
    let mut text = Vec::new();
    header.write(&mut text);
    let text = String::from_utf8(text).expect("the sources are UTF-8");
    std::fs::write(&out, without_rust_talk(&text)).expect("OUT_DIR can be written");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    // Tests compare it with the one in include/.
    println!("cargo:rustc-env=SHM_ARRAY_GENERATED_HEADER={}", out.display());

    // Fork handlers point into the library, so it is never unloaded. Functions never change once published, so the
    // soname needs no version.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libshm_array.so");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

/// What Rust's convention makes us say of each unsafe function is said once in the header's preface.
fn without_rust_talk(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut in_safety = false;
    for line in header.lines() {
        in_safety = line.starts_with("//") && (in_safety || line == "// # Safety");
        if !in_safety {
            lines.push(line);
        } else if lines.last() == Some(&"//") {
            lines.pop();
        }
    }
    lines.join("\n") + "\n"
}
