//! [`Context`]: what every stage has at hand, and [`Watch`], which it tells how far it is.

use std::sync::atomic::AtomicBool;

use lots::data::ImageSet;
use lots::data::infimnist::Infimnist;
use lots_network::Network;

use super::folder::Folder;
use super::plan::Extent;
use crate::failure::{Failure, Result};

/// What does not change while the stages of a seed run.
pub(super) struct Context<'a> {
    pub(super) infimnist: &'a Infimnist,
    pub(super) extent: Extent,
    pub(super) folder: Folder,
    pub(super) seed: u64,
    pub(super) interrupted: &'a AtomicBool,
}

/// Is told about work that is done.
pub(super) trait Watch {
    /// So much work was there already when the stage was gone on with.
    fn found(&mut self, work: usize);
    /// So much more work is done and kept, or will be done again if the stage is interrupted before it is kept.
    fn did(&mut self, work: usize);
}

impl Context<'_> {
    /// A trained network.
    pub(super) fn network(&self, key: &str) -> Result<Network> {
        self.folder.load_network(key)
    }

    /// A digit of each class.
    pub(super) fn targets(&self) -> Result<ImageSet> {
        let images = self.folder.load_targets()?;
        let classes: Vec<usize> = (0..images.len()).collect();
        let names = classes.iter().map(|class| format!("targets[{class}]")).collect();
        Ok(ImageSet::new(images, Some(classes), names)?)
    }

    /// # Errors
    /// If Ctrl-C was pressed.
    pub(super) fn expect_time(&self) -> Result<()> {
        if self.interrupted.load(std::sync::atomic::Ordering::SeqCst) { Err(interrupted()) } else { Ok(()) }
    }
}

/// What a stage says when it was asked to stop.
pub(super) fn interrupted() -> Failure {
    Failure::new("interrupted").with_hint("the same command goes on")
}
