//! The nodes that a gallery appends to a network.
//!
//! ```text
//! layer ─► flat ─► length 1 (cosine) ─► Gemm with all templates ─► Gather by identity ─► largest of each ─► logits
//! ```
//!
//! Identities have different numbers of templates. Those whose numbers lie between the same powers of two are gathered
//! together, with the first template again where one has fewer: never twice as many as there are, however uneven.

use std::collections::{BTreeMap, BTreeSet};

use super::{Gallery, Metric};
use crate::error::{Error, Result};
use crate::graph::{Graph, TensorId};
use crate::layer::LayerId;
use crate::network::{CLASS_NAMES, Network};
use crate::op::Op;
use crate::op::concat::Concat;
use crate::op::flatten::Flatten;
use crate::op::gather::Gather;
use crate::op::gemm::Gemm;
use crate::op::lp_normalization::{LpNormalization, Norm};
use crate::op::reduce::{Reduce, Reduction};
use crate::shape::Shape;
use crate::unique_names::UniqueNames;

impl Network {
    /// The network up to the layer of a gallery, and the gallery behind it: one class an identity, whose logit is how
    /// near the image is to the nearest of its templates ([`Metric`]).
    ///
    /// What lies behind the layer is dropped. The last layer is called `gallery` and counts as one with weights, like the
    /// classifier of any network; [`Network::to_onnx`] writes it with the rest.
    ///
    /// # Errors
    /// [`Error::UnknownLayer`]; [`Error::GalleryLength`] if the templates have not as many numbers as the layer;
    /// [`Error::GalleryInput`] if they were made with other pixels, or with images of another size.
    ///
    /// # Example
    /// As for [`Gallery`].
    pub fn with_gallery(self, gallery: &Gallery) -> Result<Self> {
        let name = &gallery.header.layer;
        let layer = self.layer(name)?;
        let expected = self.shape(layer).count();
        if gallery.length() != expected {
            return Err(Error::GalleryLength { layer: name.clone(), got: gallery.length(), expected });
        }
        if let Some(input) = &gallery.header.input {
            input.expect(&self.input())?;
        }
        let LayerId(layer) = layer;
        let (graph, layer) = self.graph.leading_to(layer);
        let mut appending = Appending::new(graph);
        let logits = appending.append(layer, gallery)?;
        let mut network = Self::new(appending.graph, logits, self.pixels);
        (network.preprocessing, network.metadata) = (self.preprocessing, self.metadata);
        network.metadata.retain(|(key, _)| key != CLASS_NAMES);
        network.metadata.push((CLASS_NAMES.to_owned(), gallery.identities.join("\n")));
        Ok(network)
    }
}

struct Appending {
    graph: Graph,
    names: UniqueNames,
}

impl Appending {
    fn new(graph: Graph) -> Self {
        let nodes = graph.nodes.iter().map(|node| node.name.as_str());
        let taken: BTreeSet<&str> =
            graph.tensors.iter().map(|tensor| tensor.name.as_str()).chain(nodes).collect();
        let mut names = UniqueNames::default();
        for name in taken {
            names.take(name, |_| false);
        }
        Self { graph, names }
    }

    fn append(&mut self, layer: TensorId, gallery: &Gallery) -> Result<TensorId> {
        let mut representation = layer;
        if self.graph.tensors[layer].shape.rank() != 1 {
            representation = self.node("gallery_flat", Flatten, vec![layer])?;
        }
        if gallery.header.metric == Metric::Cosine {
            let unit = LpNormalization { axis: 0, norm: Norm::L2 };
            representation = self.node("gallery_unit", unit, vec![representation])?;
        }
        let buckets = buckets(gallery);
        let is_single = matches!(buckets.as_slice(), [bucket] if bucket.most == 1);
        let nearness = if is_single { "gallery" } else { "gallery_templates" };
        let mut operands = vec![representation];
        operands.extend(self.weights(gallery));
        let gemm = Gemm::new([1.0; 2], true);
        let nearness = self.node(nearness, gemm, operands)?;
        if is_single { Ok(nearness) } else { self.largest(nearness, &buckets) }
    }

    /// The templates as the weights of a fully connected layer, and its biases if the metric wants some.
    fn weights(&mut self, gallery: &Gallery) -> Vec<TensorId> {
        let shape = Shape::from([gallery.classes.len(), gallery.length()]);
        let scale = f64::from(gallery.header.scale);
        let mut weights = Vec::with_capacity(gallery.values.len());
        let mut biases = Vec::with_capacity(gallery.classes.len());
        for template in gallery.templates() {
            let squares: f64 = template.iter().map(|&value| f64::from(value).powi(2)).sum();
            let factor = match gallery.header.metric {
                Metric::Cosine => scale / squares.sqrt(),
                Metric::Euclidean => 2.0 * scale,
            };
            weights.extend(template.iter().map(|&value| (f64::from(value) * factor) as f32));
            biases.push((-squares * scale) as f32);
        }
        let name = self.names.take("gallery.weight", |_| false);
        let mut parameters = vec![self.graph.add_parameter(name, shape, weights)];
        if gallery.header.metric == Metric::Euclidean {
            let name = self.names.take("gallery.bias", |_| false);
            parameters.push(self.graph.add_parameter(name, Shape::from([biases.len()]), biases));
        }
        parameters
    }

    /// The largest of each identity, in the order of the classes.
    fn largest(&mut self, nearness: TensorId, buckets: &[Bucket]) -> Result<TensorId> {
        let is_ordered = buckets.len() == 1;
        let mut parts = Vec::with_capacity(buckets.len());
        for bucket in buckets {
            let shape = Shape::from([bucket.classes.len(), bucket.most]);
            let gather = Gather { axis: 0, indices: bucket.rows.clone(), shape };
            let own = self.node("gallery_by_identity", gather, vec![nearness])?;
            let reduce = Reduce { reduction: Reduction::Max, axes: vec![1], keeps_axes: false };
            parts.push(self.node(if is_ordered { "gallery" } else { "gallery_part" }, reduce, vec![own])?);
        }
        if is_ordered {
            return Ok(parts[0]);
        }
        let all = self.node("gallery_parts", Concat { axis: 0 }, parts)?;
        let mut places = vec![0; buckets.iter().map(|bucket| bucket.classes.len()).sum()];
        for (place, &class) in buckets.iter().flat_map(|bucket| &bucket.classes).enumerate() {
            places[class] = place;
        }
        let shape = Shape::from([places.len()]);
        self.node("gallery", Gather { axis: 0, indices: places, shape }, vec![all])
    }

    fn node(&mut self, name: &str, op: impl Op + 'static, operands: Vec<TensorId>) -> Result<TensorId> {
        let name = self.names.take(name, |_| false);
        self.graph.add_node(name.clone(), Box::new(op), operands, name)
    }
}

/// Classes with about as many templates.
#[derive(Debug, Default)]
struct Bucket {
    classes: Vec<usize>,
    /// As many as the class with the most has.
    most: usize,
    /// The templates of each class, `most` a class; the first again where there are fewer.
    rows: Vec<usize>,
}

fn buckets(gallery: &Gallery) -> Vec<Bucket> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); gallery.identities.len()];
    for (row, &class) in gallery.classes.iter().enumerate() {
        rows[class].push(row);
    }
    let mut buckets: BTreeMap<usize, Bucket> = BTreeMap::new();
    for (class, rows) in rows.iter().enumerate() {
        let bucket = buckets.entry(rows.len().next_power_of_two()).or_default();
        bucket.classes.push(class);
        bucket.most = bucket.most.max(rows.len());
    }
    let mut buckets: Vec<Bucket> = buckets.into_values().collect();
    for bucket in &mut buckets {
        for &class in &bucket.classes {
            let own = &rows[class];
            let padding = bucket.most - own.len();
            bucket.rows.extend(own.iter().chain(std::iter::repeat_n(&own[0], padding)));
        }
    }
    buckets
}
