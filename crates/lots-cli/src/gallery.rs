//! `lots gallery`: identities as the classes of a network that extracts features.

mod build;
mod report;

use self::build::Built;
use self::report::Report;
use crate::Done;
use crate::args::{GalleryAction, GalleryCommandArgs};
use crate::failure::Result;
use crate::terminal::Terminal;

pub(crate) fn run(args: &GalleryCommandArgs, terminal: Terminal) -> Result<Done> {
    let (report, gallery) = match &args.action {
        GalleryAction::Build(args) => {
            let Built { gallery, repeated, left_out } = build::build(args, terminal)?;
            lots::gallery::write(&args.out, &gallery)?;
            terminal.say(format!("wrote {}", args.out.display()));
            (Report::new(&args.out, &gallery).with_left_out(repeated, left_out), gallery)
        }
        GalleryAction::Show(args) => {
            let gallery = lots::gallery::read(&args.gallery)?;
            (Report::new(&args.gallery, &gallery), gallery)
        }
    };
    terminal.result(&report, || report.text(&gallery))?;
    Ok(Done::Reached)
}
