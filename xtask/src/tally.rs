//! How many passed, failed and were skipped; and how test runners say so.

use std::fmt;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    pub const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// `cargo test`: the sum of its `test result:` lines, of which there is one per test binary.
pub fn of_cargo_test(output: &str) -> Option<Tally> {
    sum(output.lines().filter_map(|line| line.trim().strip_prefix("test result:")))
}

/// `cargo nextest run`: its one `Summary` line.
pub fn of_nextest(output: &str) -> Option<Tally> {
    let summary = output.lines().rev().find(|line| line.trim_start().starts_with("Summary ["));
    sum(summary.and_then(|line| line.split_once("run:")).map(|(_, counts)| counts).into_iter())
}

/// pytest: its last line of the form `== 1 failed, 20 passed, 2 skipped in 3.4s ==`.
pub fn of_pytest(output: &str) -> Option<Tally> {
    let is_summary = |line: &&str| line.contains(" in ") && line.contains('s') && sum([*line].into_iter()).is_some();
    sum(output.lines().rev().find(is_summary).into_iter())
}

fn sum<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Tally> {
    let mut tally = Tally::default();
    let mut any = false;
    for line in lines {
        let mut number = None;
        for word in line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let field = match word {
                "passed" | "xpassed" => &mut tally.passed,
                "failed" | "errors" | "error" | "timed" => &mut tally.failed,
                "skipped" | "ignored" | "xfailed" => &mut tally.skipped,
                _ => {
                    number = word.parse::<u64>().ok();
                    continue;
                }
            };
            if let Some(number) = number.take() {
                *field += number;
                any = true;
            }
        }
    }
    any.then_some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_are_understood() {
        let tally = |passed, failed, skipped| Some(Tally { passed, failed, skipped });
        let cargo = "x\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s\n\
                     test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(of_cargo_test(cargo), tally(4, 2, 1));
        assert_eq!(of_cargo_test("error: could not compile"), None);
        let nextest = "  Summary [   1.2s] 10 tests run: 7 passed (1 slow), 2 failed, 1 timed out, 3 skipped\n";
        assert_eq!(of_nextest(nextest), tally(7, 3, 3));
        let pytest = "a failed test in b\n==== 1 failed, 20 passed, 2 skipped, 1 error in 3.40s (0:00:03) ====\n";
        assert_eq!(of_pytest(pytest), tally(20, 2, 2));
        assert_eq!(of_pytest("no tests ran in 0.01s"), None);
        assert_eq!(Tally::SKIPPED.to_string(), "0 passed, 0 failed, 1 skipped");
    }
}
