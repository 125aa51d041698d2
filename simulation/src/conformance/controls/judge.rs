//! Which cases catch which control.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Control;
use crate::conformance::{Alone, Case, Make, Record, Settings, Trial, cases};

/// Runs cases on controls.
#[derive(Debug, Clone)]
pub struct Judge {
    /// How trials are run. Default: eight times smaller than in full.
    pub settings: Settings,
    /// Where cases run that need a process of their own.
    pub alone: Alone,
    places: Arc<Semaphore>,
}

/// What became of one control.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Caught {
    /// What was tried.
    pub control: &'static Control,
    /// What the case that is there for it said, run as it is for any transport. `None` for the sound transport.
    pub own: Option<Record>,
    /// The cases that did not pass.
    pub by: Vec<&'static str>,
}

impl Caught {
    /// Whether the case that is there for it has caught it: it ended as it must, for the reason that it must.
    #[must_use]
    pub fn is_caught(&self) -> bool {
        let is_it = |record: &Record| record.verdict.is_bad() && self.control.symptom.is_shown_by(record);
        self.own.as_ref().is_some_and(is_it)
    }
}

/// Trials at once. Most of those that take long only wait.
const PLACES: usize = 12;

/// For all cases but a control's own: what hangs need not hang for long to count as caught.
const PATIENCE: f64 = 0.05;

impl Judge {
    /// A judge who runs lonely cases by `alone`.
    #[must_use]
    pub fn new(alone: Alone) -> Self {
        let settings = Settings { divisor: 8, ..Settings::default() };
        Self { settings, alone, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Runs `control` under the case that is there for it, and under those of `others` that need no process of their
    /// own. One for a case about one transport runs under all that are about that transport alone: beside those in memory
    /// it would be slow, and the machine's business what it is caught by.
    pub async fn try_control(&self, control: &'static Control, others: &[&'static Case]) -> Caught {
        let mut trials = JoinSet::new();
        let own = cases().find(|case| case.id == control.case);
        let about = own.map_or(&[][..], |own| own.only);
        for case in cases() {
            let is_own = case.id == control.case;
            let is_kin = about.is_empty() || case.only == about;
            let is_wanted = is_kin && !case.is_alone && others.iter().any(|other| other.id == case.id);
            if is_own || is_wanted {
                let judge = self.clone();
                trials.spawn(async move { (is_own, case, judge.run(control, case, is_own).await) });
            }
        }
        let mut caught = Caught { control, own: None, by: Vec::new() };
        while let Some(Ok((is_own, case, record))) = trials.join_next().await {
            if record.verdict.is_bad() {
                caught.by.push(case.id);
            }
            if is_own {
                caught.own = Some(record);
            }
        }
        caught.by.sort_unstable();
        caught
    }

    async fn run(&self, control: &'static Control, case: &'static Case, is_own: bool) -> Record {
        let _place = self.places.acquire().await;
        let make: Make = Arc::new(|| control.subject());
        let mut settings = self.settings.clone();
        if !is_own && !control.case.is_empty() {
            settings.patience *= PATIENCE;
        }
        let (transport, alone) = (control.name.to_owned(), self.alone.clone());
        let replay = settings.replay(control.name, case, None);
        Trial { transport, make, case, hardship: None, settings, alone, replay }.run().await
    }
}
