//! The command `lots`.

fn main() {}
