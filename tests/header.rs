//! The header in include/ is what cbindgen makes of the sources today.

#[test]
fn the_checked_in_header_is_up_to_date() {
    let generated = std::fs::read_to_string(env!("SHM_ARRAY_GENERATED_HEADER")).expect("build.rs has written it");
    let path = workshop::root().join("include/shm_array.h");
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        generated == checked_in,
        "include/shm_array.h is not what the sources say. To repair it:\n\n    cp {} {}\n",
        env!("SHM_ARRAY_GENERATED_HEADER"),
        path.display()
    );
}
