//! The verdicts in the XML of `JUnit`, which continuous integration shows: a test case for each condition.

use std::path::Path;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::condition::Verdict;
use crate::failure::{Failure, Result};

/// Writes the file. It has no times, so that the same verdicts give the same bytes.
///
/// - `network`: the name of the network that was tested.
pub(super) fn write(path: &Path, network: &str, verdicts: &[Verdict]) -> Result<()> {
    let mut suite = TestSuite::new("lots stability");
    for verdict in verdicts {
        let mut status = TestCaseStatus::success();
        if verdict.holds {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("stability").set_message(verdict.numbers());
        }
        let mut case = TestCase::new(verdict.condition.as_str(), status);
        case.set_classname(network);
        suite.add_test_case(case);
    }
    let mut report = Report::new("lots stability");
    report.add_test_suite(suite);
    let xml = report.to_string().map_err(|error| Failure::new(error.to_string()))?;
    Ok(lots::whole_file::write(path, xml.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_holds_is_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stability.xml");
        let verdict = |condition: &str, holds| Verdict {
            condition: condition.to_owned(),
            value: 54.0,
            bound: 61.2,
            baseline: Some(68.0),
            holds,
        };
        let verdicts = [verdict("ip1.median < 0.9 * baseline", true), verdict("a\"&b.q1 > 3", false)];
        write(&path, "tuned <1>.onnx", &verdicts).unwrap();
        let xml = std::fs::read_to_string(&path).unwrap();
        assert!(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""), "{xml}");
        assert!(xml.contains("54 against 61.2 (baseline 68)"), "{xml}");
        assert!(xml.contains("a&quot;&amp;b.q1 &gt; 3") && !xml.contains("<1>"), "{xml}");
        assert_eq!(xml.matches("<testcase ").count(), 2);
    }
}
