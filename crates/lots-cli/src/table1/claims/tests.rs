use super::*;
use crate::evaluate::row::RowReport;
use crate::numbers::{Numbers, Spread};
use crate::table1::refine::Refinement;
use crate::table1::results::NetworkResults;

/// The paper's own table as if it had been measured here; cells that cannot be read are missing.
fn papers_own(paper: &Paper) -> SeedResults {
    let spread = |[mean, std]: [f64; 2]| Spread::of(Some(mean), Some(std));
    let networks = NETWORKS.iter().map(|network| {
        let groups = METHODS.iter().filter_map(|(method, _)| {
            let cell = paper.cell(network.key, method)?;
            let mut numbers = Numbers {
                attempts: 10_000,
                reached: (10_000.0 * cell.success_rate).round() as usize,
                success_rate: Some(cell.success_rate),
                l2: spread(cell.l2),
                linf: spread(cell.linf),
                ..Numbers::default()
            };
            numbers.pass_score.spread = spread(cell.pass_score);
            numbers.not_reached.vanished_gradient = numbers.attempts - numbers.reached;
            Some(((*method).to_owned(), numbers))
        });
        let error = paper.error(network.key).unwrap();
        let errors = (10_000.0 * error).round() as usize;
        let row = RowReport { images: 10_000, errors, error, groups: groups.collect(), followed: Vec::new() };
        NetworkResults { key: network.key, iterations: network.iterations, row }
    });
    SeedResults {
        seed: 1,
        networks: networks.collect(),
        sets: Vec::new(),
        targets: Vec::new(),
        refinement: Refinement { origins: 0, groups: Vec::new() },
    }
}

fn verdict(seeds: Vec<SeedResults>, beginning: &str) -> Verdict {
    let claims = all(&Results { scale: 1.0, seeds }, &Paper::read());
    claims.iter().find(|claim| claim.sentence.starts_with(beginning)).unwrap().verdict
}

const LOWEST: &str = "Fine-tuning with LOTS samples achieves the lowest error";

#[test]
fn what_the_paper_says_of_errors_holds_for_the_papers_own() {
    let paper = Paper::read();
    for beginning in [LOWEST, "The error after LOTS is worse", "Fine-tuning lowers the error"] {
        assert_eq!(verdict(vec![papers_own(&paper)], beginning), Verdict::Holds, "{beginning}");
    }
}

#[test]
fn another_network_with_a_lower_error_is_noticed() {
    let paper = Paper::read();
    let set = |network: usize, error: f64| {
        let mut results = papers_own(&paper);
        results.networks[network].row.error = error;
        results
    };
    // FGS, as good as LOTS, then better.
    assert_eq!(verdict(vec![set(2, 0.0065)], LOWEST), Verdict::Fails);
    assert_eq!(verdict(vec![set(2, 0.006)], LOWEST), Verdict::Fails);
    assert_eq!(verdict(vec![set(2, 0.006), papers_own(&paper)], LOWEST), Verdict::Partly(1, 2));
    // InfiMNIST is not fine-tuned, but LOTS shall not be better.
    assert_eq!(verdict(vec![set(1, 0.007)], LOWEST), Verdict::Holds);
    assert_eq!(verdict(vec![set(1, 0.007)], "The error after LOTS is worse"), Verdict::Fails);
    // LOTS CONV1 is above Basic LeNet in the paper, too; LOTS CONV2 is not.
    assert_eq!(verdict(vec![set(6, 0.02)], "Fine-tuning lowers the error"), Verdict::Holds);
    assert_eq!(verdict(vec![set(7, 0.0092)], "Fine-tuning lowers the error"), Verdict::Fails);
}

#[test]
fn rates_coincide_only_where_gradients_vanish() {
    let paper = Paper::read();
    let full = |change: &dyn Fn(&mut RowReport)| {
        let mut results = papers_own(&paper);
        for network in &mut results.networks {
            // Where FGS cannot be read it is as FGV, as everywhere else.
            let value = network.row.group("fast-gradient-value").unwrap().clone();
            network.row.groups.retain(|(method, _)| method != "fast-gradient-sign");
            network.row.groups.push(("fast-gradient-sign".to_owned(), value));
            change(&mut network.row);
        }
        verdict(vec![results], "FGS and FGV have the same success rate")
    };
    let last =
        |row: &mut RowReport, change: &dyn Fn(&mut Numbers)| change(&mut row.groups.last_mut().unwrap().1);
    assert_eq!(full(&|_| {}), Verdict::Holds);
    assert_eq!(full(&|row| last(row, &|sign| sign.not_reached.vanished_gradient /= 2)), Verdict::Fails);
    let less = |sign: &mut Numbers| sign.success_rate = sign.success_rate.map(|rate| rate - 0.002);
    assert_eq!(full(&|row| last(row, &less)), Verdict::Fails);
}

#[test]
fn what_is_missing_holds_for_nobody() {
    // The cells of LOTS on Basic LeNet cannot be read.
    let paper = Paper::read();
    for beginning in ["Compared to other techniques", "LOTS at lower layers", "LOTS with FGV or HC"] {
        assert_eq!(verdict(vec![papers_own(&paper)], beginning), Verdict::Fails, "{beginning}");
    }
}
