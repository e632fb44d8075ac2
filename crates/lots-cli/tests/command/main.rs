//! The command `lots` as its users meet it: exit code, standard output and standard error of every command and of
//! every mistake. `INSTA_UPDATE=always cargo test -p lots-cli --test command` rewrites the snapshots.

#![expect(dead_code, reason = "the tests that use the rest follow")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod help;
mod mistakes;
mod results;
mod stage;
