//! `lots faces`: photographs become aligned faces, a face network is measured and attacked, perturbed faces go back into
//! their photographs.

mod align;
mod aligned_folder;
mod feature;
mod finder;
mod paste;
mod report;

use crate::Done;
use crate::args::{FacesArgs, FacesCommand};
use crate::failure::Result;
use crate::terminal::Terminal;

pub(crate) fn run(args: &FacesArgs, terminal: Terminal) -> Result<Done> {
    match &args.command {
        FacesCommand::Align(args) => align::run(args, terminal),
        FacesCommand::Paste(args) => paste::run(args, terminal),
        FacesCommand::Report(args) => report::run(args, terminal),
    }
}
