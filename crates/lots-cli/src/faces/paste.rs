//! `lots faces paste`: a perturbed face goes back into its photograph, and the photograph the whole way again.

use std::path::Path;

use lots::face::{Face, FaceBox, paste};
use lots::{Image, Perturbation};
use serde::Serialize;

use super::aligned_folder::{FACES, Found, rows};
use super::{feature, finder};
use crate::Done;
use crate::args::PasteArgs;
use crate::failure::{About, Failure, Result};
use crate::images::Fitted;
use crate::network::Loaded;
use crate::terminal::{Terminal, plain};

/// The face that is found again is the one that shares most with the old one, and at least so much.
const LEAST_SHARED: f64 = 0.3;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    photo: String,
    pasted: String,
    target: String,
    /// Of the aligned face to the target, before anything was done.
    similarity_before: f64,
    /// Of the perturbed face to the target.
    similarity_perturbed: f64,
    /// Of the face that is found in the new photograph; none if there is none.
    similarity_pasted: Option<f64>,
    threshold: Option<f64>,
    /// Whether it is above the threshold.
    reached: Option<bool>,
    /// L2 and L∞ of the change of the photograph, in grey levels.
    l2: f64,
    linf: u8,
    /// The score of the face before and in the new photograph.
    score_before: f64,
    score: Option<f64>,
    /// How far the five points have moved at most, in pixels of the aligned face.
    moved: Option<f64>,
}

pub(super) fn run(args: &PasteArgs, terminal: Terminal) -> Result<Done> {
    expect_other_file(args)?;
    let loaded = Loaded::open(&args.network)?;
    let (layer, _) = feature::layer(&loaded, args.feature.as_ref())?;
    let found = row_of(&args.face)?;
    let placement = found.placement()?;
    let [photo, perturbed, face, target] = [
        (&args.photo, "photo"),
        (&args.perturbed, "perturbed"),
        (&args.face, "face"),
        (&args.target, "target"),
    ]
    .map(|(path, what)| Image::open(path).about(what, path.display()));
    let (photo, perturbed, face, target) = (photo?.to_colour(), perturbed?, face?.to_colour(), target?);
    let is_square = face.width() == face.height();
    if !is_square || lots::face::align(&photo, &placement, face.height()) != face {
        return Err(Failure::new(format!(
            "`{}` is not a face of `{}`",
            args.face.display(),
            args.photo.display()
        ))
        .with_hint("give the photograph that was aligned, or align this one"));
    }
    expect_shape(&perturbed, "perturbed face", face.shape())
        .map_err(|failure| failure.with_hint(perturbed_hint(face.height())))
        .about("perturbed", args.perturbed.display())?;
    expect_shape(&target, "target", face.shape())
        .map_err(|failure| failure.with_hint(target_hint(face.height())))
        .about("target", args.target.display())?;
    let perturbation = Perturbation::between(&face, &perturbed)?;
    let (finder, _) = finder::open(&args.finder, face.height())?;
    let pasted = paste(&photo, &perturbation, &placement)?;
    let fitted = |image: &Image, role| Fitted::new(image, role, &loaded.network).map(|fitted| fitted.image);
    let target = fitted(&target, "target")?;
    let similarity = |image: &Image| -> Result<f64> {
        feature::similarity(&loaded.network, layer, [&fitted(image, "face")?, &target])
    };
    let again = found_again(&finder.find(&pasted)?, &found.area);
    let similarity_pasted = again.map(|face| similarity(&face.aligned(&pasted))).transpose()?;
    let change = Perturbation::between(&photo, &pasted)?;
    let reached =
        args.threshold.map(|threshold| similarity_pasted.is_some_and(|similarity| similarity > threshold));
    let moved = again.map(|again| {
        let far = again
            .points
            .iter()
            .zip(&found.points)
            .map(|(now, before)| placement.apply(*now).distance(placement.apply(*before)));
        far.fold(0.0, f64::max)
    });
    pasted.save(&args.out)?;
    let report = Report {
        photo: args.photo.display().to_string(),
        pasted: args.out.display().to_string(),
        target: args.target.display().to_string(),
        similarity_before: similarity(&face)?,
        similarity_perturbed: similarity(&perturbed)?,
        similarity_pasted,
        threshold: args.threshold,
        reached,
        l2: change.l2(),
        linf: change.linf(),
        score_before: found.score,
        score: again.map(|face| face.detection.score),
        moved,
    };
    terminal.result(&report, || text(&report))?;
    let is_done = reached.unwrap_or(again.is_some());
    Ok(if is_done { Done::Reached } else { Done::NotReached })
}

/// # Errors
/// If the result would take the place of one of the pictures that it is made of.
fn expect_other_file(args: &PasteArgs) -> Result<()> {
    let Ok(out) = args.out.canonicalize() else { return Ok(()) };
    let read = [&args.photo, &args.perturbed, &args.face, &args.target];
    if read.into_iter().any(|path| path.canonicalize().is_ok_and(|path| path == out)) {
        return Err(Failure::new(format!("`{}` is one of the pictures to read", args.out.display()))
            .with_hint("give the new photograph another name with `--out`"));
    }
    Ok(())
}

/// # Errors
/// If a picture has not the channels, rows and columns of the aligned face.
fn expect_shape(image: &Image, role: &'static str, expected: [usize; 3]) -> Result<()> {
    match image.shape() {
        shape if shape == expected => Ok(()),
        got => Err(lots::Error::ImageSize { role, got, expected }.into()),
    }
}

fn perturbed_hint(side: usize) -> String {
    format!(
        "the perturbed face has the size and the colours of `--face`, {side}×{side} pixels; if the network takes others, \
         align the photograph again with its `--side`"
    )
}

fn target_hint(side: usize) -> String {
    format!("give a face that `lots faces align --side {side}` wrote")
}

/// The row of an aligned face, in the `faces.jsonl` of its folder or of one that holds it.
fn row_of(aligned: &Path) -> Result<Found> {
    let folder = aligned.ancestors().skip(1).find(|folder| folder.join(FACES).is_file());
    let Some(folder) = folder else {
        return Err(Failure::new(format!("there is no `{FACES}` beside `{}`", aligned.display()))
            .with_hint("`lots faces align` writes both"));
    };
    let place = aligned.strip_prefix(folder).unwrap_or(aligned);
    let rows = rows(folder)?.into_iter();
    rows.filter_map(|row| row.found).find(|found| Path::new(&found.image) == place).ok_or_else(|| {
        Failure::new(format!("`{}` has no row for `{}`", folder.join(FACES).display(), place.display()))
    })
}

fn found_again(faces: &[Face], area: &FaceBox) -> Option<Face> {
    let shared = |face: &Face| face.detection.area.shared(area);
    let nearest = faces.iter().max_by(|one, other| shared(one).total_cmp(&shared(other)))?;
    (shared(nearest) >= LEAST_SHARED).then_some(*nearest)
}

fn text(report: &Report) -> String {
    let Report { similarity_before, similarity_perturbed, similarity_pasted, threshold, .. } = report;
    let pasted = match similarity_pasted {
        Some(similarity) => format!("{similarity:.4}"),
        None => "no face is found any more".to_owned(),
    };
    let verdict = match (threshold, report.reached) {
        (Some(threshold), Some(true)) => format!(", above {threshold}: the same identity to the network"),
        (Some(threshold), Some(false)) if similarity_pasted.is_some() => {
            format!(", not above {threshold}: another identity to the network")
        }
        _ => String::new(),
    };
    let moved =
        report.moved.map_or_else(String::new, |moved| format!(", points moved by {moved:.2} pixels at most"));
    format!(
        "similarity to `{}`\n  aligned    {similarity_before:.4}\n  perturbed  {similarity_perturbed:.4}\n  pasted     \
         {pasted}{verdict}\n{}: L2 {:.1} · L∞ {}{moved}\n",
        plain(&report.target),
        plain(&report.pasted),
        report.l2,
        report.linf
    )
}
