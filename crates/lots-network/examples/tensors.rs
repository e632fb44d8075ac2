//! Writes what a network computes at every tensor for one input, and gradients at some: what `tools/compare-runtimes`
//! compares with other programs.
//!
//! ```sh
//! cargo run --release -p lots-network --example tensors -- FILE.onnx FOLDER [HEIGHTxWIDTH]
//! ```
//!
//! `FOLDER` holds `input.f32`, the network's input as little-endian floats, and maybe `gradients.txt`, a line for each
//! tensor with its number and name, and `cotangent_NUMBER.f32` for each. The program adds `tensors.txt`, a line for each
//! tensor with its number, shape and name, `tensor_NUMBER.f32`, and `gradient_NUMBER.f32`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use lots_network::{ChannelOrder, LayerId, NetworkFile, PixelEncoding, ReadOptions, ReluStart};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(file), Some(folder)) = (arguments.first(), arguments.get(1)) else {
        return Err("expected FILE.onnx FOLDER [HEIGHTxWIDTH]".into());
    };
    let folder = PathBuf::from(folder);
    let size = match arguments.get(2) {
        None => None,
        Some(text) => {
            let (height, width) = text.split_once('x').ok_or("expected a size like 480x640")?;
            Some([height.parse()?, width.parse()?])
        }
    };
    let bytes = fs::read(file)?;
    let options = ReadOptions { size, folder: Path::new(file).parent().map(Path::to_owned) };
    let file = NetworkFile::read_with(&bytes, &options)?;
    // Pixels that are the network's input as they are.
    let order = ChannelOrder::of_channels(file.input_shape()[0])?;
    let network = file.into_network(PixelEncoding::from_word("0-255", order)?)?;
    let input = read(&folder.join("input.f32"))?;
    let layers: Vec<(String, LayerId)> = network
        .layers()
        .iter()
        .map(|layer| network.layer(&layer.tensor).map(|id| (layer.tensor.clone(), id)))
        .collect::<Result<_, _>>()?;
    let ids: Vec<LayerId> = layers.iter().map(|&(_, id)| id).collect();
    let trace = network.trace(&ids, &input[..])?;
    let mut list = String::new();
    for (index, (name, id)) in layers.iter().enumerate() {
        let values = trace.representation(*id)?.values;
        writeln!(list, "{index}\t{}\t{name}", network.shape(*id))?;
        write(&folder.join(format!("tensor_{index}.f32")), &values)?;
    }
    fs::write(folder.join("tensors.txt"), list)?;
    for line in fs::read_to_string(folder.join("gradients.txt")).unwrap_or_default().lines() {
        let (index, name) = line.split_once('\t').ok_or("expected a number and a name")?;
        let cotangent = read(&folder.join(format!("cotangent_{index}.f32")))?;
        let gradient = trace.backpropagate(network.layer(name)?, &cotangent, ReluStart::Exact)?;
        write(&folder.join(format!("gradient_{index}.f32")), &gradient.values)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn write(path: &Path, values: &[f32]) -> Result<(), Box<dyn Error>> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(fs::write(path, bytes)?)
}
