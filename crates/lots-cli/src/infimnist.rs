//! `lots infimnist`: deformed digits, as many as wanted, as one array, an IDX file, pictures, or a page to look at.

use std::ops::Range;
use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::array::RowWriter;
use lots::data::infimnist::{Fields, Infimnist, SIDE, Tangents};
use lots::data::{Batch, idx, mnist, picture};
use serde::Serialize;

use crate::Done;
use crate::args::InfimnistArgs;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::terminal::{Terminal, grouped};

/// Digits at a time.
const BATCH: u32 = 4096;
/// Digits side by side on a page at most, and how many deformations of each are shown below each other.
const PAGE_COLUMNS: usize = 20;
const PAGE_ROWS: usize = 10;
/// Pixels of a page for a pixel of a digit, and between digits.
const PAGE_SCALE: usize = 2;
const PAGE_GAP: usize = 4;

pub(crate) fn run(args: &InfimnistArgs, terminal: Terminal) -> Result<Done> {
    let mut infimnist = open(&args.mnist, args.infimnist_data.as_deref(), args.seed)?;
    if args.no_translation {
        infimnist = infimnist.without_translation();
    }
    let mut report = Report { digits: args.indices.len(), ..Report::default() };
    if let Some(folder) = &args.save_data {
        create(folder)?;
        infimnist.write_files(folder)?;
        report.wrote.push(folder.clone());
    }
    if let Some(path) = &args.page {
        page(&infimnist, args.indices.clone())?.save(path)?;
        report.wrote.push(path.clone());
    }
    if let Some(path) = &args.out {
        let mut out = Out::create(path, &args.indices)?;
        let interrupt = Interrupt::catch()?;
        let progress = terminal.progress(args.indices.len() as u64, "digits");
        let mut first = args.indices.start;
        for batch in infimnist.batches(args.indices.clone(), BATCH) {
            let batch = batch?;
            out.append(&batch, first)?;
            first = first.saturating_add(batch.labels.len() as u32);
            progress.inc(batch.labels.len() as u64);
            if interrupt.is_pressed() {
                progress.finish_and_clear();
                return Err(Failure::new("interrupted, nothing was written"));
            }
        }
        progress.finish_and_clear();
        report.wrote.extend(out.finish()?);
    }
    terminal.result(&report, || report.text())?;
    Ok(Done::Reached)
}

/// The digits that follow from a folder of MNIST and from either the original's data or a seed.
pub(crate) fn open(folder: &Path, data: Option<&Path>, seed: u64) -> Result<Infimnist> {
    let mnist = mnist::load_dir(folder)?;
    Ok(match data {
        Some(data) => Infimnist::with_files(mnist, data)?,
        None => Infimnist::new(mnist, Fields::from_seed(seed), Tangents::own())?,
    })
}

/// What `--json` prints.
#[derive(Debug, Default, Serialize)]
struct Report {
    digits: usize,
    wrote: Vec<PathBuf>,
}

impl Report {
    fn text(&self) -> String {
        let wrote: Vec<String> = self.wrote.iter().map(|path| path.display().to_string()).collect();
        format!("{} digits: wrote {}\n", grouped(self.digits), wrote.join(", "))
    }
}

/// Where digits go.
enum Out {
    Array { images: RowWriter<u8>, labels: Vec<u8>, path: PathBuf },
    Idx { images: idx::ImageWriter, labels: Vec<usize>, path: PathBuf },
    Pictures { folder: PathBuf },
}

impl Out {
    fn create(path: &Path, indices: &Range<u32>) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = path.to_owned();
        if path.extension().is_some_and(|extension| extension == "npy") {
            let images = RowWriter::create(&path, &[SIDE, SIDE])?;
            Ok(Self::Array { images, labels: Vec::new(), path })
        } else if name.contains("idx3") {
            let images = idx::ImageWriter::create(&path, indices.len(), [1, SIDE, SIDE])?;
            Ok(Self::Idx { images, labels: Vec::new(), path })
        } else if let Some(extension) = path.extension() {
            let extension = extension.to_string_lossy();
            Err(Failure::new(format!("cannot tell what `{}` is to hold from `.{extension}`", path.display()))
                .with_hint("use FILE.npy, FILE-images-idx3-ubyte (also with .gz), or the name of a folder"))
        } else {
            for class in 0..10 {
                create(&path.join(class.to_string()))?;
            }
            Ok(Self::Pictures { folder: path })
        }
    }

    /// Adds digits, of which the first has index `first`.
    fn append(&mut self, batch: &Batch, first: u32) -> Result<()> {
        for (index, (pixels, label)) in (first..).zip(batch.images()) {
            match self {
                Self::Array { images, labels, .. } => {
                    images.append(pixels)?;
                    labels.push(label as u8);
                }
                Self::Idx { images, labels, .. } => {
                    images.append(&Image::new(1, SIDE, SIDE, pixels.to_vec())?)?;
                    labels.push(label);
                }
                Self::Pictures { folder } => {
                    let path = folder.join(label.to_string()).join(format!("{index:08}.png"));
                    let png = picture::to_png(&Image::new(1, SIDE, SIDE, pixels.to_vec())?)?;
                    lots::whole_file::write(&path, &png)?;
                }
            }
        }
        Ok(())
    }

    /// Puts everything in its place and says where.
    fn finish(self) -> Result<Vec<PathBuf>> {
        match self {
            Self::Array { images, labels, path } => {
                images.finish()?;
                let label_path = path.with_extension("labels.npy");
                lots::data::array::write(&label_path, &[labels.len()], &labels)?;
                Ok(vec![path, label_path])
            }
            Self::Idx { images, labels, path } => {
                images.finish()?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let label_name = name.replacen("images", "labels", 1).replacen("idx3", "idx1", 1);
                let label_path = path.with_file_name(label_name);
                idx::write_labels(&label_path, &labels)?;
                Ok(vec![path, label_path])
            }
            Self::Pictures { folder } => Ok(vec![folder]),
        }
    }
}

/// The first digits of a range side by side, black on white: on top the training digits that they are made from, below
/// them their deformations, in steps of as many indices as there are training digits.
fn page(infimnist: &Infimnist, indices: Range<u32>) -> Result<Image> {
    let columns: Vec<u32> = indices.take(PAGE_COLUMNS).collect();
    let rounds = infimnist.training_digits().len() as u32;
    let original = |&index: &u32| match infimnist.deformation(index) {
        Some(deformation) => infimnist.first_training_digit() + deformation.example as u32,
        None => index,
    };
    let mut rows = vec![columns.iter().map(original).collect::<Vec<_>>()];
    for round in 0..PAGE_ROWS as u32 {
        rows.push(columns.iter().map(|&index| index.saturating_add(round * rounds)).collect());
    }
    let place = SIDE * PAGE_SCALE + PAGE_GAP;
    let (width, height) = (columns.len() * place + PAGE_GAP, rows.len() * place + 2 * PAGE_GAP);
    let mut pixels = vec![255_u8; width * height];
    for (row, indices) in rows.iter().enumerate() {
        // Some space between the training digits and what is made from them.
        let top = PAGE_GAP * if row == 0 { 1 } else { 2 } + row * place;
        for (column, (digit, _)) in infimnist.digits(indices)?.images().enumerate() {
            draw(&mut pixels[top * width + PAGE_GAP + column * place..], width, digit);
        }
    }
    Ok(Image::new(1, height, width, pixels)?)
}

/// Draws a digit, enlarged, into rows of `width` pixels.
fn draw(pixels: &mut [u8], width: usize, digit: &[u8]) {
    for row in 0..SIDE * PAGE_SCALE {
        for column in 0..SIDE * PAGE_SCALE {
            let pixel = digit[row / PAGE_SCALE * SIDE + column / PAGE_SCALE];
            pixels[row * width + column] = 255 - pixel;
        }
    }
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|reason| Failure::file("write", folder, &reason))
}
