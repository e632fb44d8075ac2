//! The representations of images of which it is known whom they show.

use std::collections::BTreeSet;
use std::path::Path;

use indicatif::ProgressBar;
use lots::Image;
use lots::data::identities::{self, DistinctPictures, IdentityPicture, NoPictures};
use lots::data::{ImageSource, picture};
use lots_network::{Gallery, GalleryHeader, LayerId, Network, Template};

use crate::args::GalleryBuildArgs;
use crate::failure::{About, Failure, Result};
use crate::images::{self, Fitted, FittedChunks};
use crate::interrupt::Interrupt;
use crate::network::Loaded;
use crate::terminal::Terminal;

/// Images at a time: enough for all lanes of all threads, few enough for any layer.
const CHUNK: usize = 256;

/// A gallery, how many pictures were given more than once, and what lies among them and is none.
pub(super) struct Built {
    pub(super) gallery: Gallery,
    pub(super) repeated: usize,
    pub(super) left_out: NoPictures,
}

/// The gallery of the images that the arguments name.
pub(super) fn build(args: &GalleryBuildArgs, terminal: Terminal) -> Result<Built> {
    let loaded = Loaded::open(&args.network())?;
    let layer = loaded.layer(&args.layer)?;
    let Named { sources, repeated, left_out } = Named::parse(&args.images)?;
    terminal.leave_out_no_pictures(&left_out);
    let mut count = 0;
    for source in &sources {
        count += source.count(&loaded.network)?;
    }
    let progress = terminal.progress(count as u64, "images");
    let interrupt = Interrupt::catch()?;
    let mut making = Making {
        network: &loaded.network,
        layer,
        templates: Vec::new(),
        named: BTreeSet::new(),
        progress,
        interrupt,
        count,
    };
    for source in &sources {
        making.add(source)?;
    }
    making.progress.finish_and_clear();
    let repeated = repeated + count - making.templates.len();
    if repeated > 0 {
        let pictures = if repeated == 1 { "picture that is" } else { "pictures that are" };
        terminal.say(format!("left out {repeated} {pictures} given more than once"));
    }
    let header = GalleryHeader {
        layer: args.layer.clone(),
        network_sha256: loaded.sha256.clone(),
        input: Some(loaded.network.input()),
        metric: args.metric,
        scale: args.logit_scale,
    };
    let gallery = lots::gallery::of_templates(header, making.templates).map_err(|error| {
        let has_few = matches!(&error, lots::Error::Network(lots_network::Error::Gallery { .. }));
        let failure = Failure::from(error);
        if has_few {
            return failure.with_hint("an identity is a folder of pictures: `lots gallery build people …`");
        }
        failure
    })?;
    Ok(Built { gallery, repeated, left_out })
}

/// All that was named.
struct Named<'a> {
    sources: Vec<Source<'a>>,
    repeated: usize,
    left_out: NoPictures,
}

impl<'a> Named<'a> {
    /// Pictures of identities in the order in which they are named, then sets of labelled images.
    fn parse(texts: &'a [String]) -> Result<Self> {
        let (mut pictures, mut sources) = (Vec::new(), Vec::new());
        let mut left_out = NoPictures::default();
        for text in texts {
            if names_pictures(text) {
                let own = identities::list(text)?;
                pictures.extend(own.pictures);
                left_out.extend(own.left_out);
            } else {
                sources.push(Source::Labelled { text, source: images::source(text, None)? });
            }
        }
        let DistinctPictures { pictures, repeated } = identities::distinct(pictures)?;
        if !pictures.is_empty() {
            sources.insert(0, Source::Pictures(pictures));
        }
        Ok(Self { sources, repeated, left_out })
    }
}

/// Whether a text names a picture or a folder of pictures, by its name, and not a set of labelled images.
fn names_pictures(text: &str) -> bool {
    let path = Path::new(text);
    let extension = path.extension().map(|end| end.to_string_lossy().to_lowercase());
    path.is_dir() || extension.is_some_and(|end| picture::EXTENSIONS.contains(&end.as_str()))
}

/// Images with whom they show.
enum Source<'a> {
    /// Whom a picture shows is the name of its folder.
    Pictures(Vec<IdentityPicture>),
    /// Each class is an identity.
    Labelled { text: &'a str, source: ImageSource },
}

impl Source<'_> {
    fn count(&self, network: &Network) -> Result<usize> {
        match self {
            Self::Pictures(pictures) => Ok(pictures.len()),
            Self::Labelled { text, source } => {
                Ok(FittedChunks::new(source, text, "images", network)?.remaining())
            }
        }
    }
}

/// Templates that are being made.
struct Making<'n> {
    network: &'n Network,
    layer: LayerId,
    templates: Vec<Template>,
    /// The images of sets that are among them, by their names.
    named: BTreeSet<String>,
    progress: ProgressBar,
    interrupt: Interrupt,
    /// Of all images.
    count: usize,
}

impl Making<'_> {
    fn add(&mut self, source: &Source<'_>) -> Result<()> {
        match source {
            Source::Pictures(pictures) => {
                for pictures in pictures.chunks(CHUNK) {
                    let mut images = Vec::with_capacity(pictures.len());
                    for IdentityPicture { path, .. } in pictures {
                        let fitted = Fitted::new(&Image::open(path)?, "picture", self.network);
                        images.push(fitted.about("picture", path.display())?.image);
                    }
                    self.templates(&images, pictures.iter().map(|picture| picture.identity.clone()))?;
                }
                Ok(())
            }
            Source::Labelled { text, source } => {
                for set in FittedChunks::new(source, text, "images", self.network)?.of(CHUNK) {
                    let set = set?.set;
                    let Some(labels) = set.labels() else {
                        return Err(Failure::new(format!("`{text}` has no labels, so nobody knows whom it shows"))
                            .with_hint(
                                "put pictures into folders that are named like the identities, or give images with labels",
                            ));
                    };
                    let is_new: Vec<bool> =
                        set.names().iter().map(|name| self.named.insert(name.clone())).collect();
                    let images = set.images().iter().zip(&is_new).filter(|(_, is_new)| **is_new);
                    let images: Vec<Image> = images.map(|(image, _)| image.clone()).collect();
                    let labels = labels.iter().zip(&is_new).filter(|(_, is_new)| **is_new);
                    self.templates(&images, labels.map(|(label, _)| label.to_string()))?;
                }
                Ok(())
            }
        }
    }

    fn templates(&mut self, images: &[Image], identities: impl Iterator<Item = String>) -> Result<()> {
        if self.interrupt.is_pressed() {
            self.progress.finish_and_clear();
            let (done, count) = (self.templates.len(), self.count);
            return Err(Failure::new(format!(
                "interrupted after {done} of {count} images, nothing was kept"
            )));
        }
        let pixels: Vec<u8> = images.iter().flat_map(Image::pixels).copied().collect();
        let representations = self.network.represent(self.layer, pixels.as_slice())?;
        let templates = identities.zip(representations.images());
        self.templates
            .extend(templates.map(|(identity, values)| Template { identity, values: values.to_vec() }));
        self.progress.inc(images.len() as u64);
        Ok(())
    }
}
