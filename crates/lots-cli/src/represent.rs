//! `lots represent`: what a layer computes, as an array.

use lots::Image;
use lots::data::array::RowWriter;
use serde::Serialize;

use crate::Done;
use crate::args::RepresentArgs;
use crate::failure::Result;
use crate::images::{self, FittedChunks, FittedSet};
use crate::network::Loaded;
use crate::terminal::Terminal;

/// Images at a time: enough for all lanes of all threads, few enough for any layer.
const CHUNK: usize = 256;

pub(crate) fn run(args: &RepresentArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let layer = loaded.layer(&args.layer)?;
    // What a layer computes depends on no class, so that strangers to a gallery are represented like all others.
    let source = images::source(&args.origin, None)?.without_labels();
    let chunks = FittedChunks::new(&source, &args.origin, "origin", &loaded.network)?.of(CHUNK);
    let shape = loaded.network.shape(layer).extents().to_vec();
    let mut array = RowWriter::<f32>::create(&args.out, &shape)?;
    let progress = terminal.progress(chunks.remaining() as u64, "images");
    let mut count = 0;
    for set in chunks {
        let FittedSet { set, .. } = set?;
        let pixels: Vec<u8> = set.images().iter().flat_map(Image::pixels).copied().collect();
        for row in loaded.network.represent(layer, pixels.as_slice())?.images() {
            array.append(row)?;
        }
        count += set.len();
        progress.inc(set.len() as u64);
    }
    progress.finish_and_clear();
    array.finish()?;
    let shape: Vec<usize> = [count].into_iter().chain(shape).collect();
    let report = Report { file: args.out.display().to_string(), layer: args.layer.clone(), shape };
    terminal.result(&report, || report.text())?;
    Ok(Done::Reached)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    layer: String,
    shape: Vec<usize>,
}

impl Report {
    fn text(&self) -> String {
        let shape: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        format!("wrote {}: f32 [{}]\n", self.file, shape.join(", "))
    }
}
