//! [`Row`]: what was tried and what came of it, a line of `attempts.jsonl`.

use std::ops::Range;

use lots::criterion::cosine_similarity;
use lots::data::ImageSet;
use lots::experiment::Attempt;
use lots::{Image, Outcome};
use serde::{Deserialize, Serialize};

use super::Job;
use super::identities::{Identities, lot};
use crate::attack::images::distinct;
use crate::faces::feature;
use crate::failure::{About, Failure, Result};
use crate::images::file_stem;
use crate::interrupt::{Interrupt, interrupted_among};
use crate::run_folder::RunFolder;
use crate::terminal::{Terminal, counted};

/// So many pairs of small images are tried together: they lie side by side, and all of them take seconds.
const CHUNK: usize = 16;

/// So many pairs of large images are tried together. One alone leaves the last of its searches with an image at a time, which
/// took two fifths more time on two cores; twelve gain a twentieth more, and are minutes to lose when a run is killed.
const LARGE_CHUNK: usize = 4;

/// An image of one identity, to be moved toward an image of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) origin: usize,
    pub(super) target: usize,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Place of the pair.
    pub(super) pair: usize,
    pub(super) origin: String,
    pub(super) origin_identity: String,
    pub(super) target: String,
    pub(super) target_identity: String,
    pub(super) method: String,
    pub(super) layer: String,
    pub(super) reached: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// Of the origin to the target, at the feature layer.
    pub(super) similarity_before: f64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) perturbed: Option<Perturbed>,
}

/// A face that is taken for another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Perturbed {
    /// To the target.
    pub(super) similarity: f64,
    /// To the origin.
    pub(super) similarity_to_origin: f64,
    /// The share of the other images of the target's identity that it is taken for, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) others_accepted: Option<f64>,
    pub(super) l2: f64,
    pub(super) linf: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pass_score: Option<f64>,
    pub(super) step: f64,
    /// Where it is in the folder.
    pub(super) file: String,
}

/// An image of each identity for each other one, drawn.
pub(super) fn pairs(identities: &Identities, drawn: &[usize], seed: u64) -> Vec<Pair> {
    let name = |identity: usize| identities.names[identity].as_str();
    let one_of = |identity: usize, words: &[&str]| {
        let images = identities.images_of(identity);
        images[(lot(seed, words) % images.len() as u64) as usize]
    };
    let mut pairs = Vec::new();
    for &origin in drawn {
        for &target in drawn.iter().filter(|&&target| target != origin) {
            let names = [name(origin), name(target)];
            pairs.push(Pair {
                origin: one_of(origin, &["origin", names[0], names[1]]),
                target: one_of(target, &["target", names[0], names[1]]),
            });
        }
    }
    pairs
}

/// Makes all attempts that are not in the folder yet.
pub(super) fn make(job: &Job<'_>, folder: &mut RunFolder, terminal: Terminal) -> Result<()> {
    let count = job.pairs.len();
    let is_large = job.loaded.network.images_side_by_side() == 1;
    let stems = stems(job);
    let interrupt = Interrupt::catch()?;
    let progress = terminal.progress(count as u64, "pairs");
    progress.inc(folder.progress().origins as u64);
    progress.reset_eta();
    while folder.progress().origins < count {
        let pairs = together(folder.progress().origins, count, is_large);
        let Some(attempts) = attempts(job, &pairs, &interrupt)? else {
            progress.finish_and_clear();
            return Err(interrupted_among(pairs.start, &counted(count, "pair", "pairs"), job.args.force));
        };
        for row in rows(job, pairs.start, &attempts, &stems, folder)? {
            folder.attempt(&row)?;
        }
        folder.keep(pairs.end, String::new())?;
        progress.inc(pairs.len() as u64);
    }
    progress.finish_and_clear();
    Ok(())
}

/// The pairs that are tried together once `done` of `count` are done, and kept when they are done. How pairs are divided
/// changes nothing in what comes of them.
///
/// - `is_large`: whether an image fills the machine by itself; a pair of such images takes seconds alone.
fn together(done: usize, count: usize, is_large: bool) -> Range<usize> {
    done..count.min(done + if is_large { LARGE_CHUNK } else { CHUNK })
}

/// The attempts on some pairs; none if Ctrl-C was pressed before they were made.
fn attempts(job: &Job<'_>, pairs: &Range<usize>, interrupt: &Interrupt) -> Result<Option<Vec<Attempt>>> {
    if interrupt.is_pressed() {
        return Ok(None);
    }
    let pairs = &job.pairs[pairs.clone()];
    let set = |of: fn(&Pair) -> usize| {
        let images = pairs.iter().map(|pair| job.identities.images[of(pair)].clone()).collect();
        let names = pairs.iter().map(|pair| job.identities.image_names[of(pair)].clone()).collect();
        ImageSet::new(images, None, names)
    };
    let (origins, targets) = (set(|pair| pair.origin)?, set(|pair| pair.target)?);
    let mut attempts = Vec::new();
    let mut keep = |attempt: Attempt| attempts.push(attempt);
    let network = &job.loaded.network;
    match job.experiment.run_until(network, &origins, Some(&targets), &mut keep, interrupt.flag()) {
        Err(lots::Error::Interrupted) => Ok(None),
        done => done.about("network", &job.loaded.name).map(|_results| Some(attempts)),
    }
}

/// The rows of a folder.
pub(super) fn read(folder: &RunFolder) -> Result<Vec<Row>> {
    let row = |line: Result<String>| {
        serde_json::from_str(&line?)
            .map_err(|error| Failure::new(format!("`attempts.jsonl` is damaged ({error})")))
    };
    folder.attempts()?.map(row).collect()
}

/// The rows of attempts on the pairs from `first` on, their pictures written.
fn rows(
    job: &Job<'_>,
    first: usize,
    attempts: &[Attempt],
    stems: &[String],
    folder: &RunFolder,
) -> Result<Vec<Row>> {
    let reached = attempts.iter().filter_map(|attempt| attempt.outcome.reached());
    let images: Vec<Image> = reached.map(|perturbed| perturbed.image.clone()).collect();
    let mut read = feature::representations(&job.loaded.network, job.feature, &images)?.into_iter();
    let groups = job.experiment.groups.len();
    let mut rows = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let pair = first + attempt.origin;
        let mut row = Row::new(job, pair, attempt);
        if let Some(reached) = attempt.outcome.reached() {
            let stem = &stems[pair * groups + attempt.group];
            let representation = read.next().unwrap_or_default();
            row.perturbed = Some(Perturbed {
                file: folder.picture(stem, &reached.image)?,
                ..Perturbed::new(job, pair, reached, &representation)
            });
        }
        rows.push(row);
    }
    Ok(rows)
}

impl Row {
    fn new(job: &Job<'_>, pair: usize, attempt: &Attempt) -> Self {
        let Pair { origin, target } = job.pairs[pair];
        let identities = &job.identities;
        let identity = |image: usize| identities.names[identities.of[image]].clone();
        let group = &job.experiment.groups[attempt.group];
        let reason = match &attempt.outcome {
            Outcome::Reached(_) => None,
            Outcome::NotReached(reason) => Some(reason.as_str().to_owned()),
        };
        Self {
            pair,
            origin: identities.image_names[origin].clone(),
            origin_identity: identity(origin),
            target: identities.image_names[target].clone(),
            target_identity: identity(target),
            method: group.method.as_str().to_owned(),
            layer: group.layer.clone().unwrap_or_default(),
            reached: reason.is_none(),
            reason,
            similarity_before: job.similarity(origin, target),
            perturbed: None,
        }
    }
}

impl Perturbed {
    fn new(job: &Job<'_>, pair: usize, reached: &lots::outcome::Perturbed, representation: &[f32]) -> Self {
        let Pair { origin, target } = job.pairs[pair];
        let known = &job.verified.representations;
        let to = |image: usize| cosine_similarity(representation, &known[image]);
        let mut others = job.identities.images_of(job.identities.of[target]);
        others.retain(|&image| image != target);
        let accepted = others.iter().filter(|&&image| to(image) > job.verified.summary.threshold).count();
        Self {
            similarity: to(target),
            similarity_to_origin: to(origin),
            others_accepted: (!others.is_empty()).then(|| accepted as f64 / others.len() as f64),
            l2: reached.l2,
            linf: reached.linf,
            pass_score: reached.pass_score.as_ref().map(|pass_score| pass_score.score),
            step: reached.step(),
            file: String::new(),
        }
    }
}

impl Job<'_> {
    /// Of two images, at the feature layer.
    fn similarity(&self, one: usize, other: usize) -> f64 {
        let known = &self.verified.representations;
        cosine_similarity(&known[one], &known[other])
    }
}

/// File names of the perturbed faces, all different: `biden_obama_toward_Add_90`.
fn stems(job: &Job<'_>) -> Vec<String> {
    let Identities { names, of, .. } = &job.identities;
    let each = |pair: &Pair| {
        let [origin, target] = [pair.origin, pair.target].map(|image| file_stem(&names[of[image]]));
        let group = |group: &lots::experiment::Group| file_stem(&group.to_string().replace('/', "_"));
        let stems = job.experiment.groups.iter().map(move |it| format!("{origin}_{target}_{}", group(it)));
        stems.collect::<Vec<_>>()
    };
    distinct(job.pairs.iter().flat_map(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pairs_of_large_images_are_tried_together() {
        assert_eq!(together(0, 18, false), 0..16);
        assert_eq!(together(16, 18, false), 16..18);
        assert_eq!(together(0, 18, true), 0..4);
        assert_eq!(together(16, 18, true), 16..18);
    }
}
