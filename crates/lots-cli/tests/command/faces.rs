use lots::criterion::cosine_similarity;
use lots::data::digits;
use lots::verification::PairSimilarities;
use lots::{Image, embedded};
use lots_network::{Architecture, Vgg16};
use lots_testing::face_networks;
use serde_json::Value;

use crate::stage::{Stage, snapshot};

/// Digits as if they were faces: each class an identity, `ip1` says who it is.
const DIGITS: &str = "faces report lenet faces --feature ip1 --far 0.01 --adjust-iterations 40";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The first `count` embedded digits, in a folder for each class.
fn with_digits(count: usize) -> Stage {
    let stage = Stage::new();
    let (images, labels, _) = digits::load().into_parts();
    for (index, (image, label)) in images.iter().zip(labels.unwrap()).take(count).enumerate() {
        let folder = stage.path("faces").join(format!("digit{label}"));
        std::fs::create_dir_all(&folder).unwrap();
        image.save(folder.join(format!("{index:03}.png"))).unwrap();
    }
    stage
}

fn rows(stage: &Stage, file: &str) -> Vec<Value> {
    std::fs::read_to_string(stage.path(file)).unwrap().lines().map(json).collect()
}

#[test]
fn with_a_gallery_faces_are_compared_where_it_was_built() {
    let stage = with_digits(40);
    stage.run("gallery build faces --network lenet --layer ip1 --out people.safetensors --quiet", 0);
    let report = |options: &str| {
        let few = "--layer ip1 --method toward --identities 2 --far 0.01 --json --quiet";
        json(&stage.run(&format!("faces report lenet faces {few} {options}"), 0))
    };
    let named = report("--feature ip1 --out named");
    let of_gallery = report("--gallery people.safetensors --out of-gallery");
    assert_eq!(of_gallery["feature"], "ip1");
    assert_eq!(of_gallery["verification"], named["verification"]);
    // A file that ends in a gallery does not say where it was built.
    stage.run("convert lenet --gallery people.safetensors --out both.onnx --quiet", 0);
    let told = stage.refused("faces report both.onnx faces --layer ip1 --out both");
    assert!(told.contains("the network ends in a gallery") && told.contains("--feature NAME"), "{told}");
}

#[test]
fn a_report_says_who_can_become_whom() {
    let stage = with_digits(100);
    let report =
        json(&stage.run(&format!("{DIGITS} --layer conv2 --layer ip1 --identities 3 --json --quiet"), 0));
    assert_eq!(report, json(&std::fs::read_to_string(stage.path("faces-report/run.json")).unwrap()));

    // Verification is what counting pairs gives.
    let network = embedded::lenet();
    let ip1 = network.layer("ip1").unwrap();
    let (images, labels, _) = digits::load().part(0..100).unwrap().into_parts();
    let labels = labels.unwrap();
    let read: Vec<Vec<f32>> =
        images.iter().map(|image| network.represent(ip1, image.pixels()).unwrap().values).collect();
    let (mut genuine, mut impostor) = (Vec::new(), Vec::new());
    for one in 0..100 {
        for other in 0..one {
            let similarity = cosine_similarity(&read[one], &read[other]);
            if labels[one] == labels[other] { genuine.push(similarity) } else { impostor.push(similarity) }
        }
    }
    let scores = PairSimilarities::new(genuine, impostor).unwrap();
    assert_eq!(report["verification"]["genuine_pairs"], scores.genuine().len());
    assert_eq!(report["verification"]["auc"], scores.auc());
    assert_eq!(report["verification"]["equal_error_rate"], scores.equal_error_rate());
    let threshold = report["verification"]["threshold"].as_f64().unwrap();
    assert!(scores.far(threshold) <= 0.01 && scores.far(threshold.next_down()) > 0.01);

    // Three identities, each toward two others, two methods at two layers.
    let rows = rows(&stage, "faces-report/attempts.jsonl");
    assert_eq!(rows.len(), 3 * 2 * 2 * 2);
    let mut reached = 0;
    for row in &rows {
        assert_ne!(row["origin_identity"], row["target_identity"]);
        assert!(row["origin"].as_str().unwrap().starts_with(row["origin_identity"].as_str().unwrap()));
        if row["reached"] == true {
            let open = |name: &Value, folder: &str| {
                Image::open(stage.path(folder).join(name.as_str().unwrap())).unwrap()
            };
            let images = [open(&row["file"], "faces-report"), open(&row["target"], "faces")];
            let [perturbed, target] =
                images.map(|image| network.represent(ip1, image.pixels()).unwrap().values);
            let similarity = cosine_similarity(&perturbed, &target);
            assert_eq!(row["similarity"], similarity);
            assert!(similarity > threshold);
            reached += 1;
        }
    }
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(groups.iter().map(|group| group["reached"].as_u64().unwrap()).sum::<u64>(), reached);
    assert!(reached > 0);
    let page = std::fs::read_to_string(stage.path("faces-report/report.html")).unwrap();
    assert!(page.matches("data:image/svg+xml;base64,").count() == 2 && page.contains("data:image/png"));
}

#[test]
fn pictures_can_be_left_out_of_the_page() {
    let stage = with_digits(40);
    let report = format!("{DIGITS} --method toward --identities 2 --no-pass --quiet");
    for (option, count) in [("--no-pictures", 0), ("--show digit1", 0)] {
        stage.run(&format!("{report} {option} --force"), 0);
        let page = std::fs::read_to_string(stage.path("faces-report/report.html")).unwrap();
        assert_eq!(page.matches("data:image/png").count(), count, "{option}");
    }
}

#[test]
fn an_interrupted_report_ends_with_the_same_bytes_for_any_threads() {
    let (whole, cut) = (with_digits(100), with_digits(100));
    let options = format!("{DIGITS} --layer conv2 --layer ip1 --identities 8 --no-pass --quiet");
    whole.run(&format!("{options} --threads 1"), 0);
    cut.kill(&options, "faces-report.unfinished/progress.json");
    if cut.path("faces-report.unfinished").exists() {
        cut.run(&format!("{options} --resume"), 0);
    }
    assert!(whole.files("faces-report") == cut.files("faces-report"));
    // A report that is complete is told again.
    cut.run(&format!("{options} --resume"), 0);
}

#[test]
fn pairs_that_were_accepted_before_are_counted() {
    let stage = with_digits(100);
    let options = "faces report lenet faces --feature ip1 --far 0.3 --method toward --identities 5 --no-pass";
    let text = stage.run(options, 0);
    let report = json(&std::fs::read_to_string(stage.path("faces-report/run.json")).unwrap());
    let group = &report["groups"][0];
    let [attempts, before] = ["attempts", "accepted_before"].map(|key| group[key].as_u64().unwrap());
    assert!(before > 0 && attempts + before == 5 * 4, "{group}");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    let cells = |first: &str| -> Vec<&str> {
        let line = lines.iter().find(|line| line[0] == first).unwrap();
        line.iter().filter(|cell| !cell.is_empty()).copied().collect()
    };
    assert_eq!(cells("method")[2..4], ["pairs", "accepted before"]);
    assert_eq!(cells("toward")[2..4], ["20".to_owned(), before.to_string()]);
    let page = std::fs::read_to_string(stage.path("faces-report/report.html")).unwrap();
    assert!(page.contains("accepted before"));
}

#[cfg(unix)]
#[test]
fn names_of_identities_stay_in_their_line() {
    let stage = with_digits(40);
    std::fs::rename(stage.path("faces/digit1"), stage.path("faces/an\n\u{1b}[2Jna")).unwrap();
    let output = stage.lots(&format!("{DIGITS} --identity nobody")).output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(message.contains("`an\\n\\u{1b}[2Jna`"), "{message}");
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn mistakes_in_reports_are_told() {
    let stage = with_digits(40);
    snapshot!("faces_no_identity", stage.lots(&format!("{DIGITS} --identity digit1 --identity digit11")));
    snapshot!("faces_one_identity", stage.lots(&format!("{DIGITS} --identity digit1")));
    snapshot!("faces_other_method", stage.lots(&format!("{DIGITS} --method hot-cold")));
    snapshot!("faces_few_pairs", stage.lots("faces report lenet faces --far 0.0001"));
    snapshot!("faces_twice", stage.lots("faces report lenet faces faces"));
    std::fs::create_dir(stage.path("empty")).unwrap();
    snapshot!("faces_no_folders", stage.lots("faces report lenet empty"));
}

/// A photograph, another one, a file that is none, and networks that find a face in the middle of each.
fn with_photographs() -> Stage {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.path("photos/anna")).unwrap();
    stage.photograph("photos/anna/first.png", 120, 160);
    stage.photograph("photos/second.png", 90, 100);
    std::fs::write(stage.path("photos/third.png"), b"no picture").unwrap();
    let faces = [(0.99, [0.2, 0.2, 0.6, 0.8]), (0.1, [0.0, 0.0, 1.0, 1.0])];
    std::fs::write(stage.path("detector.onnx"), face_networks::detector(&faces)).unwrap();
    let points = [[0.35, 0.45], [0.65, 0.46], [0.5, 0.64], [0.38, 0.82], [0.63, 0.83]];
    std::fs::write(stage.path("landmarks.onnx"), face_networks::landmark_network(&points)).unwrap();
    stage.small_vgg("vgg.onnx");
    stage
}

const FINDER: &str = "--detector detector.onnx --landmarks landmarks.onnx";

#[test]
fn faces_are_aligned_in_the_folders_of_their_photographs() {
    let stage = with_photographs();
    snapshot!("faces_align", stage.lots(&format!("faces align photos {FINDER}")));
    let rows = rows(&stage, "aligned/faces.jsonl");
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["image"], "anna/first-0.png");
    assert_eq!(Image::open(stage.path("aligned/anna/first-0.png")).unwrap().shape(), [3, 112, 112]);
    assert!(rows[2]["reason"].as_str().unwrap().starts_with("not a picture"), "{}", rows[2]);
    assert!(!stage.path("aligned/progress.json").exists());

    // The same again, with another number of threads.
    stage.run(&format!("faces align photos {FINDER} --threads 1 --out again --quiet"), 0);
    assert!(stage.files("aligned") == stage.files("again"));
    stage.run(&format!("faces align photos/third.png {FINDER} --out none --quiet"), 1);
    snapshot!("faces_align_exists", stage.lots(&format!("faces align photos {FINDER}")));
}

#[test]
fn an_unperturbed_face_leaves_its_photograph_as_it_is() {
    let stage = with_photographs();
    stage.run(&format!("faces align photos {FINDER} --side 32 --quiet"), 0);
    let face = "aligned/anna/first-0.png";
    let paste = format!(
        "faces paste vgg.onnx photos/anna/first.png {face} --face {face} --target aligned/second-0.png {FINDER}"
    );
    let report = json(&stage.run(&format!("{paste} --pixels 0-1 --threshold -1 --out same.png --json"), 0));
    let open = |file: &str| Image::open(stage.path(file)).unwrap();
    assert_eq!(open("same.png"), open("photos/anna/first.png"));
    assert_eq!((&report["l2"], &report["linf"]), (&0.0.into(), &0.into()));
    assert_eq!(report["similarity_pasted"], report["similarity_before"]);

    // Brighter by ten grey levels in the whole face.
    let aligned = open(face);
    let brighter: Vec<u8> = aligned.pixels().iter().map(|&pixel| pixel.saturating_add(10)).collect();
    Image::new(3, 32, 32, brighter).unwrap().save(stage.path("brighter.png")).unwrap();
    let paste = paste.replacen(face, "brighter.png", 1);
    let report =
        json(&stage.run(&format!("{paste} --pixels 0-1 --threshold 1 --out brighter-photo.png --json"), 1));
    assert_eq!((&report["linf"], &report["reached"]), (&10.into(), &false.into()));
    let (before, after) = (open("photos/anna/first.png"), open("brighter-photo.png"));
    assert_eq!(before.pixels()[0], after.pixels()[0]);
    snapshot!("faces_own_photo", stage.lots(&format!("{paste} --out photos/anna/first.png")));
    assert_eq!(before, open("photos/anna/first.png"));
    snapshot!(
        "faces_other_photo",
        stage.lots(&format!("{} --out x.png", paste.replace("photos/anna/first.png", "photos/second.png")))
    );
    snapshot!(
        "faces_no_row",
        stage.lots(&format!(
            "{} --out x.png",
            paste.replace("--face aligned/anna/first-0.png", "--face photos/second.png")
        ))
    );
}

#[test]
fn a_photograph_that_is_named_again_is_aligned_once() {
    let stage = with_photographs();
    stage.run(&format!("faces align photos {FINDER} --out once --quiet"), 0);
    let again = "faces align photos ./photos/second.png photos/anna photos/anna/../second.png";
    let report = json(&stage.run(&format!("{again} {FINDER} --json"), 0));
    assert_eq!((&report["photos"], &report["given_again"]), (&3.into(), &3.into()));
    assert!(stage.files("once") == stage.files("aligned"));
    snapshot!("faces_align_again", stage.lots(&format!("{again} {FINDER} --out again")));
    std::fs::create_dir(stage.path("other")).unwrap();
    std::fs::write(stage.path("other/notes.txt"), "mine").unwrap();
    let over = format!("faces align photos {FINDER} --out other --force");
    snapshot!("faces_align_over_another_folder", stage.lots(&over));
}

#[test]
fn pictures_of_another_size_or_without_colour_are_not_pasted() {
    let stage = with_photographs();
    stage.run(&format!("faces align photos {FINDER} --side 32 --quiet"), 0);
    stage.photograph("large.png", 40, 40);
    let face = Image::open(stage.path("aligned/anna/first-0.png")).unwrap();
    face.to_grey().save(stage.path("grey.png")).unwrap();
    let paste = |perturbed: &str, target: &str| {
        stage.lots(&format!(
            "faces paste vgg.onnx photos/anna/first.png {perturbed} --face aligned/anna/first-0.png --target {target} \
             {FINDER} --pixels 0-1 --resize 32 --crop 32 --out pasted.png"
        ))
    };
    let (first, second) = ("aligned/anna/first-0.png", "aligned/second-0.png");
    snapshot!("faces_large_perturbed", paste("large.png", second));
    snapshot!("faces_grey_perturbed", paste("grey.png", second));
    snapshot!("faces_large_target", paste(first, "photos/second.png"));
    snapshot!("faces_grey_target", paste(first, "grey.png"));
    assert!(!stage.path("pasted.png").exists());
}

/// VGG Face as its authors published it in everything but how wide it is.
#[test]
fn vgg_face_takes_the_same_commands_with_faces_of_its_own_size() {
    let stage = with_photographs();
    let sizes = [(120, 160), (90, 100), (140, 110), (100, 180), (130, 150), (160, 120)];
    for (index, (height, width)) in sizes.into_iter().enumerate() {
        let folder = ["anna", "bob", "carl"][index / 2];
        std::fs::create_dir_all(stage.path("people").join(folder)).unwrap();
        stage.photograph(&format!("people/{folder}/{index}.png"), height, width);
    }
    let narrow = Vgg16 { channels: [2, 3, 3, 4, 4], features: 24, classes: 10, ..Vgg16::default() };
    stage.vgg_face_weights_of(&narrow, "face.safetensors");
    stage.run(&format!("faces align people {FINDER} --side 224 --quiet"), 0);

    let weights = "vgg-face --weights face.safetensors";
    let options = format!(
        "faces report {weights} aligned --layer fc6 --layer fc7 --feature fc7 --far 0.3 --adjust-iterations 2 --no-pass \
         --no-pictures"
    );
    let code = stage.lots(&format!("{options} --quiet")).status().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    let report = json(&std::fs::read_to_string(stage.path("faces-report/run.json")).unwrap());
    assert_eq!((&report["network"]["name"], &report["feature"]), (&"vgg-face".into(), &"fc7".into()));
    let rows = rows(&stage, "faces-report/attempts.jsonl");
    assert_eq!(rows.len(), 3 * 2 * 2 * 2);

    // What is compared is what the network computes at fc7 for faces in its size, less its own mean colour.
    let bytes = std::fs::read(stage.path("face.safetensors")).unwrap();
    let network = Architecture::VggFace.with_weights(&bytes).unwrap();
    let fc7 = network.layer("fc7").unwrap();
    for row in &rows {
        let [origin, target] = ["origin", "target"].map(|key| {
            let face = Image::open(stage.path("aligned").join(row[key].as_str().unwrap())).unwrap();
            assert_eq!(face.shape(), [3, 224, 224]);
            network.represent(fc7, face.pixels()).unwrap().values
        });
        assert_eq!(row["similarity_before"], cosine_similarity(&origin, &target));
    }

    // Pairs of images that large are kept one by one, and come to the same.
    stage.kill(&format!("{options} --out cut --quiet"), "cut.unfinished/progress.json");
    if stage.path("cut.unfinished").exists() {
        stage.lots(&format!("{options} --out cut --resume --quiet")).status().unwrap();
    }
    assert!(stage.files("faces-report") == stage.files("cut"));

    let face = "aligned/anna/0-0.png";
    let target = "aligned/bob/2-0.png";
    let paste = format!(
        "faces paste {weights} people/anna/0.png {face} --face {face} --target {target} {FINDER} --feature fc7"
    );
    let pasted = json(&stage.run(&format!("{paste} --out pasted.png --json"), 0));
    assert_eq!((&pasted["linf"], &pasted["similarity_pasted"]), (&0.into(), &pasted["similarity_before"]));
}

#[test]
fn networks_of_another_kind_are_refused() {
    let stage = with_photographs();
    snapshot!(
        "faces_no_detector",
        stage.lots("faces align photos --detector vgg.onnx --landmarks landmarks.onnx")
    );
    snapshot!(
        "faces_no_landmarks",
        stage.lots("faces align photos --detector detector.onnx --landmarks vgg.onnx")
    );
}
