//! What the C programs show through C, through the Rust surface: one idea a test.

mod arrays;
mod errors;
mod given;
mod lifetimes;
mod locks;
mod npy;
mod views;
