//! `lots survive`: which perturbed images of a run still reach its criterion behind transformations of images and of
//! the network.

mod counts;
mod criteria;
mod record;
mod trial;

use lots::Image;
use lots::criterion::Criterion;
use lots::transformation::{Claim, halve_weights, verdicts};
use lots_network::Network;
use serde_json::{Map, Value, json};

use self::counts::{Fate, Matrix};
use self::criteria::Criteria;
use self::record::Record;
pub(crate) use self::trial::Trial;
use crate::Done;
use crate::args::SurviveArgs;
use crate::attack::row::{Row, Status};
use crate::attack::summary::group;
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result};
use crate::images::{FittedChunks, source};
use crate::json_file;
use crate::network::Loaded;
use crate::panels::read;
use crate::terminal::Terminal;

/// About so many bytes of images are transformed together, and so many images at most.
const CHUNK_BYTES: usize = 32 << 20;
const CHUNK: usize = 512;

pub(crate) fn run(args: &SurviveArgs, terminal: Terminal) -> Result<Done> {
    let record = Record::open(&args.run)?;
    let loaded = record.network(args)?;
    let trials = distinct(&args.transformations);
    let halved = if trials.contains(&Trial::HalfWeights) {
        let mut other = record.network(args)?.network;
        halve_weights(&mut other);
        Some(other)
    } else {
        None
    };
    let criteria = Criteria::new(&record, args, &loaded, terminal)?;
    let networks = Networks { whole: &loaded.network, halved: halved.as_ref() };
    let matrix = Surviving { networks, trials: &trials, record: &record, criteria, args }.count(terminal)?;
    let report = report(args, &record, &loaded, &trials, &matrix)?;
    if let Some(out) = &args.out {
        json_file::write(out, &report)?;
    }
    terminal.result(&report, || text(args, &matrix))?;
    Ok(if matrix.is_empty() { Done::NotReached } else { Done::Reached })
}

/// The network as it was attacked, and with weights of half precision if that is a trial.
#[derive(Clone, Copy)]
struct Networks<'a> {
    whole: &'a Network,
    halved: Option<&'a Network>,
}

/// A run whose images are looked at again.
struct Surviving<'a> {
    networks: Networks<'a>,
    trials: &'a [Trial],
    record: &'a Record,
    criteria: Criteria<'a>,
    args: &'a SurviveArgs,
}

/// Images that are looked at together.
#[derive(Default)]
struct Chunk {
    images: Vec<Perturbed>,
    /// Each origin of them once, with its class and its place among all of the run's.
    origins: Vec<(Image, usize, usize)>,
}

/// A perturbed image with what is claimed of it.
struct Perturbed {
    group: String,
    image: Image,
    criterion: Criterion,
    origin_class: usize,
    /// Its place in [`Chunk::origins`].
    origin: usize,
}

impl Networks<'_> {
    /// Whether the claims hold under a trial.
    fn hold(self, trial: Trial, claims: &[Claim<'_>]) -> Result<Vec<bool>> {
        let verdicts = match (trial, self.halved) {
            (Trial::Image(transformation), _) => verdicts(self.whole, transformation, claims)?,
            // A PNG file changes nothing: what is asked is what the other network says of the images as they are.
            (Trial::HalfWeights, network) => {
                verdicts(network.unwrap_or(self.whole), lots::transformation::Transformation::Png, claims)?
            }
        };
        Ok(verdicts.into_iter().map(|verdict| verdict.holds).collect())
    }
}

impl Surviving<'_> {
    fn count(mut self, terminal: Terminal) -> Result<Matrix> {
        let mut matrix = Matrix::new(self.trials.to_vec());
        let network = self.networks.whole;
        let pixels: usize = network.input_shape().iter().product();
        let at_once = (CHUNK_BYTES / pixels).clamp(1, CHUNK);
        let place = self.args.origin.as_ref().unwrap_or(&self.record.data.origin);
        let source = source(place, None)?;
        let chunks = FittedChunks::new(&source, place, "origin", network);
        let mut origins =
            Origins { chunks: chunks.map_err(moved)?, digest: ImagesDigest::default(), met: 0, last: None };
        let mut files = self.record.images();
        let progress = terminal.progress(self.record.reached() as u64, "images");
        let mut chunk = Chunk::default();
        for row in self.record.rows()? {
            let row = row?;
            let Some(file) = row.reached.as_ref().and_then(|reached| reached.file.as_deref()) else {
                continue;
            };
            if row.status != Status::Reached {
                continue;
            }
            let image = files.read(file)?;
            expect_shape(&image, network)?;
            chunk.add(&row, image, self.criteria.of(&row)?, &mut origins, network)?;
            if chunk.images.len() == at_once {
                self.finish(&std::mem::take(&mut chunk), &mut matrix)?;
                progress.inc(at_once as u64);
            }
        }
        self.finish(&chunk, &mut matrix)?;
        progress.finish_and_clear();
        origins.expect_same(&self.record.data.origin_sha256)?;
        Ok(matrix)
    }

    /// Looks at the images of a chunk and counts them.
    fn finish(&self, chunk: &Chunk, matrix: &mut Matrix) -> Result<()> {
        let own: Vec<Criterion> =
            chunk.origins.iter().map(|&(_, class, _)| Criterion::Class(class)).collect();
        let of_origins: Vec<Claim<'_>> = chunk
            .origins
            .iter()
            .zip(&own)
            .map(|((image, class, _), criterion)| Claim { image, criterion, origin_class: *class })
            .collect();
        let of_images: Vec<Claim<'_>> = chunk
            .images
            .iter()
            .map(|it| Claim { image: &it.image, criterion: &it.criterion, origin_class: it.origin_class })
            .collect();
        let (mut kept, mut survived) = (Vec::new(), Vec::new());
        for &trial in self.trials {
            kept.push(self.networks.hold(trial, &of_origins)?);
            survived.push(self.networks.hold(trial, &of_images)?);
        }
        for (index, image) in chunk.images.iter().enumerate() {
            let of_trials = |holds: &[Vec<bool>], index: usize| -> Vec<bool> {
                holds.iter().map(|of_trial| of_trial[index]).collect()
            };
            let fate = Fate {
                survived: &of_trials(&survived, index),
                origin: chunk.origins[image.origin].2,
                kept: &of_trials(&kept, image.origin),
            };
            matrix.add(&image.group, fate);
        }
        Ok(())
    }
}

impl Chunk {
    fn add(
        &mut self,
        row: &Row,
        image: Image,
        criterion: Criterion,
        origins: &mut Origins<'_>,
        network: &Network,
    ) -> Result<()> {
        let (number, origin) = origins.of(&row.origin)?;
        if self.origins.last().is_none_or(|&(_, _, known)| known != number) {
            let class = read(network, origin)?;
            self.origins.push((origin.clone(), class, number));
        }
        let method = row.method.as_deref().unwrap_or_default();
        self.images.push(Perturbed {
            group: group(method, row.layer.as_deref()),
            image,
            criterion,
            origin_class: row.origin_class,
            origin: self.origins.len() - 1,
        });
        Ok(())
    }
}

/// The origins of a run, passed through once beside its attempts, which have their order.
struct Origins<'a> {
    chunks: FittedChunks<'a>,
    digest: ImagesDigest,
    /// How many have been read.
    met: usize,
    last: Option<(String, Image)>,
}

impl Origins<'_> {
    /// The origin of this name that comes next, or is still at hand, with its place.
    fn of(&mut self, name: &str) -> Result<(usize, &Image)> {
        while self.last.as_ref().is_none_or(|(known, _)| known != name) {
            if !self.advance()? {
                return Err(moved(Failure::new(format!("origin `{name}` is not where the run found it"))));
            }
        }
        match &self.last {
            Some((_, image)) => Ok((self.met - 1, image)),
            None => Err(lots::Error::NoImages.into()),
        }
    }

    /// Reads one more. Returns whether there was one.
    fn advance(&mut self) -> Result<bool> {
        let Some(set) = self.chunks.next() else { return Ok(false) };
        let (images, _, names) = set.map_err(moved)?.set.into_parts();
        self.last = names.into_iter().zip(images).next();
        if let Some((_, image)) = &self.last {
            self.digest.add(image);
            self.met += 1;
        }
        Ok(true)
    }

    /// # Errors
    /// If the origins are not those that were attacked.
    fn expect_same(mut self, sha256: &str) -> Result<()> {
        while self.advance()? {}
        if self.digest.digits() == sha256 {
            return Ok(());
        }
        Err(moved(Failure::new("the origins are not those that the run attacked")))
    }
}

fn moved(failure: Failure) -> Failure {
    failure.with_hint(
        "paths in a run are those of the folder where it was started; `--origin IMAGES` says where its origins are now",
    )
}

fn expect_shape(image: &Image, network: &Network) -> Result<()> {
    let (got, expected) = (image.shape(), network.input_shape());
    if got == expected {
        return Ok(());
    }
    Err(lots::Error::ImageSize { role: "perturbed image", got, expected }.into())
}

/// The trials, each once.
fn distinct(trials: &[Trial]) -> Vec<Trial> {
    let mut known: Vec<Trial> = Vec::new();
    for trial in trials {
        if !known.contains(trial) {
            known.push(*trial);
        }
    }
    known
}

/// What `--json` prints and `--out` holds.
fn report(
    args: &SurviveArgs,
    record: &Record,
    loaded: &Loaded,
    trials: &[Trial],
    matrix: &Matrix,
) -> Result<Map<String, Value>> {
    let names: Vec<String> = trials.iter().map(ToString::to_string).collect();
    let mut report = Map::new();
    report.insert("run".to_owned(), json!(args.run.display().to_string()));
    report.insert("network".to_owned(), json!({ "name": loaded.name, "sha256": loaded.sha256 }));
    report.insert("until".to_owned(), json!(record.until()?.to_string()));
    report.insert("transformations".to_owned(), json!(names));
    report.extend(matrix.to_json());
    Ok(report)
}

fn text(args: &SurviveArgs, matrix: &Matrix) -> String {
    if matrix.is_empty() {
        return format!("the run in {} reached nothing, there is nothing to transform\n", args.run.display());
    }
    let written = args.out.as_ref().map_or_else(String::new, |out| format!("wrote {}\n", out.display()));
    matrix.table() + &written
}
