//! Compiles the peer in C++, where its headers are installed (Debian: libboost-dev).

fn main() {
    println!("cargo:rerun-if-changed=src/peers/boost.cc");
    println!("cargo:rustc-check-cfg=cfg(has_boost)");
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(3).warnings(false).file("src/peers/boost.cc");
    match build.try_compile("peer_boost") {
        Ok(()) => {
            println!("cargo:rustc-cfg=has_boost");
            println!("cargo:rustc-link-lib=rt");
        }
        Err(_) => println!("cargo:warning=boost/interprocess is not there: its row will be missing (libboost-dev)"),
    }
}
