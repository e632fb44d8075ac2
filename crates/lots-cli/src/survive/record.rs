//! [`Record`]: a run folder that is read again: what `run.json` says, the attempts in their order and their images.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use lots::Image;
use lots::criterion::Until;
use lots::data::ImageSource;
use lots::data::perturbed_set::IMAGES_FILE;
use lots::data::source::Images;
use lots::regular_file::RegularFile;
use lots_network::{ChannelOrder, PixelEncoding, Preprocessing};
use serde::Deserialize;
use serde_json::Value;

use crate::args::{GalleryArgs, LabelSource, NetworkArgs, SurviveArgs, TargetSet, TemplateArgs};
use crate::attack::row::Row;
use crate::failure::{About, Failure, Result};
use crate::json_file;
use crate::network::Loaded;
use crate::run_folder::{ATTEMPTS, RUN};

/// The version of `run.json` that is understood.
const FORMAT_VERSION: u32 = 1;

/// No row of attempts is longer; what follows in the line is no row.
const MOST_LINE: u64 = 1 << 20;

/// What is needed of `run.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    format_version: u32,
    network: RecordedNetwork,
    pub(super) data: RecordedData,
    options: RecordedOptions,
    summary: RecordedSummary,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedNetwork {
    name: String,
    sha256: String,
    input: RecordedInput,
    preprocessing: RecordedPreprocessing,
    pixels: RecordedPixels,
    gallery: Option<RecordedGallery>,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedGallery {
    file: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedInput {
    height: usize,
    width: usize,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedPreprocessing {
    resize: Option<String>,
    crop: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedPixels {
    channel_order: String,
    mean: Vec<f32>,
    factor: Vec<f32>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RecordedData {
    pub(super) origin: String,
    pub(super) origin_sha256: String,
    pub(super) target: Option<String>,
    pub(super) target_sha256: Option<String>,
    target_labels: Option<String>,
    template: Option<Vec<PathBuf>>,
    pub(super) template_sha256: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedOptions {
    until: String,
    format: String,
    target_set: Option<String>,
    mixture: Option<Vec<f64>>,
}

#[derive(Clone, Debug, Deserialize)]
struct RecordedSummary {
    reached: usize,
}

impl Record {
    /// # Errors
    /// If the folder holds no finished run, or one without images.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(RUN);
        if !path.exists() {
            return Err(no_run(folder));
        }
        let bytes = json_file::bytes(&path)?;
        let damaged = |error: serde_json::Error| {
            Failure::new(format!(
                "`{}` is not the record of a run of `lots attack` ({error})",
                path.display()
            ))
            .with_hint("repeat the attack with `--force`; this version of `lots` records what is missing")
        };
        let value: Value = serde_json::from_slice(&bytes).map_err(damaged)?;
        if value.get("data").is_none() {
            return Err(Failure::new(format!("`{}` is not the record of a run of `lots attack`", path.display()))
                .with_hint("it is another command's; `lots survive` looks again at what `lots attack --out DIR` has written"));
        }
        let mut record: Self = serde_json::from_value(value).map_err(damaged)?;
        folder.clone_into(&mut record.folder);
        if record.format_version != FORMAT_VERSION {
            return Err(Failure::new(format!(
                "`{}` has the format version {}, expected {FORMAT_VERSION}",
                path.display(),
                record.format_version
            )));
        }
        if record.options.format == "none" {
            return Err(Failure::new(format!("the run in `{}` has kept no images", folder.display()))
                .with_hint("repeat the attack with `--format png` or `--format npy`"));
        }
        Ok(record)
    }

    /// How many attempts have reached their criterion.
    pub(super) fn reached(&self) -> usize {
        self.summary.reached
    }

    /// What had ended the searches.
    pub(super) fn until(&self) -> Result<Until> {
        Ok(self.options.until.parse()?)
    }

    /// Where the classes of the targets came from, if not from their images.
    pub(super) fn target_labels(&self) -> Option<LabelSource> {
        self.data.target_labels.as_deref().and_then(|text| text.parse().ok())
    }

    /// The stored targets, and what was made of all.
    pub(super) fn templates(&self) -> Result<TemplateArgs> {
        let RecordedOptions { target_set, mixture, .. } = &self.options;
        let word = |word: &String| {
            TargetSet::from_str(word, false)
                .map_err(|reason| damaged(&self.folder.join(RUN), &format!("`target_set`: {reason}")))
        };
        Ok(TemplateArgs {
            template: self.data.template.clone().unwrap_or_default(),
            target_set: target_set.as_ref().map(word).transpose()?,
            mixture: mixture.clone().unwrap_or_default(),
        })
    }

    /// The network that was attacked.
    ///
    /// # Errors
    /// If it is not where the run or the arguments say, or has other bytes.
    pub(super) fn network(&self, args: &SurviveArgs) -> Result<Loaded> {
        let RecordedNetwork { name, sha256, input, preprocessing, pixels, gallery } = &self.network;
        let gallery = gallery.as_ref().map(|gallery| args.gallery.clone().unwrap_or(gallery.file.clone()));
        if gallery.is_none() && args.gallery.is_some() {
            return Err(Failure::new("the run has no gallery, `--gallery` would have no effect"));
        }
        let network_args = NetworkArgs {
            weights: args.weights.clone(),
            // What counts is the SHA-256 of both, below.
            gallery: GalleryArgs { gallery, other_network: true },
            ..NetworkArgs::named(args.network.clone().unwrap_or_else(|| name.clone()))
        };
        let order = ChannelOrder::from_word(&pixels.channel_order)?;
        let encoding = PixelEncoding::new(order, pixels.mean.clone(), pixels.factor.clone())?;
        let resize = preprocessing.resize.as_deref().map(str::parse).transpose()?;
        let crop = preprocessing.crop.as_deref().and_then(|text| {
            let (height, width) = text.split_once('x')?;
            Some([height.parse().ok()?, width.parse().ok()?])
        });
        let size = [input.height, input.width];
        let declared = Preprocessing::new(resize, crop)?;
        let loaded = Loaded::as_recorded(&network_args, size, &encoding, declared)
            .map_err(|failure| self.with_place(failure, args, name))?;
        if loaded.sha256 == *sha256 {
            return Ok(loaded);
        }
        Err(Failure::new("the network is not the one that the run attacked")
            .about("network", &loaded.name)
            .about("its SHA-256", &loaded.sha256)
            .about("that of the run", sha256)
            .with_hint("`--network FILE` names the network of the run, `--weights FILE` its weights, `--gallery FILE` its gallery"))
    }

    /// Says that paths are those of the folder where the run was started.
    fn with_place(&self, failure: Failure, args: &SurviveArgs, name: &str) -> Failure {
        if args.network.is_some() || Path::new(name).exists() || failure.hint().is_none() {
            return failure;
        }
        if name == "vgg-face" || name == "lenet" {
            return failure;
        }
        failure.about("run", self.folder.display()).with_hint(
            "paths in a run are those of the folder where it was started; `--network FILE` says where the network is now",
        )
    }

    /// The attempts in their order.
    pub(super) fn rows(&self) -> Result<Rows> {
        let path = self.folder.join(ATTEMPTS);
        // Opened twice: a pipe or a device is refused before it is read.
        drop(RegularFile::open(&path)?);
        let file = File::open(&path).map_err(|reason| Failure::file("read", &path, &reason))?;
        Ok(Rows { reader: BufReader::new(file), path })
    }

    /// The images of the attempts, which must be asked for in their order.
    pub(super) fn images(&self) -> PerturbedImages<'_> {
        PerturbedImages { folder: &self.folder, array: None, next: 0 }
    }
}

/// The attempts of a run one by one.
pub(super) struct Rows {
    reader: BufReader<File>,
    path: PathBuf,
}

impl Iterator for Rows {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        Some(match self.reader.by_ref().take(MOST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                serde_json::from_slice(line).map_err(|error| damaged(&self.path, &error.to_string()))
            }
            Err(reason) => Err(Failure::file("read", &self.path, &reason)),
        })
    }
}

/// The perturbed images of a run, pictures or rows of its array.
pub(super) struct PerturbedImages<'a> {
    folder: &'a Path,
    array: Option<Images>,
    /// The row of the array that comes next.
    next: usize,
}

impl PerturbedImages<'_> {
    /// The image that a row names.
    pub(super) fn read(&mut self, file: &str) -> Result<Image> {
        let row = file.strip_prefix(IMAGES_FILE).and_then(|rest| rest.strip_prefix('['));
        if let Some(row) = row {
            if row != format!("{}]", self.next) {
                return Err(damaged(&self.folder.join(ATTEMPTS), &format!("unexpected `{file}`")));
            }
            self.next += 1;
            let array = match &mut self.array {
                Some(array) => array,
                none => none.insert(ImageSource::from_path(self.folder.join(IMAGES_FILE)).images()?),
            };
            let image =
                array.next().ok_or_else(|| damaged(&self.folder.join(IMAGES_FILE), "it ends too early"));
            return Ok(image??.image);
        }
        // A run folder from a stranger names no file outside of it.
        if !Path::new(file).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(damaged(&self.folder.join(ATTEMPTS), &format!("unexpected `{file}`")));
        }
        Image::open(self.folder.join(file)).about("run", self.folder.display())
    }
}

fn damaged(path: &Path, reason: &str) -> Failure {
    Failure::new(format!("`{}` is damaged ({reason})", path.display()))
        .with_hint("repeat the attack with `--force`")
}

fn no_run(folder: &Path) -> Failure {
    let failure = Failure::new(format!("there is no run in `{}`", folder.display()));
    if lots::whole_file::unfinished(folder).exists() || folder.join("progress.json").exists() {
        return failure.with_hint("it is unfinished; repeat its command with `--resume` first");
    }
    failure.with_hint("give the folder that `lots attack --out DIR` has written")
}
