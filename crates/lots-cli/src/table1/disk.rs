//! Whether the disk has room for everything.

use std::path::Path;

use super::plan::Stage;
use crate::failure::{Failure, Result};

/// What is asked for beyond what is needed: logs, the report, other programs.
const RESERVE_BYTES: u64 = 200 << 20;

/// # Errors
/// If there is less room than the stages that are left need.
pub(super) fn expect_room(folder: &Path, left: &[&Stage]) -> Result<()> {
    let needed: u64 = left.iter().map(|stage| stage.bytes).sum();
    let free = fs4::available_space(folder).map_err(|reason| Failure::file("look at", folder, &reason))?;
    if left.is_empty() || free >= needed + RESERVE_BYTES {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the disk of `{}` has {} free, expected {}",
        folder.display(),
        size(free),
        size(needed + RESERVE_BYTES)
    ))
    .with_hint("free some space, choose a folder on another disk with `--out`, or do less with `--scale`"))
}

/// `2.3 GB`, `17 MB`.
pub(super) fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes >= 1000.0 { format!("{:.1} GB", megabytes / 1000.0) } else { format!("{megabytes:.0} MB") }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Extent, stages};
    use super::*;

    #[test]
    fn a_disk_without_room_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let extent = Extent { scale: 1e-6, train_digits: 300, test_digits: 200 };
        let mut stages = stages(1, &extent);
        assert!(expect_room(folder.path(), &stages.iter().collect::<Vec<_>>()).is_ok());
        stages[0].bytes = 1 << 60;
        let failure = expect_room(folder.path(), &stages.iter().collect::<Vec<_>>()).unwrap_err();
        assert!(failure.message().contains("free, expected 1152921"), "{}", failure.message());
        assert!(expect_room(folder.path(), &[]).is_ok());
    }

    #[test]
    fn sizes_are_as_shops_write_them() {
        assert_eq!((size(2_345_000_000), size(17_400_000)), ("2.3 GB".to_owned(), "17 MB".to_owned()));
    }
}
