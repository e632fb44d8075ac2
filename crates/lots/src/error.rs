//! Everything that can go wrong, with the facts in fields; the text of each message is here and nowhere else; what to
//! do about it is in the files beside.

mod file_hint;
mod hint;

use std::io;
use std::path::{Path, PathBuf};

use crate::criterion::Until;
use crate::data::folder::LeftOut;
use crate::direction::NoDirection;
use crate::experiment::TargetFault;
use crate::method::Method;

/// So many names of classes are in a hint.
pub(crate) const MOST_TOLD: usize = 12;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, grouped by whose fault it is. [`Error::hint`] says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // The file.
    /// There is nothing at this path.
    #[error("there is no such file or folder: `{}`", path.display())]
    NoSuchFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is nothing at this path, where there should be images.
    #[error("there is no such file or folder: `{}`", path.display())]
    NoSuchImages {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The operating system refused to read or write.
    #[error("cannot {action} the file ({reason}): `{}`", path.display())]
    File {
        /// "read", "write".
        action: &'static str,
        /// What the operating system says.
        reason: io::Error,
        /// The file.
        path: PathBuf,
    },
    /// A pipe or a device, of which nobody knows where it ends.
    #[error("not a regular file but a pipe or a device: `{}`", path.display())]
    NotRegular {
        /// Where it is.
        path: PathBuf,
    },
    /// A file is longer than anything of its kind is.
    #[error("the {kind} has {got} bytes, expected at most {most}: `{}`", path.display())]
    FileSize {
        /// What it should be.
        kind: &'static str,
        /// Bytes that it has.
        got: u64,
        /// Bytes that it may have.
        most: u64,
        /// The file.
        path: PathBuf,
    },
    /// The contents are nothing that holds images.
    #[error("not a picture: `{}`", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The contents do not begin like an array.
    #[error("not a `.npy` array: `{}`", path.display())]
    NotArray {
        /// The file.
        path: PathBuf,
    },
    /// The length of a file contradicts its header.
    #[error("the {kind} has the wrong length, expected {expected} bytes by its header, got {got}: `{}`", path.display())]
    FileLength {
        /// "IDX file", "`.npy` array".
        kind: &'static str,
        /// Bytes that the header promises, header included.
        expected: u64,
        /// Bytes that are there (after decompression; at least so many if more than expected).
        got: u64,
        /// The file.
        path: PathBuf,
    },
    /// The contents contradict their own format.
    #[error("the {kind} is damaged ({reason}): `{}`", path.display())]
    Damaged {
        /// "PNG picture", "IDX file", …
        kind: &'static str,
        /// What the decoder says.
        reason: String,
        /// The file.
        path: PathBuf,
    },
    /// A sound file of a kind that is not read or cannot be written.
    #[error("the {kind} holds {got}, expected {expected}: `{}`", path.display())]
    Unsupported {
        /// "PNG picture", "IDX file", …
        kind: &'static str,
        /// What it holds.
        got: String,
        /// What it should hold.
        expected: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Decoding would take more memory than any picture justifies.
    #[error("the picture has {width}×{height} pixels and takes {bytes} bytes, expected at most {limit}: `{}`", path.display())]
    TooLarge {
        /// Columns, by its header.
        width: u32,
        /// Rows, by its header.
        height: u32,
        /// Bytes when decoded.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
        /// The file.
        path: PathBuf,
    },
    /// No picture format that keeps every pixel has this extension.
    #[error("cannot tell a lossless picture format from the extension of `{}`", path.display())]
    UnknownExtension {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// A folder without pictures.
    #[error("there are no pictures in the folder: `{}`", path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder with pictures of which none is of a class.
    #[error("there are no pictures of a class, but {left_out}: `{}`", path.display())]
    OtherClasses {
        /// What there is instead.
        left_out: LeftOut,
        /// What the classes are called; nothing where that is their index.
        classes: Vec<String>,
        /// The folder.
        path: PathBuf,
    },
    /// A folder in which some pictures would have a label and some not.
    #[error("a picture `{picture}` lies beside the class folder `{class}`: `{}`", path.display())]
    MixedFolder {
        /// The first picture.
        picture: String,
        /// The first class folder.
        class: String,
        /// The folder of both.
        path: PathBuf,
    },
    /// One of the files of MNIST is missing.
    #[error("there is no `{name}` in the folder: `{}`", path.display())]
    MnistMissing {
        /// Its name without `.gz`.
        name: &'static str,
        /// The folder.
        path: PathBuf,
    },
    /// A line of a label file is no label.
    #[error("line {line} is `{got}`, expected a class index or `name,label`: `{}`", path.display())]
    LabelText {
        /// Which line, the first is 1.
        line: usize,
        /// What stands there, at most 40 characters of it.
        got: String,
        /// The label file.
        path: PathBuf,
    },
    /// A file names a class that the network does not have, or several have.
    #[error(
        "{place} is of class `{}`, expected the name of one class of the network{}: `{}`", got.escape_debug(),
        namesakes_told(*namesakes), path.display()
    )]
    UnknownClass {
        /// "line 3", "template 0".
        place: Box<str>,
        /// What stands there, at most 40 characters of it.
        got: Box<str>,
        /// How many classes are called so.
        namesakes: usize,
        /// The name that is most like it.
        nearest: Option<String>,
        /// The first names of the network's classes; none where they have none.
        known: Vec<String>,
        /// The file.
        path: PathBuf,
    },
    /// A label file has more or fewer labels than there are images.
    #[error(
        "there {} {} for {}: `{}`", if *labels == 1 { "is" } else { "are" }, counted(*labels, "label"),
        counted(*images, "image"), path.display()
    )]
    LabelCount {
        /// Labels in the file.
        labels: usize,
        /// Images of the source, before a range selects from them.
        images: usize,
        /// The label file.
        path: PathBuf,
    },
    /// A label file does not name an image.
    #[error("no label for the image `{name}`: `{}`", path.display())]
    LabelMissing {
        /// The image.
        name: String,
        /// The label file.
        path: PathBuf,
    },

    // The argument.
    /// Brackets behind the name of images that hold no range, or one without an image.
    #[error(
        "`[{got}]` is no range of images, expected numbers as in `[0..10]`, `[5..]`, `[..10]` or `[7]`, the second \
             larger: `{text}`"
    )]
    RangeSyntax {
        /// What stands between the brackets.
        got: String,
        /// All that was written.
        text: String,
    },
    /// A range that goes beyond the images.
    #[error("`{name}` holds {}, expected enough for the range {range}", counted(*count, "image"))]
    RangeOutside {
        /// The range, with its brackets.
        range: String,
        /// How many images there are.
        count: usize,
        /// The file, folder or built-in set.
        name: String,
    },
    /// The number of values does not fit the shape of an array.
    #[error("expected {expected} values for the shape of the array, got {got}")]
    ArrayLength {
        /// Values given.
        got: usize,
        /// Product of the sizes.
        expected: usize,
    },
    /// Nothing was given to write.
    #[error("there are no images to write")]
    NoImages,
    /// More or fewer images than announced.
    #[error("expected {expected} images, got {got}")]
    ImageCount {
        /// Images given.
        got: usize,
        /// Images announced.
        expected: usize,
    },
    /// A label that the format cannot hold.
    #[error("label {label} is too large for the file, expected at most {limit}")]
    LabelRange {
        /// The label.
        label: usize,
        /// The largest label of the format.
        limit: usize,
    },
    /// Images that must come in pairs with their labels or names do not.
    #[error("{images} images have {got} {what}")]
    SetLength {
        /// "labels", "names".
        what: &'static str,
        /// How many images there are.
        images: usize,
        /// How many labels or names there are.
        got: usize,
    },
    /// An image of a set has another shape than the first.
    #[error(
        "`{name}` has {}×{}×{} pixels, expected {}×{}×{} like `{first}` (channels × height × width)",
        got[0], got[1], got[2], expected[0], expected[1], expected[2]
    )]
    MixedShapes {
        /// The first image that differs.
        name: String,
        /// Its `[channels, height, width]`.
        got: [usize; 3],
        /// The first image of the set.
        first: String,
        /// Its `[channels, height, width]`.
        expected: [usize; 3],
    },
    /// The number of pixels does not fit the shape.
    #[error("an image of {channels}×{height}×{width} cannot have {got} pixels")]
    PixelCount {
        /// Channels asked for.
        channels: usize,
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
        /// Pixels given.
        got: usize,
    },
    /// Two images that must have the same size do not.
    #[error(
        "the {role} has {}×{}×{} pixels, expected {}×{}×{} (channels × height × width)",
        got[0], got[1], got[2], expected[0], expected[1], expected[2]
    )]
    ImageSize {
        /// Which image it is: "target", "perturbed image", "origin".
        role: &'static str,
        /// Its `[channels, height, width]`.
        got: [usize; 3],
        /// The shape it must have.
        expected: [usize; 3],
    },
    /// An image cannot be resized to this.
    #[error("an image of {}×{} pixels cannot be resized to {height}×{width}", got[0], got[1])]
    ResizedSize {
        /// Height and width of the image.
        got: [usize; 2],
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
    },
    /// More is to be cut out of an image than there is.
    #[error("an image of {}×{} pixels does not hold a crop of {height}×{width} pixels", got[0], got[1])]
    CropSize {
        /// Height and width of the image.
        got: [usize; 2],
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
    },
    /// No window of the structural similarity lies inside the image.
    #[error(
        "an image of {height}×{width} pixels has no valid window, expected at least {minimum}×{minimum} pixels"
    )]
    ImageTooSmall {
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Rows and columns of the window.
        minimum: usize,
    },

    // The method.
    /// There is no direction to search along.
    #[error("there is no direction: {reason}")]
    NoDirection {
        /// Why.
        reason: NoDirection,
    },
    /// A representation does not have the size of its layer.
    #[error("the target's representation has {}, expected {expected} as layer `{layer}` has", counted(*got, "number"))]
    RepresentationLength {
        /// The layer.
        layer: String,
        /// Numbers given.
        got: usize,
        /// Numbers of the layer.
        expected: usize,
    },
    /// A text is no part of a layer.
    #[error("`{text}` is no part of a layer, expected {expected}")]
    MaskText {
        /// What was asked for.
        text: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A mask does not fit the layer that is to be steered.
    #[error("the mask does not fit layer `{layer}` of {shape}: {reason}{}", after(path.as_deref()))]
    Mask {
        /// The layer.
        layer: String,
        /// Its shape, in words.
        shape: String,
        /// What does not fit.
        reason: String,
        /// The file that the mask comes from, if it comes from one.
        path: Option<PathBuf>,
    },
    /// A text is no sum of layers.
    #[error("`{text}` is no sum of layers: {reason}")]
    Objective {
        /// What was asked for.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The targets do not fit what is asked for.
    #[error("the targets cannot be used: {fault}")]
    Targets {
        /// Why.
        fault: TargetFault,
    },
    /// The network has no such class.
    #[error("class {class} is not in the network, expected 0 to {}", class_count.saturating_sub(1))]
    ClassRange {
        /// The class.
        class: usize,
        /// How many the network has.
        class_count: usize,
    },
    /// A class cannot be left and reached at once.
    #[error("class {class} is the origin's own, expected another one to move toward")]
    SameClass {
        /// The class.
        class: usize,
    },
    /// No method has this name.
    #[error("`{method}` is no method")]
    UnknownMethod {
        /// What was asked for.
        method: String,
        /// What it may have meant.
        nearest: Option<Method>,
    },
    /// A group of an experiment lacks something that its method needs.
    #[error("`{method}` needs {what}")]
    MethodNeeds {
        /// The method.
        method: Method,
        /// "a layer", "targets", …
        what: &'static str,
    },
    /// The criterion is about something that an attempt does not have.
    #[error("`{criterion}` needs {what}, which `{method}` does not have")]
    CriterionNeeds {
        /// The criterion.
        criterion: Until,
        /// "a target", "a class to reach".
        what: &'static str,
        /// The method.
        method: Method,
    },
    /// Origins and targets that are paired one to one are not as many.
    #[error("{} cannot be paired with {}", counted(*origins, "origin"), counted(*targets, "target"))]
    Pairs {
        /// How many origins there are.
        origins: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// One origin takes more memory than all may.
    #[error("one origin takes about {} MB, expected at most {} MB", needed >> 20, limit >> 20)]
    Memory {
        /// Bytes that it takes at least.
        needed: usize,
        /// Bytes that there may be.
        limit: usize,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// An image that was found does not satisfy the criterion when it is looked at again.
    #[error("the network gives an image two different answers")]
    NotReproduced,
    /// No criterion is written like this.
    #[error("`{criterion}` is no criterion")]
    UnknownCriterion {
        /// What was asked for.
        criterion: String,
    },
    /// No transformation is written like this.
    #[error("`{transformation}` is no transformation")]
    UnknownTransformation {
        /// What was asked for.
        transformation: String,
    },
    /// An option of the line search makes no sense.
    #[error("the {option} is {got}, expected {expected}")]
    LineSearch {
        /// Which option.
        option: &'static str,
        /// Its value.
        got: f64,
        /// What it can be.
        expected: &'static str,
    },

    // The gallery.
    /// A picture of which no folder says whom it shows.
    #[error("no folder says whom the picture shows: `{}`", path.display())]
    NoIdentity {
        /// The picture.
        path: PathBuf,
    },
    /// Folders in two places are named like one identity.
    #[error(
        "the identity `{}` is in two folders, `{}` and `{}`", identity.escape_debug(), folders[0].display(),
        folders[1].display()
    )]
    TwoFolders {
        /// The identity.
        identity: String,
        /// The first folder, and the other one.
        folders: [PathBuf; 2],
    },
    /// A file is no gallery, or one that cannot be used.
    #[error("not a gallery ({reason}): `{}`", path.display())]
    NotGallery {
        /// What is wrong with it.
        reason: String,
        /// The file.
        path: PathBuf,
    },

    // Verification.
    /// A false-accept rate that is none.
    #[error("the false-accept rate is {got}, expected more than 0 and less than 1")]
    FalseAcceptRate {
        /// The rate.
        got: f64,
    },
    /// Too few impostor pairs for the rate.
    #[error("{} cannot tell a false-accept rate of {far}", counted(*pairs, "impostor pair"))]
    FewImpostors {
        /// How many pairs there are.
        pairs: usize,
        /// The rate.
        far: f64,
    },
    /// The threshold accepts no image, or every image.
    #[error(
        "the threshold of the impostor pairs is a {metric} of {got}, expected {expected}: it tells nothing apart"
    )]
    ThresholdUseless {
        /// "similarity", "distance".
        metric: &'static str,
        /// What the accepted exceed, or stay below.
        got: f64,
        /// What tells images apart.
        expected: &'static str,
    },
    /// The similarity of a pair is infinite or not a number.
    #[error("the similarity of impostor pair {pair} is {got}, expected a finite number")]
    ImpostorNotFinite {
        /// Index of the pair, counted from 0.
        pair: usize,
        /// Its similarity.
        got: f64,
    },
    /// Nothing to compare.
    #[error("there are no {what} pairs")]
    NoPairs {
        /// "genuine", "impostor".
        what: &'static str,
    },
    /// The similarity of a pair is infinite or not a number.
    #[error("the similarity of {what} pair {pair} is {got}, expected a finite number")]
    PairNotFinite {
        /// "genuine", "impostor".
        what: &'static str,
        /// Index of the pair, counted from 0.
        pair: usize,
        /// Its similarity.
        got: f64,
    },
    /// A network of the way from a photograph to its faces does not compute what it must.
    #[error("the {role} does not compute what it must, expected {expected}")]
    FaceNetwork {
        /// "detector", "landmark network".
        role: &'static str,
        /// What its file must have.
        expected: &'static str,
    },

    // Training.
    /// The pixels and the labels are not those of the same images.
    #[error("{pixels} pixels and {labels} labels are not a set of labelled images")]
    TrainingSet {
        /// Pixels given.
        pixels: usize,
        /// Labels given.
        labels: usize,
    },
    /// More images than an order of them is drawn for.
    #[error("{count} images are too many to be shuffled, expected fewer than 2³²")]
    TooManyImages {
        /// How many there are.
        count: usize,
    },
    /// The loss is no longer a number.
    #[error("training diverged: the loss of iteration {iteration} is not a number")]
    Diverged {
        /// The iteration, counted from 0.
        iteration: usize,
    },
    /// A checkpoint cannot be used.
    #[error("the checkpoint does not fit ({message}): `{}`", path.display())]
    Checkpoint {
        /// Why.
        message: String,
        /// The file.
        path: PathBuf,
    },

    // The network.
    /// The network refused.
    #[error(transparent)]
    Network(#[from] lots_network::Error),
}

impl Error {
    /// The reason of the operating system with the file it is about; a missing file has a name of its own.
    pub(crate) fn file(action: &'static str, path: &Path, reason: io::Error) -> Self {
        if action == "read" && reason.kind() == io::ErrorKind::NotFound {
            Self::NoSuchFile { path: path.to_owned() }
        } else {
            Self::File { action, reason, path: path.to_owned() }
        }
    }
}

/// The end of a message that may be about a file.
fn after(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(": `{}`", path.display()))
}

fn namesakes_told(namesakes: usize) -> String {
    if namesakes == 0 { String::new() } else { format!(", got that of {namesakes}") }
}

/// `1 image`, `2 images`.
pub(crate) fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
