use crate::stage::{Stage, snapshot};

#[test]
fn every_command_explains_itself() {
    let stage = Stage::new();
    snapshot!("help", stage.lots("--help"));
    for command in [
        "demo",
        "layers",
        "describe",
        "visualize",
        "ray",
        "attack",
        "compare",
        "survive",
        "gallery",
        "represent",
        "direction",
        "measure",
        "evaluate",
        "stability",
        "faces",
        "train",
        "infimnist",
        "table1",
        "fetch",
    ] {
        snapshot!(format!("help_{command}"), stage.lots(&format!("{command} --help")));
    }
    for command in ["align", "paste", "report"] {
        snapshot!(format!("help_faces_{command}"), stage.lots(&format!("faces {command} --help")));
    }
    for action in ["build", "show"] {
        snapshot!(format!("help_gallery_{action}"), stage.lots(&format!("gallery {action} --help")));
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Stage::new().run("--version", 0);
    assert_eq!(version, format!("lots {}\n", env!("CARGO_PKG_VERSION")));
}
