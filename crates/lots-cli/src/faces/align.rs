//! `lots faces align`: the faces of photographs, as aligned pictures and rows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lots::Image;
use lots::data::picture::EXTENSIONS;
use lots::face::FaceFinder;
use serde_json::{Value, json};

use super::aligned_folder::{AlignedFolder, FACES, Found, Row, rows};
use super::finder;
use crate::Done;
use crate::args::AlignArgs;
use crate::attack::images::distinct;
use crate::failure::{Failure, Result};
use crate::images::file_stem;
use crate::interrupt::{Interrupt, interrupted_among};
use crate::terminal::{Align, Terminal, counted, plain, shortened, table};

/// More rows than this are in `faces.jsonl` only.
const SCREENFUL: usize = 40;

/// All photographs, each once.
struct Photos {
    photos: Vec<Photo>,
    /// How often a photograph was named that had been named before.
    given_again: usize,
}

/// A photograph, and where its faces go in the folder: `obama/obama2`.
struct Photo {
    path: PathBuf,
    stem: String,
}

pub(super) fn run(args: &AlignArgs, terminal: Terminal) -> Result<Done> {
    let (finder, mut settings) = finder::open(&args.finder, args.side)?;
    let Photos { photos, given_again } = Photos::named(&args.photo)?;
    let names: Vec<String> = photos.iter().map(|photo| photo.path.display().to_string()).collect();
    settings["versions"] = json!({ "lots": env!("CARGO_PKG_VERSION") });
    settings["side"] = json!(args.side);
    settings["photos"] = json!(names);
    if given_again > 0 {
        let photographs = counted(given_again, "photograph was", "photographs were");
        terminal.say(format!("{photographs} given again, each is aligned once"));
    }
    match AlignedFolder::start(args, &settings)? {
        None => terminal.say(format!("{} is complete, nothing is aligned anew", args.out.display())),
        Some(mut folder) => {
            if let Err(failure) = align(&finder, &photos, &mut folder, args, terminal) {
                folder.leave();
                return Err(failure);
            }
            folder.finish()?;
        }
    }
    let rows = rows(&args.out)?;
    let faces = rows.iter().filter(|row| row.found.is_some()).count();
    let report = json!({ "photos": photos.len(), "given_again": given_again, "faces": faces, "rows": rows });
    terminal.result(&report, || text(&report, &rows, &args.out))?;
    Ok(if faces > 0 { Done::Reached } else { Done::NotReached })
}

fn align(
    finder: &FaceFinder,
    photos: &[Photo],
    folder: &mut AlignedFolder,
    args: &AlignArgs,
    terminal: Terminal,
) -> Result<()> {
    let interrupt = Interrupt::catch()?;
    let progress = terminal.progress(photos.len() as u64, "photographs");
    progress.inc(folder.photos() as u64);
    progress.reset_eta();
    for photo in &photos[folder.photos()..] {
        if interrupt.is_pressed() {
            progress.finish_and_clear();
            let photographs = counted(photos.len(), "photograph", "photographs");
            return Err(interrupted_among(folder.photos(), &photographs, args.force));
        }
        let rows = faces_of(finder, photo, folder)?;
        folder.add(&rows)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(())
}

/// The rows of a photograph, its faces written. What is wrong with a photograph stands in its row: the others go on.
fn faces_of(finder: &FaceFinder, photo: &Photo, folder: &AlignedFolder) -> Result<Vec<Row>> {
    let name = photo.path.display().to_string();
    let without = |reason: String| vec![Row { photo: name.clone(), found: None, reason: Some(reason) }];
    let image = match Image::open(&photo.path) {
        Ok(image) => image,
        Err(error) => return Ok(without(error.to_string())),
    };
    let faces = match finder.find(&image) {
        Ok(faces) if faces.is_empty() => return Ok(without("no face is found".to_owned())),
        Ok(faces) => faces,
        Err(error) => return Ok(without(error.to_string())),
    };
    let mut rows = Vec::new();
    for (number, face) in faces.iter().enumerate() {
        let file = format!("{}-{number}.png", photo.stem);
        folder.picture(&file, &face.aligned(&image))?;
        let found = Some(Found::new(number, file, face));
        rows.push(Row { photo: name.clone(), found, reason: None });
    }
    Ok(rows)
}

impl Photos {
    /// Those of folders in the order of their names. The same file under several names is one photograph, under the
    /// first of them.
    fn named(arguments: &[PathBuf]) -> Result<Self> {
        let mut named: Vec<(PathBuf, PathBuf)> = Vec::new();
        for argument in arguments {
            if argument.is_dir() {
                in_folder(argument, Path::new(""), &mut named)?;
            } else {
                let name = argument.file_name().unwrap_or_default();
                named.push((argument.clone(), name.into()));
            }
        }
        if named.is_empty() {
            return Err(Failure::new("there are no photographs in the folders"));
        }
        let count = named.len();
        let mut files = HashSet::new();
        // One that cannot be found is told in its row, by the name that was given.
        named.retain(|(path, _)| files.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
        let stem = |place: &Path| {
            let parts = place.iter().map(|part| file_stem(&part.to_string_lossy()));
            parts.collect::<Vec<_>>().join("/")
        };
        let stems = distinct(named.iter().map(|(_, place)| stem(place)));
        let given_again = count - named.len();
        let photos = named.into_iter().zip(stems).map(|((path, _), stem)| Photo { path, stem }).collect();
        Ok(Self { photos, given_again })
    }
}

/// - `place`: where `folder` is in the folder that was named.
fn in_folder(folder: &Path, place: &Path, found: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
    let failed = |reason| Failure::file("read", folder, &reason);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Of the entry itself, so that no link leads in a circle.
        entries.push((entry.file_name(), entry.file_type().map_err(failed)?));
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    for (name, kind) in entries {
        let (path, place) = (folder.join(&name), place.join(&name));
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let extension = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        if kind.is_dir() {
            in_folder(&path, &place, found)?;
        } else if extension.is_some_and(|end| EXTENSIONS.contains(&end.as_str())) && path.is_file() {
            found.push((path, place));
        }
    }
    Ok(())
}

fn text(report: &Value, rows: &[Row], out: &Path) -> String {
    let cells = |row: &Row| match (&row.found, &row.reason) {
        (Some(found), _) => {
            let side = found.area.width().max(found.area.height());
            vec![
                shortened(&row.photo, 48),
                format!("{:.4}", found.score),
                format!("{side:.0}"),
                found.image.clone(),
            ]
        }
        (None, reason) => {
            let reason = reason.as_deref().unwrap_or_default();
            vec![shortened(&row.photo, 48), "–".to_owned(), "–".to_owned(), shortened(reason, 80)]
        }
    };
    let header = [
        ("photograph", Align::Left),
        ("score", Align::Right),
        ("pixels", Align::Right),
        ("aligned face", Align::Left),
    ];
    let mut text = String::new();
    if rows.len() <= SCREENFUL {
        text = table(&header, &rows.iter().map(cells).collect::<Vec<_>>()) + "\n";
    }
    let count = |key: &str| report[key].as_u64().unwrap_or_default() as usize;
    text + &format!(
        "{} in {}: {}/{FACES}\n",
        counted(count("faces"), "face", "faces"),
        counted(count("photos"), "photograph", "photographs"),
        plain(&out.display().to_string())
    )
}
