//! The command `lots` as its users meet it: exit code, standard output and standard error of every command and of
//! every mistake. `INSTA_UPDATE=always cargo test -p lots-cli --test command` rewrites the snapshots.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attack;
mod compare;
mod deep_features;
mod deep_network;
mod evaluate;
mod faces;
mod gallery;
mod help;
mod identities;
mod infimnist;
mod layers;
mod mistakes;
mod photographs;
mod pictures;
mod ray;
mod results;
mod stability;
mod stage;
mod survive;
mod table1;
mod training;
mod weights;
