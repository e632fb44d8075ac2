//! A folder of its own for each test, with what the commands need in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lots::Image;
use lots::data::{digits, idx, mnist};
use lots_network::Vgg16;

/// An empty folder in which commands run.
pub(crate) struct Stage(tempfile::TempDir);

impl Stage {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// `lots` with these arguments, separated by spaces.
    pub(crate) fn lots(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lots"));
        command
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS");
        command
    }

    /// Runs `lots` and expects this exit code.
    pub(crate) fn run(&self, arguments: &str, code: i32) -> String {
        let output = self.lots(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "lots {arguments}\n{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `lots` says of arguments that it refuses: a sentence, and a hint.
    pub(crate) fn refused(&self, arguments: &str) -> String {
        let output = self.lots(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "lots {arguments}\n{told}");
        assert!(told.contains("\nhint: "), "lots {arguments}\n{told}");
        told
    }

    /// Kills `lots` as soon as `file` exists; whether it had not ended by itself before.
    pub(crate) fn kill(&self, arguments: &str, file: &str) -> bool {
        let mut child = self.lots(arguments).spawn().unwrap();
        let is_running = self.wait_for(file, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        is_running
    }

    /// Presses Ctrl-C in `lots` as soon as `file` exists, and returns what it says then.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self, arguments: &str, file: &str) -> String {
        let mut child = self.lots(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        self.wait_for(file, &mut child);
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        message
    }

    /// Waits until `file` exists or `child` has ended; whether it is still running.
    fn wait_for(&self, file: &str, child: &mut Child) -> bool {
        while !self.path(file).exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.try_wait().unwrap().is_none()
    }

    /// Digit `index` of the embedded ones as a PNG.
    pub(crate) fn digit(&self, index: usize, file: &str) {
        digits::load().images()[index].save(self.path(file)).unwrap();
    }

    /// A gallery of three identities that are no digits, `people.safetensors`, and four pictures of each.
    pub(crate) fn people(&self) {
        let labels = digits::load().labels().unwrap()[..60].to_vec();
        for (identity, class) in [("anna", 0), ("bob", 1), ("carol", 7)] {
            std::fs::create_dir_all(self.path("people").join(identity)).unwrap();
            for digit in (0..labels.len()).filter(|&digit| labels[digit] == class).take(4) {
                self.digit(digit, &format!("people/{identity}/{digit}.png"));
            }
        }
        self.run("gallery build people --network lenet --layer ip1 --out people.safetensors --quiet", 0);
    }

    /// A network with the topology of VGG-16 for 3×32×32 pixels, and its ten classes by chance.
    pub(crate) fn small_vgg(&self, file: &str) {
        let vgg = Vgg16 { extent: 32, channels: [4, 8, 8, 16, 16], features: 32, classes: 10 };
        std::fs::write(self.path(file), vgg.network(0).to_onnx()).unwrap();
    }

    /// Weights of a narrow VGG Face, as safetensors with PyTorch's names.
    pub(crate) fn vgg_face_weights(&self, file: &str) {
        let vgg = Vgg16 { extent: 32, channels: [4, 8, 8, 16, 16], features: 32, classes: 10 };
        self.vgg_face_weights_of(&vgg, file);
    }

    /// Weights of a VGG Face of these extents, as safetensors with PyTorch's names.
    pub(crate) fn vgg_face_weights_of(&self, vgg: &Vgg16, file: &str) {
        let vgg = vgg.network(0);
        let bytes: Vec<(&str, Vec<usize>, Vec<u8>)> = vgg
            .parameters()
            .iter()
            .map(|it| {
                let bytes = it.values.iter().flat_map(|value| value.to_le_bytes()).collect();
                (it.name, it.shape.extents().to_vec(), bytes)
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (
                name,
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
            )
        });
        std::fs::write(self.path(file), safetensors::serialize(views, None).unwrap()).unwrap();
    }

    /// A picture in colour: waves in both directions, others in each channel.
    pub(crate) fn photograph(&self, file: &str, height: usize, width: usize) {
        let value = |index: usize| {
            let (channel, row, column) = (index / (height * width), index / width % height, index % width);
            // Triangles instead of sines, so that every machine draws the same.
            let wave = (row * (7 + channel) + column * (5 - channel)) % 400;
            (28 + wave.min(400 - wave)) as u8
        };
        let pixels = (0..3 * height * width).map(value).collect();
        Image::new(3, height, width, pixels).unwrap().save(self.path(file)).unwrap();
    }

    /// A folder like that of MNIST, with the first `count` embedded digits for both training and test.
    pub(crate) fn mnist(&self, count: usize) {
        let digits = digits::load();
        std::fs::create_dir(self.path("mnist")).unwrap();
        for (index, file) in mnist::FILES.iter().enumerate() {
            let path = self.path("mnist").join(file.name);
            if index % 2 == 0 {
                idx::write_images(path, &digits.images()[..count]).unwrap();
            } else {
                idx::write_labels(path, &digits.labels().unwrap()[..count]).unwrap();
            }
        }
    }

    /// A network file that does not say which pixels it expects.
    pub(crate) fn silent_network(&self, file: &str) {
        let mut bytes = lots::embedded::LENET_ONNX.to_vec();
        for start in 0..bytes.len() - 5 {
            if &bytes[start..start + 5] == b"lots." {
                bytes[start..start + 5].copy_from_slice(b"else.");
            }
        }
        std::fs::write(self.path(file), bytes).unwrap();
    }

    /// The first `keep` bytes of a file, in place of it.
    pub(crate) fn truncate(&self, file: &str, keep: usize) {
        let bytes = std::fs::read(self.path(file)).unwrap();
        std::fs::write(self.path(file), &bytes[..keep]).unwrap();
    }

    /// Every file with its bytes, sorted by name.
    pub(crate) fn files(&self, folder: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        collect(&self.path(folder), "", &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
}

/// Compares exit code, standard output and standard error with the stored snapshot. Checksums and the version vary.
macro_rules! snapshot {
    ($command:expr) => {
        insta::with_settings!({
            filters => [(r"[0-9a-f]{64}", "[SHA-256]"), (r"lots \d+\.\d+\.\d+", "lots [VERSION]")],
            omit_expression => true,
        }, { insta_cmd::assert_cmd_snapshot!($command) })
    };
    ($name:expr, $command:expr) => {
        insta::with_settings!({
            filters => [(r"[0-9a-f]{64}", "[SHA-256]"), (r"lots \d+\.\d+\.\d+", "lots [VERSION]")],
            omit_expression => true,
        }, { insta_cmd::assert_cmd_snapshot!($name, $command) })
    };
}
pub(crate) use snapshot;
