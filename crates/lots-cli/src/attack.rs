//! `lots attack`: the smallest perturbations of many images, into a run folder.

pub(crate) mod attempts;
mod ending;
pub(crate) mod images;
mod improvement;
pub(crate) mod plan;
pub(crate) mod row;
pub(crate) mod settings;
pub(crate) mod summary;

use lots::data::ImageSet;
use lots::experiment::Pairing;
use serde_json::{Value, json};

use self::attempts::{Finished, most_attempts, work};
pub(crate) use self::ending::Ending;
use self::images::{Origin, Targets};
use self::plan::Plan;
use self::row::Row;
use self::summary::Summary;
use crate::Done;
use crate::args::{AttackArgs, Format, LARGE_RUN};
use crate::digest::ImagesDigest;
use crate::failure::{Failure, Result, listed};
use crate::images::{FittedChunks, FittedSet, file_stem, source};
use crate::interrupt::{Interrupt, interrupted};
use crate::network::Loaded;
use crate::run_folder::{RunFolder, Start};
use crate::terminal::{Terminal, counted};
use crate::toward::OTHER_TARGETS;

/// About so many attempts, or as much work, are searched together, of at most so many origins; what is done is kept after each chunk.
const CHUNK: usize = 4096;
const CHUNK_ORIGINS: usize = 256;

pub(crate) fn run(args: &AttackArgs, terminal: Terminal) -> Result<Done> {
    let loaded = Loaded::open(&args.network)?;
    let plan = Plan::new(args, &loaded)?;
    let targets = Targets::load(&args.target, &loaded.network, terminal)?;
    if plan.experiment.until == lots::criterion::Until::Class
        && let Some(Targets { set, .. }) = &targets
        && set.labels().is_none()
    {
        return Err(Failure::new(format!(
            "target `{}` has no label, `--until class` needs it",
            set.names()[0]
        ))
        .with_hint("`--target-labels FILE`, or `--target-labels predicted` for what the network reads"));
    }
    if let Some(from) = &plan.from_impostors {
        terminal.say(format!("{from}: {}", plan.experiment.until));
    }
    let mut job = Job::new(args, &loaded, plan, targets, terminal)?;
    let settings = settings::settings(args, &loaded, &job.plan, job.targets.as_ref(), job.format)?;
    match RunFolder::start(&args.output, settings.clone(), loaded.network.input_shape())? {
        Start::Complete(run) => {
            terminal
                .say(format!("{} is complete, there is nothing to go on with", args.output.out.display()));
            let is_reached = run["summary"]["reached"].as_u64() > Some(0);
            terminal.result(&run["summary"], String::new)?;
            Ok(if is_reached { Done::Reached } else { Done::NotReached })
        }
        Start::Going(mut folder) => match job.work(&mut folder, terminal) {
            Ok(()) => job.finish(*folder, settings, terminal),
            Err(failure) => {
                folder.leave();
                Err(failure)
            }
        },
    }
}

/// A run.
struct Job<'a> {
    args: &'a AttackArgs,
    loaded: &'a Loaded,
    plan: Plan,
    targets: Option<Targets>,
    format: Format,
    /// Origins at a time.
    chunk: usize,
    /// Origins in all.
    count: usize,
    digest: ImagesDigest,
    summary: Summary,
}

impl<'a> Job<'a> {
    fn new(
        args: &'a AttackArgs,
        loaded: &'a Loaded,
        plan: Plan,
        targets: Option<Targets>,
        terminal: Terminal,
    ) -> Result<Self> {
        let origins = source(&args.origin.origin, file_labels(args))?;
        let origins = FittedChunks::new(&origins, &args.origin.origin, "origin", &loaded.network)?;
        terminal.leave_out("origin", origins.left_out());
        let mut summary = Summary::new([&plan]);
        summary.leave_out("origin", origins.left_out());
        summary.leave_out("target", targets.as_ref().and_then(|targets| targets.left_out.as_ref()));
        let count = origins.remaining();
        if let (Pairing::Zip, Some(targets)) = (plan.experiment.pairing, &targets)
            && targets.set.len() != count
        {
            let targets = targets.set.len();
            return Err(Failure::new(format!("`--pairing zip` has {count} origins and {targets} targets"))
                .with_hint("give as many of one as of the other, or use `--pairing all`"));
        }
        let each = most_attempts(&plan, targets.as_ref(), loaded.network.class_count());
        let pixels: usize = loaded.network.input_shape().iter().product();
        // The perturbed images of a chunk wait until they are written, and those that improve on them, too.
        let fit = plan.experiment.memory / 3 / (pixels * each.max(1) * (1 + plan.improve.len()));
        let format = if each * count >= LARGE_RUN { Format::Npy } else { Format::Png };
        Ok(Self {
            format: args.output.format.unwrap_or(format),
            chunk: (CHUNK / work(&plan, targets.as_ref(), loaded.network.class_count()))
                .min(fit)
                .clamp(1, CHUNK_ORIGINS),
            count,
            digest: ImagesDigest::default(),
            summary,
            args,
            loaded,
            plan,
            targets,
        })
    }

    /// All origins that are not done yet, some at a time.
    fn work(&mut self, folder: &mut RunFolder, terminal: Terminal) -> Result<()> {
        let done = folder.progress().origins;
        for line in folder.attempts()? {
            let row: Row = serde_json::from_str(&line?).map_err(|error| {
                Failure::new(format!("the unfinished run is damaged ({error})"))
                    .with_hint("start anew with `--force`")
            })?;
            self.summary.add(&row);
        }
        let interrupt = Interrupt::catch()?;
        let progress = terminal.progress(self.count as u64, "origins");
        let mut first = 0;
        let (args, network) = (self.args, &self.loaded.network);
        let source = source(&args.origin.origin, file_labels(args))?;
        for set in FittedChunks::new(&source, &args.origin.origin, "origin", network)?.of(self.chunk) {
            let set = set?;
            let is_done = if first + set.len() <= done {
                self.skip(&set.set, first + set.len(), folder)?;
                true
            } else {
                self.chunk(&set, first, folder, &interrupt)?
            };
            if !is_done {
                progress.finish_and_clear();
                return Err(interrupted(first, self.count, self.args.output.force));
            }
            first += set.len();
            progress.inc(set.len() as u64);
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Origins that are done already: they must still be the same.
    fn skip(&mut self, set: &ImageSet, done: usize, folder: &RunFolder) -> Result<()> {
        set.images().iter().for_each(|image| self.digest.add(image));
        let progress = folder.progress();
        if done == progress.origins && self.digest.digits() != progress.origins_sha256 {
            return Err(Failure::new("the origins are not those that the run was started with")
                .about("origin", &self.args.origin.origin)
                .with_hint("start anew with `--force`"));
        }
        Ok(())
    }

    /// Attacks some origins. Returns false if Ctrl-C came before all was done.
    fn chunk(
        &mut self,
        set: &FittedSet,
        first: usize,
        folder: &mut RunFolder,
        interrupt: &Interrupt,
    ) -> Result<bool> {
        set.set.images().iter().for_each(|image| self.digest.add(image));
        let network = &self.loaded.network;
        let origins = Origin::of_set(set, self.args.origin.labels.as_ref(), first, network)?;
        let targets = self.targets.as_ref();
        let Some(finished) = attempts::run(network, &self.plan, &origins, targets, interrupt.flag())? else {
            return Ok(false);
        };
        let origin_files = self.origin_files(&origins, folder)?;
        for Finished { mut row, perturbed, stem, origin } in finished {
            row = row.with_class_names(&self.plan.class_names);
            row.origin_file = origin_files.get(origin).cloned().flatten();
            if let (Some(image), Some(reached)) = (&perturbed, &mut row.reached) {
                reached.file = match self.format {
                    Format::Png => Some(folder.picture(&stem, image)?),
                    Format::Npy => Some(folder.row(image, row.origin_class)?),
                    Format::None => None,
                };
            }
            folder.attempt(&row)?;
            self.summary.add(&row);
        }
        folder.keep(first + set.len(), self.digest.digits())?;
        Ok(true)
    }

    /// Writes the origins that are not in their files as they are attacked, so that what lies in the folder can be
    /// measured; the name of each, in their order.
    fn origin_files(&self, origins: &[Origin], folder: &RunFolder) -> Result<Vec<Option<String>>> {
        let file = |origin: &Origin| {
            let is_written =
                self.format == Format::Png && origin.preprocessed.is_some() && self.plan.takes(origin);
            let stem = || format!("{:05}_{}-origin", origin.number, file_stem(&origin.name));
            is_written.then(|| folder.picture(&stem(), &origin.image)).transpose()
        };
        origins.iter().map(file).collect()
    }

    /// That origins were skipped because they could only be moved toward their own class.
    fn own_classes(&self) -> Option<String> {
        let (origins, classes) = self.summary.own_classes()?;
        let names: Vec<String> = classes.iter().map(|&class| self.plan.class_names.of(class)).collect();
        let origins = counted(origins, "origin", "origins");
        let told =
            format!("{origins} skipped, no target is of another class than theirs, {}", listed(&names));
        let hint = format!("{OTHER_TARGETS}, or `hot-cold` another `--target-class`");
        Some(if self.summary.attempts() > 0 { told } else { format!("{told}\n\nhint: {hint}") })
    }

    fn finish(self, folder: RunFolder, settings: Value, terminal: Terminal) -> Result<Done> {
        let summary = json!(&self.summary);
        if let Some(text) = self.own_classes() {
            terminal.say(text);
        }
        folder.finish(&settings::run(settings, &self.digest.digits(), &summary))?;
        terminal.result(&self.summary, || {
            format!("{}wrote {}\n", self.summary.table(), self.args.output.out.display())
        })?;
        Ok(if self.summary.is_reached() { Done::Reached } else { Done::NotReached })
    }
}

fn file_labels(args: &AttackArgs) -> Option<&crate::args::LabelSource> {
    args.origin.labels.as_ref()
}
