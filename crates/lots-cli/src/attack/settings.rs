//! `run.json`: everything that the results follow from, and the summary.

use lots::Method;
use lots::descent::Descents;
use lots::experiment::TargetTemplate;
use lots::mask::MaskPart;
use serde_json::{Value, json};

use super::images::Targets;
use super::plan::Plan;
use crate::args::{AttackArgs, Format, MaskArgs};
use crate::digest;
use crate::failure::{Failure, Result};
use crate::network::{Declared, Loaded};

/// Changes when the meaning of a key changes.
const FORMAT_VERSION: u32 = 1;

/// Everything that the results follow from but the origins' pixels.
pub(super) fn settings(
    args: &AttackArgs,
    loaded: &Loaded,
    plan: &Plan,
    targets: Option<&Targets>,
    format: Format,
) -> Result<Value> {
    let pixels = loaded.network.pixels();
    let preprocessing = Declared::of(loaded.network.preprocessing());
    let [channels, height, width] = loaded.network.input_shape();
    let (how, search) = (&args.how, &args.search);
    let word = |value: Option<String>| value.map_or(Value::Null, Value::String);
    let mut settings = json!({
        "format_version": FORMAT_VERSION,
        "versions": { "lots": env!("CARGO_PKG_VERSION") },
        "seed": args.output.seed,
        "network": {
            "name": loaded.name,
            "sha256": loaded.sha256,
            "input": { "channels": channels, "height": height, "width": width },
            // Always there: a run without them is not gone on with as one that has them.
            "preprocessing": { "resize": preprocessing.resize, "crop": preprocessing.crop },
            "pixels": {
                "channel_order": pixels.channel_order().word(),
                "mean": pixels.mean(),
                "factor": pixels.factor(),
            },
        },
        "data": {
            "origin": args.origin.origin,
            "labels": word(args.origin.labels.as_ref().map(ToString::to_string)),
            "target": args.target.target,
            "target_labels": word(args.target.target_labels.as_ref().map(ToString::to_string)),
            // Null where nothing is said, as in runs from before there was anything to say.
            "template": given(&args.templates.template),
            "template_sha256": digest_of_templates(&plan.experiment.templates),
            "target_sha256": targets.map(|targets| targets.sha256.clone()),
        },
        "options": {
            "method": args.method.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
            "layer": args.layer,
            "until": plan.experiment.until.to_string(),
            "until_from": plan.from_impostors,
            "robust_to": search.robust_to.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "target_class": plan.experiment.target_class,
            "target_set": args.templates.target_set.as_ref().map(lower),
            "mixture": given(&args.templates.mixture),
            // The array of a mask may be another one by now.
            "mask": mask(&args.part)?,
            "pairing": lower(&args.pairing.unwrap_or_default()),
            "include_misclassified": args.include_misclassified,
            "backpropagation": lower(&how.backpropagation.unwrap_or_default()),
            "vanished_gradient": lower(&how.vanished_gradient.unwrap_or_default()),
            "max_step": plan.experiment.line_search.max_step,
            "scan": match search.scan {
                None => json!("off"),
                Some(None) => json!("each image"),
                Some(Some(levels)) => json!(levels),
            },
            "adjust_step": plan.experiment.step_and_adjust.step,
            "adjust_iterations": plan.experiment.step_and_adjust.max_iterations,
            "improve": plan.improve,
            "descents": descents(args, plan),
            "pass_score": !args.output.no_pass,
            "format": lower(&format),
        },
    });
    if let Some(gallery) = &loaded.gallery {
        // Without one the key is left out: the SHA-256 of the network says that there is none.
        settings["network"]["gallery"] = json!(gallery);
    }
    Ok(settings)
}

fn given<T>(values: &[T]) -> Option<&[T]> {
    (!values.is_empty()).then_some(values)
}

/// SHA-256 of all templates, as little-endian f32.
pub(crate) fn digest_of_templates(templates: &[TargetTemplate]) -> Option<String> {
    let bytes =
        templates.iter().flat_map(|template| template.values.iter()).flat_map(|value| value.to_le_bytes());
    (!templates.is_empty()).then(|| digest::of_bytes(&bytes.collect::<Vec<u8>>()))
}

/// What is steered, with the SHA-256 of a file; nothing where all is.
pub(crate) fn mask(part: &MaskArgs) -> Result<Value> {
    if part.is_empty() {
        return Ok(Value::Null);
    }
    let sha256 = part.mask.as_ref().map(|path| {
        let bytes = std::fs::read(path).map_err(|reason| Failure::file("read", path, &reason))?;
        Ok::<_, Failure>(digest::of_bytes(&bytes))
    });
    let text = |part: &Option<MaskPart>| part.as_ref().map(ToString::to_string);
    Ok(json!({
        "channels": text(&part.only_channels),
        "units": text(&part.only_units),
        "region": text(&part.only_region),
        "file": part.mask,
        "sha256": sha256.transpose()?,
    }))
}

/// How the methods that make an objective small go on: those that were asked for.
fn descents(args: &AttackArgs, plan: &Plan) -> Value {
    let Descents { l_bfgs, feature_adversary, projected_gradient } = plan.experiment.descents;
    let mut settings = serde_json::Map::new();
    for method in args.method.iter().filter(|method| method.is_descent()) {
        let own = match method {
            Method::FeatureAdversary => json!({
                "radius": feature_adversary.radius,
                "iterations": feature_adversary.max_iterations,
            }),
            Method::ProjectedGradient => json!({
                "radius": projected_gradient.max_radius,
                "iterations": projected_gradient.iterations,
                "random_start": projected_gradient.random_start.is_some(),
            }),
            _ => json!({
                "first_weight": l_bfgs.first_weight,
                "bisections": l_bfgs.bisections,
                "iterations": l_bfgs.max_iterations,
            }),
        };
        settings.insert(method.to_string(), own);
    }
    settings.into()
}

/// The whole of `run.json`.
pub(super) fn run(settings: Value, origins_sha256: &str, summary: &Value) -> Value {
    let Value::Object(settings) = settings else { return settings };
    let mut run = serde_json::Map::new();
    for (key, value) in settings {
        run.insert(key.clone(), value);
        if key == "format_version" {
            run.insert("command".to_owned(), json!(command()));
        }
    }
    if let Some(data) = run.get_mut("data").and_then(Value::as_object_mut) {
        data.insert("origin_sha256".to_owned(), json!(origins_sha256));
    }
    run.insert("summary".to_owned(), summary.clone());
    Value::Object(run)
}

/// The command as it could be typed again, without what changes no result.
fn command() -> String {
    let mut words = vec!["lots".to_owned()];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" | "--quiet" | "-q" | "--force" | "--resume" => {}
            "--threads" => drop(arguments.next()),
            threads if threads.starts_with("--threads=") => {}
            _ => words.push(quoted(&argument)),
        }
    }
    words.join(" ")
}

/// The argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,".contains(letter);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// The word of a variant without fields.
fn lower(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_typed() {
        for (argument, text) in [
            ("digits:targets", "digits:targets"),
            ("digits[0..3]", "'digits[0..3]'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(argument), text);
        }
    }
}
