//! Generates the C header and gives the shared library its name.

use std::env;
use std::path::PathBuf;

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("shm_array.h");
    let config = cbindgen::Config::from_file(format!("{root}/cbindgen.toml")).expect("cbindgen.toml is valid");
    cbindgen::Builder::new()
        .with_crate(&root)
        .with_config(config)
        .generate()
        .expect("the C boundary can be written as a header")
        .write_to_file(&out);
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    // Tests compare it with the one in include/.
    println!("cargo:rustc-env=SHM_ARRAY_GENERATED_HEADER={}", out.display());

    // Fork handlers point into the library, so it is never unloaded. Functions never change once published, so the
    // soname needs no version.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libshm_array.so");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
