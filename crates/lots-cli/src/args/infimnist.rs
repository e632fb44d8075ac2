//! The arguments of `infimnist`.

use std::path::PathBuf;

use super::values;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InfimnistArgs {
    /// Indices FIRST..END: with all of MNIST 0..10000 are the test digits, 10000..70000 the training digits, all
    /// others deformed training digits
    #[arg(value_name = "INDICES", value_parser = values::indices)]
    pub(crate) indices: std::ops::Range<u32>,
    /// Folder with the four MNIST files, as `lots fetch mnist` makes it
    #[arg(long, value_name = "DIR")]
    pub(crate) mnist: PathBuf,
    /// Where the digits go: FILE.npy, an IDX file (FILE-idx3-ubyte, also with .gz), or a folder for PNG files; labels
    /// go beside them
    #[arg(long, value_name = "PATH", required_unless_present_any = ["page", "save_data"])]
    pub(crate) out: Option<PathBuf>,
    /// A picture: the training digits that the first 20 are made from, and below each ten of its deformations
    #[arg(long, value_name = "FILE.png")]
    pub(crate) page: Option<PathBuf>,
    /// Folder with the two data files of the original program, for its very digits
    #[arg(long, value_name = "DIR", conflicts_with = "seed")]
    pub(crate) infimnist_data: Option<PathBuf>,
    /// Writes both data files of the original program into this folder, made from the seed
    #[arg(long, value_name = "DIR", conflicts_with = "infimnist_data")]
    pub(crate) save_data: Option<PathBuf>,
    /// Seed of the displacement fields
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Leave out the shift by a pixel at the end
    #[arg(long)]
    pub(crate) no_translation: bool,
}
