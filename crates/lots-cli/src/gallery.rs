//! `lots gallery`: identities as the classes of a network that extracts features.

mod build;
mod report;

use self::report::Report;
use crate::Done;
use crate::args::{GalleryAction, GalleryCommandArgs};
use crate::failure::Result;
use crate::terminal::Terminal;

pub(crate) fn run(args: &GalleryCommandArgs, terminal: Terminal) -> Result<Done> {
    let report = match &args.action {
        GalleryAction::Build(args) => {
            let gallery = build::build(args, terminal)?;
            lots::gallery::write(&args.out, &gallery)?;
            terminal.say(format!("wrote {}", args.out.display()));
            Report::new(&args.out, &gallery)
        }
        GalleryAction::Show(args) => Report::new(&args.gallery, &lots::gallery::read(&args.gallery)?),
    };
    terminal.result(&report, || report.text())?;
    Ok(Done::Reached)
}
