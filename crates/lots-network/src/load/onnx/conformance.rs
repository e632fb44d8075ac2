//! The node tests of ONNX itself: small graphs with inputs and the outputs that any runtime must compute.
//!
//! `tools/fetch_conformance` brings them; where they are not, the test has nothing to do. Each graph is read in several
//! ways (see [`Reading`]); at least one must be possible, and every one that is must give the expected outputs.
//! What is not read at all stands in `testdata/conformance/not_run.txt` with a reason, and nothing stands there that is.
#![expect(
    clippy::print_stdout,
    clippy::float_cmp,
    reason = "how much ran is worth knowing; infinities are equal"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

use super::build::{Builder, Value, with_batch};
use super::constant::constant;
use super::input::ImageInput;
use super::order::Producers;
use super::{Given, fold, is_default_domain, registration};
use crate::forward::LANES;
use crate::graph::{Graph, Source};
use crate::load::{Axes, Constant, ConstantValues};
use crate::onnx::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OLDEST_OPSET, TensorProto, attribute_kind, data_type,
};
use crate::op::Operand;
use crate::shape::Shape;

/// What stands for the image.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// The first float input, with its first axis as the batch; the other inputs are constants.
    Batch,
    /// The first float input with all its axes; the other inputs are constants.
    First,
    /// All float inputs, cut out of one image.
    All,
    /// Nothing: everything is a constant.
    Nothing,
}

const READINGS: [Reading; 4] = [Reading::Batch, Reading::First, Reading::All, Reading::Nothing];

#[test]
fn the_node_tests_of_onnx_pass() {
    let Some(folder) = folder() else { return };
    let not_run = NotRun::read();
    let (mut passed, mut problems) = (0, Vec::new());
    let mut refused = NotRun::default();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("test_"))
        .collect();
    names.sort();
    assert!(names.len() > 500, "{} holds {} node tests", folder.display(), names.len());
    for name in names {
        let model = ModelProto::decode(&*fs::read(folder.join(&name).join("model.onnx")).unwrap()).unwrap();
        let graph = model.graph.as_ref().unwrap();
        let unknown: Vec<&str> =
            graph.node.iter().map(|node| node.op_type.as_str()).filter(|op| !is_known(op)).collect();
        if !unknown.is_empty() {
            refused.ops.extend(unknown.into_iter().map(str::to_owned));
            continue;
        }
        match run(&folder.join(&name), &model) {
            Ok(()) => passed += 1,
            Err(problem) => {
                if !not_run.tests.contains(&name) {
                    problems.push(format!("{name}: {problem}"));
                }
                refused.tests.insert(name);
            }
        }
    }
    let ops = |left: &NotRun, right: &NotRun| left.ops.difference(&right.ops).cloned().collect::<Vec<_>>();
    problems.extend(ops(&refused, &not_run).into_iter().map(|op| format!("op {op} is not in the list")));
    problems
        .extend(ops(&not_run, &refused).into_iter().map(|op| format!("op {op} is in the list for nothing")));
    let tests = not_run.tests.difference(&refused.tests);
    problems.extend(tests.map(|test| format!("{test} passes, or is not there, and is in the list")));
    println!("{passed} node tests passed, {} are not run", refused.tests.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// Where the tests are.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("LOTS_CONFORMANCE")?);
    assert!(folder.is_dir(), "LOTS_CONFORMANCE is {}, which is no folder", folder.display());
    Some(folder)
}

/// The list of what is not run.
#[derive(Default)]
struct NotRun {
    ops: BTreeSet<String>,
    tests: BTreeSet<String>,
}

impl NotRun {
    fn read() -> Self {
        let mut list = Self::default();
        let text = include_str!("../../../../../testdata/conformance/not_run.txt");
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (entry, reason) = line.split_once(": ").unwrap_or_else(|| panic!("`{line}` has no reason"));
            assert!(!reason.trim().is_empty(), "`{line}` has no reason");
            match entry.split_once(' ') {
                Some(("op", ops)) => list.ops.extend(ops.split(' ').map(str::to_owned)),
                Some(("test", tests)) => list.tests.extend(tests.split(' ').map(str::to_owned)),
                _ => panic!("`{line}` is neither of an op nor of a test"),
            }
        }
        list
    }
}

fn is_known(op: &str) -> bool {
    fold::OPS.contains(&op) || registration(op).is_some()
}

/// Whether at least one reading is possible and all that are give the expected outputs.
fn run(test: &Path, model: &ModelProto) -> Result<(), String> {
    let graph = model.graph.as_ref().unwrap();
    let data = test.join("test_data_set_0");
    let tensors = |kind: &str, names: Vec<&str>| -> Result<Vec<Constant>, String> {
        let read = |(index, name): (usize, &str)| {
            let bytes =
                fs::read(data.join(format!("{kind}_{index}.pb"))).map_err(|error| error.to_string())?;
            let tensor = TensorProto::decode(&*bytes).map_err(|error| error.to_string())?;
            constant(&tensor, name).map_err(|error| error.to_string())
        };
        names.into_iter().enumerate().map(read).collect()
    };
    let inputs = tensors("input", graph.input.iter().map(|input| input.name.as_str()).collect())?;
    let expected = tensors("output", graph.output.iter().map(|output| output.name.as_str()).collect())?;
    let mut refusals = Vec::new();
    let mut accepted = 0;
    for reading in READINGS {
        match compute(model, &inputs, reading) {
            Ok(got) => {
                accepted += 1;
                for (got, expected) in got.iter().zip(&expected) {
                    compare(got, expected).map_err(|problem| format!("{reading:?}: {problem}"))?;
                }
            }
            Err(refusal) => refusals.push(refusal),
        }
    }
    if accepted == 0 { Err(refusals.join("; ")) } else { Ok(()) }
}

fn compare(got: &Constant, expected: &Constant) -> Result<(), String> {
    if got.shape != expected.shape {
        return Err(format!("it has {} values, expected {}", got.shape, expected.shape));
    }
    let numbers = |constant: &Constant| -> Vec<f64> {
        match &constant.values {
            ConstantValues::F32(values) => values.iter().map(|&value| value.into()).collect(),
            ConstantValues::I64(values) => values.iter().map(|&value| value as f64).collect(),
        }
    };
    for (index, (got, expected)) in numbers(got).into_iter().zip(numbers(expected)).enumerate() {
        // ONNX itself allows 1e-3; rounding at the scale of f32 is allowed where values cancel out.
        let is_close = (got - expected).abs() <= 1e-4 * expected.abs() + 2e-6;
        if !is_close && got != expected && !(got.is_nan() && expected.is_nan()) {
            return Err(format!("value {index} is {got}, expected {expected}"));
        }
    }
    Ok(())
}

/// The outputs of a graph.
fn compute(model: &ModelProto, inputs: &[Constant], reading: Reading) -> Result<Vec<Constant>, String> {
    // Some operators have meant the same since before the oldest operator set that is read.
    let import = model.opset_import.iter().find(|import| is_default_domain(&import.domain));
    let opset = import.map_or(1, |import| import.version).max(OLDEST_OPSET);
    let mut graph = model.graph.clone().unwrap();
    let names: Vec<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    let is_float = |constant: &Constant| matches!(constant.values, ConstantValues::F32(_));
    let first = inputs.iter().position(is_float);
    let image = match reading {
        Reading::Nothing => Vec::new(),
        Reading::Batch | Reading::First => vec![first.ok_or("no input is a float")?],
        Reading::All => (0..inputs.len()).filter(|&index| is_float(&inputs[index])).collect(),
    };
    for (index, name) in names.iter().enumerate().filter(|(index, _)| !image.contains(index)) {
        if !name.is_empty() {
            graph.initializer.push(proto(name, &inputs[index]));
        }
    }
    let flat: Vec<f32> = image.iter().flat_map(|&index| floats(&inputs[index]).to_vec()).collect();
    let input = match reading {
        Reading::Nothing => {
            ImageInput { name: "", shape: Shape::from([]), channels_last: false, batch: Some(1) }
        }
        Reading::Batch => {
            let [batch, extents @ ..] = inputs[image[0]].shape.extents() else {
                return Err("no batch".to_owned());
            };
            if !(1..=LANES).contains(batch) || flat.is_empty() {
                return Err("no images, or more than lie side by side".to_owned());
            }
            let name = &names[image[0]];
            ImageInput { name, shape: Shape::new(extents), channels_last: false, batch: Some(*batch) }
        }
        Reading::First => {
            let (name, shape) = (&names[image[0]], inputs[image[0]].shape.clone());
            ImageInput { name, shape, channels_last: false, batch: Some(1) }
        }
        Reading::All => {
            cut_out(&mut graph, &names, &image, inputs);
            let shape = Shape::from([flat.len()]);
            ImageInput { name: "all inputs", shape, channels_last: false, batch: Some(1) }
        }
    };
    let refusal = |error: crate::error::Error| error.to_string();
    let given = Given::new(&graph, None).map_err(refusal)?;
    let is_given = |name: &str| name == input.name || given.contains(name);
    let producers = Producers::new(&graph, is_given).map_err(refusal)?;
    let mut outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let mut order = producers.order(&outputs, is_given);
    if let Err(crate::error::Error::SecondOutput { .. }) = order {
        // Statistics and masks for training; what inference needs is the first output.
        outputs.truncate(1);
        order = producers.order(&outputs, is_given);
    }
    let order = order.map_err(refusal)?;
    let builder = Builder::new(opset, &input, &given, &producers, 1 << 20);
    let has_batch = matches!(reading, Reading::Batch);
    let mut builder = if has_batch { builder } else { builder.with_all_axes_of_the_input() };
    let used: BTreeSet<&str> = order
        .iter()
        .flat_map(|&index| &graph.node[index].input)
        .map(String::as_str)
        .chain(outputs.clone())
        .collect();
    for index in order {
        builder.add(&graph.node[index], |output| used.contains(output)).map_err(refusal)?;
    }
    let images = if has_batch { inputs[image[0]].shape.extents()[0] } else { 1 };
    let values = execute(&builder.graph, &flat, images);
    let output =
        |&name: &&str| builder.output(name, &values, images).ok_or(format!("`{name}` is not computed"));
    outputs.iter().map(output).collect()
}

impl Builder<'_> {
    /// The input has all axes of the file in the graph.
    fn with_all_axes_of_the_input(mut self) -> Self {
        for value in self.values.values_mut() {
            *value = Value::Varying(Graph::INPUT, Axes::All);
        }
        self
    }

    /// The value of a tensor with all axes of the file, from what each tensor holds, `[elements][lanes]`.
    fn output(&self, name: &str, values: &[Vec<f32>], images: usize) -> Option<Constant> {
        let (id, axes) = match self.values.get(name)? {
            Value::Constant(constant, _) => return Some(constant.clone()),
            Value::ChannelsLast => return None,
            &Value::Varying(id, axes) => (id, axes),
        };
        let shape = &self.graph.tensors[id].shape;
        let lanes = values[id].len() / shape.count().max(1);
        let one = |lane| values[id].iter().skip(lane).step_by(lanes.max(1)).copied();
        let values = (0..images).flat_map(one).collect();
        let shape = if axes == Axes::OfImage { with_batch(images, shape) } else { shape.clone() };
        Some(Constant { shape, values: ConstantValues::F32(values) })
    }
}

/// Runs the graph on images side by side; what each tensor holds, `[elements][lanes]`.
fn execute(graph: &Graph, flat: &[f32], images: usize) -> Vec<Vec<f32>> {
    // Ops know 1 lane and 16.
    let lanes = if images == 1 { 1 } else { LANES };
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); graph.tensors.len()];
    let elements = graph.tensors[Graph::INPUT].shape.count();
    let value =
        |element: usize, lane: usize| if lane < images { flat[lane * elements + element] } else { 0.0 };
    values[Graph::INPUT] = match flat.len() {
        0 => vec![0.0; elements * lanes],
        _ => (0..elements * lanes).map(|float| value(float / lanes, float % lanes)).collect(),
    };
    for node in &graph.nodes {
        let operands: Vec<Operand<'_>> = node
            .operands
            .iter()
            .map(|&id| match &graph.tensors[id].source {
                Source::Parameter(values) => Operand { shape: &graph.tensors[id].shape, values, lanes: 1 },
                _ => Operand { shape: &graph.tensors[id].shape, values: &values[id], lanes },
            })
            .collect();
        let mut output = vec![f32::NAN; graph.tensors[node.output].shape.count() * lanes];
        node.op.forward(&operands, &mut output, lanes);
        values[node.output] = output;
    }
    values
}

/// Adds nodes that cut the inputs out of one image.
fn cut_out(graph: &mut GraphProto, names: &[String], image: &[usize], inputs: &[Constant]) {
    let integers = |name: String, values: Vec<i64>| TensorProto {
        name,
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values,
        ..TensorProto::default()
    };
    let mut first = 0;
    for &index in image {
        let name = &names[index];
        let [starts, ends, shape, part] =
            ["starts", "ends", "shape", "part"].map(|what| format!("{what} of {name}"));
        let end = first + inputs[index].shape.count() as i64;
        let extents = inputs[index].shape.extents().iter().map(|&extent| extent as i64).collect();
        graph.initializer.push(integers(starts.clone(), vec![first]));
        graph.initializer.push(integers(ends.clone(), vec![end]));
        graph.initializer.push(integers(shape.clone(), extents));
        let node = |op: &str, input: Vec<String>, output: String| NodeProto {
            op_type: op.to_owned(),
            input,
            output: vec![output],
            ..NodeProto::default()
        };
        // Up to operator set 9 the limits are attributes.
        let mut slice = node("Slice", vec!["all inputs".to_owned(), starts, ends], part.clone());
        for (name, value) in [("starts", first), ("ends", end)] {
            let (name, ints) = (name.to_owned(), vec![value]);
            slice.attribute.push(AttributeProto {
                name,
                kind: attribute_kind::INTS,
                ints,
                ..AttributeProto::default()
            });
        }
        graph.node.push(slice);
        let mut reshape = node("Reshape", vec![part, shape], name.clone());
        let name = "allowzero".to_owned();
        reshape.attribute.push(AttributeProto {
            name,
            kind: attribute_kind::INT,
            i: Some(1),
            ..AttributeProto::default()
        });
        graph.node.push(reshape);
        first = end;
    }
}

fn proto(name: &str, constant: &Constant) -> TensorProto {
    let proto = TensorProto {
        name: name.to_owned(),
        dims: constant.shape.extents().iter().map(|&extent| extent as i64).collect(),
        ..TensorProto::default()
    };
    match &constant.values {
        ConstantValues::F32(values) => {
            TensorProto { data_type: data_type::FLOAT, float_data: values.to_vec(), ..proto }
        }
        ConstantValues::I64(values) => {
            TensorProto { data_type: data_type::INT64, int64_data: values.to_vec(), ..proto }
        }
    }
}

fn floats(constant: &Constant) -> &[f32] {
    match &constant.values {
        ConstantValues::F32(values) => values,
        ConstantValues::I64(_) => unreachable!("only floats are images"),
    }
}
