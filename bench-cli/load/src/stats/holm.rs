//! Holm's correction for many questions at once: of twenty that all have the answer "no", one would say "yes" by chance.

/// `p` values corrected by Holm's method, in the same order: calling those below 0.05 different is wrong anywhere at all
/// in no more than 1 of 20 runs.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut corrected = vec![1.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(p[at] * (p.len() - rank) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::super::testing::uniform;
    use super::*;
    use crate::random::seeded;

    #[test]
    fn it_is_that_of_worked_examples() {
        // 0.01, 0.04, 0.03, 0.005 at 0.05: Holm rejects the first and the last only (the example of Holm-Bonferroni in
        // Wikipedia); by hand 0.005 x 4, 0.01 x 3, 0.03 x 2, and the last no less than that.
        let close =
            |found: Vec<f64>, wanted: &[f64]| found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]));
        assert!(close(holm(&[0.9, 0.8]), &[1.0, 1.0]));
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn wherever_nothing_differs_at_most_one_family_in_twenty_says_that_something_does() {
        let mut random = seeded(6, "families");
        let wrong = (0..2_000).filter(|_| {
            let p: Vec<f64> = (0..12).map(|_| uniform(&mut random)).collect();
            holm(&p).iter().any(|p| *p < 0.05)
        });
        let wrong = wrong.count();
        // 5 % of 2,000 are 100; three deviations of that are 29.
        assert!((71..=129).contains(&wrong), "{wrong} of 2,000");
    }
}
